// Where a sample's corners lie in a packed image.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "micro_kernels.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

/// Where the rows of the four corners of a sample begin.
template <class Real>
struct CornerRows {
    Index at[Corners];

    CornerRows(const PlannedSample<Real>& s, Index paddedChannels) {
        for (int c = 0; c < Corners; ++c) at[c] = static_cast<Index>(s.pixel[c]) * paddedChannels;
    }
};

/// Calls `action(vectors)` with the number of vectors of V, a constant, that a row of so many
/// numbers is made up of, if it is of 128 or 256 bytes (32 or 64 floats): what is done with it is
/// straight code then, a tenth to a fifth faster than a loop. Otherwise the constant is 0.
template <class V, class Action>
inline void withRowVectors(Index channels, Action action) {
    constexpr int few = 128 / sizeof(V);
    if (channels == few * lanesOf<V>) {
        action(std::integral_constant<int, few>());
    } else if (channels == 2 * few * lanesOf<V>) {
        action(std::integral_constant<int, 2 * few>());
    } else {
        action(std::integral_constant<int, 0>());
    }
}

/// Calls `action(i)` for the numbers `i`, so many vectors from `first` on; as many as fit before
/// `end` if there are 0. Returns the first number that is left.
template <class V, int Vectors, class Action>
inline Index forEachVector(Index first, Index end, Action action) {
    Index i = first;
    if constexpr (Vectors > 0) {
        DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) action(i + v * lanesOf<V>);
        return i + Vectors * lanesOf<V>;
    }
    for (; i + lanesOf<V> <= end; i += lanesOf<V>) action(i);
    return i;
}

}  // namespace
}  // namespace dcn4j::cpu
