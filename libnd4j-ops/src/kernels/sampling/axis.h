// Where a sample lies along one axis of an image whose border pixels go on outside.
//
// Rows and columns don't mix: a sample is kept where both its coordinates are, and its bilinear
// weights are products of one weight from each axis. A position up to a border outside reads the
// outermost pixel, and one farther out is skipped (half a pixel in the reference implementation of
// position-sensitive ROI pooling).
//
// Everything here has internal linkage, as in bilinear.h.
#pragma once

#include "../tensor.h"

namespace dcn4j {
namespace {

/// Where one sample reads along one axis: `floor` with weight 1 - fraction, `ceil` with weight
/// fraction. They are one pixel at integers, so that the slope is zero there.
template <class Real>
struct AxisSample {
    Index floor, ceil;
    Real fraction;
};

/// Plans the sample at `position` along an axis of `size` pixels; false if it is skipped, as one
/// more than `border` pixels, at most 1, outside the first or the last is. The position may be any
/// number, NaN and infinities too.
template <class Real>
DCN4J_HOST_DEVICE inline bool locate(Real position, Index size, AxisSample<Real>& s,
                                     Real border = Real{0.5}) {
    // A NaN fails every comparison. Only what is known to be small becomes an integer.
    const Real beyond = static_cast<Real>(size) - (1 - border);
    if (!(position >= -border && position <= beyond)) return false;
    const Index last = size - 1;
    const Real end = static_cast<Real>(last);
    const Real clamped = position < 0 ? Real{0} : position > end ? end : position;
    // `last` may have been rounded up, beyond the axis.
    const Index below = static_cast<Index>(clamped);
    s.floor = below < last ? below : last;
    s.fraction = s.floor == last ? Real{0} : clamped - static_cast<Real>(s.floor);
    s.ceil = s.fraction > 0 ? s.floor + 1 : s.floor;
    return true;
}

}  // namespace
}  // namespace dcn4j
