// to[column][row] = from[row][column], in squares of as many vectors as they have lanes.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "vectors.h"

namespace dcn4j::cpu {
namespace {

template <class Real>
void transpose(Index rows, Index columns, const Real* from, Index ldFrom, Real* to, Index ldTo) {
    using V = Vector<Real>;
    constexpr Index lanes = lanesOf<V>;
    Index column = 0;
    for (; column + lanes <= columns; column += lanes) {
        Index row = 0;
        for (; row + lanes <= rows; row += lanes) {
            V v[lanes];
            DCN4J_UNROLL for (Index i = 0; i < lanes; ++i) {
                v[i] = load<V>(from + (row + i) * ldFrom + column);
            }
            transposeSquare<lanes / 2>(v);
            DCN4J_UNROLL for (Index i = 0; i < lanes; ++i) {
                store(to + (column + i) * ldTo + row, v[i]);
            }
        }
        for (; row < rows; ++row) {
            for (Index i = column; i < column + lanes; ++i) {
                to[i * ldTo + row] = from[row * ldFrom + i];
            }
        }
    }
    for (; column < columns; ++column) {
        for (Index row = 0; row < rows; ++row) {
            to[column * ldTo + row] = from[row * ldFrom + column];
        }
    }
}

}  // namespace
}  // namespace dcn4j::cpu
