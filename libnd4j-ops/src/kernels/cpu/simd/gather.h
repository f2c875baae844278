// Samples as rows of a column tile: four rows of the image, weighted, summed and modulated.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "corner_rows.h"

namespace dcn4j::cpu {
namespace {

/// The sample's values from number `i` of its rows on, as far as vectors of this width go.
template <class V, class Real>
inline Index gatherRow(const PlannedSample<Real>& s, const Real* image, Real* out, Index i,
                       Index paddedChannels) {
    const CornerRows<Real> rows(s, paddedChannels);
    const Real* const topLeft = image + rows.at[TopLeft];
    if (s.place == Between) {
        const Real* const topRight = image + rows.at[TopRight];
        const Real* const bottomLeft = image + rows.at[BottomLeft];
        const Real* const bottomRight = image + rows.at[BottomRight];
        const V w0 = broadcast<V>(s.weight[TopLeft]), w1 = broadcast<V>(s.weight[TopRight]);
        const V w2 = broadcast<V>(s.weight[BottomLeft]), w3 = broadcast<V>(s.weight[BottomRight]);
        const V modulation = broadcast<V>(s.modulation);
        for (; i + lanesOf<V> <= paddedChannels; i += lanesOf<V>) {
            V value = w0 * load<V>(topLeft + i);
            value += w1 * load<V>(topRight + i);
            value += w2 * load<V>(bottomLeft + i);
            value += w3 * load<V>(bottomRight + i);
            store<V>(out + i, value * modulation);
        }
    } else if (s.place == AtPixel) {
        const V modulation = broadcast<V>(s.modulation);
        for (; i + lanesOf<V> <= paddedChannels; i += lanesOf<V>) {
            store<V>(out + i, load<V>(topLeft + i) * modulation);
        }
    } else {
        const V outside = V{} * s.modulation;  // NaN if the modulation is
        for (; i + lanesOf<V> <= paddedChannels; i += lanesOf<V>) store<V>(out + i, outside);
    }
    return i;
}

template <class Real>
void gather(Index points, Index taps, Index paddedChannels, const PlannedSample<Real>* samples,
            const Real* image, Real* column, Index ld) {
    const Index whole = paddedChannels / lanesOf<Vector<Real>> * lanesOf<Vector<Real>>;
    for (Index point = 0; point < points; ++point) {
        Real* out = column + point * ld;
        for (Index tap = 0; tap < taps; ++tap, ++samples, out += paddedChannels) {
            if (whole > 0) gatherRow<Vector<Real>>(*samples, image, out, 0, paddedChannels);
            if (whole < paddedChannels) {
                gatherRow<Vector16<Real>>(*samples, image, out, whole, paddedChannels);
            }
        }
    }
}

}  // namespace
}  // namespace dcn4j::cpu
