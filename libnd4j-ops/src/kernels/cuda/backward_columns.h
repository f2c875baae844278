// Deformable convolution backward, the gradient of the columns, and with it those of offset and
// mask: a matrix product.
//
//   gradColumn[pixel][tap][c] = sum over o of gradOutput[pixel][o] * weights[tap][o][c]
//   dot[pixel][corner]        = sum over the channels c of the offset group of
//                               gradColumn[pixel][tap][c] * input[corner of the sample][c]
//
//   pixel    of a few images, oH * oW each, in tiles of 64 or 128; a block has one tile,
//   one
//            tap and one offset group, so that a dot product belongs to one block
//   c        all channels of the offset group, in tiles of 32 to 256
//
// The gradients of offset and mask are combinations of a sample's four dots: those of the value for
// the mask, the slopes for the offset. gradColumn goes to device memory, for backward_input.h to
// gather.
//
// What bounds it: the product; then reading corners.
#pragma once

#include "forward.h"

namespace dcn4j::cuda {

/// Operand a: packed gradients of a tile of output pixels, one convolution group.
template <class Product, class Element>
class PlainRows : public Unplanned {
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int total = Product::rows * packs;
    static constexpr bool copies =
        std::is_same_v<Element, Stored> && Product::keepsRows && !Product::rounds;

  public:
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;

    __device__ PlainRows(const Element* rows, int pitch, int depth, int count)
        : rows_(rows + static_cast<Index>(row(0)) * pitch +
                static_cast<int>(threadIdx.x) % packs * pack),
          pitch_(pitch),
          depth_(depth - static_cast<int>(threadIdx.x) % packs * pack),
          count_(count) {}

    template <int Slot>
    __device__ void fetch(int step, [[maybe_unused]] Stored* a) {
        const int k = step * Product::depth;
        const bool some = row(Slot) < count_ && k < depth_;
        const Element* from =
            rows_ + static_cast<Index>(Slot * (blockThreads / packs)) * pitch_ + k;
        if constexpr (copies) {
            if (copiesByItself()) {
                if (works(Slot))
                    beginCopy(Product::placeA(a, row(Slot), column()), some ? from : rows_, some);
                return;
            }
        }
        value_[Slot] = {};
        if (some) value_[Slot] = loadPack<pack>(from);
    }

    template <int Slot>
    __device__ void store(Stored* a) const {
        if (!works(Slot) || (copies && copiesByItself())) return;
        Pack<Stored, pack> p{};
#pragma unroll
        for (int c = 0; c < pack; ++c) p.set(c, Product::stored(widen(value_[Slot].get(c))));
        Product::storeRow(a, row(Slot), column(), p);
    }

  private:
    __device__ static bool works(int slot) {
        return total % blockThreads == 0 || row(slot) < Product::rows;
    }
    __device__ static int column() {
        return static_cast<int>(threadIdx.x) % packs * pack;
    }
    __device__ static int row(int slot) {
        return (static_cast<int>(threadIdx.x) + slot * blockThreads) / packs;
    }

    const Element* const rows_;
    const int pitch_, depth_, count_;
    Pack<Element, pack> value_[slots]{};
};

/// Which columns are made at a time: those of some images' pixels and of some taps.
struct ColumnChunk {
    Index firstImage, images;
    int firstTap, taps;
};

template <class Element, class Stored>
struct BackwardColumnsArguments {
    Conv2dGeometry g;
    Segments s;
    SampleSource<Element> samples;
    ColumnChunk chunk;
    const Element* gradients;  ///< of the output, packed
    int gradientPitch;         ///< of one pixel
    int outPitch;              ///< of one convolution group
    const Stored* weights;
    int weightPitch, steps;
    ComputeType<Element>* columns;  ///< [pixels of the chunk][taps of the chunk][pixelPitch]
    Tensor<4> gradOffset, gradMask;
};

/// The four dot products of the rows of a tile; `lanes` threads share a row.
template <class Product, class Element>
class CornerDots {
    using Real = ComputeType<Element>;
    static constexpr int pack = packOf<Element>;
    static constexpr int lanes = sliceColumns / pack;
    static constexpr int lines = blockThreads / lanes;
    static constexpr int slots = Product::rows / lines;
    static_assert(Product::rows % lines == 0);

