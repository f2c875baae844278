// The backward pass over the samples of an aggregation: the dot products of a point's gradient with
// the corners, which give the gradients of location and weight, and the gradients of the corners.
// What is done once a sample is done for as many as a vector has lanes, before and after the rows
// of a block of samples. Bound by the loads and stores of four rows a sample.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "aggregate.h"
#include "set_rows.h"

namespace dcn4j::cpu {
namespace {

/// A block of samples: what is kept of them takes a part of a first-level cache.
template <class Real>
struct ScatteredSamples : CornerLanes<Real, 64> {
    using typename CornerLanes<Real, 64>::Pixel;
    using CornerLanes<Real, 64>::most;

    Real fractionY[most], fractionX[most], modulation[most];
    Pixel between[most];  ///< 0: outside
    Real dots[most][Corners];
};

/// The weight of a corner, without the modulation.
template <class Real>
inline Real weightOf(const ScatteredSamples<Real>& s, Index k, int corner) {
    return (corner / 2 == 0 ? 1 - s.fractionY[k] : s.fractionY[k]) *
           (corner % 2 == 0 ? 1 - s.fractionX[k] : s.fractionX[k]);
}

/// What a group of vectors from number `i` of its rows on adds to a sample's dot products and to
/// the gradients of its corners; whether all of these count, those of weight zero too.
template <bool All, class G, class Real>
inline void scatterCorners(const AggregateTile<Real>& t, const AggregateGradients<Real>& to,
                           const ScatteredSamples<Real>& s, Index k, const Real* grad, Index i,
                           typename G::Vector (&dots)[Corners]) {
    using V = typename G::Vector;
    const Index rows[] = {s.upper[k] + i, s.lower[k] + i};
    const Index right = t.samples.right;
    V g[G::count];
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) g[v] = load<V>(grad + i + v * lanesOf<V>);
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        const Real* const from = t.image + c % 2 * right + rows[c / 2];
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            dots[c] = multiplyAdd(g[v], load<V>(from + v * lanesOf<V>), dots[c]);
        }
    }
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        // An infinite gradient must not reach a corner of weight zero.
        if (!All && weightOf(s, k, c) == 0) continue;
        const V weight = broadcast<V>(s.weights[c][k]);
        Real* const row = to.image + c % 2 * right + rows[c / 2];
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            store<V>(row + v * lanesOf<V>,
                     multiplyAdd(weight, g[v], load<V>(row + v * lanesOf<V>)));
        }
    }
}

/// The samples of a block; `Whole`: their channels fill vectors.
template <bool All, bool Whole, class Real>
inline void scatterBlock(const AggregateTile<Real>& t, const AggregateGradients<Real>& to,
                         ScatteredSamples<Real>& s, Index count, const Real*& grad, Index& tap) {
    using V = Vector<Real>;
    for (Index k = 0; k < count; ++k) {
        V wide[Corners] = {};
        Quad<Real> dots{};
        if constexpr (Whole) {
            Index i = 0;
            for (; i + 2 * lanesOf<V> <= t.channels; i += 2 * lanesOf<V>) {
                scatterCorners<All, Group<V, 2>>(t, to, s, k, grad, i, wide);
            }
            if (i < t.channels) scatterCorners<All, Group<V, 1>>(t, to, s, k, grad, i, wide);
        } else {
            Vector16<Real> narrow[Corners] = {};
            inGroups<Real, 2>(t.channels, [&](auto group, Index i) {
                using G = decltype(group);
                if constexpr (sizeof(typename G::Vector) == sizeof(V)) {
                    scatterCorners<All, G>(t, to, s, k, grad, i, wide);
                } else {
                    scatterCorners<All, G>(t, to, s, k, grad, i, narrow);
                }
            });
            dots = sumsOfLanes(narrow);
        }
        store<Quad<Real>>(s.dots[k], Whole ? sumsOfLanes(wide) : dots + sumsOfLanes(wide));
        if (++tap == t.taps) tap = 0, grad += t.ld;
    }
}

