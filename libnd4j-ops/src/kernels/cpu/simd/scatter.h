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

/// The backward pass over the numbers `i` .. `end` of a sample's row, in vectors of one width.
template <Weighted Which, class V, class Real>
inline Index scatterRow(const ScatterTile<Real>& t, const PlannedSample<Real>& s, Index i,
                        Index end, const Real* gradColumn, Real* column, V (&dot)[Corners]) {
    constexpr int corners = Which == Weighted::TopLeftOnly ? 1 : Corners;
    const CornerRows<Real> rows(s, t.imageLd);
    const Real* from[corners];
    Real* to[corners];
    V weight[corners];
    for (int c = 0; c < corners; ++c) {
        from[c] = t.image + rows.at[c];
        to[c] = t.gradImage + rows.at[c];
        weight[c] = broadcast<V>(s.weight[c]);
    }
    const V modulation = broadcast<V>(s.modulation);
    const Index channels = t.channels;
    for (; i < end; i += lanesOf<V>) {
        V grad = load<V>(gradColumn + i);
        if constexpr (sizeof(V) == 16) {
            // What pads the row is no channel's gradient.
            grad = laneNumbers<V>() < broadcast<V>(static_cast<Real>(channels - i)) ? grad : V{};
        }
        V value{};
        DCN4J_UNROLL for (int c = 0; c < corners; ++c) {
            const V pixel = inRegister(load<V>(from[c] + i));
            dot[c] = multiplyAdd(grad, pixel, dot[c]);
            if (Which != Weighted::None) value = multiplyAdd(weight[c], pixel, value);
        }
        store<V>(column + i, value * modulation);
        if (Which == Weighted::None) continue;
        const V modulated = grad * modulation;
        DCN4J_UNROLL for (int c = 0; c < corners; ++c) {
            // A corner of weight zero is no part of the sum: an infinite gradient must not reach
            // it.
            if (Which == Weighted::Some && s.weight[c] == 0) continue;
            store<V>(to[c] + i, multiplyAdd(weight[c], modulated, load<V>(to[c] + i)));
        }
    }
    return i;
}

/// The backward pass over one sample: its column, the gradients of its corners, and those of the
/// sample itself, [3] `points` apart.
template <Weighted Which, class Real>
inline void scatterSample(const ScatterTile<Real>& t, const PlannedSample<Real>& s,
                          const Real* gradColumn, Real* column, Real* gradSample) {
    using V = Vector<Real>;
    Vector16<Real> dots[Corners] = {};
    Index i = 0;
    if (t.channels >= lanesOf<V>) {
        V wide[Corners] = {};
        i = scatterRow<Which>(t, s, 0, t.channels / lanesOf<V> * lanesOf<V>, gradColumn, column,
                              wide);
        for (int c = 0; c < Corners; ++c) dots[c] = horizontalSum(wide[c]);
    }
    if (i < t.channels) scatterRow<Which>(t, s, i, t.channels, gradColumn, column, dots);
    Real dot[Corners], gradModulation = 0;
    sums(dots, dot);
    if (Which == Weighted::None) {
        // Of a sample outside, the top left corner is: its pixel is zero, and the sum is zero or,
        // where a gradient is not finite, NaN. So is the product with the sample's value.
        gradModulation = dot[TopLeft];
    } else {
        for (int c = 0; c < Corners; ++c) gradModulation += s.weight[c] * dot[c];
    }
    gradSample[0] = s.modulation * slopeY(s, dot);
    gradSample[t.points] = s.modulation * slopeX(s, dot);
    gradSample[2 * t.points] = gradModulation;
}

template <class Real>
void scatter(const ScatterTile<Real>& tile) {
    // A copy: for all the compiler knows, stores to the gradients could change the caller's.
    const ScatterTile<Real> t = tile;
    const Index entries =  // of a tap
        (t.channels + rowAlignment<Real> - 1) / rowAlignment<Real> * rowAlignment<Real>;
    const PlannedSample<Real>* sample = t.samples;
    for (Index point = 0; point < t.points; ++point) {
        const Real* gradColumn = t.gradColumn + point * t.columnLd;
        Real* column = t.column + point * t.columnLd;
        for (Index tap = 0; tap < t.taps; ++tap, ++sample) {
            const PlannedSample<Real>& s = *sample;
            Real* gradSample = t.gradSamples + tap * 3 * t.points + point;
            if (s.place == AtPixel) {
                scatterSample<Weighted::TopLeftOnly>(t, s, gradColumn, column, gradSample);
            } else if (s.place == Outside) {
                scatterSample<Weighted::None>(t, s, gradColumn, column, gradSample);
            } else if (s.weight[TopLeft] != 0 && s.weight[TopRight] != 0 &&
                       s.weight[BottomLeft] != 0 && s.weight[BottomRight] != 0) {
                scatterSample<Weighted::All>(t, s, gradColumn, column, gradSample);
            } else {
                scatterSample<Weighted::Some>(t, s, gradColumn, column, gradSample);
            }
            gradColumn += entries;
            column += entries;
        }
    }
}

}  // namespace
}  // namespace dcn4j::cpu

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#pragma GCC pop_options
#endif
