// Rows of a gradient that only some samples add to: set to zero as far as these reach.
//
// Micro-kernels include this; everything has internal linkage.
#pragma once

#include "micro_kernels.h"

namespace dcn4j::cpu {
namespace {

/// Extends the rows that are set, of `ld` numbers each, by zeros as far as `reached`.
template <class Real>
inline void extendSetRows(Real* rows, Index ld, RowSpan& set, const RowSpan& reached) {
    if (reached.first >= reached.end) return;
    if (set.first >= set.end) set = {reached.first, reached.first};
    for (Index i = reached.first * ld; i < set.first * ld; ++i) rows[i] = 0;
    for (Index i = set.end * ld; i < reached.end * ld; ++i) rows[i] = 0;
    set = {reached.first < set.first ? reached.first : set.first,
           reached.end < set.end ? set.end : reached.end};
}

}  // namespace
}  // namespace dcn4j::cpu
