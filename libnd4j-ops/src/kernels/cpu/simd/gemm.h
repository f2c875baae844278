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
/// Steps of depth a turn of the loop: on Zen 4 two of 512 bits run 4 % faster than one; of shorter
/// vectors one is best.
constexpr int gemmSteps = DCN4J_VECTOR_BYTES == 64 ? 2 : 1;
/// The last steps of depth go row by row, so that each row is stored while others are multiplied:
/// stores that wait for all totals together take 4 % of a product of depth 64 (Zen 4).
constexpr int gemmLastSteps = DCN4J_VECTOR_BYTES == 64 ? 4 : 2;
/// Tiles of 512 bits are functions of their own, and half as many rows twice follow where few would
/// be left: 2 % of a backward pass. With shorter vectors a backward pass of small maps on two
/// threads (Zen 4) would take 5 to 9 % longer.
#if DCN4J_VECTOR_BYTES == 64
#define DCN4J_GEMM_TILE __attribute__((noinline))
constexpr bool gemmHalves = true;
#else
#define DCN4J_GEMM_TILE inline
constexpr bool gemmHalves = false;
#endif

/// The factors of a tile of totals, the totals, and how far apart their numbers are.
template <class Real>
struct GemmTile {
    Index depth;
    const Real* a;
    Index aRowStride, aDepthStride;
    const Real* b;
    Index ldb;
    Real* c;
    Index ldc;
    bool accumulate;
    Index segments, segmentStride;  ///< of a Segmented tile's rows
};

template <bool Segmented, int Rows, int Vectors, class Real>
DCN4J_GEMM_TILE void gemmTile(const GemmTile<Real>& t) {
    using V = Vector<Real>;
    constexpr Index lanes = lanesOf<V>;
    const Real *a = t.a, *b = t.b;
    const Index aRowStride = t.aRowStride, aDepthStride = t.aDepthStride, ldb = t.ldb;
    V total[Rows][Vectors];
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
        DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) total[row][v] = V{};
        // The row that the totals are added to, or written: it arrives while they are summed.
        DCN4J_UNROLL for (Index at = 0; at < Vectors * lanes; at += 64 / sizeof(Real)) {
            __builtin_prefetch(t.c + row * t.ldc + at, 1);
        }
    }
    const auto multiply = [&](int row, const Real* at, const V(&column)[Vectors]) {
        const V factor = broadcast<V>(at[row * aRowStride]);
        DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) {
            total[row][v] = multiplyAdd(factor, column[v], total[row][v]);
        }
    };
    const auto steps = [&](Index depth) {
        const auto step = [&] {
            V column[Vectors];
            DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) column[v] = load<V>(b + v * lanes);
            DCN4J_UNROLL for (int row = 0; row < Rows; ++row) multiply(row, a, column);
            a += aDepthStride;
            b += ldb;
        };
        Index k = 0;
        for (; k + gemmSteps <= depth; k += gemmSteps) {
            DCN4J_UNROLL for (int i = 0; i < gemmSteps; ++i) step();
        }
        if constexpr (gemmSteps > 1) {
            for (; k < depth; ++k) step();
        }
    };
    const auto finish = [&](int row) {
        DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) {
            Real* out = t.c + row * t.ldc + v * lanes;
            store(out, t.accumulate ? load<V>(out) + total[row][v] : total[row][v]);
        }
    };
    if constexpr (Segmented) {
        const Real* segment = a;
        for (Index s = 0; s < t.segments; ++s, segment += t.segmentStride) {
            a = segment;
            steps(t.depth);
        }
    } else if (t.depth >= gemmLastSteps) {
        steps(t.depth - gemmLastSteps);
        V column[gemmLastSteps][Vectors];
        DCN4J_UNROLL for (int i = 0; i < gemmLastSteps; ++i) {
            DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) {
                column[i][v] = load<V>(b + i * ldb + v * lanes);
            }
        }
        DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
            DCN4J_UNROLL for (int i = 0; i < gemmLastSteps; ++i) {
                multiply(row, a + i * aDepthStride, column[i]);
            }
            finish(row);
        }
        return;
    } else {
        steps(t.depth);
    }
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) finish(row);
}

template <bool Segmented, int Rows, int Vectors, class Real>
inline void gemmRest(Index rows, const GemmTile<Real>& t) {
    if constexpr (Rows > 0) {
        if (rows == Rows) {
            gemmTile<Segmented, Rows, Vectors>(t);
        } else {
            gemmRest<Segmented, Rows - 1, Vectors>(rows, t);
        }
    }
}

/// The rows of one panel's columns, of which the first `Vectors` vectors are wanted.
template <bool Segmented, int Vectors, class Real>
inline void gemmPanel(Index rows, GemmTile<Real> t) {
    const Index left = rows % gemmRows;
    const bool halves = gemmHalves && rows > gemmRows && left > 0 && left <= gemmRows / 2;
    const Index whole = halves ? 2 * gemmRows : gemmRows;
    for (; rows >= whole; rows -= gemmRows) {
        gemmTile<Segmented, gemmRows, Vectors>(t);
        t.a += gemmRows * t.aRowStride;
        t.c += gemmRows * t.ldc;
    }
    if (halves) {
        const Index half = (rows + 1) / 2;
        gemmRest<Segmented, gemmRows - 1, Vectors>(half, t);
        t.a += half * t.aRowStride;
        t.c += half * t.ldc;
        rows -= half;
    }
    gemmRest<Segmented, gemmRows - 1, Vectors>(rows, t);
}

/// All panels of `b`.
template <bool Segmented, class Real>
inline void gemmPanels(Index rows, Index columns, GemmTile<Real> t, Index panelStride) {
    constexpr Index lanes = lanesOf<Vector<Real>>;
    for (; columns > 0; columns -= panelVectors * lanes) {
        if (columns > lanes) {
            gemmPanel<Segmented, panelVectors>(rows, t);
        } else {
            gemmPanel<Segmented, 1>(rows, t);
        }
        t.b += panelStride;
        t.c += panelVectors * lanes;
    }
}

template <class Real>
void gemm(Index rows, Index columns, Index depth, const Factor<Real>& a, const Panels<Real>& b,
          Real* c, Index ldc, bool accumulate) {
    gemmPanels<false, Real>(
        rows, columns,
        {depth, a.data, a.rowStride, a.depthStride, b.data, b.rowStride, c, ldc, accumulate, 1, 0},
        b.panelStride);
}

template <class Real>
void gemmSegments(Index rows, Index columns, const Segments<Real>& a, const Panels<Real>& b,
                  Real* c, Index ldc) {
    gemmPanels<true, Real>(
        rows, columns,
        {a.depth, a.data, a.rowStride, 1, b.data, b.rowStride, c, ldc, false, a.count, a.stride},
        b.panelStride);
}

}  // namespace
}  // namespace dcn4j::cpu
