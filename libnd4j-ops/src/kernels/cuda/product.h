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
//   placeA, placeB  where 16 bytes lie: of consecutive rows of one depth of a (written by columns)
//                   or consecutive depths of one row (by rows), of consecutive columns of one
//                   depth of b
//   panelPlace      where an element lies in a panel, operand b of all steps in device memory: by
//                   steps, in each by tiles, and in a tile nearly as in shared memory
//   placeOfPanel    where an element of a tile's step lies in operand b
//   columnsOfDepths whether b is columns of consecutive depths, not depths of columns
//   rowPeriod, depthPeriod    rows and depths of a that are a multiple of these further lie
//                   furtherRows and furtherDepths elements further
//   furtherB        elements to depths of b that are a multiple of 8 further
//   rounds          whether an operand is not the element itself
//   keepsRows       whether consecutive depths of a row of a lie together
//   parts           of a step's depths that can be added by themselves
//   add<f, n>       adds the product of n of the parts, from f on, to the totals of a thread; the
//                   step's operands lie some bytes from the first step's on
//   spill           writes `sliceColumns` columns of the totals to shared memory, row by row
//   spillColumns    writes some columns of the totals to shared memory, column by column
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

/// A column of totals, with room against bank conflicts where rows are spilled together.
template <class Product>
constexpr int columnPitch = Product::rows + 4;

/// Columns of the totals that are spilled at a time, column by column: as many as fit where the
/// operands were.
template <class Product>
DCN4J_HOST_DEVICE constexpr int columnsAtATime() {
    int columns = 32;
    while (2 * columns <= Product::columns &&
           2 * columns * columnPitch<Product> * sizeof(typename Product::Real) <=
               2 * (Product::sizeA + Product::sizeB) * sizeof(typename Product::Stored))
        columns *= 2;
    return columns;
}

/// How many blocks' registers a multiprocessor is to have room for: two of up to 32 totals a
/// thread. Of 64 totals, multiply-adds leave too few registers for two; tensor cores, which wait
/// more, gain more by a second block than they lose by keeping some numbers in memory, where
/// operands can be copied past registers.
constexpr int blocksOfTile(int rows, int columns, bool tensorCores) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
    tensorCores = false;
#endif
    return rows * columns <= 128 * (tensorCores ? 128 : 64) ? 2 : 1;
}

/// What lies `bytes` further. In a step, the places that a thread reads are its first one's,
/// constants further or with constant bits turned over; counted in bytes, each costs at most one
/// instruction, and all of them one register.
template <class T>
__device__ __forceinline__ T* bytesFurther(T* from, int bytes) {
    using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
    return reinterpret_cast<T*>(reinterpret_cast<Byte*>(from) + bytes);
}

/// How operand a lies in shared memory: written by rows, where consecutive depths come together,
/// or by columns, where consecutive rows do.
enum class Written { ByRow, ByColumn };

/// Operand b as depths of columns, `Pitch` apart.
template <class Stored, int Depth, int Columns, int Pitch>
struct DepthsOfColumns {
    static constexpr bool columnsOfDepths = false;

    __device__ static Stored* placeB(Stored* b, int k, int column) {
        return b + k * Pitch + column;
    }
    __device__ static constexpr int furtherB(int depths) { return depths * Pitch; }
    __device__ static Index panelPlace(Index k, int column, Index pitch) {
        return k / Depth * Depth * pitch + column / Columns * Depth * Columns +
               static_cast<int>(k % Depth) * Columns + column % Columns;
    }
    __device__ static Stored* placeOfPanel(Stored* b, int element) {
        if (Pitch == Columns) return b + element;
        return b + element / Columns * Pitch + element % Columns;
    }
};

