// The core's micro-kernels of one instruction set. CMake compiles this file several times, each
// with its own flags and with DCN4J_INSTRUCTION_SET, DCN4J_VECTOR_BYTES and DCN4J_GEMM_ROWS set.
//
// Written with GCC's vector extensions, so that one source serves every instruction set. Nothing
// with external linkage may be instantiated here but the table itself: the linker keeps one copy of
// an inline function, and it could be the one that the processor can't run. Hence the unnamed
// namespaces, and no standard library.
#include "micro_kernels.h"

#include "aggregate.h"
#include "convert.h"
#include "gather.h"
#include "gather_sum.h"
#include "gemm.h"
#include "lanes.h"
#include "plan.h"
#include "scatter.h"
#include "scatter_aggregate.h"
#include "sigmoid.h"
#include "touched.h"
#include "transpose.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

template <class Real>
constexpr MicroKernels<Real> kernels = {
    panelVectors* lanesOf<Vector<Real>>,
    transpose<Real>,
    plan<Real>,
    touched<Real>,
    gather<Real>,
    gatherSum<Real>,
    aggregate<Real>,
    scatterAggregate<Real>,
    gemm<Real>,
    gemmSegments<Real>,
    scatter<Real>,
    lanesToColumn<Real>,
    lanesToWeights<Real>,
    sigmoid<Real>,
    conversions<Real>,
};

/// What the compiler was told that the processor has.
constexpr unsigned features = 0
#if defined(__AVX2__)
                              | Avx2
#endif
#if defined(__FMA__)
                              | Fma
#endif
#if defined(__F16C__)
                              | F16c
#endif
#if defined(__AVX512F__)
                              | Avx512f
#endif
#if defined(__AVX512DQ__)
                              | Avx512dq
#endif
#if defined(__AVX512BW__)
                              | Avx512bw
#endif
#if defined(__AVX512VL__)
                              | Avx512vl
#endif
    ;

}  // namespace

extern const InstructionSet DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Set);
const InstructionSet DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Set) = {
    DCN4J_NAME(DCN4J_INSTRUCTION_SET), features, {kernels<float>, kernels<double>}};

}  // namespace dcn4j::cpu
