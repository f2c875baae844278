// Tiles of a matrix product, totals[row][column] += a[row][depth] * b[depth][column], by the
// threads of one block: operands in shared memory, totals in registers.
//
// FmaProduct uses ordinary multiply-adds, TensorProduct tensor cores (tensor_cores.h), VoltaProduct
// those of compute capability 7.0. They have one interface, and a kernel is written once for all:
//
//   Real, Stored    the type of totals, and of operands in shared memory
//   rows, columns, depth        of one step
//   blocksAtATime   that a multiprocessor is to have room for
//   sizeA, sizeB    elements of the operands' places
//   storeRow        writes consecutive depths of one row of a
//   storeColumn     writes consecutive rows of one depth of a
//   storeB          writes consecutive columns of one depth of b
//   add             adds the product of the operands to the totals
//   spill           writes `sliceColumns` columns of the totals to shared memory
//
// What bounds it: FmaProduct reads (threadRows + threadColumns) numbers for threadRows *
// threadColumns multiply-adds, 1 for 4 at 8 x 8, which keeps the FMA pipes and not shared memory
// the limit. TensorProduct reads each operand fragment once for every 2 to 8 that it meets.
#pragma once

#include <cuda_fp16.h>
#include <mma.h>

#include <type_traits>

#include "tensor_cores.h"

namespace dcn4j::cuda {

/// Columns of the totals that are spilled at a time, and the pitch they are spilled with: few, so
/// that a slice fits where the operands were, and without bank conflicts for tensor cores' totals.
constexpr int sliceColumns = 32;
constexpr int slicePitch = sliceColumns + 8;

/// How operand a lies in shared memory: written by rows, where consecutive depths come together,
/// or by columns, where consecutive rows do.
enum class Written { ByRow, ByColumn };

/// 256 threads, each with a tile of threadRows x threadColumns totals.
template <class RealType, int Rows, int Columns, int Depth, int ThreadRows, int ThreadColumns>
class FmaProduct {
  public:
    using Real = RealType;
    using Stored = RealType;
    static constexpr bool supported = true;
    static constexpr int blocksAtATime = Rows * Columns <= 128 * 64 ? 2 : 1;
    static constexpr int rows = Rows, columns = Columns, depth = Depth;
    static constexpr int pitchA = Rows + packOf<Real>;
    static constexpr int sizeA = Depth * pitchA, sizeB = Depth * Columns;
    static_assert((Rows / ThreadRows) * (Columns / ThreadColumns) == blockThreads);

    __device__ static Stored stored(Real value) { return value; }

    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < ThreadRows; ++i)
#pragma unroll
            for (int j = 0; j < ThreadColumns; ++j) total_[i][j] = 0;
    }

    template <int Count>
    __device__ static void storeRow(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
#pragma unroll
        for (int i = 0; i < Count; ++i) a[(k + i) * pitchA + row] = pack.get(i);
    }

    template <int Count>
    __device__ static void storeColumn(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        storeInPacks(a + k * pitchA + row, pack);
    }

    template <int Count>
    __device__ static void storeB(Stored* b, int k, int column, const Pack<Stored, Count>& pack) {
        storeInPacks(b + k * Columns + column, pack);
    }

    __device__ void add(const Stored* a, const Stored* b) {
        const int row = firstRow(), column = firstColumn();
#pragma unroll
        for (int k = 0; k < Depth; ++k) {
            Real fromA[ThreadRows], fromB[ThreadColumns];
            loadSpread<ThreadRows, rowSpread>(a + k * pitchA + row, fromA);
            loadSpread<ThreadColumns, columnSpread>(b + k * Columns + column, fromB);
#pragma unroll
            for (int i = 0; i < ThreadRows; ++i)
#pragma unroll
                for (int j = 0; j < ThreadColumns; ++j) total_[i][j] += fromA[i] * fromB[j];
        }
    }

    __device__ void spill(Real* tile, int slice) const {
#pragma unroll
        for (int j = 0; j < ThreadColumns; ++j) {
            const int column =
                firstColumn() + j / width * columnSpread + j % width - slice * sliceColumns;
            if (column < 0 || column >= sliceColumns) continue;
#pragma unroll
            for (int i = 0; i < ThreadRows; ++i) {
                const int row = firstRow() + i / width * rowSpread + i % width;
                tile[row * slicePitch + column] = total_[i][j];
            }
        }
    }

  private:
    // A thread's rows and columns are groups of 16 bytes, spread over the tile: neighbouring
    // threads then read neighbouring 16 bytes, without bank conflicts.
    static constexpr int width = packOf<Real>;
    static constexpr int rowSpread = Rows / (ThreadRows / width);
    static constexpr int columnSpread = Columns / (ThreadColumns / width);

    __device__ static int firstColumn() {
        return static_cast<int>(threadIdx.x) % (Columns / ThreadColumns) * width;
    }
    __device__ static int firstRow() {
        return static_cast<int>(threadIdx.x) / (Columns / ThreadColumns) * width;
    }

    template <int Count>
    __device__ static void storeInPacks(Stored* to, const Pack<Stored, Count>& pack) {
        constexpr int part = Count < width ? Count : width;
#pragma unroll
        for (int i = 0; i < Count; i += part) {
            Pack<Stored, part> p;
#pragma unroll
            for (int j = 0; j < part; ++j) p.set(j, pack.get(i + j));
            storePack(to + i, p);
        }
    }

    template <int Count, int Spread>
    __device__ static void loadSpread(const Stored* from, Real (&to)[Count]) {
#pragma unroll
        for (int i = 0; i < Count; i += width) {
            const Pack<Real, width> p = loadPack<width>(from + i / width * Spread);
#pragma unroll
            for (int j = 0; j < width; ++j) to[i + j] = p.get(j);
        }
    }

    Real total_[ThreadRows][ThreadColumns];
};

