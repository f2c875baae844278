#include "../src/kernels/cpu/deformable_aggregation/deformable_aggregation.h"
#include "../src/kernels/cpu/deformable_conv2d/deformable_conv2d.h"
#include "../src/kernels/cpu/deformable_psroi_pooling/deformable_psroi_pooling.h"
#include "../src/kernels/cpu/pointwise/pointwise.h"
#include "../src/kernels/registry.h"
#include "kernels_under_test.h"

namespace dcn4j {

namespace cpu {
extern const InstructionSet wideSet;
extern const PoolingSet widePooling;
}  // namespace cpu

namespace {

/// Those that this processor runs, but for the reference, and one with the vector length of AVX-512
/// made of shorter vectors, so that its code is tested on processors without.
template <class Kernel, class OfSet, class Set>
std::vector<const Kernel*> withWide(const Set& wideOne) {
    std::vector<const Kernel*> kernels = Registry<Kernel>::all();
    kernels.pop_back();
    static const OfSet wide(wideOne);
    kernels.push_back(&wide);
    return kernels;
}

}  // namespace

std::vector<const DeformableConv2dKernel*> convolutionKernelsUnderTest() {
    return withWide<DeformableConv2dKernel, cpu::TiledDeformableConv2d>(cpu::wideSet);
}

std::vector<const DeformablePsroiPoolingKernel*> poolingKernelsUnderTest() {
    return withWide<DeformablePsroiPoolingKernel, cpu::SeparableDeformablePsroiPooling>(
        cpu::widePooling);
}

std::vector<const DeformableAggregationKernel*> aggregationKernelsUnderTest() {
    return withWide<DeformableAggregationKernel, cpu::TiledDeformableAggregation>(cpu::wideSet);
}

std::vector<const PointwiseKernel*> pointwiseKernelsUnderTest() {
    return withWide<PointwiseKernel, cpu::ChunkedPointwise>(cpu::wideSet);
}

}  // namespace dcn4j
