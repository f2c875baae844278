// Weighted sums of samples that lie anywhere: what DCNv3 and attention are. A sample is used for
// the channels of one group only, often 16 or 32, so that planning it weighs as much as summing:
// corners and weights stay where the lanes of the sampling rule leave them, and the modulation is a
// factor of the weights. An image has zeros around it in memory, so that a sample's corners are
// always next to one another, and none needs a branch or a place of its own. Bound by the loads of
// four rows a sample.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "groups.h"
#include "micro_kernels.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

/// Some samples.
template <class Real, Index Most>
struct CornerLanes {
    static constexpr Index most = Most;
    using Pixel = typename AggregateSamples<Real>::Pixel;

    Pixel upper[Most], lower[Most];  ///< where the left corners begin
    Real weights[Corners][Most];     ///< times the modulation
};

/// Samples as the sampling rule has them, one in each lane.
template <class V, class P>
struct LocatedLanes {
    V y, x, height, width;
    V fractionY, fractionX, modulation;
    P upper, lower;
};

/// Locates the samples `first` .. `end` of a tile, those outside beyond the level. `isOn(x, size)`
/// says which coordinates are not; `action(k, located)` is called for as many as a vector has
/// lanes, from sample first + k on, before they are kept, and may change the modulation.
template <class Real, class Samples, class IsOn, class Action>
inline void locateSamples(const AggregateTile<Real>& t, Index first, Index end, Samples& kept,
                          IsOn isOn, Action action) {
    using V = Vector<Real>;
    using P = Vector<typename Samples::Pixel>;
    constexpr Index lanes = lanesOf<V>;
    const AggregateSamples<Real>& s = t.samples;
    const P right = broadcast<P>(s.right);
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
        LocatedLanes<V, P> at;
        at.height = load<V>(s.y.size + j), at.width = load<V>(s.x.size + j);
        at.y = position(s.y, y), at.x = position(s.x, x);
        const V onY = isOn(at.y, at.height) ? at.y : at.height;
        const V onX = isOn(at.x, at.width) ? at.x : at.width;
        const P top = floorOf<P>(onY), left = floorOf<P>(onX);
        at.fractionY = onY - Convert<V, P>::of(top);
        at.fractionX = onX - Convert<V, P>::of(left);
        const P below = load<P>(s.below + j);
        at.upper = top * below + left * right + load<P>(s.base + j);
        at.lower = at.upper + below;
        at.modulation = load<V>(s.weight + i);
        action(i - first, at);
        const V up = (1 - at.fractionY) * at.modulation, down = at.fractionY * at.modulation;
        const V before = 1 - at.fractionX;
        store<V>(kept.weights[TopLeft] + (i - first), up * before);
        store<V>(kept.weights[TopRight] + (i - first), up * at.fractionX);
        store<V>(kept.weights[BottomLeft] + (i - first), down * before);
        store<V>(kept.weights[BottomRight] + (i - first), down * at.fractionX);
        store<P>(kept.upper + (i - first), at.upper);
        store<P>(kept.lower + (i - first), at.lower);
        j = j + lanes < s.period ? j + lanes : 0;
    }
}

/// Sums that a group of vectors is added up in: with few vectors one for each corner, so that
/// additions don't wait for one another, with many two, so that registers hold them.
template <class G>
constexpr int sumCount = G::count > 2 ? 2 : Corners;
template <class G>
using Sums = typename G::Vector[sumCount<G>][G::count];

/// Adds a group of vectors of a sample's weighted corners.
template <class G, class Samples, class Real>
inline void addSample(const Samples& s, Index k, const Real* image, Index right, Sums<G>& total) {
    using V = typename G::Vector;
    const Real* const rows[] = {image + s.upper[k], image + s.lower[k]};
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        const V weight = broadcast<V>(s.weights[c][k]);
        const Real* row = rows[c / 2] + c % 2 * right;
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            V& sum = total[c % sumCount<G>][v];
            sum = multiplyAdd(weight, load<V>(row + v * lanesOf<V>), sum);
        }
    }
}

template <class G>
inline typename G::Vector sumOf(const Sums<G>& total, int v) {
    if constexpr (sumCount<G> == 2) {
        return total[0][v] + total[1][v];
    } else {
        return (total[0][v] + total[1][v]) + (total[2][v] + total[3][v]);
    }
}

