// Every implementation that this processor runs.
#pragma once

#include <string>
#include <vector>

#include "deformable_conv2d.h"

namespace dcn4j {

/// The kernels that this processor runs, fastest first, the reference last.
const std::vector<const DeformableConv2dKernel*>& deformableConv2dKernels();

/// The kernel called `name`, or the fastest if `name` is null.
/// Throws std::invalid_argument, naming DCN4J_KERNEL and the kernels there are, if there is none.
const DeformableConv2dKernel& chooseDeformableConv2d(const char* name);

}  // namespace dcn4j
