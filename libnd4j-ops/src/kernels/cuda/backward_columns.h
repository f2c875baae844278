// Deformable convolution backward, the gradient of the columns, and with it those of offset and
// mask: a matrix product.
//
//   gradColumn[pixel][tap][c] = sum over o of gradOutput[pixel][o] * weights[tap][o][c]
//   dot[pixel][corner]        = sum over the channels c of the offset group of
//                               gradColumn[pixel][tap][c] * input[corner of the sample][c]
//
//   pixel    of a few images, oH * oW each, in tiles of 64 or 128; a block has
//            one tile, one tap and one offset group, so that a dot product belongs to one block
//   c        all channels of the offset group, in tiles of 32 to 256
//
// The gradients of offset and mask are combinations of a sample's four dots: those of the value for
// the mask, the slopes for the offset. gradColumn goes to device memory, for backward_input.h to
// gather. Where the samples lie is left for backward_weights.h.
//
// What bounds it: the product; then reading corners.
#pragma once

#include "forward.h"
#include "sample_places.h"

namespace dcn4j::cuda {

/// Operand a: packed gradients of a tile of output pixels, one convolution group.
template <class Product, class Element>
class PlainRows : public Unplanned {
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int total = Product::rows * packs;
    static constexpr int rowsOfSlot = blockThreads / packs;
    static_assert(blockThreads % packs == 0 && rowsOfSlot % Product::rowPeriod == 0);
    static constexpr bool copies =
        std::is_same_v<Element, Stored> && Product::keepsRows && !Product::rounds;

  public:
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;

    /// The gradients of `count` rows, from element `first` of all on.
    __device__ PlainRows(const Element* all, Index first, int pitch, int depth, int count)
        : all_(all),
          rows_(all + first + static_cast<Index>(row(0)) * pitch +
                static_cast<int>(threadIdx.x) % packs * pack),
          pitch_(pitch),
          depth_(depth - static_cast<int>(threadIdx.x) % packs * pack),
          count_(count) {}

