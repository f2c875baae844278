// Products that are rounded before they are added to anything.
//
// Everything here has internal linkage, as in bilinear.h.
#pragma once

#include "../host_device.h"

namespace dcn4j {
namespace {

/// The product, rounded. Device code would fuse a product with the sum it is in, and where rounding
/// matters (a sample on a pixel has no slope) the two backends would differ.
template <class Real>
DCN4J_HOST_DEVICE inline Real product(Real a, Real b) {
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) return __fmul_rn(a, b);
    return __dmul_rn(a, b);
#else
    return a * b;
#endif
}

}  // namespace
}  // namespace dcn4j