/// The gradients of location and weight of `count` samples from number `first` of a tile on.
template <class Real>
inline void computeSampleGradients(const AggregateSamples<Real>& samples, Index first, Index count,
                                   const ScatteredSamples<Real>& s,
                                   const AggregateGradients<Real>& to) {
    using V = Vector<Real>;
    using P = Vector<typename AggregateSamples<Real>::Pixel>;
    constexpr Index lanes = lanesOf<V>;
    for (Index k = 0, j = first % samples.period; k < count; k += lanes) {
        Real corner[Corners][lanes];
        for (Index i = 0; i < lanes; ++i) {
            corner[0][i] = s.dots[k + i][0];
            corner[1][i] = s.dots[k + i][1];
            corner[2][i] = s.dots[k + i][2];
            corner[3][i] = s.dots[k + i][3];
        }
        V dot[Corners];
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) dot[c] = load<V>(corner[c]);
        Sample<V, P> sample;
        const V fy = sample.fractionY = load<V>(s.fractionY + k);
        const V fx = sample.fractionX = load<V>(s.fractionX + k);
        const V value = (1 - fy) * ((1 - fx) * dot[TopLeft] + fx * dot[TopRight]) +
                        fy * ((1 - fx) * dot[BottomLeft] + fx * dot[BottomRight]);
        // Of a sample outside, the top left corner is: its pixel is zero, and the sum is zero or,
        // where a gradient is not finite, NaN. So is the product with the sample's value.
        store<V>(to.weight + first + k, load<P>(s.between + k) != P{} ? value : dot[TopLeft]);
        const V modulation = load<V>(s.modulation + k);
        Real x[lanes], y[lanes];
        store<V>(x, modulation * slopeX(sample, dot) * load<V>(samples.x.scale + j));
        store<V>(y, modulation * slopeY(sample, dot) * load<V>(samples.y.scale + j));
        for (Index lane = 0; lane < lanes; ++lane) {
            to.location[2 * (first + k + lane)] = x[lane];
            to.location[2 * (first + k + lane) + 1] = y[lane];
        }
        j = j + lanes < samples.period ? j + lanes : 0;
    }
}

/// The least of the lanes.
template <class P>
inline NumberOf<P> leastLane(const P& v) {
    const auto part = joinParts(v, [](const auto& a, const auto& b) { return a < b ? a : b; });
    auto least = part[0];
    for (Index lane = 1; lane < lanesOf<decltype(part)>; ++lane) {
        least = part[lane] < least ? part[lane] : least;
    }
    return least;
}

/// Whether the gradients of a tile's points may all meet weights of zero.
template <class Real>
inline bool areFactors(const AggregateTile<Real>& t, const Real* grad) {
    using Q = Vector16<Real>;
    auto factors = Q{} == Q{};
    for (Index i = 0; i < t.samples.count; i += t.taps, grad += t.ld) {
        for (Index c = 0; c < t.channels; c += lanesOf<Q>) factors &= isFactor(load<Q>(grad + c));
    }
    return areAll(factors);
}

template <class Real>
void scatterAggregate(const AggregateTile<Real>& tile, const AggregateGradients<Real>& gradients) {
    using V = Vector<Real>;
    using Pixel = typename AggregateSamples<Real>::Pixel;
    using P = Vector<Pixel>;
    // Copies: for all the compiler knows, stores to the gradients could change the caller's.
    const AggregateTile<Real> t = tile;
    const AggregateGradients<Real> to = gradients;
    ScatteredSamples<Real> s;
    const bool areNumbers = areFactors(t, to.output);
    const Real* grad = to.output;
    Index tap = 0;
    for (Index first = 0; first < t.samples.count; first += s.most) {
        const Index left = t.samples.count - first, count = left < s.most ? left : s.most;
        auto factors = V{} == V{};
        const P none = P{} + (Pixel{1} << (8 * sizeof(Pixel) - 2));
        P least = none, greatest = P{} - 1;
        locateSamples(t, first, first + count, s, isTouching<V>, [&](Index k, const auto& at) {
            const auto between = isBetween(at.y, at.height) & isBetween(at.x, at.width);
            least = ((at.upper < least) & between) ? at.upper : least;
            greatest = ((at.lower > greatest) & between) ? at.lower : greatest;
            factors &= isFactor(at.modulation);
            store<V>(s.fractionY + k, at.fractionY);
            store<V>(s.fractionX + k, at.fractionX);
            store<V>(s.modulation + k, at.modulation);
            store<P>(s.between + k, between);
        });
        const Pixel from = leastLane(least), end = ~leastLane(~greatest);
        const Pixel pixel = t.samples.right;
        if (end >= 0) extendSetRows(to.image, pixel, *to.set, {from / pixel, end / pixel + 2});
        const bool allCount = areNumbers && areAll(factors);
        if (!allCount) {
            scatterBlock<false, false>(t, to, s, count, grad, tap);
        } else if (t.channels % lanesOf<V> == 0) {
            scatterBlock<true, true>(t, to, s, count, grad, tap);
        } else {
            scatterBlock<true, false>(t, to, s, count, grad, tap);
        }
        computeSampleGradients(t.samples, first, count, s, to);
    }
}

}  // namespace
}  // namespace dcn4j::cpu
