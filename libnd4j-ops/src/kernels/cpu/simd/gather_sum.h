// Weighted sums over the taps of samples: what a depth-wise convolution has in the
// place of a matrix product. No column is written; the sums of a few vectors stay in registers over
// all taps. Bound by the loads of four rows a sample.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "corner_rows.h"
#include "groups.h"

namespace dcn4j::cpu {
namespace {

/// The modulated sample of a group of vectors.
template <class G, class Real>
inline void sampleGroup(const PlannedSample<Real>& s, const Real* image,
                        const CornerRows<Real>& rows, typename G::Vector (&value)[G::count]) {
    using V = typename G::Vector;
    if (s.place == Outside) {
        // NaN if the modulation is.
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) value[v] = V{} * s.modulation;
        return;
    }
    const int corners = s.place == AtPixel ? 1 : Corners;
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) value[v] = V{};
    DCN4J_UNROLL for (int c = 0; c < Corners; ++c) {
        if (c == corners) break;
        const V weight = broadcast<V>(s.weight[c]);
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            value[v] = multiplyAdd(weight, load<V>(image + rows.at[c] + v * lanesOf<V>), value[v]);
        }
    }
    const V modulation = broadcast<V>(s.modulation);
    DCN4J_UNROLL for (int v = 0; v < G::count; ++v) value[v] *= modulation;
}

/// One point's sums of the groups from `i` on, for `Outputs` of their outputs from `first` on.
template <class G, int Outputs, class Real>
inline void sumTaps(const GatherSumTile<Real>& t, const PlannedSample<Real>* samples, Index i,
                    Index first, Real* output) {
    using V = typename G::Vector;
    Real* const out = output + first * t.channels + i;
    V total[Outputs][G::count];
    DCN4J_UNROLL for (int o = 0; o < Outputs; ++o) {
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            total[o][v] = V{};
        }
    }
    const Real* weights = t.weights + first * t.channels + i;
    for (Index tap = 0; tap < t.taps; ++tap) {
        const CornerRows<Real> rows(samples[tap], t.imageLd);
        for (Index input = 0; input < t.inputs; ++input) {
            V value[G::count];
            sampleGroup<G>(samples[tap], t.image + input * t.channels + i, rows, value);
            DCN4J_UNROLL for (int o = 0; o < Outputs; ++o) {
                DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
                    total[o][v] = multiplyAdd(load<V>(weights + o * t.channels + v * lanesOf<V>),
                                              value[v], total[o][v]);
                }
            }
            weights += t.outputs * t.channels;
        }
    }
    DCN4J_UNROLL for (int o = 0; o < Outputs; ++o) {
        DCN4J_UNROLL for (int v = 0; v < G::count; ++v) {
            store(out + o * t.channels + v * lanesOf<V>, total[o][v]);
        }
    }
}

/// One point's sums, `Most` or fewer outputs of a group at a time.
template <int Most, class Real>
inline void sumPoint(const GatherSumTile<Real>& t, const PlannedSample<Real>* samples, Index first,
                     Real* output) {
    for (; first + Most <= t.outputs; first += Most) {
        inGroups<Real, Most == 1 ? 4 : 2>(t.channels, [&](auto group, Index i) {
            sumTaps<decltype(group), Most>(t, samples, i, first, output);
        });
    }
    if constexpr (Most > 1) sumPoint<Most / 2>(t, samples, first, output);
}

template <class Real>
void gatherSum(const GatherSumTile<Real>& t) {
    for (Index point = 0; point < t.points; ++point) {
        sumPoint<4>(t, t.samples + point * t.taps, 0, t.output + point * t.outputLd);
    }
}

}  // namespace
}  // namespace dcn4j::cpu
