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
    Index segments = 1, segmentStride = 0;
};

template <int Rows, int Vectors, class Real>
DCN4J_GEMM_TILE void gemmTile(const GemmTile<Real>& t) {
    using V = Vector<Real>;
    constexpr Index lanes = lanesOf<V>;
    const Real *segment = t.a, *a = segment, *b = t.b;
    const Index aRowStride = t.aRowStride, aDepthStride = t.aDepthStride, ldb = t.ldb;
    V total[Rows][Vectors];
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
        DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) total[row][v] = V{};
        // The row that the totals are added to, or written: it arrives while they are summed.
        DCN4J_UNROLL for (Index at = 0; at < Vectors * lanes; at += 64 / sizeof(Real)) {
            __builtin_prefetch(t.c + row * t.ldc + at, 1);
        }
    }
    const auto step = [&] {
        V column[Vectors];
        DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) column[v] = load<V>(b + v * lanes);
        DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
            const V factor = broadcast<V>(a[row * aRowStride]);
            DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) {
                total[row][v] = multiplyAdd(factor, column[v], total[row][v]);
            }
        }
        a += aDepthStride;
        b += ldb;
    };
    for (Index s = 0; s < t.segments; ++s, segment += t.segmentStride) {
        a = segment;
        Index k = 0;
        for (; k + gemmSteps <= t.depth; k += gemmSteps) {
            DCN4J_UNROLL for (int i = 0; i < gemmSteps; ++i) step();
        }
        if constexpr (gemmSteps > 1) {
            for (; k < t.depth; ++k) step();
        }
    }
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
        DCN4J_UNROLL for (int v = 0; v < Vectors; ++v) {
            Real* out = t.c + row * t.ldc + v * lanes;
            store(out, t.accumulate ? load<V>(out) + total[row][v] : total[row][v]);
        }
    }
}

template <int Rows, int Vectors, class Real>
inline void gemmRest(Index rows, const GemmTile<Real>& t) {
    if constexpr (Rows > 0) {
        if (rows == Rows) {
            gemmTile<Rows, Vectors>(t);
        } else {
            gemmRest<Rows - 1, Vectors>(rows, t);
        }
    }
}

/// The rows of one panel's columns, of which the first `Vectors` vectors are wanted.
template <int Vectors, class Real>
inline void gemmPanel(Index rows, GemmTile<Real> t) {
    const Index left = rows % gemmRows;
    const bool halves = gemmHalves && rows > gemmRows && left > 0 && left <= gemmRows / 2;
    const Index whole = halves ? 2 * gemmRows : gemmRows;
    for (; rows >= whole; rows -= gemmRows) {
        gemmTile<gemmRows, Vectors>(t);
        t.a += gemmRows * t.aRowStride;
        t.c += gemmRows * t.ldc;
    }
    if (halves) {
        const Index half = (rows + 1) / 2;
        gemmRest<gemmRows - 1, Vectors>(half, t);
        t.a += half * t.aRowStride;
        t.c += half * t.ldc;
        rows -= half;
    }
    gemmRest<gemmRows - 1, Vectors>(rows, t);
}

/// All panels of `b`.
template <class Real>
inline void gemmPanels(Index rows, Index columns, GemmTile<Real> t, Index panelStride) {
    constexpr Index lanes = lanesOf<Vector<Real>>;
    for (; columns > 0; columns -= panelVectors * lanes) {
        if (columns > lanes) {
            gemmPanel<panelVectors>(rows, t);
        } else {
            gemmPanel<1>(rows, t);
        }
        t.b += panelStride;
        t.c += panelVectors * lanes;
    }
}

template <class Real>
void gemm(Index rows, Index columns, Index depth, const Factor<Real>& a, const Panels<Real>& b,
          Real* c, Index ldc, bool accumulate) {
    gemmPanels<Real>(
        rows, columns,
        {depth, a.data, a.rowStride, a.depthStride, b.data, b.rowStride, c, ldc, accumulate},
        b.panelStride);
}

template <class Real>
void gemmSegments(Index rows, Index columns, const Segments<Real>& a, const Panels<Real>& b,
                  Real* c, Index ldc) {
    gemmPanels<Real>(
        rows, columns,
        {a.depth, a.data, a.rowStride, 1, b.data, b.rowStride, c, ldc, false, a.count, a.stride},
        b.panelStride);
}

}  // namespace
}  // namespace dcn4j::cpu
