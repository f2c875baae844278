// Weighted sums of samples that lie anywhere: what DCNv3 and attention are. A sample is used for
// the channels of one group only, often 16 or 32, so that planning it weighs as much as summing:
// corners and weights stay where the lanes of the sampling rule leave them, the modulation is a
// factor of the weights, and a sample outside, whose rows are zeros, needs no branch. Bound by the
// loads of four rows a sample.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "../../sampling/product.h"
#include "groups.h"
#include "micro_kernels.h"
#include "plan.h"

namespace dcn4j::cpu {
namespace {

template <class Real>
using PixelLanes = Vector<decltype(PlannedSample<Real>::place)>;

/// Parts numbers that come in pairs.
template <class V, std::size_t... Lane>
inline void partPairs(const V& a, const V& b, V& first, V& second, std::index_sequence<Lane...>) {
    first = __builtin_shufflevector(a, b, (2 * Lane)...);
    second = __builtin_shufflevector(a, b, (2 * Lane + 1)...);
}

/// Calls `action(i, location)` for as many samples from number `i` on as a vector has lanes, of the
/// samples `first` .. `end`; their pixels are numbers of rows, and so is the third argument, that
/// of zeros.
template <class Real, class Action>
inline void locateSamples(const AggregateSamples<Real>& s, Index first, Index end, Action action) {
    using V = Vector<Real>;
    using P = PixelLanes<Real>;
    constexpr std::size_t lanes = lanesOf<V>;
    const P step = broadcast<P>(s.pixelRows);
    for (Index i = first, j = first % s.period; i < end; i += lanes) {
        V x, y;
        partPairs(load<V>(s.location + 2 * i), load<V>(s.location + 2 * i + lanes), x, y,
                  std::make_index_sequence<lanes>());
        // As positionOf of aggregation_taps.h has it.
        x = load<V>(s.originX + i) + (load<V>(s.startX + j) + x) * load<V>(s.scaleX + j);
        y = load<V>(s.originY + i) + (load<V>(s.startY + j) + y) * load<V>(s.scaleY + j);
        const P height = load<P>(s.height + j), width = load<P>(s.width + j);
        auto at =
            locate<V, P>(y, x, height, width, Convert<V, P>::of(height), Convert<V, P>::of(width));
        const P base = load<P>(s.base + j);
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) at.pixel[c] = at.pixel[c] * step + base;
        action(i, at, height * width * step + base);
        j = j + static_cast<Index>(lanes) < s.period ? j + static_cast<Index>(lanes) : 0;
    }
}

/// One point's sums of a group of vectors from channel `i` on.
template <class G, class Real>
inline void sumSamples(const AggregateTile<Real>& t, Index first, Index i, Real* out) {
    using V = typename G::Vector;
    const Real* const image = t.image + i;
    V total[2][G::count] = {};  // two, so that additions wait for half as many
    for (Index s = first; s < first + t.taps; ++s) {
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
            const V weight = broadcast<V>(t.weights[c * t.cornerLd + s]);
            const Real* row = image + t.rows[c * t.cornerLd + s];
            DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
                total[c % 2][v] =
                    multiplyAdd(weight, load<V>(row + v * lanesOf<V>), total[c % 2][v]);
            }
        }
    }
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
        store<V>(out + i + v * lanesOf<V>, total[0][v] + total[1][v]);
    }
}

template <class Real>
void aggregate(const AggregateTile<Real>& tile) {
    using V = Vector<Real>;
    // A copy: for all the compiler knows, stores to the output could change the caller's.
    const AggregateTile<Real> t = tile;
    const auto ld =
        broadcast<PixelLanes<Real>>(static_cast<decltype(PlannedSample<Real>::place)>(t.imageLd));
    locateSamples(t.samples, 0, t.samples.count, [&](Index i, const auto& at, const auto& zeros) {
        const V modulation = load<V>(t.samples.weight + i);
        // One at -1 exactly is outside, though its derivative is not: its pixels count for nothing.
        DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
            store<V>(t.weights + c * t.cornerLd + i, at.weight[c] * modulation);
            store<PixelLanes<Real>>(t.rows + c * t.cornerLd + i,
                                    (at.between ? at.pixel[c] : zeros) * ld);
        }
    });
    for (Index point = 0; point < t.points; ++point) {
        inGroups<Real, 4>(t.channels, [&](auto group, Index i) {
            sumSamples<decltype(group)>(t, point * t.taps, i, t.output + point * t.outputLd);
        });
    }
}

}  // namespace
}  // namespace dcn4j::cpu
