// From an output pixel and a tap of a convolution to the sample that it reads: the pixel that a
// plain convolution reads, moved by the offset.
//
// Everything here has internal linkage, as in bilinear.h.
#pragma once

#include "../deformable_conv2d.h"
#include "../element.h"
#include "plane.h"

namespace dcn4j {
namespace {

/// Which tap of which output pixel and offset group.
struct TapIndex {
    Index n, offsetGroup, tap, oy, ox;
};

/// Plans the sample of one tap on planes whose rows are `pitch` pixels apart; absent offsets are
/// zero, absent masks one.
template <class Element, class Pixel>
DCN4J_HOST_DEVICE inline void planTap(const Conv2dGeometry& g, Index pitch, const Tensor<4>& offset,
                                      const Tensor<4>& mask, const TapIndex& at,
                                      Sample<ComputeType<Element>, Pixel>& s) {
    using Real = ComputeType<Element>;
    const auto load = [&](const Tensor<4>& t, Index channel) {
        return widen(static_cast<const Element*>(t.data)[t.at(at.n, channel, at.oy, at.ox)]);
    };
    // Divisions of 32 bits are the cheaper ones on a GPU.
    const int tap = static_cast<int>(at.tap), width = static_cast<int>(g.kernelW);
    const Index row = g.baseRow(at.oy, tap / width), column = g.baseColumn(at.ox, tap % width);
    const Index k = at.offsetGroup * g.taps() + at.tap;
    const Real modulation = mask.present() ? load(mask, k) : Real{1};
    const Plane<Index> plane{g.height, g.width, pitch};
    if (!offset.present()) return locatePixel(row, column, modulation, plane, s);
    locate(static_cast<Real>(row) + load(offset, 2 * k),
           static_cast<Real>(column) + load(offset, 2 * k + 1), modulation, plane, s);
}

}  // namespace
}  // namespace dcn4j