/// What the products on tensor cores share. `Operand` is Float16, BFloat16 or Tf32.
template <class Operand, int Rows, int Columns>
struct TensorShape {
    using Real = float;
    using Stored = std::conditional_t<std::is_same_v<Operand, Tf32>, float, Operand>;
    static constexpr int blocksAtATime = Rows * Columns <= 128 * 64 ? 2 : 1;
    static constexpr int rows = Rows, columns = Columns;
    static constexpr int depth = 64 / sizeof(Stored);  // 32 half numbers or 16 floats
    static constexpr int warps = blockThreads / 32;
    // A warp has 32 rows.
    static constexpr int warpRows = Rows / 32, warpColumns = warps / warpRows;
    static constexpr int columnsOfWarp = Columns / warpColumns;
    static_assert(warpRows * warpColumns == warps && columnsOfWarp % 16 == 0);

    __device__ static Stored stored(float value) {
        if constexpr (std::is_same_v<Operand, Tf32>) {
            return roundToTf32(value);
        } else {
            return narrow<Stored>(value);
        }
    }

    __device__ static int firstRow() {
        return static_cast<int>(threadIdx.x) / 32 / warpColumns * 32;
    }
    __device__ static int firstColumn() {
        return static_cast<int>(threadIdx.x) / 32 % warpColumns * columnsOfWarp;
    }

  private:
    /// To the nearest, ties away from zero, as the processor's own conversion. NaNs and infinities
    /// stay what they are.
    __device__ static float roundToTf32(float value) {
        const std::uint32_t bits = bitsOf(value);
        if ((bits & 0x7f800000u) == 0x7f800000u) return value;
        return floatOf((bits + 0x1000u) & 0xffffe000u);
    }
};

/// Eight warps, each with 32 rows of totals, on tensor cores of compute capability 7.5 (Float16) or
/// 8.0 and later.
///
/// Operands lie without padding: what would fall into the same banks is told apart by exchanging
/// places within a row, so that two blocks' operands fit a Turing's 64 KiB.
template <class Operand, int Rows, int Columns, Written Form>
class TensorProduct : public TensorShape<Operand, Rows, Columns> {
    using Shape = TensorShape<Operand, Rows, Columns>;

  public:
    using Stored = typename Shape::Stored;
#if defined(__CUDA_ARCH__)
    static constexpr bool supported =
        __CUDA_ARCH__ >= (std::is_same_v<Operand, Float16> ? 750 : 800);
#else
    static constexpr bool supported = true;
#endif
    // Written by columns, as for the weights' gradient, two blocks' registers would not be enough.
    static constexpr int blocksAtATime = Form == Written::ByColumn ? 1 : Shape::blocksAtATime;
    static constexpr int depth = Shape::depth;
    static constexpr int sizeA = Rows * depth, sizeB = depth * Columns;

    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < rowTiles; ++i)
#pragma unroll
            for (int j = 0; j < columnTiles; ++j)
