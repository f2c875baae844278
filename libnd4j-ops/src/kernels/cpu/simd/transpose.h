// to[column][row] = from[row][column], in squares of as many vectors as they have lanes.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "vectors.h"

namespace dcn4j::cpu {
namespace {

/// Transposes the squares of vectors `V` among the rows and columns, and leaves the rest to the
/// shorter ones.
template <class V, class Real>
inline void transposeSquares(Index rows, Index columns, const Real* from, Index ldFrom, Real* to,
                             Index ldTo) {
    constexpr Index lanes = lanesOf<V>;
    const Index wholeRows = rows / lanes * lanes, wholeColumns = columns / lanes * lanes;
    for (Index column = 0; column < wholeColumns; column += lanes) {
        for (Index row = 0; row < wholeRows; row += lanes) {
            V v[lanes];
            DCN4J_UNROLL for (Index i = 0; i < lanes; ++i) {
                v[i] = load<V>(from + (row + i) * ldFrom + column);
            }
            transposeSquare<lanes / 2>(v);
            DCN4J_UNROLL for (Index i = 0; i < lanes; ++i) {
                store(to + (column + i) * ldTo + row, v[i]);
            }
        }
    }
    const auto rest = [&](Index row, Index endRow, Index column, Index endColumn) {
        if (row == endRow || column == endColumn) return;
        const Real* restFrom = from + row * ldFrom + column;
        Real* restTo = to + column * ldTo + row;
        if constexpr (sizeof(V) > 16) {
            transposeSquares<Vector16<Real>>(endRow - row, endColumn - column, restFrom, ldFrom,
                                             restTo, ldTo);
        } else {
            for (; column < endColumn; ++column, ++restFrom, restTo += ldTo) {
                for (Index i = 0; i < endRow - row; ++i) restTo[i] = restFrom[i * ldFrom];
            }
        }
    };
    rest(wholeRows, rows, 0, wholeColumns);
    rest(0, rows, wholeColumns, columns);
}

template <class Real>
void transpose(Index rows, Index columns, const Real* from, Index ldFrom, Real* to, Index ldTo) {
    transposeSquares<Vector<Real>>(rows, columns, from, ldFrom, to, ldTo);
}

}  // namespace
}  // namespace dcn4j::cpu
