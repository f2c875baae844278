// Weighted sums of samples that lie anywhere: what DCNv3 and attention are. A sample is used for
// the channels of one group only, often 16 or 32, so that planning it weighs as much as summing:
// corners and weights stay where the lanes of the sampling rule leave them, the modulation is a
// factor of the weights, and a sample outside, whose rows are zeros, needs no branch. Bound by the
// loads of four rows a sample.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "groups.h"
#include "micro_kernels.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

/// Some samples, corner by corner.
template <class Real, Index Most>
struct CornerLanes {
    static constexpr Index most = Most;
    using Pixel = typename AggregateSamples<Real>::Pixel;

    Pixel rows[Corners][Most];    ///< where they begin
    Real weights[Corners][Most];  ///< times the modulation
};

/// Locates the samples `first` .. `end` of a tile. Calls `action(k, location, modulation, zeros)`
/// for as many as a vector has lanes, from sample first + k on, before their corners are kept, and
/// may change both: the pixels are numbers of rows, as `zeros` is, that of the row of zeros.
template <class Real, class Samples, class Action>
inline void locateSamples(const AggregateTile<Real>& t, Index first, Index end, Samples& kept,
                          Action action) {
    using V = Vector<Real>;
    using P = Vector<typename Samples::Pixel>;
    constexpr Index lanes = lanesOf<V>;
    const AggregateSamples<Real>& s = t.samples;
    const P step = broadcast<P>(s.pixelRows);
    const P ld = broadcast<P>(static_cast<typename Samples::Pixel>(t.ld));
    for (Index i = first, j = first % s.period; i < end; i += lanes) {
        Real x[lanes], y[lanes];
        for (Index lane = 0; lane < lanes; ++lane) {
            x[lane] = s.location[2 * (i + lane)];
            y[lane] = s.location[2 * (i + lane) + 1];
        }
        const auto position = [&](const AggregateAxis<Real>& axis, const Real* location) {
            // As positionOf of aggregation_taps.h has it.
            return load<V>(axis.origin + i) +
                   (load<V>(axis.start + j) + load<V>(location)) * load<V>(axis.scale + j);
        };
        const P height = load<P>(s.y.size + j), width = load<P>(s.x.size + j);
        auto at = locate<V, P>(position(s.y, y), position(s.x, x), height, width,
                               Convert<V, P>::of(height), Convert<V, P>::of(width));
        const P base = load<P>(s.base + j);
        V modulation = load<V>(s.weight + i);
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) at.pixel[c] = at.pixel[c] * step + base;
        action(i - first, at, modulation, height * width * step + base);
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
            store<V>(kept.weights[c] + (i - first), at.weight[c] * modulation);
            store<P>(kept.rows[c] + (i - first), at.pixel[c] * ld);
        }
        j = j + lanes < s.period ? j + lanes : 0;
    }
}

/// Adds a group of vectors of a sample's weighted corners to two sums: two, so that additions wait
/// for half as many.
template <class G, class Samples, class Real>
inline void addSample(const Samples& s, Index k, const Real* image,
                      typename G::Vector (&total)[2][G::count]) {
    using V = typename G::Vector;
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        const V weight = broadcast<V>(s.weights[c][k]);
        const Real* row = image + s.rows[c][k];
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            total[c % 2][v] = multiplyAdd(weight, load<V>(row + v * lanesOf<V>), total[c % 2][v]);
        }
    }
}

/// A group of vectors of the sums of some samples, which go on where others of their point came
/// before.
template <class G, class Samples, class Real>
inline void sumSamples(const Samples& s, Index first, Index end, const Real* image, bool goesOn,
                       Real* sums) {
    using V = typename G::Vector;
    V total[2][G::count] = {};
    if (goesOn) {
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) total[0][v] =
            load<V>(sums + v * lanesOf<V>);
    }
    for (Index k = first; k < end; ++k) addSample<G>(s, k, image, total);
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
        store<V>(sums + v * lanesOf<V>, total[0][v] + total[1][v]);
    }
}

