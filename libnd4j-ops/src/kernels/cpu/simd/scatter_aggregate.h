// The backward pass over the samples of an aggregation: the dot products of a point's gradient with
// the corners, which give the gradients of location and weight, and the gradients of the corners.
// What is done once a sample is done for as many as a vector has lanes, before and after the rows
// of a block of samples. Bound by the loads and stores of four rows a sample.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "aggregate.h"

namespace dcn4j::cpu {
namespace {

constexpr int allCorners = (1 << Corners) - 1;

/// A block of samples: what is kept of them takes a part of a first-level cache.
template <class Real>
struct ScatteredSamples : CornerLanes<Real, 64> {
    using typename CornerLanes<Real, 64>::Pixel;
    using CornerLanes<Real, 64>::most;

    Real fractionY[most], fractionX[most], modulation[most];
    Pixel weighted[most];               ///< bit c: corner c has a weight; 0: outside
    Pixel least[most], greatest[most];  ///< of the rows' numbers, without zeros
    Real dots[Corners][most];
};

/// What a group of vectors from number `i` of its rows on adds to a sample's dot products and to
/// the gradients of its corners; whether all of these have a weight.
template <bool All, class G, class Real>
inline void scatterCorners(const AggregateTile<Real>& t, const AggregateGradients<Real>& to,
                           const ScatteredSamples<Real>& s, Index k, const Real* grad, Index i,
                           Vector16<Real> (&dots)[Corners]) {
    using V = typename G::Vector;
    V g[G::count];
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) g[v] = load<V>(grad + i + v * lanesOf<V>);
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        const Real* const from = t.image + i + s.rows[c][k];
        V dot{};
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            dot = multiplyAdd(g[v], load<V>(from + v * lanesOf<V>), dot);
        }
        dots[c] += horizontalSum(dot);
    }
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        // An infinite gradient must not reach a corner of weight zero.
        if (!All && !(s.weighted[k] & 1 << c)) continue;
        const V weight = broadcast<V>(s.weights[c][k]);
        Real* const row = to.image + i + s.rows[c][k];
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            store<V>(row + v * lanesOf<V>,
                     multiplyAdd(weight, g[v], load<V>(row + v * lanesOf<V>)));
        }
    }
}

template <bool All, class Real>
inline void scatterOne(const AggregateTile<Real>& t, const AggregateGradients<Real>& to,
                       ScatteredSamples<Real>& s, Index k, const Real* grad) {
    Vector16<Real> dots[Corners] = {};
    inGroups<Real, 2>(t.channels, [&](auto group, Index i) {
        scatterCorners<All, decltype(group)>(t, to, s, k, grad, i, dots);
    });
    const auto dot = sums(dots);
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) s.dots[c][k] = dot[c];
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
        V dot[Corners];
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) dot[c] = load<V>(s.dots[c] + k);
        Sample<V, P> sample;
        const V fy = sample.fractionY = load<V>(s.fractionY + k);
        const V fx = sample.fractionX = load<V>(s.fractionX + k);
        const V value = (1 - fy) * ((1 - fx) * dot[TopLeft] + fx * dot[TopRight]) +
                        fy * ((1 - fx) * dot[BottomLeft] + fx * dot[BottomRight]);
        // Of a sample outside, the top left corner is: its pixel is zero, and the sum is zero or,
        // where a gradient is not finite, NaN. So is the product with the sample's value.
        store<V>(to.weight + first + k, load<P>(s.weighted + k) != P{} ? value : dot[TopLeft]);
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

/// Extends the rows of a gradient that are set, by zeros, to what `count` samples reach.
template <class Real>
inline void extendRows(const ScatteredSamples<Real>& s, Index count, Index ld,
                       const AggregateGradients<Real>& to) {
    Index first = s.least[0], last = s.greatest[0];
    for (Index k = 1; k < count; ++k) {
        first = s.least[k] < first ? s.least[k] : first;
        last = s.greatest[k] > last ? s.greatest[k] : last;
    }
    if (first > last) return;
    const RowSpan set = to.set->first < to.set->end ? *to.set : RowSpan{first, first};
    for (Index i = first * ld; i < set.first * ld; ++i) to.image[i] = 0;
    for (Index i = set.end * ld; i < (last + 1) * ld; ++i) to.image[i] = 0;
    *to.set = {first < set.first ? first : set.first, last < set.end ? set.end : last + 1};
}

template <class Real>
void scatterAggregate(const AggregateTile<Real>& tile, const AggregateGradients<Real>& gradients) {
    using V = Vector<Real>;
    using P = Vector<typename AggregateSamples<Real>::Pixel>;
    // Copies: for all the compiler knows, stores to the gradients could change the caller's.
    const AggregateTile<Real> t = tile;
    const AggregateGradients<Real> to = gradients;
    ScatteredSamples<Real> s;
    const Real* grad = to.output;
    Index tap = 0;
    for (Index first = 0; first < t.samples.count; first += s.most) {
        const Index left = t.samples.count - first, count = left < s.most ? left : s.most;
        locateSamples(t, first, first + count, s,
                      [&](Index k, const auto& at, const V& modulation, const P& zeros) {
                          P weighted{}, least = zeros, greatest = P{} - 1;
                          DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
                              const P row = at.pixel[c];
                              weighted |= (at.weight[c] != V{}) & broadcast<P>(1 << c);
                              least = row < least ? row : least;
                              greatest = ((row > greatest) & (row != zeros)) ? row : greatest;
                          }
                          store<V>(s.fractionY + k, at.fractionY);
                          store<V>(s.fractionX + k, at.fractionX);
                          store<V>(s.modulation + k, modulation);
                          store<P>(s.weighted + k, weighted);
                          store<P>(s.least + k, least);
                          store<P>(s.greatest + k, greatest);
                      });
        extendRows(s, count, t.ld, to);
        for (Index k = 0; k < count; ++k) {
            if (s.weighted[k] == allCorners) {
                scatterOne<true>(t, to, s, k, grad);
            } else {
                scatterOne<false>(t, to, s, k, grad);
            }
            if (++tap == t.taps) tap = 0, grad += t.ld;
        }
        computeSampleGradients(t.samples, first, count, s, to);
    }
}

}  // namespace
}  // namespace dcn4j::cpu
