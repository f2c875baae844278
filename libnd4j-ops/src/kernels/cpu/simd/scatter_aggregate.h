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

/// Samples that are at work together: what is kept of them takes a part of a first-level cache.
constexpr Index scatteredTogether = 64;

/// Some samples, corner by corner.
template <class Real>
struct ScatteredSamples {
    using Pixel = decltype(PlannedSample<Real>::place);
    static constexpr Index quarter = lanesOf<Vector16<Real>>;

    Pixel rows[Corners][scatteredTogether];
    Real weights[Corners][scatteredTogether];  ///< times the modulation
    Real fractionY[scatteredTogether], fractionX[scatteredTogether];
    Pixel weighted[scatteredTogether];  ///< bit c: corner c has a weight; 0: outside
    Real partial[scatteredTogether][Corners][quarter];  ///< sums of a dot product's lanes
    Real dots[Corners][scatteredTogether];
};

/// Sums of the neighbouring 16 bytes of two vectors.
template <class V, std::size_t... Lane>
inline V fold(const V& a, const V& b, std::index_sequence<Lane...>) {
    constexpr std::size_t quarter = lanesOf<Vector16<NumberOf<V>>>;
    return __builtin_shufflevector(a, b, (Lane / quarter * 2 * quarter + Lane % quarter)...) +
           __builtin_shufflevector(a, b,
                                   (Lane / quarter * 2 * quarter + Lane % quarter + quarter)...);
}

/// Folds each vector to 16 bytes.
template <class V>
inline void storeFolded(const V (&v)[Corners], NumberOf<V>* to) {
    constexpr auto all = std::make_index_sequence<lanesOf<V>>();
    if constexpr (sizeof(V) == 64) {
        store<V>(to, fold(fold(v[0], v[1], all), fold(v[2], v[3], all), all));
    } else if constexpr (sizeof(V) == 32) {
        store<V>(to, fold(v[0], v[1], all));
        store<V>(to + lanesOf<V>, fold(v[2], v[3], all));
    } else {
        for (int c = 0; c < Corners; ++c) store<V>(to + c * lanesOf<V>, v[c]);
    }
}

/// What a group of vectors from number `i` of its rows on adds to a sample's dot products and to
/// the gradients of its corners. `Weighted`: as ScatteredSamples has it where it is none or all.
template <int Weighted, class G, class Real>
inline void scatterCorners(const ScatterAggregateTile<Real>& t, const ScatteredSamples<Real>& s,
                           Index k, const Real* grad, Index i, typename G::Vector (&dot)[Corners]) {
    using V = typename G::Vector;
    V g[G::count];
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) g[v] = load<V>(grad + i + v * lanesOf<V>);
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        const Real* const from = t.image + i + s.rows[c][k];
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            dot[c] = multiplyAdd(g[v], load<V>(from + v * lanesOf<V>), dot[c]);
        }
    }
    if (Weighted == 0) return;
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        // An infinite gradient must not reach a corner of weight zero.
        if (Weighted != 15 && !(s.weighted[k] & 1 << c)) continue;
        const V weight = broadcast<V>(s.weights[c][k]);
        Real* const to = t.gradImage + i + s.rows[c][k];
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            store<V>(to + v * lanesOf<V>, multiplyAdd(weight, g[v], load<V>(to + v * lanesOf<V>)));
        }
    }
}

template <int Weighted, class Real>
inline void scatterOne(const ScatterAggregateTile<Real>& t, ScatteredSamples<Real>& s, Index k,
                       const Real* grad) {
    using V = Vector<Real>;
    using Q = Vector16<Real>;
    V wide[Corners] = {};
    Q narrow[Corners] = {};
    inGroups<Real, 2>(t.channels, [&](auto group, Index i) {
        using G = decltype(group);
        if constexpr (std::is_same_v<typename G::Vector, V>) {
            scatterCorners<Weighted, G>(t, s, k, grad, i, wide);
        } else {
            scatterCorners<Weighted, G>(t, s, k, grad, i, narrow);
        }
    });
    Real* const partial = s.partial[k][0];
    storeFolded(wide, partial);
    if (sizeof(V) == sizeof(Q) || t.channels % lanesOf<V> == 0) return;
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        store<Q>(s.partial[k][c], load<Q>(s.partial[k][c]) + narrow[c]);
    }
}

