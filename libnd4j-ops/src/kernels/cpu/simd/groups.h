// Channels of a row in groups of vectors that are worked on together.
//
// Compiled once per instruction set; everything has internal linkage.
#pragma once

#include "vectors.h"

namespace dcn4j::cpu {
namespace {

/// `Count` vectors that are worked on together.
template <class V, int Count>
struct Group {
    using Vector = V;
    static constexpr int count = Count;
    static constexpr Index numbers = Count * lanesOf<V>;
};

/// Calls `action(group, i)` for the largest group of at most `Count` vectors in i .. end, if any.
template <class V, int Count, class Action>
inline Index largestGroup(Index i, Index end, Action& action) {
    using Whole = Group<V, Count>;
    if (end - i >= Whole::numbers) {
        action(Whole{}, i);
        return i + Whole::numbers;
    }
    if constexpr (Count > 1) {
        return largestGroup<V, Count - 1>(i, end, action);
    } else {
        return i;
    }
}

/// Calls `action(group, i)` for groups of at most `Most` vectors that cover the channels. Only the
/// last 16 bytes hold more than channels: wider vectors are full of them.
template <class Real, int Most, class Action>
inline void inGroups(Index channels, Action action) {
    using V = Vector<Real>;
    using Q = Vector16<Real>;
    const Index end = (channels + lanesOf<Q> - 1) / lanesOf<Q> * lanesOf<Q>;
    Index i = 0;
    if constexpr (sizeof(V) > sizeof(Q)) {
        while (channels - i >= lanesOf<V>) i = largestGroup<V, Most>(i, channels, action);
    }
    while (i < end) i = largestGroup<Q, Most>(i, end, action);
}

}  // namespace
}  // namespace dcn4j::cpu
