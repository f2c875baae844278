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
    static constexpr Index quarter = lanesOf<Vector16<Real>>;

    Real fractionY[most], fractionX[most], modulation[most];
    Pixel weighted[most];               ///< bit c: corner c has a weight; 0: outside
    Pixel least[most], greatest[most];  ///< of the rows' numbers, without zeros
    /// Of each sample's dot products, added up to 16 bytes a corner as addLanes does.
    Real partial[most][Corners * quarter];
    Real dots[Corners][most];
};

/// What a group of vectors from number `i` of its rows on adds to a sample's dot products and to
/// the gradients of its corners; whether all of these have a weight.
template <bool All, class G, class Real>
inline void scatterCorners(const AggregateTile<Real>& t, const AggregateGradients<Real>& to,
                           const ScatteredSamples<Real>& s, Index k, const Real* grad, Index i,
                           typename G::Vector (&dot)[Corners]) {
    using V = typename G::Vector;
    V g[G::count];
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) g[v] = load<V>(grad + i + v * lanesOf<V>);
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        const Real* const from = t.image + i + s.rows[c][k];
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            dot[c] = multiplyAdd(g[v], load<V>(from + v * lanesOf<V>), dot[c]);
        }
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
    using V = Vector<Real>;
    using Q = Vector16<Real>;
    V wide[Corners] = {};
    Q narrow[Corners] = {};
    inGroups<Real, 2>(t.channels, [&](auto group, Index i) {
        using G = decltype(group);
        if constexpr (std::is_same_v<typename G::Vector, V>) {
            scatterCorners<All, G>(t, to, s, k, grad, i, wide);
        } else {
            scatterCorners<All, G>(t, to, s, k, grad, i, narrow);
        }
    });
    constexpr Index lanes = lanesOf<V>, quarter = lanesOf<Q>, vectors = Corners * quarter / lanes;
    Real* const partial = s.partial[k];
    addLanes<lanes / 2, quarter>(wide);
    DCN4J_UNROLL for (Index i = 0; i < vectors; ++i) store<V>(partial + i * lanes, wide[i]);
    if (lanes == quarter || t.channels % lanes == 0) return;
    DCN4J_UNROLL for (Index c = 0; c < Corners; ++c) {
        Real* const sum = partial + c % vectors * lanes + c / vectors * quarter;
        store<Q>(sum, load<Q>(sum) + narrow[c]);
    }
}

/// Adds up the lanes of the dot products of some samples.
template <class Real>
inline void sumDots(ScatteredSamples<Real>& s, Index count) {
    using V = Vector<Real>;
    constexpr Index lanes = lanesOf<V>, quarter = s.quarter, vectors = Corners * quarter / lanes;
    for (Index k = 0; k < count; k += quarter) {
        DCN4J_UNROLL for (Index i = 0; i < vectors; ++i) {
            V v[quarter];
            DCN4J_UNROLL for (Index j = 0; j < quarter; ++j) {
                v[j] = load<V>(s.partial[k + j] + i * lanes);
            }
            addLanes<quarter / 2, 1>(v);
            DCN4J_UNROLL for (Index q = 0; q < lanes / quarter; ++q) {
                __builtin_memcpy(s.dots[i + q * vectors] + k,
                                 reinterpret_cast<const Vector16<Real>*>(&v[0]) + q, 16);
            }
        }
    }
}

/// Interleaves two vectors.
template <class V, std::size_t... Lane>
inline void joinPairs(const V& first, const V& second, V& a, V& b, std::index_sequence<Lane...>) {
    constexpr std::size_t lanes = lanesOf<V>;
    a = __builtin_shufflevector(first, second, (Lane / 2 + Lane % 2 * lanes)...);
    b = __builtin_shufflevector(first, second, (lanes / 2 + Lane / 2 + Lane % 2 * lanes)...);
}

/// The gradients of location and weight of `count` samples from number `first` of a tile on.
template <class Real>
inline void computeSampleGradients(const AggregateSamples<Real>& samples, Index first, Index count,
                                   const ScatteredSamples<Real>& s,
                                   const AggregateGradients<Real>& to) {
    using V = Vector<Real>;
    using P = Vector<typename AggregateSamples<Real>::Pixel>;
    constexpr Index lanes = lanesOf<V>;
    const V one = broadcast<V>(1);
    for (Index k = 0, j = first % samples.period; k < count; k += lanes) {
        V dot[Corners];
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) dot[c] = load<V>(s.dots[c] + k);
        const V fy = load<V>(s.fractionY + k), fx = load<V>(s.fractionX + k);
        const V slopeOfY =
            fx * (dot[BottomRight] - dot[TopRight]) + (one - fx) * (dot[BottomLeft] - dot[TopLeft]);
        const V slopeOfX =
            fy * (dot[BottomRight] - dot[BottomLeft]) + (one - fy) * (dot[TopRight] - dot[TopLeft]);
        const V value = (one - fy) * ((one - fx) * dot[TopLeft] + fx * dot[TopRight]) +
                        fy * ((one - fx) * dot[BottomLeft] + fx * dot[BottomRight]);
        // Of a sample outside, the top left corner is: its pixel is zero, and the sum is zero or,
        // where a gradient is not finite, NaN. So is the product with the sample's value.
        storeUntil<V>(to.weight, first + k, samples.count,
                      load<P>(s.weighted + k) != P{} ? value : dot[TopLeft]);
        const V modulation = load<V>(s.modulation + k);
        V a, b;
        joinPairs(modulation * slopeOfX * load<V>(samples.x.scale + j),
                  modulation * slopeOfY * load<V>(samples.y.scale + j), a, b,
                  std::make_index_sequence<lanes>());
        storeUntil<V>(to.location, 2 * (first + k), 2 * samples.count, a);
        storeUntil<V>(to.location, 2 * (first + k) + lanes, 2 * samples.count, b);
        j = j + lanes < samples.period ? j + lanes : 0;
    }
}

/// Extends the rows of a gradient that are set, by zeros, to what `count` samples reach.
template <class Real>
inline void extendRows(const ScatteredSamples<Real>& s, Index count, Index ld,
                       const AggregateGradients<Real>& to) {
    auto first = s.least[0], last = s.greatest[0];
    for (Index k = 1; k < count; ++k) {
        first = s.least[k] < first ? s.least[k] : first;
        last = s.greatest[k] > last ? s.greatest[k] : last;
    }
    if (first > last) return;
    RowSpan& set = *to.set;
    if (set.first == set.end) set = {first, first};
    const auto setZero = [&](Index from, Index end) {
        for (Index i = from * ld; i < end * ld; ++i) to.image[i] = 0;
    };
    if (first < set.first) {
        setZero(first, set.first);
        set.first = first;
    }
    if (last >= set.end) {
        setZero(set.end, last + 1);
        set.end = last + 1;
    }
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
                              greatest = (row > greatest) & (row != zeros) ? row : greatest;
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
        sumDots(s, count);
        computeSampleGradients(t.samples, first, count, s, to);
    }
}

}  // namespace
}  // namespace dcn4j::cpu
