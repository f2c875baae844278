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
DCN4J_HOST_DEVICE inline Real positionOf(Real origin, Real start, Real location, Real scale) {
    return origin + product(start + location, scale);
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
    const auto position = [&](const AggregationAxis& axis, Index out, Index k, Index i,
                              double scale) {
        using Real = ComputeType<Element>;
        return positionOf(static_cast<Real>(axis.originOf(out)), static_cast<Real>(axis.startOf(k)),
                          load(location, at.in(location, i)), static_cast<Real>(scale));
    };
    const Index place = g.placeOf(at.tap);
    const auto x = position(g.x, at.ox, place / g.y.kernel, 0, level.scaleX);
    const auto y = position(g.y, at.oy, place % g.y.kernel, 1, level.scaleY);
    locate(y, x, load(weight, at.in(weight)), level.height, level.width, s);
}

}  // namespace
}  // namespace dcn4j
