// From an output pixel, a level and a tap of an aggregation to the sample that it reads.
//
// Everything here has internal linkage, as in bilinear.h.
#pragma once

#include "../deformable_aggregation.h"
#include "../element.h"
#include "plane.h"
#include "product.h"

namespace dcn4j {
namespace {

/// Which tap of which output pixel, group and level.
struct AggregationTap {
    Index n, oy, ox, group, level, tap;

    template <int Rank, class... I>
    DCN4J_HOST_DEVICE Index in(const Tensor<Rank>& t, I... last) const {
        return t.at(n, oy, ox, group, level, tap, last...);
    }
};

/// One coordinate of a sample. `product` keeps its bits the same on every processor.
template <class Real>
DCN4J_HOST_DEVICE inline Real positionOf(double origin, Index start, Real location, double scale) {
    return static_cast<Real>(origin) +
           product(static_cast<Real>(start) + location, static_cast<Real>(scale));
}

/// Plans the sample of one tap.
template <class Element, class Pixel>
DCN4J_HOST_DEVICE inline void planTap(const AggregationShape& g, const AggregationLevel& level,
                                      const Tensor<7>& location, const Tensor<6>& weight,
                                      const AggregationTap& at,
                                      Sample<ComputeType<Element>, Pixel>& s) {
    const auto load = [](const auto& t, Index place) {
        return widen(static_cast<const Element*>(t.data)[place]);
    };
    const Index place = g.placeOf(at.tap);
    const auto x = positionOf(g.x.originOf(at.ox), g.x.startOf(place / g.y.kernel),
                              load(location, at.in(location, 0)), level.scaleX);
    const auto y = positionOf(g.y.originOf(at.oy), g.y.startOf(place % g.y.kernel),
                              load(location, at.in(location, 1)), level.scaleY);
    locate(y, x, load(weight, at.in(weight)), level.height, level.width, s);
}

}  // namespace
}  // namespace dcn4j