/// Whether a modulation may be a factor of weights before these meet pixels: whether it is a number
/// so far below the largest that their products are numbers, too.
template <class V>
inline auto isFactor(const V& modulation) {
    constexpr NumberOf<V> most = sizeof(NumberOf<V>) == sizeof(float) ? 0x1p64 : 0x1p512;
    return (modulation <= most) & (modulation >= -most);
}
template <class Real>
inline bool isOneFactor(Real modulation) {
    return isFactor(Vector16<Real>{} + modulation)[0] != 0;
}

/// The same, of samples of which some have a modulation that is no factor of their weights.
template <class G, class Samples, class Real>
[[gnu::noinline, gnu::cold]] void sumUnmodulated(const Samples& s, Index first, Index end,
                                                 const Real* modulations, const Real* image,
                                                 bool goesOn, Real* sums) {
    using V = typename G::Vector;
    bool all = true;
    for (Index k = first; k < end; ++k) all = all && isOneFactor(modulations[k]);
    // The bits of a point don't depend on others.
    if (all) return sumSamples<G>(s, first, end, image, goesOn, sums);
    for (Index k = first; k < end; ++k, goesOn = true) {
        if (isOneFactor(modulations[k])) {
            sumSamples<G>(s, k, k + 1, image, goesOn, sums);
            continue;
        }
        V value[2][G::count] = {};
        addSample<G>(s, k, image, value);
        for (int v = 0; v < G::count; ++v) {
            Real* const at = sums + v * lanesOf<V>;
            const V before = goesOn ? load<V>(at) : V{};
            store<V>(at, before + broadcast<V>(modulations[k]) * (value[0][v] + value[1][v]));
        }
    }
}

/// One at -1 exactly is outside, though its derivative is not: its pixels count for nothing.
template <class V, class P>
inline void countForNothing(Location<V, P>& at, const P& zeros) {
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        at.pixel[c] = at.between ? at.pixel[c] : zeros;
    }
}

/// Locates samples of which some have a modulation that is no factor: infinity times a weight of
/// zero, or a pixel that is, is not a number, but times their sum it is. So it waits.
template <class Real, class Samples>
[[gnu::noinline, gnu::cold]] void locateUnmodulated(const AggregateTile<Real>& t, Index first,
                                                    Index end, Samples& kept) {
    using V = Vector<Real>;
    locateSamples(t, first, end, kept, [](Index, auto& at, V& modulation, const auto& zeros) {
        modulation = isFactor(modulation) ? modulation : broadcast<V>(1);
        countForNothing(at, zeros);
    });
}

template <class Real>
void aggregate(const AggregateTile<Real>& tile, Real* output) {
    // A copy: for all the compiler knows, stores to the output could change the caller's.
    const AggregateTile<Real> t = tile;
    using V = Vector<Real>;
    CornerLanes<Real, 512> s;  // most of a first-level cache
    for (Index first = 0; first < t.samples.count; first += s.most) {
        const Index left = t.samples.count - first, end = first + (left < s.most ? left : s.most);
        auto factors = V{} == V{};
        locateSamples(t, first, end, s, [&](Index, auto& at, const V& modulation, auto zeros) {
            factors &= isFactor(modulation);
            countForNothing(at, zeros);
        });
        bool areFactors = true;
        for (Index lane = 0; lane < lanesOf<V>; ++lane) areFactors &= factors[lane] != 0;
        if (!areFactors) locateUnmodulated(t, first, end, s);
        for (Index i = first; i < end;) {
            const Index point = i / t.taps, last = (point + 1) * t.taps,
                        to = last < end ? last : end;
            inGroups<Real, 4>(t.channels, [&](auto group, Index c) {
                const bool goesOn = i > point * t.taps;
                Real* const sums = output + point * t.ld + c;
                if (areFactors) {
                    sumSamples<decltype(group)>(s, i - first, to - first, t.image + c, goesOn,
                                                sums);
                } else {
                    sumUnmodulated<decltype(group)>(s, i - first, to - first,
                                                    t.samples.weight + first, t.image + c, goesOn,
                                                    sums);
                }
            });
            i = to;
        }
    }
}

}  // namespace
}  // namespace dcn4j::cpu
