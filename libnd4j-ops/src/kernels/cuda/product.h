// Tiles of a matrix product, totals[row][column] += a[row][depth] * b[depth][column], by the
// threads of one block: operands in shared memory, totals in registers.
//
// FmaProduct uses ordinary multiply-adds, TensorProduct tensor cores. They have one interface, and
// a kernel is written once for both:
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
// the limit. TensorProduct reads each operand fragment once for every 2 to 4 that it meets.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

#include <type_traits>

#include "../element.h"
#include "device.h"

namespace dcn4j::cuda {

/// Columns of the totals that are spilled at a time, and the pitch they are spilled with.
constexpr int sliceColumns = 64;
constexpr int slicePitch = sliceColumns + 4;

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
    static constexpr int sliceWidth = Columns < sliceColumns ? Columns : sliceColumns;
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
        for (int i = 0; i < Count; ++i) a[(k + i) * pitchA + row] = pack.value[i];
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
                firstColumn() + j / width * columnSpread + j % width - slice * sliceWidth;
            if (column < 0 || column >= sliceWidth) continue;
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
            for (int j = 0; j < part; ++j) p.value[j] = pack.value[i + j];
            storePack(to + i, p);
        }
    }

    template <int Count, int Spread>
    __device__ static void loadSpread(const Stored* from, Real (&to)[Count]) {
#pragma unroll
        for (int i = 0; i < Count; i += width) {
            const Pack<Real, width> p = loadPack<width>(from + i / width * Spread);
#pragma unroll
            for (int j = 0; j < width; ++j) to[i + j] = p.value[j];
        }
    }

    Real total_[ThreadRows][ThreadColumns];
};

/// A number with the 10 bits of mantissa that tensor cores read of a float (TF32).
struct Tf32 {};

/// The fragment type of an element type, and whether the architecture being compiled for has it.
/// Where it hasn't, another type stands in, so that the code compiles; it is never run.
template <class Element>
struct TensorOperand;

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 700
#define DCN4J_TENSOR_CORES 1
template <>
struct TensorOperand<Float16> {
    using Type = __half;
    using Memory = __half;
    using Stored = Float16;
    static constexpr bool supported = true;
    static constexpr int depth = 16;
};
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
template <>
struct TensorOperand<BFloat16> {
    using Type = __nv_bfloat16;
    using Memory = __nv_bfloat16;
    using Stored = BFloat16;
    static constexpr bool supported = true;
    static constexpr int depth = 16;
};
template <>
struct TensorOperand<Tf32> {
    using Type = nvcuda::wmma::precision::tf32;
    using Memory = float;
    using Stored = float;
    static constexpr bool supported = true;
    static constexpr int depth = 8;
};
#endif
#endif

/// The sizes of a tensor core product, and how its operands are written.
template <class StoredType, int Rows, int Columns, Written Form>
struct TensorShape {
    using Real = float;
    using Stored = StoredType;
    static constexpr int blocksAtATime = Rows * Columns <= 128 * 64 ? 2 : 1;
    static constexpr int rows = Rows, columns = Columns;
    static constexpr int depth = 64 / sizeof(Stored);  // 32 half numbers or 16 floats
    static constexpr int pad = packOf<Stored>;
    static constexpr int pitchA = (Form == Written::ByRow ? depth : Rows) + pad;
    static constexpr int pitchB = Columns + pad;
    static constexpr int sizeA = (Form == Written::ByRow ? Rows : depth) * pitchA;
    static constexpr int sizeB = depth * pitchB;
    static constexpr int sliceWidth = sliceColumns;
    static_assert(Columns % sliceColumns == 0);

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
};

template <class Element>
using TensorStored = std::conditional_t<std::is_same_v<Element, Tf32>, float, Element>;

/// Eight warps, each with 32 rows of totals. `Element` is Float16, BFloat16 or Tf32.
template <class Element, int Rows, int Columns, Written Form, class = void>
class TensorProduct : public TensorShape<TensorStored<Element>, Rows, Columns, Form> {
  public:
    // For architectures that don't have it.
    static constexpr bool supported = false;
};