  public:
    /// Of what the slopes are, whether the sample is between pixels of the plane, and its mask.
    struct alignas(16) Place {
        Real fractionY, fractionX;
        bool between;
        Real modulation;
    };
    struct Table : SampleTable<Real, Product::rows> {
        Place place[Product::rows];
    };
    /// In shared memory: the threads' shares, and their sums.
    struct Memory {
        Real share[Product::rows][Corners][lanes];
    };

    __device__ CornerDots() {
#pragma unroll
        for (int i = 0; i < slots; ++i)
#pragma unroll
            for (int c = 0; c < Corners; ++c) dot_[i][c] = 0;
    }

    /// Adds a slice of gradColumn, of `channels` channels from its first on, and keeps it in
    /// `columns`; `images` points to that channel in the packed images.
    __device__ void add(const Real* tile, int channels, int count, const Table& table,
                        const Element* images, int pitchBytes, Real* columns, Index columnPitch) {
        const int c = static_cast<int>(threadIdx.x) % lanes * pack;
        if (c >= channels) return;
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            const int r = line() + i * lines;
            CornerValues<Element, pack> corners;
            corners.fetch(images + c, pitchBytes, table.pixels(r));
#pragma unroll
            for (int j = 0; j < pack; j += width) {
                auto gradient = loadPack<width>(tile + r * slicePitch + c + j);
                // What an infinite gradient makes of padding is not a number.
#pragma unroll
                for (int l = j == 0; l < width; ++l)
                    if (c + j + l >= channels) gradient.value[l] = 0;
                if (r < count) storePack(columns + r * columnPitch + c + j, gradient);
#pragma unroll
                for (int l = 0; l < width; ++l)
#pragma unroll
                    for (int k = 0; k < Corners; ++k)
                        dot_[i][k] += gradient.value[l] * corners.corner(k, j + l);
            }
        }
    }

    /// Adds the threads' shares of each row, in order; the sums are the first of the shares.
    __device__ void collect(Memory& memory) const {
#pragma unroll
        for (int i = 0; i < slots; ++i)
#pragma unroll
            for (int k = 0; k < Corners; ++k)
                memory.share[line() + i * lines][k][static_cast<int>(threadIdx.x) % lanes] =
                    dot_[i][k];
        __syncthreads();
        for (int i = static_cast<int>(threadIdx.x); i < Product::rows * Corners;
             i += blockThreads) {
            Real* share = memory.share[i / Corners][i % Corners];
            Real sum = share[0];
            for (int l = 1; l < lanes; ++l) sum += share[l];
            share[0] = sum;
        }
        __syncthreads();
    }

  private:
    static constexpr int width = packOf<Real>;

    __device__ static int line() {
        return static_cast<int>(threadIdx.x) / lanes;
    }

    Real dot_[slots][Corners];
};

/// Few totals a thread are few columns: such products have few steps, and wait for their samples.
template <class Product>
constexpr int columnsBlocks() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    if (Product::rows * Product::columns <= 128 * 32 && sizeof(typename Product::Real) == 4)
        return 3;
#endif
    return Product::blocksAtATime;
}

/// Whether a step reads the thread's number anew (ProductLoop): where it is no longer for that.
template <class Product>
constexpr bool columnsReadAnew = Product::rows == 64 ||
                                 (sizeof(typename Product::Stored) == 2 && Product::columns != 64);

