// The backward pass over samples: their column again, the dot products of their gradients with the
// corners (for offset and mask), and the gradients of the corners.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "corner_rows.h"

// GCC 12 would store a row's last vectors once more after its loop: a tenth of a scatter.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#pragma GCC push_options
#pragma GCC optimize("no-move-loop-stores")
#endif

namespace dcn4j::cpu {
namespace {

/// Which corners of a sample may have a weight.
enum class Weighted { All, Some, TopLeftOnly, None };

/// The backward pass over numbers of a sample's row from `i` on: so many vectors of this width, or
/// as many as fit before `end`.
template <Weighted Which, class V, int Vectors, class Real>
inline Index scatterRow(const ScatterTile<Real>& t, const PlannedSample<Real>& s, Index i,
                        Index end, Real* column, V (&dot)[Corners]) {
    constexpr int corners = Which == Weighted::TopLeftOnly ? 1 : Corners;
    const CornerRows<Real> rows(s, t.imageLd);
    V weight[Corners];
    spread(s.weight, weight);
    const V modulation = broadcast<V>(s.modulation);
    const Index channels = t.channels;
    const auto pass = [&](const Real* image, Real* gradImage, Index first) {
        V grad = load<V>(column + first);
        if constexpr (sizeof(V) == 16) {
            // What pads the row is no channel's gradient.
            grad =
                laneNumbers<V>() < broadcast<V>(static_cast<Real>(channels - first)) ? grad : V{};
        }
        V value{};
        DCN4J_UNROLL for (int c = 0; c < corners; ++c) {
            const V pixel = inRegister(load<V>(image + rows.at[c]));
            dot[c] = multiplyAdd(grad, pixel, dot[c]);
            if (Which != Weighted::None) value = multiplyAdd(weight[c], pixel, value);
        }
        store<V>(column + first, value * modulation);
        if (Which == Weighted::None) return;
        const V modulated = grad * modulation;
        DCN4J_UNROLL for (int c = 0; c < corners; ++c) {
            // A corner of weight zero is no part of the sum: an infinite gradient must not reach
            // it.
            if (Which == Weighted::Some && s.weight[c] == 0) continue;
            Real* const to = gradImage + rows.at[c];
            store<V>(to, multiplyAdd(weight[c], modulated, load<V>(to)));
        }
    };
    if constexpr (Vectors > 0) {
        DCN4J_UNROLL for (Index v = 0; v < Vectors * lanesOf<V>; v += lanesOf<V>) {
            pass(t.image + v, t.gradImage + v, v);
        }
        return Vectors * lanesOf<V>;
    }
    // Two pointers that move, and not one for each corner of each image: they would be more than
    // there are registers.
    const Real* image = t.image + i;
    Real* gradImage = t.gradImage + i;
    for (; i < end; i += lanesOf<V>, image += lanesOf<V>, gradImage += lanesOf<V>) {
        pass(image, gradImage, i);
    }
    return i;
}

/// The backward pass over one sample: its column, the gradients of its corners, and those of the
/// sample itself, [3] `points` apart.
template <Weighted Which, int Vectors, class Real>
inline void scatterSample(const ScatterTile<Real>& t, const PlannedSample<Real>& s, Real* column,
                          Real* gradSample) {
    using V = Vector<Real>;
    Quad<Real> dot{};
    Index i = 0;
    if (Vectors > 0 || t.channels >= lanesOf<V>) {
        V dots[Corners] = {};
        const Index whole = t.channels / lanesOf<V> * lanesOf<V>;
        i = scatterRow<Which, V, Vectors>(t, s, 0, whole, column, dots);
        dot = sumsOfLanes(dots);
    }
    if (Vectors == 0 && i < t.channels) {
        Vector16<Real> dots[Corners] = {};
        scatterRow<Which, Vector16<Real>, 0>(t, s, i, t.channels, column, dots);
        dot += sumsOfLanes(dots);
    }
    if constexpr (Which == Weighted::None) {
        // Of a sample outside, the top left corner is: its pixel is zero, and the sum is zero or,
        // where a gradient is not finite, NaN. So is the product with the sample's value.
        gradSample[2 * t.points] = dot[0];
    } else {
        const auto weighted = dot * load<Quad<Real>>(s.weight);
        gradSample[2 * t.points] = (weighted[0] + weighted[2]) + (weighted[1] + weighted[3]);
    }
    // Both slopes at once: along y is along x with two corners exchanged.
    const auto lanes = [&](int x, int y) { return Quad<Real>{dot[x], dot[y], dot[x], dot[y]}; };
    const Quad<Real> corners[Corners] = {lanes(TopLeft, TopLeft), lanes(TopRight, BottomLeft),
                                         lanes(BottomLeft, TopRight),
                                         lanes(BottomRight, BottomRight)};
    Sample<Quad<Real>> axes;
    axes.fractionY = Quad<Real>{s.fractionY, s.fractionX, s.fractionY, s.fractionX};
    const auto slopes = s.modulation * slopeX(axes, corners);
    gradSample[0] = slopes[1];
    gradSample[t.points] = slopes[0];
}

/// The samples of a tile whose rows are so many vectors, or, if 0, any.
template <int Vectors, class Real>
inline void scatterRows(const ScatterTile<Real>& tile) {
    // A copy: for all the compiler knows, stores to the gradients could change the caller's.
    const ScatterTile<Real> t = tile;
    const Index entries =  // of a tap
        (t.channels + rowAlignment<Real> - 1) / rowAlignment<Real> * rowAlignment<Real>;
    const PlannedSample<Real>* sample = t.samples;
    for (Index point = 0; point < t.points; ++point) {
        Real* column = t.column + point * t.columnLd;
        for (Index tap = 0; tap < t.taps; ++tap, ++sample) {
            const PlannedSample<Real>& s = *sample;
            Real* gradSample = t.gradSamples + tap * 3 * t.points + point;
            if (s.place == AtPixel) {
                scatterSample<Weighted::TopLeftOnly, Vectors>(t, s, column, gradSample);
            } else if (s.place == Outside) {
                scatterSample<Weighted::None, Vectors>(t, s, column, gradSample);
            } else if (allNonZero(s.weight)) {
                scatterSample<Weighted::All, Vectors>(t, s, column, gradSample);
            } else {
                scatterSample<Weighted::Some, Vectors>(t, s, column, gradSample);
            }
            column += entries;
        }
    }
}

template <class Real>
void scatter(const ScatterTile<Real>& tile) {
    withRowVectors<Vector<Real>>(tile.channels,
                                 [&](auto vectors) { scatterRows<vectors()>(tile); });
}

}  // namespace
}  // namespace dcn4j::cpu

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#pragma GCC pop_options
#endif
