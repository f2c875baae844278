// The products of a backward pass whose groups are lanes: the inputs of a group meet its outputs
// within the lane. Bound by loads and stores of the column tile.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "groups.h"
#include "micro_kernels.h"

namespace dcn4j::cpu {
namespace {

template <class Real>
void lanesToColumn(const LaneTile<Real>& tile, const Real* weights, Real* gradColumn) {
    const LaneTile<Real> t = tile;
    for (Index point = 0; point < t.points; ++point) {
        const Real* grad = t.gradOutput + point * t.outLd;
        for (Index entry = 0; entry < t.entries; ++entry) {
            const Real* w = weights + entry * t.outputs * t.lanes;
            Real* to = gradColumn + point * t.columnLd + entry * t.lanes;
            inGroups<Real, 1>(t.lanes, [&](auto group, Index i) {
                using V = typename decltype(group)::Vector;
                V sum{};
                for (Index o = 0; o < t.outputs; ++o) {
                    sum = multiplyAdd(load<V>(w + o * t.lanes + i), load<V>(grad + o * t.lanes + i),
                                      sum);
                }
                store<V>(to + i, sum);
            });
        }
    }
}

/// Adds what `Points` points give.
template <int Points, class Real>
inline void addPoints(const LaneTile<Real>& t, Index point, const Real* column, Real* gradWeights) {
    column += point * t.columnLd;
    for (Index entry = 0; entry < t.entries; ++entry, column += t.lanes) {
        for (Index o = 0; o < t.outputs; ++o, gradWeights += t.lanes) {
            const Real* grad = t.gradOutput + point * t.outLd + o * t.lanes;
            inGroups<Real, 1>(t.lanes, [&](auto group, Index i) {
                using V = typename decltype(group)::Vector;
                V sum = load<V>(gradWeights + i);
                DCN4J_UNROLL for (int p = 0; p < Points; ++p) {
                    sum = multiplyAdd(load<V>(grad + p * t.outLd + i),
                                      load<V>(column + p * t.columnLd + i), sum);
                }
                store<V>(gradWeights + i, sum);
            });
        }
    }
}

template <class Real>
void lanesToWeights(const LaneTile<Real>& tile, const Real* column, Real* gradWeights) {
    const LaneTile<Real> t = tile;
    Index point = 0;
    for (; point + 4 <= t.points; point += 4) addPoints<4>(t, point, column, gradWeights);
    for (; point < t.points; ++point) addPoints<1>(t, point, column, gradWeights);
}

}  // namespace
}  // namespace dcn4j::cpu
