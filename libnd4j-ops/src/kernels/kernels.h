// Every implementation that this processor runs.
#pragma once

#include <string>
#include <vector>

#include "deformable_conv2d.h"
#include "deformable_psroi_pooling.h"

namespace dcn4j {

/// The kernels that this processor runs, fastest first, the reference last.
const std::vector<const DeformableConv2dKernel*>& deformableConv2dKernels();

/// The kernel called `name`, or the fastest if `name` is null.
/// Throws std::invalid_argument, naming DCN4J_KERNEL and the kernels there are, if there is none.
const DeformableConv2dKernel& chooseDeformableConv2d(const char* name);

/// The pooling kernels, fastest first, the reference last.
const std::vector<const DeformablePsroiPoolingKernel*>& deformablePsroiPoolingKernels();

/// The pooling kernel called `name`, as the convolution's are. Throws as chooseDeformableConv2d.
const DeformablePsroiPoolingKernel& chooseDeformablePsroiPooling(const char* name);

}  // namespace dcn4j