#if defined(DCN4J_TENSOR_CORES)
template <class Element, int Rows, int Columns, Written Form>
class TensorProduct<Element, Rows, Columns, Form,
                    std::enable_if_t<TensorOperand<Element>::supported>>
    : public TensorShape<TensorStored<Element>, Rows, Columns, Form> {
    using Shape = TensorShape<TensorStored<Element>, Rows, Columns, Form>;
    using Operand = TensorOperand<Element>;

  public:
    using Stored = typename Shape::Stored;
    static constexpr bool supported = true;

    __device__ static Stored stored(float value) {
        if constexpr (std::is_same_v<Element, Tf32>) {
            return roundToTf32(value);
        } else {
            return narrow<Stored>(value);
        }
    }

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
        const auto* fromA = reinterpret_cast<const typename Operand::Memory*>(a);
        const auto* fromB = reinterpret_cast<const typename Operand::Memory*>(b);
#pragma unroll
        for (int k = 0; k < Shape::depth; k += Operand::depth) {
            fragment<matrix_a, 16, 16, Operand::depth, typename Operand::Type, LayoutA>
                operandA[rowFragments];
            fragment<matrix_b, 16, 16, Operand::depth, typename Operand::Type, row_major>
                operandB[columnFragments];
#pragma unroll
            for (int i = 0; i < rowFragments; ++i) {
                const int row = firstRow() + 16 * i;
                load_matrix_sync(operandA[i],
                                 fromA + (Form == Written::ByRow ? row * Shape::pitchA + k
                                                                 : k * Shape::pitchA + row),
                                 Shape::pitchA);
            }
#pragma unroll
            for (int j = 0; j < columnFragments; ++j) {
                load_matrix_sync(operandB[j], fromB + k * Shape::pitchB + firstColumn() + 16 * j,
                                 Shape::pitchB);
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
            const int column = firstColumn() + 16 * j - slice * Shape::sliceWidth;
            if (column < 0 || column >= Shape::sliceWidth) continue;
#pragma unroll
            for (int i = 0; i < rowFragments; ++i) {
                nvcuda::wmma::store_matrix_sync(tile + (firstRow() + 16 * i) * slicePitch + column,
                                                total_[i][j], slicePitch,
                                                nvcuda::wmma::mem_row_major);
            }
        }
    }

  private:
    static constexpr int warps = blockThreads / 32;
    static constexpr int rowFragments = 2;
    static constexpr int warpRows = Rows / 32, warpColumns = warps / warpRows;
    static constexpr int columnFragments = Columns / warpColumns / 16;

    __device__ static int firstRow() {
        return static_cast<int>(threadIdx.x) / 32 / warpColumns * 32;
    }
    __device__ static int firstColumn() {
        return static_cast<int>(threadIdx.x) / 32 % warpColumns * (16 * columnFragments);
    }

    /// To the nearest, ties away from zero, as the processor's own conversion. NaNs and infinities
    /// stay what they are.
    __device__ static float roundToTf32(float value) {
        const std::uint32_t bits = bitsOf(value);
        if ((bits & 0x7f800000u) == 0x7f800000u) return value;
        return floatOf((bits + 0x1000u) & 0xffffe000u);
    }

    nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, Operand::depth, float>
        total_[rowFragments][columnFragments];
};
#endif

/// Adds `steps` steps of the product of what two sources bring. A source fetches its part of a step
/// into registers and, when the threads have used the step before, stores it in shared memory; so
/// the loads from device memory overlap the arithmetic. `memory` has room for two steps' operands.
template <class Product, class SourceA, class SourceB>
__device__ void addProduct(Product& total, SourceA& a, SourceB& b, int steps,
                           typename Product::Stored* memory) {
    constexpr int size = Product::sizeA + Product::sizeB;
    if (steps == 0) return;
    a.fetch(0);
    b.fetch(0);
    a.store(memory);
    b.store(memory + Product::sizeA);
    __syncthreads();
    for (int step = 0; step < steps; ++step) {
        const auto* now = memory + step % 2 * size;
        auto* next = memory + (step + 1) % 2 * size;
        const bool more = step + 1 < steps;
        if (more) {
            a.fetch(step + 1);
            b.fetch(step + 1);
        }
        total.add(now, now + Product::sizeA);
        if (more) {
            a.store(next);
            b.store(next + Product::sizeA);
        }
        __syncthreads();
    }
}

/// Bytes of shared memory that a kernel takes for its operands and, later, a slice of the totals.
template <class Product>
constexpr std::size_t productBytes() {
    const std::size_t operands =
        2 * (Product::sizeA + Product::sizeB) * sizeof(typename Product::Stored);
    const std::size_t slice = Product::rows * slicePitch * sizeof(typename Product::Real);
    const std::size_t bytes = operands > slice ? operands : slice;
    return (bytes + 127) / 128 * 128;
}

}  // namespace dcn4j::cuda
