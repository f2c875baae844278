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

/// And one with the vector length of AVX-512 made of shorter vectors, so that its code is tested on
/// processors without.
std::vector<const DeformableConv2dKernel*> convolutionKernelsUnderTest() {
    std::vector<const DeformableConv2dKernel*> kernels = Registry<DeformableConv2dKernel>::all();
    kernels.pop_back();
    static const cpu::TiledDeformableConv2d wide(cpu::wideSet);
    kernels.push_back(&wide);
    return kernels;
}

std::vector<const DeformablePsroiPoolingKernel*> poolingKernelsUnderTest() {
    std::vector<const DeformablePsroiPoolingKernel*> kernels =
        Registry<DeformablePsroiPoolingKernel>::all();
    kernels.pop_back();
    static const cpu::SeparableDeformablePsroiPooling wide(cpu::widePooling);
    kernels.push_back(&wide);
    return kernels;
}

std::vector<const DeformableAggregationKernel*> aggregationKernelsUnderTest() {
    std::vector<const DeformableAggregationKernel*> kernels =
        Registry<DeformableAggregationKernel>::all();
    kernels.pop_back();
    static const cpu::TiledDeformableAggregation wide(cpu::wideSet);
    kernels.push_back(&wide);
    return kernels;
}

std::vector<const PointwiseKernel*> pointwiseKernelsUnderTest() {
    std::vector<const PointwiseKernel*> kernels = Registry<PointwiseKernel>::all();
    kernels.pop_back();
    static const cpu::ChunkedPointwise wide(cpu::wideSet);
    kernels.push_back(&wide);
    return kernels;
}

}  // namespace dcn4j