template <class Product, class Element>
__global__ void __launch_bounds__(blockThreads, columnsBlocks<Product>())
    backwardColumnsKernel(BackwardColumnsArguments<Element, typename Product::Stored> a) {
    if constexpr (!Product::supported) {
        notCompiledForThisDevice();
    } else {
        using Real = ComputeType<Element>;
        using Dots = CornerDots<Product, Element>;
        struct Memory {
            union {
                ProductMemory<Product> product;
                typename Dots::Memory dots;
            };
            typename Dots::Table table;
        };
        auto& memory = shared<Memory>();
        const Conv2dGeometry& g = a.g;
        const PlanGeometry& plan = a.samples.plan;
        const Index pixels = a.chunk.images * g.outPixels();
        const Index rowTiles = (pixels + Product::rows - 1) / Product::rows;
        for (Index t = blockIdx.x; t < rowTiles * g.offsetGroups * a.chunk.taps; t += gridDim.x) {
            const int tapOfChunk = static_cast<int>(t % a.chunk.taps);
            const int tap = a.chunk.firstTap + tapOfChunk;
            const int offsetGroup = static_cast<int>(t / a.chunk.taps % g.offsetGroups);
            const Index firstOfChunk = t / a.chunk.taps / g.offsetGroups * Product::rows;
            const Index firstPixel = a.chunk.firstImage * g.outPixels() + firstOfChunk;
            const int count = static_cast<int>(
                pixels - firstOfChunk < Product::rows ? pixels - firstOfChunk : Product::rows);
            const FirstImage first(plan, firstPixel);
            const int r = static_cast<int>(threadIdx.x);
            if (r < Product::rows) {
                memory.table.clear(r);
                memory.table.place[r] = {0, 0, false, 1};
                if (r < count) {
                    const PixelSamples at(plan, a.samples.arrays, first.n, first.pixel + r);
                    const auto s =
                        planSample<Element>(plan, a.samples.arrays, at, offsetGroup, tap);
                    memory.table.setTouched(r, s, at.firstPixel, plan.pixels());
                    memory.table.place[r] = {s.fractionY, s.fractionX, s.place != Place::Outside,
                                             s.modulation};
                }
            }
            __syncthreads();
            Dots dots;
            const int firstChannel = offsetGroup * a.samples.channelsPerOffsetGroup;
            const int lastGroup =
                (firstChannel + a.samples.channelsPerOffsetGroup - 1) / a.samples.channelsPerGroup;
            for (int group = firstChannel / a.samples.channelsPerGroup; group <= lastGroup;
                 ++group) {
                const int j = offsetGroup - a.samples.firstOffsetGroup(group);
                const int at = group * a.s.perGroup + j;
                const Segment segment(g, group, j);
                for (int c0 = 0; c0 < segment.channels; c0 += Product::columns) {
                    Product total;
                    total.clear();
                    PlainRows<Product, Element> gradients(
                        a.gradients + firstPixel * a.gradientPitch + group * a.outPitch,
                        a.gradientPitch, a.outPitch, count);
                    PanelSource<Product> weights(
                        a.weights + (static_cast<Index>(at) * plan.taps + tap) * a.steps *
                                        Product::depth * a.weightPitch,
                        a.weightPitch, c0);
                    addProduct<columnsReadAnew<Product>>(total, gradients, weights, a.steps,
                                                         memory.product);
                    const int columns = segment.channels - c0 < Product::columns
                                            ? segment.channels - c0
                                            : Product::columns;
                    for (int slice = 0; slice * sliceColumns < columns; ++slice) {
                        const int c = c0 + slice * sliceColumns;
                        total.spill(memory.product.slice, slice);
                        __syncthreads();
                        dots.add(
                            memory.product.slice, segment.channels - c, count, memory.table,
                            a.samples.images + first.n * a.samples.imagePitch + at * a.s.pitch + c,
                            a.samples.pitchBytes,
                            a.columns +
                                (firstOfChunk * a.chunk.taps + tapOfChunk) * a.samples.pixelPitch +
                                at * a.s.pitch + c,
                            a.chunk.taps * a.samples.pixelPitch);
                        __syncthreads();
                    }
                }
            }
            dots.collect(memory.dots);
            if (r < count) {
                const auto& row = memory.table.place[r];
                Real dot[Corners];
                // A corner beside the plane is zero, whatever gradients are times that.
                for (int i = 0; i < Corners; ++i)
                    dot[i] = row.between && memory.table.pixel[r][i] < 0
                                 ? Real{0}
                                 : memory.dots.share[r][i][0];
                int pixel = first.pixel + r;
                const Index n = first.n + plan.outPixels.divide(pixel);
                const int y = plan.outWidth.divide(pixel);
                const int k = offsetGroup * plan.taps + tap;
                if (a.gradMask.present()) {
                    Real sum = 0;
                    for (int i = 0; i < Corners; ++i) sum += memory.table.weight[r][i] * dot[i];
                    // Of a sample outside, the top left corner is: its pixel is zero, and its dot
                    // is what the gradients have times zero.
                    store<Element>(a.gradMask, row.between ? sum : dot[TopLeft], n, k, y, pixel);
                }
                if (a.gradOffset.present()) {
                    // The slopes of the dots are the dots of the slopes.
                    Sample<Real> s;
                    s.fractionY = row.fractionY;
                    s.fractionX = row.fractionX;
                    const Real modulation = row.modulation;
                    store<Element>(a.gradOffset, modulation * slopeY(s, dot), n, 2 * k, y, pixel);
                    store<Element>(a.gradOffset, modulation * slopeX(s, dot), n, 2 * k + 1, y,
                                   pixel);
                }
            }
            __syncthreads();
        }
    }
}

}  // namespace dcn4j::cuda
