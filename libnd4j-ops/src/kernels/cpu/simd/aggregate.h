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
/// for as many as a vector has lanes, from sample first + k on, before their corners are kept: the
/// pixels are numbers of rows, as `zeros` is, that of the row of zeros.
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
        const V modulation = load<V>(s.weight + i);
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) at.pixel[c] = at.pixel[c] * step + base;
        action(i - first, at, modulation, height * width * step + base);
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
            store<V>(kept.weights[c] + (i - first), at.weight[c] * modulation);
            store<P>(kept.rows[c] + (i - first), at.pixel[c] * ld);
        }
        j = j + lanes < s.period ? j + lanes : 0;
    }
}

/// A group of vectors of the sums of some samples, which go on where others of their point came
/// before.
template <class G, class Samples, class Real>
inline void sumSamples(const Samples& s, Index first, Index end, const Real* image, bool goesOn,
                       Real* sums) {
    using V = typename G::Vector;
    V total[2][G::count] = {};  // two, so that additions wait for half as many
    if (goesOn) {
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) total[0][v] =
            load<V>(sums + v * lanesOf<V>);
    }
    for (Index k = first; k < end; ++k) {
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
            const V weight = broadcast<V>(s.weights[c][k]);
            const Real* row = image + s.rows[c][k];
            DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
                total[c % 2][v] =
                    multiplyAdd(weight, load<V>(row + v * lanesOf<V>), total[c % 2][v]);
            }
        }
    }
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
        store<V>(sums + v * lanesOf<V>, total[0][v] + total[1][v]);
    }
}

template <class Real>
void aggregate(const AggregateTile<Real>& tile, Real* output) {
    // A copy: for all the compiler knows, stores to the output could change the caller's.
    const AggregateTile<Real> t = tile;
    CornerLanes<Real, 512> s;  // most of a first-level cache
    for (Index first = 0; first < t.samples.count; first += s.most) {
        const Index left = t.samples.count - first, end = first + (left < s.most ? left : s.most);
        locateSamples(t, first, end, s, [](Index, auto& at, const auto&, const auto& zeros) {
            // One at -1 exactly is outside, though its derivative is not: its pixels count for
            // nothing.
            DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
                at.pixel[c] = at.between ? at.pixel[c] : zeros;
            }
        });
        for (Index i = first; i < end;) {
            const Index point = i / t.taps, last = (point + 1) * t.taps,
                        to = last < end ? last : end;
            inGroups<Real, 4>(t.channels, [&](auto group, Index c) {
                sumSamples<decltype(group)>(s, i - first, to - first, t.image + c,
                                            i > point * t.taps, output + point * t.ld + c);
            });
            i = to;
        }
    }
}

}  // namespace
}  // namespace dcn4j::cpu
