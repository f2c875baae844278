// The definition of deformable_aggregation.h for one output, one sample and one plane of values,
// written once for the reference on the CPU and the kernels of CUDA.
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

/// How Aggregation works on channels: one at a time, any number of samples.
template <class ElementType>
struct OneChannel {
    using Element = ElementType;
    using Integer = Index;  ///< numbers samples and outputs
    static constexpr int count = 1;

    DCN4J_HOST_DEVICE static void load(const Element* from, ComputeType<Element> (&to)[1]) {
        to[0] = widen(*from);
    }
    DCN4J_HOST_DEVICE static void store(const ComputeType<Element> (&from)[1], Element* to) {
        *to = narrow<Element>(from[0]);
    }
};

/// Some images of one call. CUDA keeps the levels in device memory: there may be any number.
template <class Channels>
struct Aggregation : AggregationShape {
    using How = Channels;
    using Element = typename Channels::Element;
    using Integer = typename Channels::Integer;
    using Real = ComputeType<Element>;
    static constexpr int count = Channels::count;

    const AggregationLevel* levels;
    Index levelCount, firstImage = 0;
    // Of the backward pass, which goes level by level: which it is, and room for the gradient of
    // its values, [planes][pixels].
    Index level = 0;
    Real* sums = nullptr;

    // How many there are of what the functions below compute one of; samples of a level.
    DCN4J_HOST_DEVICE Index outputs() const { return samples() / taps() * channels / count; }
    DCN4J_HOST_DEVICE Index samples() const { return batch * points() * groups * taps(); }
    DCN4J_HOST_DEVICE Index planes() const { return batch * groups * channels; }

    /// Outputs `i` * count and those after it, sums over all samples of their point.
    DCN4J_HOST_DEVICE void computeOutputs(Integer i) const {
        const auto packs = static_cast<Integer>(channels / count);
        AggregationTap at = pointAt(i / packs);
        const Index c = i % packs * count;
        Real sum[count] = {};
        for (at.level = 0; at.level < levelCount; ++at.level)
            for (at.tap = 0; at.tap < taps(); ++at.tap) {
                const auto s = sample(at);
                Real value[count][Corners];
                corners(at, s, c, value);
                for (int k = 0; k < count; ++k) sum[k] += s.modulation * valueOf(s, value[k]);
            }
        Channels::store(sum, outputAt(at, c));
    }

    /// Which sample of the level is number `i`: [n][point][group][tap].
    DCN4J_HOST_DEVICE AggregationTap tapAt(Integer i) const {
        const auto each = static_cast<Integer>(taps());
        AggregationTap at = pointAt(i / each);
        at.level = level;
        at.tap = i % each;
        return at;
    }

    /// The gradients of location and weight of the level's sample `i`, sums over the channels.
    DCN4J_HOST_DEVICE void computeGradSample(Integer i) const {
        const AggregationTap at = tapAt(i);
        const auto s = sample(at);
        Real sumX = 0, sumY = 0, sumWeight = 0;
        for (Index c = 0; c < channels; c += count) {
            Real grad[count], value[count][Corners];
            Channels::load(outputAt(at, c), grad);
            corners(at, s, c, value);
            for (int k = 0; k < count; ++k) {
                sumWeight += grad[k] * valueOf(s, value[k]);
                sumY += grad[k] * s.modulation * slopeY(s, value[k]);
                sumX += grad[k] * s.modulation * slopeX(s, value[k]);
            }
        }
        put(gradWeight, at.in(gradWeight), sumWeight);
        put(gradLocation, at.in(gradLocation, 0), sumX * static_cast<Real>(levels[level].scaleX));
        put(gradLocation, at.in(gradLocation, 1), sumY * static_cast<Real>(levels[level].scaleY));
    }

    /// The gradient of plane `i` of the level's values, its samples added in order.
    DCN4J_HOST_DEVICE void computeGradValues(Integer i) const {
        const Index c = i % channels, group = i / channels % groups;
        const Index pixels = levels[level].pixels(), width = levels[level].width;
        Real* const plane = sums + i * pixels;
        for (Index p = 0; p < pixels; ++p) plane[p] = 0;
        AggregationTap at{i / channels / groups, 0, 0, group, level, 0};
        for (at.oy = 0; at.oy < outHeight; ++at.oy)
            for (at.ox = 0; at.ox < outWidth; ++at.ox)
                for (at.tap = 0; at.tap < taps(); ++at.tap) {
                    const auto s = sample(at);
                    const Real grad = widen(*outputAt(at, c));
                    for (int k = 0; k < Corners; ++k) {
                        if (s.weight[k] == 0 || s.pixel[k] == pixels) continue;
                        plane[s.pixel[k]] += grad * s.modulation * s.weight[k];
                    }
                }
        const Tensor<5>& to = levels[level].gradValues;
        for (Index p = 0; p < pixels; ++p)
            put(to, to.at(at.n, p / width, p % width, group, c), plane[p]);
    }

    /// Where a tap reads.
    DCN4J_HOST_DEVICE Sample<Real, Integer> sample(const AggregationTap& at) const {
        const AggregationLevel& from = levels[at.level];
        const auto place = static_cast<Integer>(placeOf(at.tap));
        const auto rows = static_cast<Integer>(y.kernel);
        const Real sampleX = position(x, at.ox, place / rows, from.scaleX, at.in(location, 0));
        const Real sampleY = position(y, at.oy, place % rows, from.scaleY, at.in(location, 1));
        Sample<Real, Integer> s;
        locate(sampleY, sampleX, get(weight, at.in(weight)), {from.height, from.width}, s);
        return s;
    }

    /// Where the output, or its gradient, has a channel of a point's group.
    DCN4J_HOST_DEVICE Element* outputAt(const AggregationTap& at, Index c) const {
        return static_cast<Element*>(output.data) + output.at(at.n, at.oy, at.ox, at.group, c);
    }

  private:
    DCN4J_HOST_DEVICE AggregationTap pointAt(Integer i) const {
        const auto group = static_cast<Integer>(groups), width = static_cast<Integer>(outWidth);
        const auto image = static_cast<Integer>(points());
        const Integer n = i / group / image, point = i / group % image;
        return {firstImage + n, point / width, point % width, i % group, 0, 0};
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

    /// The values of channels from `c` on around a sample, zeros outside.
    DCN4J_HOST_DEVICE void corners(const AggregationTap& at, const Sample<Real, Integer>& s,
                                   Index c, Real (&value)[count][Corners]) const {
        const Tensor<5>& t = levels[at.level].values;
        const auto width = static_cast<Integer>(levels[at.level].width);
        const Index none = levels[at.level].pixels();
        for (int i = 0; i < Corners; ++i) {
            Real some[count] = {};
            if (s.pixel[i] != none) {
                const Index place = t.at(at.n, s.pixel[i] / width, s.pixel[i] % width, at.group, c);
                Channels::load(static_cast<const Element*>(t.data) + place, some);
            }
            for (int k = 0; k < count; ++k) value[k][i] = some[k];
        }
    }
};

}  // namespace
}  // namespace dcn4j
