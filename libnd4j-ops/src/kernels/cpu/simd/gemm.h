// c = a * b (+ c): a tile of totals stays in registers while entries of `a` are broadcast and a
// panel of `b` streams past.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "micro_kernels.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

// The registers of a product tile: `Rows` rows of `panelVectors` vectors.
constexpr int gemmRows = DCN4J_GEMM_ROWS;
constexpr int panelVectors = 2;

template <class Real, int Rows>
inline void gemmTile(Index depth, const Real* a, Index aRowStride, Index aDepthStride,
                     const Real* b, Index ldb, Real* c, Index ldc, bool accumulate) {
    using V = Vector<Real>;
    constexpr Index lanes = lanesOf<V>;
    V total[Rows][panelVectors];
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
        total[row][0] = total[row][1] = V{};
        // The row that the totals are added to, or written: it arrives while they are summed.
        __builtin_prefetch(c + row * ldc, 1);
    }
    for (Index k = 0; k < depth; ++k) {
        const V b0 = load<V>(b), b1 = load<V>(b + lanes);
        DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
            const V factor = broadcast<V>(a[row * aRowStride]);
            total[row][0] = multiplyAdd(factor, b0, total[row][0]);
            total[row][1] = multiplyAdd(factor, b1, total[row][1]);
        }
        a += aDepthStride;
        b += ldb;
    }
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
        Real* out = c + row * ldc;
        store(out, accumulate ? load<V>(out) + total[row][0] : total[row][0]);
        store(out + lanes, accumulate ? load<V>(out + lanes) + total[row][1] : total[row][1]);
    }
}

template <class Real, int Rows>
inline void gemmRest(Index rows, Index depth, const Real* a, Index aRowStride, Index aDepthStride,
                     const Real* b, Index ldb, Real* c, Index ldc, bool accumulate) {
    if constexpr (Rows > 0) {
        if (rows == Rows) {
            gemmTile<Real, Rows>(depth, a, aRowStride, aDepthStride, b, ldb, c, ldc, accumulate);
        } else {
            gemmRest<Real, Rows - 1>(rows, depth, a, aRowStride, aDepthStride, b, ldb, c, ldc,
                                     accumulate);
        }
    }
}

template <class Real>
void gemm(Index rows, Index columns, Index depth, const Factor<Real>& a, const Panels<Real>& b,
          Real* c, Index ldc, bool accumulate) {
    constexpr Index panelWidth = panelVectors * lanesOf<Vector<Real>>;
    for (Index first = 0, panel = 0; first < columns; first += panelWidth, ++panel) {
        const Real* bPanel = b.data + panel * b.panelStride;
        Index row = 0;
        for (; row + gemmRows <= rows; row += gemmRows) {
            gemmTile<Real, gemmRows>(depth, a.data + row * a.rowStride, a.rowStride, a.depthStride,
                                     bPanel, b.rowStride, c + row * ldc + first, ldc, accumulate);
        }
        gemmRest<Real, gemmRows - 1>(rows - row, depth, a.data + row * a.rowStride, a.rowStride,
                                     a.depthStride, bPanel, b.rowStride, c + row * ldc + first, ldc,
                                     accumulate);
    }
}

}  // namespace
}  // namespace dcn4j::cpu
