// The micro-kernels for Zen 4, which has AVX-512 but carries 512 bits out in halves: neither set is
// faster in everything.
#include "micro_kernels.h"

namespace dcn4j::cpu {
namespace {

/// Products and sums over taps are faster with the registers of AVX-512 (by 5 %, and 5 to 10), and
/// transposes write whole cache lines. Where samples are planned and scattered, stores of 512 bits
/// cost more than they save: a plan a third, a scatter of few channels some 5 % of a backward pass.
template <class Real>
MicroKernels<Real> fastest() {
    MicroKernels<Real> kernels = avx512Set.kernels.of<Real>();
    const MicroKernels<Real>& avx2 = avx2Set.kernels.of<Real>();
    kernels.plan = avx2.plan;
    kernels.scatter = avx2.scatter;
    kernels.scatterAggregate = avx2.scatterAggregate;
    return kernels;
}

}  // namespace

const InstructionSet& zen4Set() {
    static const MicroKernels<float> forFloat = fastest<float>();
    static const MicroKernels<double> forDouble = fastest<double>();
    static const InstructionSet set{
        "zen4", Zen4 | avx2Set.features | avx512Set.features, {forFloat, forDouble}};
    return set;
}

}  // namespace dcn4j::cpu