    template <int Slot>
    __device__ void fetch(int step, [[maybe_unused]] Stored* a) {
        const int k = step * Product::depth;
        const bool some = row(Slot) < count_ && k < depth_;
        const Element* from = rows_ + static_cast<Index>(Slot * rowsOfSlot) * pitch_ + k;
        if constexpr (copies) {
            if (copiesByItself()) {
                if (works(Slot))
                    beginCopy(Product::placeA(place<Slot>(a), row(0), column()), some ? from : all_,
                              some);
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
        Product::storeRow(place<Slot>(a), row(0), column(), p);
    }

  private:
    template <int Slot>
    __device__ static Stored* place(Stored* a) {
        return a + Product::furtherRows(Slot * rowsOfSlot);
    }
    __device__ static bool works(int slot) {
        return total % blockThreads == 0 || row(slot) < Product::rows;
    }
    __device__ static int column() {
        return static_cast<int>(threadIdx.x) % packs * pack;
    }
    __device__ static int row(int slot) {
        return static_cast<int>(threadIdx.x) / packs + slot * rowsOfSlot;
    }

    const Element* const all_;  ///< is read wherever nothing is
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
    SamplePlaces<ComputeType<Element>> places;  ///< of the chunk's images and maybe others
    const Element* gradients;                   ///< of the output, packed
    int gradientPitch;                          ///< of one pixel
    int outPitch;                               ///< of one convolution group
    const Stored* weights;
    int weightPitch, steps;
    ComputeType<Element>* columns;  ///< [pixels of the chunk][taps of the chunk][pixelPitch]
    Tensor<4> gradOffset, gradMask;
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
            // Of one row at a time: more would take the dots' registers.
            if (r >= count) continue;
            CornerValues<Element, pack> corners;
            corners.fetch(images + c, pitchBytes, table.pixels(r));
#pragma unroll
            for (int j = 0; j < pack; j += width) {
                auto gradient = loadPack<width>(tile + r * slicePitch + c + j);
                // What an infinite gradient makes of padding is not a number.
#pragma unroll
                for (int l = j == 0; l < width; ++l)
                    if (c + j + l >= channels) gradient.value[l] = 0;
                storePack(columns + r * columnPitch + c + j, gradient);
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

/// What a block makes, in shared memory: in registers it would leave the product too few.
struct ColumnsTile {
    FirstImage first;
    Index firstOfChunk;
    int count;  ///< of pixels
    int offsetGroup, tapOfChunk;
    /// The convolution group and its segment whose channels are made, and from which on.
    int group, segment, firstChannel;
    int channels;  ///< of the segment
};

/// Finds the tile of this block, and plans its samples.
template <class Product, class Element, class Table>
__device__ __forceinline__ void beginColumns(
    const BackwardColumnsArguments<Element, typename Product::Stored>& a, ColumnsTile& tile,
    Table& table) {
    using Located = SamplePlace<ComputeType<Element>>;
    const Conv2dGeometry& g = a.g;
    const PlanGeometry& plan = a.samples.plan;
    const auto taps = static_cast<unsigned>(a.chunk.taps);
    const auto offsetGroups = static_cast<unsigned>(g.offsetGroups);
    const auto number = static_cast<unsigned>(blockIdx.x) / taps;
    const int tapOfChunk = static_cast<int>(blockIdx.x % taps);
    const int offsetGroup = static_cast<int>(number % offsetGroups);
    const Index firstOfChunk = Index{number / offsetGroups} * Product::rows;
    const Index left = a.chunk.images * g.outPixels() - firstOfChunk;
    const int count = static_cast<int>(left < Product::rows ? left : Product::rows);
    const FirstImage first(plan, a.chunk.firstImage * g.outPixels() + firstOfChunk);
    const int r = static_cast<int>(threadIdx.x);
    if (r == 0) {
        const int group =
            offsetGroup * a.samples.channelsPerOffsetGroup / a.samples.channelsPerGroup;
        const int segment = group * a.s.perGroup + offsetGroup - a.samples.firstOffsetGroup(group);
        tile = {first, firstOfChunk, count, offsetGroup, tapOfChunk, group, segment, 0, 0};
    }
    if (r < Product::rows) {
        table.clear(r);
        table.place[r] = {0, 0, false, 1};
        if (r < count) {
            const PixelSamples at(plan, a.samples.arrays, first.n, first.pixel + r);
            const int tap = a.chunk.firstTap + tapOfChunk;
            const auto place =
                Located::template of<Element>(plan, a.samples.arrays, at, offsetGroup, tap);
            const Index before = a.chunk.firstImage - a.places.firstImage;
            a.places.of(plan, offsetGroup, tap)[before * g.outPixels() + firstOfChunk + r] = {
                place,
                at.firstPixel + static_cast<int>(first.n - a.places.firstImage) * plan.pixels()};
            const auto s = place.sample(plan, a.samples.arrays.offset.present());
            table.setTouched(r, s, at.firstPixel, plan.pixels());
            table.place[r] = {s.fractionY, s.fractionX, s.place != Place::Outside, s.modulation};
        }
    }
    __syncthreads();
}

/// Writes what a row's dots say of its offset and mask.
template <class Product, class Element, class Memory>
__device__ __forceinline__ void storeDots(
    const BackwardColumnsArguments<Element, typename Product::Stored>& a, const Memory& memory) {
    using Real = ComputeType<Element>;
    const PlanGeometry& plan = a.samples.plan;
    const ColumnsTile& tile = memory.tile;
    const int r = threadAnew();
    if (r >= tile.count) return;
    const auto& row = memory.table.place[r];
    Real dot[Corners];
    // A corner beside the plane is zero, whatever gradients are times that.
    for (int i = 0; i < Corners; ++i)
        dot[i] =
            row.between && memory.table.pixel[r][i] < 0 ? Real{0} : memory.shares.share[r][i][0];
    int pixel = tile.first.pixel + r;
    const Index n = tile.first.n + plan.outPixels.divide(pixel);
    const int y = plan.outWidth.divide(pixel);
    const int k = tile.offsetGroup * plan.taps + a.chunk.firstTap + tile.tapOfChunk;
    if (a.gradMask.present()) {
        Real sum = 0;
        for (int i = 0; i < Corners; ++i) sum += memory.table.weight[r][i] * dot[i];
        // Of a sample outside, the top left corner is: its pixel is zero, and its dot is what the
        // gradients have times zero.
        store<Element>(a.gradMask, row.between ? sum : dot[TopLeft], n, k, y, pixel);
    }
    if (a.gradOffset.present()) {
        // The slopes of the dots are the dots of the slopes.
        Sample<Real> s;
        s.fractionY = row.fractionY;
        s.fractionX = row.fractionX;
        const Real modulation = row.modulation;
        store<Element>(a.gradOffset, modulation * slopeY(s, dot), n, 2 * k, y, pixel);
        store<Element>(a.gradOffset, modulation * slopeX(s, dot), n, 2 * k + 1, y, pixel);
    }
}

template <class Product, class Element>
__global__ void __launch_bounds__(blockThreads, columnsBlocks<Product>())
    backwardColumnsKernel(BackwardColumnsArguments<Element, typename Product::Stored> a) {
    if constexpr (!Product::supported) {
        notCompiledForThisDevice();
    } else {
        using Dots = CornerDots<Product, Element>;
        struct Memory {
            union {
                ProductMemory<Product> product;
                typename Dots::Memory shares;
            };
            typename Dots::Table table;
            ColumnsTile tile;
        };
        auto& memory = shared<Memory>();
        ColumnsTile& tile = memory.tile;
        beginColumns<Product>(a, tile, memory.table);
        Dots dots;
        const int perGroup = a.samples.channelsPerGroup;
        const int perOffsetGroup = a.samples.channelsPerOffsetGroup;
        for (int group = tile.group, segment = tile.segment, c0 = 0;;) {
            const int firstOfAll = tile.offsetGroup * perOffsetGroup;
            const int endOfAll = firstOfAll + perOffsetGroup;
            if (group * perGroup >= endOfAll) break;
            const int first = group * perGroup > firstOfAll ? group * perGroup : firstOfAll;
            const int end = (group + 1) * perGroup < endOfAll ? (group + 1) * perGroup : endOfAll;
            Product total;
            total.clear();
            PlainRows<Product, Element> gradients(
                a.gradients,
                (a.chunk.firstImage * a.g.outPixels() + tile.firstOfChunk) * a.gradientPitch +
                    group * a.outPitch,
                a.gradientPitch, a.outPitch, tile.count);
            PanelSource<Product> weights(
                a.weights + (static_cast<Index>(segment) * a.samples.plan.taps + a.chunk.firstTap +
                             tile.tapOfChunk) *
                                a.steps * Product::depth * a.weightPitch,
                a.weightPitch, c0);
            __syncthreads();  // Until here, threads read what the tile was.
            if (threadIdx.x == 0) {
                tile.group = group;
                tile.segment = segment;
                tile.firstChannel = c0;
                tile.channels = end - first;
            }
            addProduct(total, gradients, weights, a.steps, memory.product);
            for (int slice = 0; slice * sliceColumns < Product::columns; ++slice) {
                const int c = tile.firstChannel + slice * sliceColumns;
                if (c >= tile.channels) break;
                const int place = tile.segment * a.s.pitch + c;
                total.spill(memory.product.slice, slice);
                __syncthreads();
                dots.add(memory.product.slice, tile.channels - c, tile.count, memory.table,
                         a.samples.images + tile.first.n * a.samples.imagePitch + place,
                         a.samples.pitchBytes,
                         a.columns +
                             (tile.firstOfChunk * a.chunk.taps + tile.tapOfChunk) *
                                 a.samples.pixelPitch +
                             place,
                         a.chunk.taps * a.samples.pixelPitch);
                __syncthreads();
            }
            group = tile.group;
            segment = tile.segment;
            c0 = tile.firstChannel + Product::columns;
            if (c0 >= tile.channels) {
                // The group's other segments are of other offset groups.
                ++group;
                segment = group * a.s.perGroup;
                c0 = 0;
            }
        }
        dots.collect(memory.shares);
        storeDots<Product>(a, memory);
    }
}

}  // namespace dcn4j::cuda
