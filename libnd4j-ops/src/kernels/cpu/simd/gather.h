// Samples as rows of a column tile: four rows of the image, weighted, summed and modulated.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "corner_rows.h"

namespace dcn4j::cpu {
namespace {

/// The sample's values from number `i` of its rows on, as far as vectors of this width go.
template <class V, class Real>
inline Index gatherRow(const GatherTile<Real>& t, const PlannedSample<Real>& s, Real* out,
                       Index i) {
    // In a local variable: for all the compiler knows, stores to the column could change the tile.
    const Index channels = t.channels;
    const CornerRows<Real> rows(s, t.imageLd);
    const Real* const topLeft = t.image + rows.at[TopLeft];
    if (s.place == Between) {
        const Real* const topRight = t.image + rows.at[TopRight];
        const Real* const bottomLeft = t.image + rows.at[BottomLeft];
        const Real* const bottomRight = t.image + rows.at[BottomRight];
        const V w0 = broadcast<V>(s.weight[TopLeft]), w1 = broadcast<V>(s.weight[TopRight]);
        const V w2 = broadcast<V>(s.weight[BottomLeft]), w3 = broadcast<V>(s.weight[BottomRight]);
        const V modulation = broadcast<V>(s.modulation);
        for (; i + lanesOf<V> <= channels; i += lanesOf<V>) {
            V value = w0 * load<V>(topLeft + i);
            value = multiplyAdd(w1, load<V>(topRight + i), value);
            value = multiplyAdd(w2, load<V>(bottomLeft + i), value);
            value = multiplyAdd(w3, load<V>(bottomRight + i), value);
            store<V>(out + i, value * modulation);
        }
    } else if (s.place == AtPixel) {
        const V modulation = broadcast<V>(s.modulation);
        for (; i + lanesOf<V> <= channels; i += lanesOf<V>) {
            store<V>(out + i, load<V>(topLeft + i) * modulation);
        }
    } else {
        const V outside = V{} * s.modulation;  // NaN if the modulation is
        for (; i + lanesOf<V> <= channels; i += lanesOf<V>) store<V>(out + i, outside);
    }
    return i;
}

/// The samples of a tile whose rows are whole vectors, or end with some of 16 bytes.
template <bool WholeVectors, class Real>
inline void gatherRows(const GatherTile<Real>& tile) {
    const GatherTile<Real> t = tile;
    constexpr Index lanes = lanesOf<Vector<Real>>;
    const Index whole = t.channels / lanes * lanes;
    const PlannedSample<Real>* sample = t.samples;
    for (Index point = 0; point < t.points; ++point) {
        Real* out = t.column + point * t.columnLd;
        for (Index tap = 0; tap < t.taps; ++tap, ++sample, out += t.channels) {
            if (WholeVectors || whole > 0) gatherRow<Vector<Real>>(t, *sample, out, 0);
            if (!WholeVectors) gatherRow<Vector16<Real>>(t, *sample, out, whole);
            // Zero times infinity must not reach the products.
            if (t.padding > 0 && sample->modulation - sample->modulation != 0) {
                for (Index c = t.channels - t.padding; c < t.channels; ++c) out[c] = 0;
            }
        }
    }
}

template <class Real>
void gather(const GatherTile<Real>& tile) {
    if (tile.channels % lanesOf<Vector<Real>> == 0) {
        gatherRows<true>(tile);
    } else {
        gatherRows<false>(tile);
    }
}

}  // namespace
}  // namespace dcn4j::cpu