#pragma unroll
                for (int k = 0; k < 4; ++k) total_[i][j][k] = 0;
    }

    template <int Count>
    __device__ static void storeRow(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Form == Written::ByRow && Count == chunk);
        storePack(a + byRow(row, k / chunk), pack);
    }

    template <int Count>
    __device__ static void storeColumn(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Form == Written::ByColumn && Count == chunk);
        storePack(a + byColumn<Rows>(k, row), pack);
    }

    template <int Count>
    __device__ static void storeB(Stored* b, int k, int column, const Pack<Stored, Count>& pack) {
        static_assert(Count == chunk);
        storePack(b + byColumn<Columns>(k, column), pack);
    }

    __device__ void add(const Stored* a, const Stored* b) {
#pragma unroll
        for (int k = 0; k < depth; k += atATime) {
            std::uint32_t fromA[rowTiles][4];
#pragma unroll
            for (int i = 0; i < rowTiles; ++i) loadA(fromA[i], a, Shape::firstRow() + 16 * i, k);
#pragma unroll
            for (int j = 0; j < columnTiles; j += 2) {
                std::uint32_t fromB[4];
                loadB(fromB, b, Shape::firstColumn() + 8 * j, k);
#pragma unroll
                for (int i = 0; i < rowTiles; ++i) {
                    multiplyFragments<Operand>(total_[i][j], fromA[i], fromB);
                    multiplyFragments<Operand>(total_[i][j + 1], fromA[i], fromB + 2);
                }
            }
        }
    }

    __device__ void spill(float* tile, int slice) const {
        const int g = lane() / 4, t = lane() % 4;
#pragma unroll
        for (int j = 0; j < columnTiles; ++j) {
            const int column = Shape::firstColumn() + 8 * j - slice * sliceColumns;
            if (column < 0 || column >= sliceColumns) continue;
#pragma unroll
            for (int i = 0; i < rowTiles; ++i) {
                float* to = tile + (Shape::firstRow() + 16 * i + g) * slicePitch + column + 2 * t;
                storePack(to, Pack<float, 2>{{total_[i][j][0], total_[i][j][1]}});
                storePack(to + 8 * slicePitch, Pack<float, 2>{{total_[i][j][2], total_[i][j][3]}});
            }
        }
    }

  private:
    static constexpr bool halves = sizeof(Stored) == 2;
    static constexpr int rowTiles = 2, columnTiles = Shape::columnsOfWarp / 8;
    static constexpr int chunk = packOf<Stored>;
    static constexpr int atATime = halves ? 16 : 8;

    __device__ static int lane() {
        return static_cast<int>(threadIdx.x) % 32;
    }

    /// Where the chunk of 16 bytes `which` of a row lies that has 64 bytes of depths.
    __device__ static int byRow(int row, int which) {
        return row * depth + (which ^ (row / 2 % 4)) * chunk;
    }
    /// Where element `at` of a depth's `Width` lies.
    template <int Width>
    __device__ static int byColumn(int k, int at) {
        if constexpr (!halves) return k * Width + (at ^ (k % 4 * 8));
        const int spread = Width >= 64 ? k % 8 : k / 2 % 4;
        return k * Width + (at / 8 ^ spread) * 8 + at % 8;
    }

    __device__ static void loadA(std::uint32_t (&to)[4], const Stored* a, int row, int k) {
        const int which = lane() / 8, line = lane() % 8;
        if constexpr (Form == Written::ByRow) {
            loadFragments<false>(to, a + byRow(row + which % 2 * 8 + line, k / chunk + which / 2));
        } else if constexpr (halves) {
            loadFragments<true>(to,
                                a + byColumn<Rows>(k + which / 2 * 8 + line, row + which % 2 * 8));
        } else {
            const int g = lane() / 4, t = lane() % 4;
#pragma unroll
            for (int i = 0; i < 4; ++i)
                to[i] = bitsOf(a[byColumn<Rows>(k + t + i / 2 * 4, row + g + i % 2 * 8)]);
        }
    }

    /// For 16 columns: two fragments of each eight.
    __device__ static void loadB(std::uint32_t (&to)[4], const Stored* b, int column, int k) {
        if constexpr (halves) {
            const int which = lane() / 8, line = lane() % 8;
            loadFragments<true>(
                to, b + byColumn<Columns>(k + which % 2 * 8 + line, column + which / 2 * 8));
        } else {
            const int g = lane() / 4, t = lane() % 4;
#pragma unroll
            for (int i = 0; i < 4; ++i)
                to[i] = bitsOf(b[byColumn<Columns>(k + t + i % 2 * 4, column + g + i / 2 * 8)]);
        }
    }

    float total_[rowTiles][columnTiles][4];
};

/// As TensorProduct, on the tensor cores of compute capability 7.0, by nvcuda::wmma: their own
/// instructions have other shapes.
template <int Rows, int Columns, Written Form>
class VoltaProduct : public TensorShape<Float16, Rows, Columns> {
    using Shape = TensorShape<Float16, Rows, Columns>;

  public:
    using Stored = Float16;
#if defined(__CUDA_ARCH__)
    static constexpr bool supported = __CUDA_ARCH__ >= 700 && __CUDA_ARCH__ < 750;
#else
    static constexpr bool supported = true;
#endif
    static constexpr int depth = Shape::depth;
    static constexpr int pad = packOf<Stored>;
    static constexpr int pitchA = (Form == Written::ByRow ? depth : Rows) + pad;
    static constexpr int pitchB = Columns + pad;
    static constexpr int sizeA = (Form == Written::ByRow ? Rows : depth) * pitchA;
    static constexpr int sizeB = depth * pitchB;