/// Adds up the lanes of the dot products of some samples.
template <class Real>
inline void sumPartial(ScatteredSamples<Real>& s, Index count) {
    using V = Vector<Real>;
    using Q = Vector16<Real>;
    constexpr std::size_t quarter = lanesOf<Q>, quarters = lanesOf<V> / quarter;
    constexpr auto all = std::make_index_sequence<lanesOf<V>>();
    for (Index k = 0; k < count; k += quarter) {
        DCN4J_UNROLL for (std::size_t c = 0; c < Corners; c += quarters) {
            V v[quarter];
            DCN4J_UNROLL for (std::size_t i = 0; i < quarter; ++i) {
                v[i] = load<V>(s.partial[k + static_cast<Index>(i)][c]);
            }
            // Squares within each 16 bytes: lane i is then of sample i.
            V sum;
            if constexpr (quarter == 4) {
                exchange<2>(v[0], v[2], all);
                exchange<2>(v[1], v[3], all);
                exchange<1>(v[0], v[1], all);
                exchange<1>(v[2], v[3], all);
                sum = (v[0] + v[1]) + (v[2] + v[3]);
            } else {
                exchange<1>(v[0], v[1], all);
                sum = v[0] + v[1];
            }
            DCN4J_UNROLL for (std::size_t q = 0; q < quarters; ++q) {
                __builtin_memcpy(s.dots[c + q] + k, reinterpret_cast<const Q*>(&sum) + q,
                                 sizeof(Q));
            }
        }
    }
}

/// Writes the numbers of `V` that lie before `end`.
template <class V>
inline void storeUntil(NumberOf<V>* to, Index i, Index end, const V& value) {
    if (i + lanesOf<V> <= end) return store<V>(to + i, value);
    for (Index lane = 0; i < end; ++lane, ++i) to[i] = value[lane];
}

/// Interleaves two vectors.
template <class V, std::size_t... Lane>
inline void joinPairs(const V& first, const V& second, V& a, V& b, std::index_sequence<Lane...>) {
    constexpr std::size_t lanes = lanesOf<V>;
    a = __builtin_shufflevector(first, second, (Lane / 2 + Lane % 2 * lanes)...);
    b = __builtin_shufflevector(first, second, (lanes / 2 + Lane / 2 + Lane % 2 * lanes)...);
}

/// The gradients of location and weight of the samples from `first` on, `count` of a block.
template <class Real>
inline void storeSampleGradients(const ScatterAggregateTile<Real>& t,
                                 const ScatteredSamples<Real>& s, Index first, Index count) {
    using V = Vector<Real>;
    constexpr Index lanes = lanesOf<V>;
    const V one = broadcast<V>(1);
    for (Index k = 0, j = first % t.samples.period; k < count; k += lanes) {
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
        const PixelLanes<Real> none{};
        const auto inside = load<PixelLanes<Real>>(s.weighted + k) != none;
        const V modulation = load<V>(t.samples.weight + first + k);
        V a, b;
        joinPairs(modulation * slopeOfX * load<V>(t.samples.scaleX + j),
                  modulation * slopeOfY * load<V>(t.samples.scaleY + j), a, b,
                  std::make_index_sequence<lanes>());
        const Index end = first + count;
        storeUntil<V>(t.gradWeight, first + k, end, inside ? value : dot[TopLeft]);
        storeUntil<V>(t.gradLocation, 2 * (first + k), 2 * end, a);
        storeUntil<V>(t.gradLocation, 2 * (first + k) + lanes, 2 * end, b);
        j = j + lanes < t.samples.period ? j + lanes : 0;
    }
}

/// The lesser and the greater of two numbers in each lane.
template <class P>
inline P lesser(const P& a, const P& b) {
    return a < b ? a : b;
}
template <class P>
inline P greater(const P& a, const P& b) {
    return a > b ? a : b;
}

