// The kernels that the suites run over: those of the backend that the test program is built for.
#pragma once

#include <vector>

#include "../src/kernels/deformable_aggregation.h"
#include "../src/kernels/deformable_conv2d.h"
#include "../src/kernels/deformable_psroi_pooling.h"
#include "../src/kernels/pointwise.h"

namespace dcn4j {

/// Every kernel but the CPU's reference, which is the oracle.
std::vector<const DeformableConv2dKernel*> convolutionKernelsUnderTest();
std::vector<const DeformablePsroiPoolingKernel*> poolingKernelsUnderTest();
std::vector<const DeformableAggregationKernel*> aggregationKernelsUnderTest();
std::vector<const PointwiseKernel*> pointwiseKernelsUnderTest();

}  // namespace dcn4j
