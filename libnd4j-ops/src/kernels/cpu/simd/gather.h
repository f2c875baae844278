// Samples as rows of a column tile: four rows of the image, weighted, summed and modulated.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "corner_rows.h"

namespace dcn4j::cpu {
namespace {

/// The sample's values from number `i` of its rows on: so many vectors of this width, or as many as
/// there are.
template <class V, int Vectors, class Real>
inline Index gatherRow(const GatherTile<Real>& t, const PlannedSample<Real>& s, Real* out,
                       Index i) {
    const CornerRows<Real> rows(s, t.imageLd);
    const Real* const topLeft = t.image + rows.at[TopLeft];
    const auto forEach = [&](auto action) {
        // In a local variable: for all the compiler knows, stores to the column could change it.
        const Index channels = t.channels;
        return forEachVector<V, Vectors>(i, channels, action);
    };
    if (__builtin_expect(s.place == Between, true)) {
        const Real* const topRight = t.image + rows.at[TopRight];
        const Real* const bottomLeft = t.image + rows.at[BottomLeft];
        const Real* const bottomRight = t.image + rows.at[BottomRight];
        V weight[Corners];
        spread(s.weight, weight);
        const V modulation = broadcast<V>(s.modulation);
        return forEach([&](Index at) {
            V value = weight[TopLeft] * load<V>(topLeft + at);
            value = multiplyAdd(weight[TopRight], load<V>(topRight + at), value);
            value = multiplyAdd(weight[BottomLeft], load<V>(bottomLeft + at), value);
            value = multiplyAdd(weight[BottomRight], load<V>(bottomRight + at), value);
            store<V>(out + at, value * modulation);
        });
    }
    if (s.place == AtPixel) {
        const V modulation = broadcast<V>(s.modulation);
        return forEach([&](Index at) { store<V>(out + at, load<V>(topLeft + at) * modulation); });
    }
    const V outside = V{} * s.modulation;  // NaN if the modulation is
    return forEach([&](Index at) { store<V>(out + at, outside); });
}

/// The samples of a tile whose rows are so many vectors, or, if 0, any.
template <int Vectors, class Real>
inline void gatherRows(const GatherTile<Real>& tile) {
    using V = Vector<Real>;
    const GatherTile<Real> t = tile;
    const PlannedSample<Real>* sample = t.samples;
    for (Index point = 0; point < t.points; ++point) {
        Real* out = t.column + point * t.columnLd;
        for (Index tap = 0; tap < t.taps; ++tap, ++sample, out += t.channels) {
            Index i = 0;
            if (Vectors > 0 || t.channels >= lanesOf<V>) {
                i = gatherRow<V, Vectors>(t, *sample, out, i);
            }
            if (Vectors == 0 && i < t.channels) {
                gatherRow<Vector16<Real>, 0>(t, *sample, out, i);
            }
            // Zero times infinity must not reach the products.
            if (t.padding > 0 && sample->modulation - sample->modulation != 0) {
                for (Index c = t.channels - t.padding; c < t.channels; ++c) out[c] = 0;
            }
        }
    }
}

template <class Real>
void gather(const GatherTile<Real>& tile) {
    withRowVectors<Vector<Real>>(tile.channels, [&](auto vectors) { gatherRows<vectors()>(tile); });
}

}  // namespace
}  // namespace dcn4j::cpu