/// A group of vectors of the sums of some samples, which go on where others of their point came
/// before.
template <class G, class Samples, class Real>
inline void sumSamples(const Samples& s, Index first, Index end, const Real* image, Index right,
                       bool goesOn, Real* sums) {
    using V = typename G::Vector;
    Sums<G> total = {};
    if (goesOn) {
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) total[0][v] =
            load<V>(sums + v * lanesOf<V>);
    }
    for (Index k = first; k < end; ++k) addSample<G>(s, k, image, right, total);
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
        store<V>(sums + v * lanesOf<V>, sumOf<G>(total, v));
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
/// Whether all lanes are true.
template <class M>
inline bool areAll(const M& mask) {
    const auto part = joinParts(mask, [](const auto& a, const auto& b) { return a & b; });
    bool all = true;
    for (Index lane = 0; lane < lanesOf<decltype(part)>; ++lane) all &= part[lane] != 0;
    return all;
}

/// The same, of samples of which some have a modulation that is no factor of their weights.
template <class G, class Samples, class Real>
[[gnu::noinline, gnu::cold]] void sumUnmodulated(const Samples& s, Index first, Index end,
                                                 const Real* modulations, const Real* image,
                                                 Index right, bool goesOn, Real* sums) {
    using V = typename G::Vector;
    bool all = true;
    for (Index k = first; k < end; ++k) all = all && isOneFactor(modulations[k]);
    // The bits of a point don't depend on others.
    if (all) return sumSamples<G>(s, first, end, image, right, goesOn, sums);
    for (Index k = first; k < end; ++k, goesOn = true) {
        if (isOneFactor(modulations[k])) {
            sumSamples<G>(s, k, k + 1, image, right, goesOn, sums);
            continue;
        }
        Sums<G> value = {};
        addSample<G>(s, k, image, right, value);
        for (int v = 0; v < G::count; ++v) {
            Real* const at = sums + v * lanesOf<V>;
            const V before = goesOn ? load<V>(at) : V{};
            store<V>(at, before + broadcast<V>(modulations[k]) * sumOf<G>(value, v));
        }
    }
}

/// Locates samples for sums. One at -1 exactly is outside, though its derivative is not.
template <class Real, class Samples, class Action>
inline void locateForSums(const AggregateTile<Real>& t, Index first, Index end, Samples& kept,
                          Action action) {
    using V = Vector<Real>;
    locateSamples(t, first, end, kept, isBetween<V>,
                  [&](Index, auto& at) { action(at.modulation); });
}

/// Locates samples of which some have a modulation that is no factor: infinity times a weight of
/// zero, or a pixel that is, is not a number, but times their sum it is. So it waits.
template <class Real, class Samples>
[[gnu::noinline, gnu::cold]] void locateUnmodulated(const AggregateTile<Real>& t, Index first,
                                                    Index end, Samples& kept) {
    locateForSums(t, first, end, kept, [](Vector<Real>& modulation) {
        modulation = isFactor(modulation) ? modulation : broadcast<Vector<Real>>(1);
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
        locateForSums(t, first, end, s,
                      [&](const V& modulation) { factors &= isFactor(modulation); });
        const bool areFactors = areAll(factors);
        if (!areFactors) locateUnmodulated(t, first, end, s);
        const Index point = first / t.taps;
        inGroups<Real, 4>(t.channels, [&](auto group, Index c) {
            using G = decltype(group);
            const Real* const image = t.image + c;
            Real* sums = output + point * t.ld + c;
            Index begin = point * t.taps;
            for (Index i = first; i < end; sums += t.ld) {
                const bool goesOn = i > begin;
                begin += t.taps;
                const Index from = i - first, to = (begin < end ? begin : end) - first;
                if (areFactors) {
                    sumSamples<G>(s, from, to, image, t.samples.right, goesOn, sums);
                } else {
                    sumUnmodulated<G>(s, from, to, t.samples.weight + first, image, t.samples.right,
                                      goesOn, sums);
                }
                i = begin;
            }
        });
    }
}

}  // namespace
}  // namespace dcn4j::cpu
