// The definition of deformable_aggregation.h for one output, one sample and one plane of values,
// written once for the reference on the CPU and the plain kernels of CUDA.
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

/// A level and its arrays.
struct AggregationPlane {
    AggregationLevel level;
    Tensor<5> value, gradValue;
};

/// The arrays of one call with their C++ element type. CUDA keeps the planes in device memory:
/// there may be any number of them.
template <class Element>
struct Aggregation {
    using Real = ComputeType<Element>;

    AggregationShape g;
    Index levels;
    const AggregationPlane* planes;
    Tensor<7> location, gradLocation;
    Tensor<6> weight, gradWeight;
    Tensor<5> output;  ///< or its gradient

    // How many there are of what the functions below compute one of.
    DCN4J_HOST_DEVICE Index outputs() const { return points() * g.channels; }
    DCN4J_HOST_DEVICE Index samples() const { return points() * levels * g.taps(); }
    DCN4J_HOST_DEVICE Index valuePlanes() const { return g.batch * g.groups * g.channels; }

    /// Output `i`, a sum over all samples of its point.
    DCN4J_HOST_DEVICE void computeOutput(Index i) const {
        AggregationTap at = pointAt(i / g.channels);
        const Index c = i % g.channels;
        Real sum = 0;
        for (at.level = 0; at.level < levels; ++at.level)
            for (at.tap = 0; at.tap < g.taps(); ++at.tap) {
                const Sample<Real> s = sample(at);
                Real value[Corners];
                corners(at, s, c, value);
                sum += s.modulation * valueOf(s, value);
            }
        put(output, output.at(at.n, at.oy, at.ox, at.group, c), sum);
    }

    /// The gradients of location and weight of sample `i`, sums over the channels.
    DCN4J_HOST_DEVICE void computeGradSample(Index i) const {
        const AggregationTap at = tapAt(i);
        putGradSample(at, sumGradSample(at, 0, 1));
    }

    /// Which sample is number `i`.
    DCN4J_HOST_DEVICE AggregationTap tapAt(Index i) const {
        AggregationTap at = pointAt(i / g.taps() / levels);
        at.level = i / g.taps() % levels;
        at.tap = i % g.taps();
        return at;
    }

    /// What channels bring to the gradients of a sample.
    struct GradSample {
        Real x, y, weight;
    };

    /// The sums over every `step`-th channel from `first` on.
    DCN4J_HOST_DEVICE GradSample sumGradSample(const AggregationTap& at, Index first,
                                               Index step) const {
        const Sample<Real> s = sample(at);
        GradSample sum{0, 0, 0};
        for (Index c = first; c < g.channels; c += step) {
            const Real grad = get(output, output.at(at.n, at.oy, at.ox, at.group, c));
            Real value[Corners];
            corners(at, s, c, value);
            sum.weight += grad * valueOf(s, value);
            sum.y += grad * s.modulation * slopeY(s, value);
            sum.x += grad * s.modulation * slopeX(s, value);
        }
        return sum;
    }

    DCN4J_HOST_DEVICE void putGradSample(const AggregationTap& at, const GradSample& sum) const {
        const AggregationLevel& level = planes[at.level].level;
        put(gradWeight, at.in(gradWeight), sum.weight);
        put(gradLocation, at.in(gradLocation, 0), sum.x * static_cast<Real>(level.scaleX));
        put(gradLocation, at.in(gradLocation, 1), sum.y * static_cast<Real>(level.scaleY));
    }

    /// The gradient of plane `i` of a level's values, its samples added in order to `sums`, zeros
    /// at first: [valuePlanes][pixels].
    DCN4J_HOST_DEVICE void computeGradValues(Index level, Index i, Real* sums) const {
        const Index c = i % g.channels, group = i / g.channels % g.groups;
        const Index pixels = planes[level].level.pixels(), width = planes[level].level.width;
        AggregationTap at{i / g.channels / g.groups, 0, 0, group, level, 0};
        sums += i * pixels;
        for (at.oy = 0; at.oy < g.outHeight; ++at.oy)
            for (at.ox = 0; at.ox < g.outWidth; ++at.ox)
                for (at.tap = 0; at.tap < g.taps(); ++at.tap) {
                    const Sample<Real> s = sample(at);
                    const Real grad = get(output, output.at(at.n, at.oy, at.ox, group, c));
                    for (int k = 0; k < Corners; ++k) {
                        if (s.weight[k] == 0 || s.pixel[k] == pixels) continue;
                        sums[s.pixel[k]] += grad * s.modulation * s.weight[k];
                    }
                }
        const Tensor<5>& to = planes[level].gradValue;
        for (Index p = 0; p < pixels; ++p)
            put(to, to.at(at.n, p / width, p % width, group, c), sums[p]);
    }

    /// Where a tap reads.
    DCN4J_HOST_DEVICE Sample<Real> sample(const AggregationTap& at) const {
        const AggregationLevel& level = planes[at.level].level;
        const Index place = g.placeOf(at.tap), rows = g.y.kernel;
        const Real x = position(g.x, at.ox, place / rows, level.scaleX, at.in(location, 0));
        const Real y = position(g.y, at.oy, place % rows, level.scaleY, at.in(location, 1));
        Sample<Real> s;
        locate(y, x, get(weight, at.in(weight)), level.height, level.width, s);
        return s;
    }

  private:
    DCN4J_HOST_DEVICE Index points() const { return g.batch * g.points() * g.groups; }

    DCN4J_HOST_DEVICE AggregationTap pointAt(Index i) const {
        const Index p = i / g.groups % g.points();
        return {i / g.groups / g.points(), p / g.outWidth, p % g.outWidth, i % g.groups, 0, 0};
    }

    template <int Rank>
    DCN4J_HOST_DEVICE static Real get(const Tensor<Rank>& t, Index place) {
        return widen(static_cast<const Element*>(t.data)[place]);
    }
    template <int Rank>
    DCN4J_HOST_DEVICE static void put(const Tensor<Rank>& t, Index place, Real value) {
        static_cast<Element*>(t.data)[place] = narrow<Element>(value);
    }

    DCN4J_HOST_DEVICE Real position(const AggregationAxis& axis, Index out, Index k, double scale,
                                    Index place) const {
        return positionOf(static_cast<Real>(axis.originOf(out)), static_cast<Real>(axis.startOf(k)),
                          get(location, place), static_cast<Real>(scale));
    }

    DCN4J_HOST_DEVICE void corners(const AggregationTap& at, const Sample<Real>& s, Index c,
                                   Real (&value)[Corners]) const {
        const AggregationLevel& level = planes[at.level].level;
        const Tensor<5>& t = planes[at.level].value;
        for (int i = 0; i < Corners; ++i) {
            const Index y = s.pixel[i] / level.width, x = s.pixel[i] % level.width;
            value[i] =
                s.pixel[i] == level.pixels() ? Real{0} : get(t, t.at(at.n, y, x, at.group, c));
        }
    }
};

/// The planes of a call, `gradients` where there are any.
inline std::vector<AggregationPlane> planesOf(const AggregationGeometry& g,
                                              const AggregationInputs& inputs,
                                              const AggregationGradients& gradients = {}) {
    std::vector<AggregationPlane> planes;
    for (std::size_t l = 0; l < g.levels.size(); ++l) {
        planes.push_back({g.levels[l], inputs.values[l],
                          gradients.values.empty() ? Tensor<5>{} : gradients.values[l]});
    }
    return planes;
}

}  // namespace
}  // namespace dcn4j