    template <int Count>
    __device__ static void storeRow(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Form == Written::ByRow);
        storePack(a + row * pitchA + k, pack);
    }

    template <int Count>
    __device__ static void storeColumn(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Form == Written::ByColumn);
        storePack(a + k * pitchA + row, pack);
    }

    template <int Count>
    __device__ static void storeB(Stored* b, int k, int column, const Pack<Stored, Count>& pack) {
        storePack(b + k * pitchB + column, pack);
    }

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 700
    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < rowFragments; ++i)
#pragma unroll
            for (int j = 0; j < columnFragments; ++j)
                nvcuda::wmma::fill_fragment(total_[i][j], 0.0f);
    }

    __device__ void add(const Stored* a, const Stored* b) {
        using namespace nvcuda::wmma;
        using LayoutA = std::conditional_t<Form == Written::ByRow, row_major, col_major>;
        const auto* fromA = reinterpret_cast<const __half*>(a);
        const auto* fromB = reinterpret_cast<const __half*>(b);
#pragma unroll
        for (int k = 0; k < depth; k += 16) {
            fragment<matrix_a, 16, 16, 16, __half, LayoutA> operandA[rowFragments];
            fragment<matrix_b, 16, 16, 16, __half, row_major> operandB[columnFragments];
#pragma unroll
            for (int i = 0; i < rowFragments; ++i) {
                const int row = Shape::firstRow() + 16 * i;
                load_matrix_sync(
                    operandA[i],
                    fromA + (Form == Written::ByRow ? row * pitchA + k : k * pitchA + row), pitchA);
            }
#pragma unroll
            for (int j = 0; j < columnFragments; ++j) {
                load_matrix_sync(operandB[j], fromB + k * pitchB + Shape::firstColumn() + 16 * j,
                                 pitchB);
            }
#pragma unroll
            for (int i = 0; i < rowFragments; ++i)
#pragma unroll
                for (int j = 0; j < columnFragments; ++j)
                    mma_sync(total_[i][j], operandA[i], operandB[j], total_[i][j]);
        }
    }

    __device__ void spill(float* tile, int slice) const {
#pragma unroll
        for (int j = 0; j < columnFragments; ++j) {
            const int column = Shape::firstColumn() + 16 * j - slice * sliceColumns;
            if (column < 0 || column >= sliceColumns) continue;
#pragma unroll
            for (int i = 0; i < rowFragments; ++i) {
                nvcuda::wmma::store_matrix_sync(
                    tile + (Shape::firstRow() + 16 * i) * slicePitch + column, total_[i][j],
                    slicePitch, nvcuda::wmma::mem_row_major);
            }
        }
    }

  private:
    static constexpr int rowFragments = 2, columnFragments = Shape::columnsOfWarp / 16;

    nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> total_[rowFragments]
                                                                               [columnFragments];
#endif
};

/// The shared memory of a product: two steps' operands and, when those are used, a slice of totals.
template <class Product>
union ProductMemory {
    typename Product::Stored operands[2 * (Product::sizeA + Product::sizeB)];
    typename Product::Real slice[Product::rows * slicePitch];
};

/// Adds `steps` steps of the product of what two sources bring. A source fetches its part of a step
/// into registers and, when the threads have used the step before, stores it in shared memory; so
/// the loads from device memory overlap the arithmetic. Steps are fetched in their order. Where
/// source b or a `plans(step)`, for all threads alike, it prepares what that step and later ones
/// need, in shared memory too.
template <class Product, class SourceA, class SourceB>
__device__ void addProduct(Product& total, SourceA& a, SourceB& b, int steps,
                           ProductMemory<Product>& memory) {
    constexpr int size = Product::sizeA + Product::sizeB;
    const auto fetch = [&](int step) {
        if (a.plans(step) || b.plans(step)) {
            a.plan(step);
            b.plan(step);
            __syncthreads();
        }
        a.fetch(step);
        b.fetch(step);
    };
    if (steps == 0) return;
    fetch(0);
    a.store(memory.operands);
    b.store(memory.operands + Product::sizeA);
    __syncthreads();
    for (int step = 0; step < steps; ++step) {
        const auto* now = memory.operands + step % 2 * size;
        auto* next = memory.operands + (step + 1) % 2 * size;
        const bool more = step + 1 < steps;
        if (more) fetch(step + 1);
        total.add(now, now + Product::sizeA);
        if (more) {
            a.store(next);
            b.store(next + Product::sizeA);
        }
        __syncthreads();
    }
}

/// A source without plans.
struct Unplanned {
    __device__ static bool plans(int) { return false; }
    __device__ static void plan(int) {}
};

}  // namespace dcn4j::cuda