/// Extends `reach` to the rows `least` .. `greatest` of the first lanes.
template <class P>
inline void extend(RowSpan& reach, const P& least, const P& greatest, Index lanes) {
    for (Index lane = 0; lane < lanes; ++lane) {
        if (least[lane] < reach.first) reach.first = least[lane];
        if (greatest[lane] >= reach.end) reach.end = greatest[lane] + 1;
    }
}

/// Sets the rows of `reach` to zero that are not set yet, and those between.
template <class Real>
inline void setRows(const ScatterAggregateTile<Real>& t, const RowSpan& reach) {
    RowSpan& set = *t.set;
    if (reach.first >= reach.end) return;
    if (set.first == set.end) set = {reach.first, reach.first};
    const auto zero = [&](Index first, Index end) {
        for (Index i = first * t.imageLd; i < end * t.imageLd; ++i) t.gradImage[i] = 0;
    };
    if (reach.first < set.first) {
        zero(reach.first, set.first);
        set.first = reach.first;
    }
    if (reach.end > set.end) {
        zero(set.end, reach.end);
        set.end = reach.end;
    }
}

/// Locates `count` samples from `first` on, and sets the rows to zero that they reach.
template <class Real>
inline void prepareSamples(const ScatterAggregateTile<Real>& t, Index first, Index count,
                           ScatteredSamples<Real>& s) {
    using V = Vector<Real>;
    using P = PixelLanes<Real>;
    constexpr Index noRow = 0x7fffffff;
    const P ld = broadcast<P>(static_cast<NumberOf<P>>(t.imageLd)), none = broadcast<P>(noRow);
    RowSpan reach{noRow, 0};
    P least = none, greatest = P{} - 1;
    const auto prepare = [&](Index i, const auto& at, const P& zeros) {
        const Index k = i - first;
        const V modulation = load<V>(t.samples.weight + i);
        P weighted{}, lowest = none, highest = P{} - 1;
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
            store<V>(s.weights[c] + k, at.weight[c] * modulation);
            store<P>(s.rows[c] + k, at.pixel[c] * ld);
            weighted |= (at.weight[c] != V{}) & broadcast<P>(1 << c);
            lowest = lesser(lowest, at.pixel[c]);
            highest = greater(highest, at.pixel[c] == zeros ? P{} - 1 : at.pixel[c]);
        }
        store<V>(s.fractionY + k, at.fractionY);
        store<V>(s.fractionX + k, at.fractionX);
        store<P>(s.weighted + k, weighted);
        if (k + lanesOf<V> <= count) {
            least = lesser(least, lowest);
            greatest = greater(greatest, highest);
        } else {
            extend(reach, lowest, highest, count - k);
        }
    };
    locateSamples(t.samples, first, first + count, prepare);
    if (t.set == nullptr) return;
    extend(reach, least, greatest, lanesOf<P>);
    setRows(t, reach);
}

template <class Real>
void scatterAggregate(const ScatterAggregateTile<Real>& tile) {
    // A copy: for all the compiler knows, stores to the gradients could change the caller's.
    const ScatterAggregateTile<Real> t = tile;
    ScatteredSamples<Real> s;
    const Real* grad = t.gradOutput;
    Index tap = 0;
    for (Index first = 0; first < t.samples.count; first += scatteredTogether) {
        const Index left = t.samples.count - first;
        const Index count = left < scatteredTogether ? left : scatteredTogether;
        prepareSamples(t, first, count, s);
        for (Index k = 0; k < count; ++k) {
            if (s.weighted[k] == 15) {
                scatterOne<15>(t, s, k, grad);
            } else if (s.weighted[k] == 0) {
                scatterOne<0>(t, s, k, grad);
            } else {
                scatterOne<1>(t, s, k, grad);
            }
            if (++tap == t.taps) tap = 0, grad += t.gradOutputLd;
        }
        sumPartial(s, count);
        storeSampleGradients(t, s, first, count);
    }
}

}  // namespace
}  // namespace dcn4j::cpu
