#include "../src/kernels/cuda/deformable_aggregation.h"
#include "../src/kernels/cuda/deformable_conv2d.h"
#include "../src/kernels/cuda/deformable_psroi_pooling.h"
#include "../src/kernels/cuda/pointwise.h"
#include "kernels_under_test.h"
#include "on_device.h"

namespace dcn4j {

/// On the null stream: tests have no other work.
std::vector<const DeformableConv2dKernel*> convolutionKernelsUnderTest() {
    static const cuda::FusedDeformableConv2d fused(nullptr, false);
    static const cuda::ReferenceDeformableConv2d reference(nullptr);
    static const DeformableConv2dOnDevice onDevice[] = {{fused, nullptr}, {reference, nullptr}};
    return {&onDevice[0], &onDevice[1]};
}

std::vector<const DeformablePsroiPoolingKernel*> poolingKernelsUnderTest() {
    static const cuda::TiledDeformablePsroiPooling tiled(nullptr);
    static const cuda::ReferenceDeformablePsroiPooling reference(nullptr);
    static const DeformablePsroiPoolingOnDevice onDevice[] = {{tiled, nullptr},
                                                              {reference, nullptr}};
    return {&onDevice[0], &onDevice[1]};
}

std::vector<const DeformableAggregationKernel*> aggregationKernelsUnderTest() {
    static const cuda::DeformableAggregation reference(nullptr, false);
    static const cuda::DeformableAggregation gathered(nullptr, true);
    static const DeformableAggregationOnDevice onDevice[] = {{gathered, nullptr},
                                                             {reference, nullptr}};
    return {&onDevice[0], &onDevice[1]};
}

std::vector<const PointwiseKernel*> pointwiseKernelsUnderTest() {
    static const cuda::Pointwise pointwise(nullptr);
    static const PointwiseOnDevice onDevice(pointwise, nullptr);
    return {&onDevice};
}

}  // namespace dcn4j