/// 256 threads, each with a tile of threadRows x threadColumns totals.
template <class RealType, int Rows, int Columns, int Depth, int ThreadRows, int ThreadColumns>
class FmaProduct : public DepthsOfColumns<RealType, Depth, Columns, Columns> {
  public:
    using Real = RealType;
    using Stored = RealType;
    static constexpr bool supported = true;
    static constexpr bool rounds = false, keepsRows = false;
    static constexpr int blocksAtATime = blocksOfTile(Rows, Columns, false);
    static constexpr int rows = Rows, columns = Columns, depth = Depth, parts = Depth;
    static constexpr int threads = blockThreads;
    static constexpr int sizeA = Depth * Rows, sizeB = Depth * Columns;
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
        for (int i = 0; i < Count; ++i)
            placeA(a, row, k + i / width * width)[i % width * Rows] = pack.get(i);
    }

    __device__ static Stored* placeA(Stored* a, int row, int k) {
        return a + k * Rows + (row ^ exchange(k));
    }

    static constexpr int rowPeriod = 8 * packOf<Real>, depthPeriod = 4 * packOf<Real>;
    __device__ static constexpr int furtherRows(int rows) {
        return rows;
    }
    __device__ static constexpr int furtherDepths(int depths) {
        return depths * Rows;
    }

    template <int Count>
    __device__ static void storeColumn(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Count == width);
        storePack(placeA(a, row, k), pack);
    }

    template <int Count>
    __device__ static void storeB(Stored* b, int k, int column, const Pack<Stored, Count>& pack) {
#pragma unroll
        for (int i = 0; i < Count; i += width) {
            Pack<Stored, width> p;
#pragma unroll
            for (int j = 0; j < width; ++j) p.set(j, pack.get(i + j));
            storePack(FmaProduct::placeB(b, k, column + i), p);
        }
    }

    template <int First, int Count>
    __device__ void add(const Stored* operands, int bytes) {
        constexpr int size = sizeof(Stored);
        static_assert((sizeA + sizeB) % (8 * width) == 0);
        const int a = bytes + firstRow() * size, b = bytes + (sizeA + firstColumn()) * size;
#pragma unroll
        for (int k = First; k < First + Count; ++k) {
            Real fromA[ThreadRows], fromB[ThreadColumns];
            loadSpread<ThreadRows, rowSpread>(
                bytesFurther(operands, a ^ exchange(k) * size) + k * Rows, fromA);
            loadSpread<ThreadColumns, columnSpread>(bytesFurther(operands, b) + k * Columns, fromB);
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

    __device__ void spillColumns(Real* tile, int first, int count) const {
#pragma unroll
        for (int j = 0; j < ThreadColumns; ++j) {
            const int column = firstColumn() + j / width * columnSpread + j % width - first;
            if (column < 0 || column >= count) continue;
#pragma unroll
            for (int i = 0; i < ThreadRows; i += width) {
                Pack<Real, width> pack;
#pragma unroll
                for (int k = 0; k < width; ++k) pack.set(k, total_[i + k][j]);
                storePack(tile + column * (Rows + 4) + firstRow() + i / width * rowSpread, pack);
            }
        }
    }

  private:
    // A thread's rows and columns are groups of 16 bytes, spread over the tile: neighbouring
    // threads then read neighbouring 16 bytes, without bank conflicts. A warp's threads are 4 rows
    // of groups by 8 columns, as square as 32 can be: what it reads at a time is then 4 and 8 times
    // 16 bytes, and not up to 32 times. Threads that differ in one of the lowest two bits read the
    // same group of one operand: only then does the hardware read for 16 threads at a time.
    static constexpr int width = packOf<Real>;
    static constexpr int rowGroups = Rows / ThreadRows, columnGroups = Columns / ThreadColumns;
    static constexpr int rowSpread = rowGroups * width, columnSpread = columnGroups * width;
    static_assert(rowGroups % 4 == 0 && columnGroups % 8 == 0 && rowSpread % (8 * width) == 0);

    __device__ static int firstColumn() {
        const int thread = static_cast<int>(threadIdx.x);
        return (thread / 32 % (columnGroups / 8) * 8 + thread / 2 % 8) * width;
    }
    __device__ static int firstRow() {
        const int thread = static_cast<int>(threadIdx.x);
        return (thread / 32 / (columnGroups / 8) * 4 + thread / 16 % 2 * 2 + thread % 2) * width;
    }

    /// Which bits of a row's number are turned over at depth k: groups change places, so that
    /// threads that write 16 bytes of depths each for the same rows come to different banks.
    __device__ static int exchange(int k) {
        return k / width % 4 * 2 * width;
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

/// What the products on tensor cores share. `Operand` is Float16, BFloat16 or Tf32; a warp has
/// 32 rows, a step `DepthBytes` of depths.
template <class Operand, int Rows, int Columns, int DepthBytes = 64, int Threads = blockThreads>
struct TensorShape {
    using Real = float;
    using Stored = std::conditional_t<std::is_same_v<Operand, Tf32>, float, Operand>;
    static constexpr bool rounds = std::is_same_v<Operand, Tf32>, keepsRows = true;
    static constexpr int blocksAtATime = blocksOfTile(Rows, Columns, true);
    static constexpr int rows = Rows, columns = Columns;
    static constexpr int depth = DepthBytes / sizeof(Stored);
    static constexpr int parts = DepthBytes / 32;
    static constexpr int threads = Threads, warps = Threads / 32;
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

    __device__ static int firstRow(int thread = static_cast<int>(threadIdx.x)) {
        return thread / 32 / warpColumns * 32;
    }
    __device__ static int firstColumn(int thread = static_cast<int>(threadIdx.x)) {
        return thread / 32 % warpColumns * columnsOfWarp;
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

/// Warps with 32 rows each, on tensor cores of compute capability 7.5 (Float16) or 8.0 and later.
///
/// Operands lie without padding: what would fall into the same banks is told apart by exchanging
/// places within a row, so that two blocks' operands fit a Turing's 64 KiB. Where a step has 128
/// bytes of depths, both operands are rows of them, as the instructions read them.
template <class Operand, int Rows, int Columns, Written Form, int DepthBytes = 64,
          int Threads = blockThreads>
class TensorProduct : public TensorShape<Operand, Rows, Columns, DepthBytes, Threads> {
    using Shape = TensorShape<Operand, Rows, Columns, DepthBytes, Threads>;

  public:
    using Stored = typename Shape::Stored;
#if defined(__CUDA_ARCH__)
    static constexpr bool supported =
        __CUDA_ARCH__ >= (std::is_same_v<Operand, Float16> && DepthBytes == 64 ? 750 : 800);
#else
    static constexpr bool supported = true;
#endif
    static constexpr bool columnsOfDepths = Form == Written::ByRow && DepthBytes == 128;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
    // A multiprocessor of 8.0 has shared memory for one block with the samples of nine taps.
    static constexpr int blocksAtATime =
        columnsOfDepths && Rows == 128 ? 1 : blocksOfTile(Rows, Columns, true);
#endif
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

    __device__ static Stored* placeA(Stored* a, int row, int k) {
        if constexpr (Form == Written::ByRow) return a + byRow(row, k / chunk);
        return a + byColumn<Rows>(k, row);
    }
    __device__ static Stored* placeB(Stored* b, int k, int column) {
        if constexpr (columnsOfDepths) return b + byRow(column, k / chunk);
        return b + byColumn<Columns>(k, column);
    }
    static constexpr int rowPeriod = 8, depthPeriod = 8;
    __device__ static constexpr int furtherRows(int rows) {
        return rows * depth;
    }
    __device__ static constexpr int furtherDepths(int depths) {
        return depths * Rows;
    }
    __device__ static constexpr int furtherB(int depths) {
        return depths * Columns;
    }
    __device__ static Index panelPlace(Index k, int column, Index pitch) {
        const auto inStep = static_cast<int>(k % depth);
        return k / depth * depth * pitch + column / Columns * sizeB +
               (columnsOfDepths ? byRow(column % Columns, inStep / chunk) + inStep % chunk
                                : byColumn<Columns>(inStep, column % Columns));
    }
    __device__ static Stored* placeOfPanel(Stored* b, int element) {
        return b + element;
    }

    template <int Count>
    __device__ static void storeRow(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Form == Written::ByRow && Count == chunk);
        storePack(placeA(a, row, k), pack);
    }

    template <int Count>
    __device__ static void storeColumn(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Form == Written::ByColumn && Count == chunk);
        storePack(placeA(a, row, k), pack);
    }

    template <int Count>
    __device__ static void storeB(Stored* b, int k, int column, const Pack<Stored, Count>& pack) {
        static_assert(Count == chunk);
        storePack(placeB(b, k, column), pack);
    }

    template <int First, int Count>
    __device__ void add(const Stored* operands, int bytes) {
        static_assert(depth == Shape::parts * atATime);
        const int thread = static_cast<int>(threadIdx.x);
        const int a = bytes + firstA(thread), b = bytes + firstB(thread);
#pragma unroll
        for (int k = First * atATime; k < (First + Count) * atATime; k += atATime) {
            std::uint32_t fromA[rowTiles][4];
#pragma unroll
            for (int i = 0; i < rowTiles; ++i) loadA(fromA[i], operands, a, i, k);
            // The next columns' fragments are on their way while these are multiplied, where there
            // are registers for them.
            constexpr bool ahead = columnsOfDepths || Columns <= 64;
            std::uint32_t fromB[2][4];
            if (ahead) loadB(fromB[0], operands, b, 0, k);
#pragma unroll
            for (int j = 0; j < columnTiles; j += 2) {
                auto& now = fromB[ahead ? j / 2 % 2 : 0];
                if (!ahead) loadB(now, operands, b, 8 * j, k);
                if (ahead && j + 2 < columnTiles)
                    loadB(fromB[(j / 2 + 1) % 2], operands, b, 8 * (j + 2), k);
#pragma unroll
                for (int i = 0; i < rowTiles; ++i) {
                    multiplyFragments<Operand>(total_[i][j], fromA[i], now);
                    multiplyFragments<Operand>(total_[i][j + 1], fromA[i], now + 2);
                }
            }
        }
    }

    __device__ void spill(float* tile, int slice) const {
        const int thread = threadAnew(), g = thread % 32 / 4, t = thread % 4;
#pragma unroll
        for (int j = 0; j < columnTiles; ++j) {
            const int column = Shape::firstColumn(thread) + 8 * j - slice * sliceColumns;
            if (column < 0 || column >= sliceColumns) continue;
#pragma unroll
            for (int i = 0; i < rowTiles; ++i) {
                float* to =
                    tile + (Shape::firstRow(thread) + 16 * i + g) * slicePitch + column + 2 * t;
                storePack(to, Pack<float, 2>{{total_[i][j][0], total_[i][j][1]}});
                storePack(to + 8 * slicePitch, Pack<float, 2>{{total_[i][j][2], total_[i][j][3]}});
            }
        }
    }

    __device__ void spillColumns(float* tile, int first, int count) const {
        const int thread = threadAnew(), g = thread % 32 / 4, t = thread % 4;
#pragma unroll
        for (int j = 0; j < columnTiles; ++j) {
            const int column = Shape::firstColumn(thread) + 8 * j - first;
            if (column < 0 || column >= count) continue;
            float* to = tile + (column + 2 * t) * (Rows + 4) + Shape::firstRow(thread) + g;
#pragma unroll
            for (int i = 0; i < rowTiles; ++i)
#pragma unroll
                for (int k = 0; k < 4; ++k)
                    to[k % 2 * (Rows + 4) + 16 * i + k / 2 * 8] = total_[i][j][k];
        }
    }

  private:
    static constexpr bool halves = sizeof(Stored) == 2;
    static constexpr int rowTiles = 2, columnTiles = Shape::columnsOfWarp / 8;
    static constexpr int chunk = packOf<Stored>;
    static constexpr int atATime = halves ? 16 : 8;

    /// By how much the chunks of 16 bytes of a row of depths change places: a whole row of banks
    /// has one or two rows.
    __device__ static int exchanged(int row) {
        static_assert(DepthBytes == 64 || DepthBytes == 128);
        return DepthBytes == 64 ? row / 2 % 4 : row % 8;
    }
    /// Where the chunk `which` of a row of depths lies.
    __device__ static int byRow(int row, int which) {
        return row * depth + (which ^ exchanged(row)) * chunk;
    }
    /// Where element `at` of a depth's `Width` lies.
    template <int Width>
    __device__ static int byColumn(int k, int at) {
        if constexpr (!halves) return k * Width + (at ^ (k % 4 * 8));
        const int spread = Width >= 64 ? k % 8 : k / 2 % 4;
        return k * Width + (at / 8 ^ spread) * 8 + at % 8;
    }

    // Where a thread reads its first fragments of a step: bytes from the step's operands on. The
    // others' places are constants further, or, within `period` elements of a line, have those bits
    // of it turned over that tell them apart: the first ones' are zero there, or exchanged as
    // theirs are.
    static constexpr int size = sizeof(Stored), period = halves ? 64 : 32;
    static_assert((sizeA + sizeB) % 64 == 0);

    /// Of 16 rows of depths, the place of the row that a thread names to `loadFragments`: it loads
    /// two times two fragments of 8 rows by 16 bytes, first those of `Across` the rows, or those of
    /// further depths.
    template <bool Across>
    __device__ static int namedRow(int firstRow, int thread) {
        const int which = thread % 32 / 8, line = thread % 8;
        const int below = Across ? which % 2 : which / 2, beside = Across ? which / 2 : which % 2;
        // Rows from a multiple of 8 on are exchanged as their number in it says.
        return (firstRow + below * 8 + line) * depth + (beside ^ exchanged(line)) * chunk;
    }

    __device__ static int firstA(int thread) {
        const int row = Shape::firstRow(thread);
        if constexpr (Form == Written::ByRow) return namedRow<true>(row, thread) * size;
        const int which = thread % 32 / 8, line = thread % 8;
        return size * (halves ? byColumn<Rows>(which / 2 * 8 + line, row + which % 2 * 8)
                              : byColumn<Rows>(thread % 4, row + thread % 32 / 4));
    }
    __device__ static int firstB(int thread) {
        const int column = Shape::firstColumn(thread);
        if constexpr (columnsOfDepths) return (sizeA + namedRow<false>(column, thread)) * size;
        const int which = thread % 32 / 8, line = thread % 8;
        return size *
               (sizeA + (halves ? byColumn<Columns>(which % 2 * 8 + line, column + which / 2 * 8)
                                : byColumn<Columns>(thread % 4, column + thread % 32 / 4)));
    }

    /// The element of a line of `Width` that is `at` from a thread's first of depth 0, at depth k.
    template <int Width>
    __device__ static const Stored* further(const Stored* operands, int first, int at, int k) {
        return bytesFurther(operands, first ^ at % period * size) + k * Width +
               at / period * period;
    }

    /// Of the `tile`th 16 rows of the warp's.
    __device__ static void loadA(std::uint32_t (&to)[4], const Stored* operands, int first,
                                 int tile, int k) {
        if constexpr (Form == Written::ByRow) {
            loadFragments<false>(to, bytesFurther(operands, first ^ k * size) + 16 * tile * depth);
        } else if constexpr (halves) {
            loadFragments<true>(to, further<Rows>(operands, first, 16 * tile, k));
        } else {
#pragma unroll
            for (int i = 0; i < 4; ++i)
                to[i] =
                    bitsOf(*further<Rows>(operands, first, 16 * tile + i % 2 * 8, k + i / 2 * 4));
        }
    }

    /// For 16 columns, from `column` of the warp's on: two fragments of each eight.
    __device__ static void loadB(std::uint32_t (&to)[4], const Stored* operands, int first,
                                 int column, int k) {
        if constexpr (columnsOfDepths) {
            loadFragments<false>(to, bytesFurther(operands, first ^ k * size) + column * depth);
        } else if constexpr (halves) {
            loadFragments<true>(to, further<Columns>(operands, first, column, k));
        } else {
#pragma unroll
            for (int i = 0; i < 4; ++i)
                to[i] =
                    bitsOf(*further<Columns>(operands, first, column + i / 2 * 8, k + i % 2 * 4));
        }
    }

    float total_[rowTiles][columnTiles][4];
};

/// As TensorProduct, on the tensor cores of compute capability 7.0, by nvcuda::wmma: their own
/// instructions have other shapes.
template <int Rows, int Columns, Written Form>
class VoltaProduct : public TensorShape<Float16, Rows, Columns>,
                     public DepthsOfColumns<Float16, TensorShape<Float16, Rows, Columns>::depth,
                                            Columns, Columns + packOf<Float16>> {
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

    __device__ static Stored* placeA(Stored* a, int row, int k) {
        return a + (Form == Written::ByRow ? row * pitchA + k : k * pitchA + row);
    }
    static constexpr int rowPeriod = 1, depthPeriod = 1;
    __device__ static constexpr int furtherRows(int rows) {
        return rows * pitchA;
    }
    __device__ static constexpr int furtherDepths(int depths) {
        return depths * pitchA;
    }
    template <int Count>
    __device__ static void storeRow(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Form == Written::ByRow);
        storePack(placeA(a, row, k), pack);
    }

    template <int Count>
    __device__ static void storeColumn(Stored* a, int row, int k, const Pack<Stored, Count>& pack) {
        static_assert(Form == Written::ByColumn);
        storePack(placeA(a, row, k), pack);
    }

    template <int Count>
    __device__ static void storeB(Stored* b, int k, int column, const Pack<Stored, Count>& pack) {
        storePack(VoltaProduct::placeB(b, k, column), pack);
    }

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 700
    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < rowFragments; ++i)
#pragma unroll
            for (int j = 0; j < columnFragments; ++j)
                nvcuda::wmma::fill_fragment(total_[i][j], 0.0f);
    }

    template <int First, int Count>
    __device__ void add(const Stored* operands, int bytes) {
        using namespace nvcuda::wmma;
        using LayoutA = std::conditional_t<Form == Written::ByRow, row_major, col_major>;
        const auto* fromA = reinterpret_cast<const __half*>(bytesFurther(operands, bytes));
        const auto* fromB = fromA + sizeA;
#pragma unroll
        for (int k = 16 * First; k < 16 * (First + Count); k += 16) {
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

    __device__ void spillColumns(float* tile, int first, int count) const {
#pragma unroll
        for (int j = 0; j < columnFragments; ++j) {
            const int column = Shape::firstColumn() + 16 * j - first;
            if (column < 0 || column >= count) continue;
#pragma unroll
            for (int i = 0; i < rowFragments; ++i) {
                nvcuda::wmma::store_matrix_sync(
                    tile + column * (Rows + 4) + Shape::firstRow() + 16 * i, total_[i][j], Rows + 4,
                    nvcuda::wmma::mem_col_major);
            }
        }
    }

  private:
    static constexpr int rowFragments = 2, columnFragments = Shape::columnsOfWarp / 16;

    nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> total_[rowFragments]
                                                                               [columnFragments];
#endif
};

/// The shared memory of a product: two steps' operands and, when those are used, some totals.
template <class Product>
union ProductMemory {
    alignas(16) typename Product::Stored operands[2 * (Product::sizeA + Product::sizeB)];
    typename Product::Real slice[Product::rows * slicePitch];
    alignas(16) typename Product::Real columns[columnsAtATime<Product>() * columnPitch<Product>];
};

/// The loop of a product, of one step or more: while the operands of a step are multiplied, those
/// of the next are made. `first(to)` makes those of step 0, and `further(now, step, next)`
/// multiplies those that are `now` bytes further than those of step 0, and makes those of step
/// `step` at `next`.
template <class Product, class First, class Further>
__device__ __forceinline__ void addSteps(Product& total, typename Product::Stored* operands,
                                         int steps, First first, Further further) {
    constexpr int stepBytes =
        (Product::sizeA + Product::sizeB) * static_cast<int>(sizeof(typename Product::Stored));
    const auto finish = [] {
        waitForCopies();
        __syncthreads();
    };
    first(operands);
    finish();
    // Where the last step's operands are, compilers would work out for each fragment beforehand, if
    // it were a function of `steps`.
    int now = 0;
    for (int step = 1; step < steps; ++step) {
        const int next = stepBytes - now;
        further(now, step, next);
        finish();
        now = next;
    }
    total.template add<0, Product::parts>(operands, now);
    __syncthreads();
}

/// Adds `steps` steps of the product of what two sources bring.
///
/// A source fetches its part of a step while the threads multiply the step before: into registers,
/// from where it is stored in shared memory when they have, or to shared memory directly. It does
/// so in `slots`; where it has several, each is fetched, and stored, with a part of the depths
/// multiplied in between, so that they take their registers one after another. Steps are fetched in
/// their order. Where source b or a `plans(step)`, for all threads alike, it prepares what that
/// step and later ones need, in shared memory too.
template <class Product, class SourceA, class SourceB>
class ProductLoop {
    using Stored = typename Product::Stored;

  public:
    __device__ ProductLoop(Product& total, SourceA& a, SourceB& b, ProductMemory<Product>& memory)
        : total_(total), a_(a), b_(b), operands_(memory.operands) {}

    __device__ void run(int steps) {
        addSteps(
            total_, operands_, steps,
            [&](Stored* to) {
                plan(0);
                load<0>(0, to);
            },
            [&](int now, int step, int next) {
                plan(step);
                multiplyAndLoad<0>(now, step, bytesFurther(operands_, next));
            });
    }

  private:
    static constexpr int slots = SourceA::slots > SourceB::slots ? SourceA::slots : SourceB::slots;
    static_assert(Product::parts % slots == 0);

    __device__ void plan(int step) {
        if (!a_.plans(step) && !b_.plans(step)) return;
        a_.plan(step);
        b_.plan(step);
        __syncthreads();
    }

    template <int Slot>
    __device__ void fetch(int step, Stored* to) {
        if constexpr (Slot < SourceA::slots) a_.template fetch<Slot>(step, to);
        if constexpr (Slot < SourceB::slots) b_.template fetch<Slot>(step, to + Product::sizeA);
    }
    template <int Slot>
    __device__ void store(Stored* to) {
        if constexpr (Slot < SourceA::slots) a_.template store<Slot>(to);
        if constexpr (Slot < SourceB::slots) b_.template store<Slot>(to + Product::sizeA);
    }

    template <int Slot>
    __device__ void load(int step, Stored* to) {
        fetch<Slot>(step, to);
        store<Slot>(to);
        if constexpr (Slot + 1 < slots) load<Slot + 1>(step, to);
    }

    template <int Slot>
    __device__ void multiplyAndLoad(int now, int step, Stored* next) {
        constexpr int parts = Product::parts / slots;
        fetch<Slot>(step, next);
        total_.template add<Slot * parts, parts>(operands_, now);
        store<Slot>(next);
        if constexpr (Slot + 1 < slots) multiplyAndLoad<Slot + 1>(now, step, next);
    }

    Product& total_;
    SourceA& a_;
    SourceB& b_;
    Stored* const operands_;
};

template <class Product, class SourceA, class SourceB>
__device__ void addProduct(Product& total, SourceA& a, SourceB& b, int steps,
                           ProductMemory<Product>& memory) {
    ProductLoop<Product, SourceA, SourceB>(total, a, b, memory).run(steps);
}

/// A source without plans.
struct Unplanned {
    __device__ static bool plans(int) { return false; }
    __device__ static void plan(int) {}
};

}  // namespace dcn4j::cuda
