// Deformable convolution backward, the gradient of the weights: a fused matrix product.
//
//   gradWeights[o][k] = sum over pixels of gradOutput[pixel][o] * column[pixel][k], k = (tap, c)
//
//   o, k     in tiles of 64 x 128 or 128 x 128 (64 x 64 in double)
//   pixel    N * oH * oW, cut into slots of one length; each block sums one tile over one slot
//
// Slots leave partial sums in device memory, which backward_sums.h adds in a fixed order. How many
// there are depends on the geometry alone, and their sums take at most 64 MiB or one copy of the
// weights.
//
// Every step has new samples. A block plans 256 at a time, one a thread (sample_table.h): those of
// the next 256 pixels where its tile is of one tap, of fewer where it is of more.
//
// What bounds it: arithmetic; then reading corners, once for every 64 or 128 output channels.
#pragma once

#include "forward.h"

namespace dcn4j::cuda {

/// How the pixels are cut.
struct Slots {
    Index count, length;

    Slots(const Conv2dGeometry& g, Index tiles, Index partialBytes) {
        const Index pixels = g.batch * g.outPixels();
        if (pixels == 0) {
            count = 0;
            length = 1;
            return;
        }
        // Enough blocks for a large device, but a slot's pixels pay for its sums.
        const Index wanted = std::min(ceilDivide(1024, tiles), ceilDivide(pixels, 256));
        const Index fitting = (Index{64} << 20) / partialBytes;
        // A slot's pixels are counted in 32 bits, and those of the images that they lie in.
        const Index images = (Index{1} << 30) / g.pixels() - 2;
        const Index most = std::max<Index>(256, images * g.outPixels());
        const Index least = ceilDivide(pixels, std::min(most, Index{1} << 29));
        length = roundUp(ceilDivide(pixels, std::max(std::min(wanted, fitting), least)), 32);
        count = ceilDivide(pixels, length);
    }
};

/// Operand a, written by columns: packed gradients, output channels of a run of pixels.
template <class Product, class Element>
class GradientColumns : public Unplanned {
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::rows / pack;
    static constexpr int total = Product::depth * packs;
    static constexpr int linesOfSlot = blockThreads / packs;
    static constexpr bool periodic = linesOfSlot % Product::depthPeriod == 0;
    static constexpr bool copies = std::is_same_v<Element, Stored> && !Product::rounds;

  public:
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;

    /// The gradients of the pixels from element `first` of all on.
    __device__ GradientColumns(const Element* all, Index first, int pitch, int channels, int pixels)
        : all_(all),
          gradients_(all + first + static_cast<Index>(line(0)) * pitch + column()),
          pitch_(pitch),
          pixels_(column() < channels ? pixels - line(0) : 0) {}

    /// Steps are fetched in their order.
    template <int Slot>
    __device__ void fetch(int, [[maybe_unused]] Stored* a) {
        fetchSlot<Slot>(a);
        if (Slot + 1 < slots) return;
        gradients_ += static_cast<Index>(Product::depth) * pitch_;
        pixels_ -= Product::depth;
    }

    template <int Slot>
    __device__ void store(Stored* a) const {
        if (!works(Slot) || (copies && copiesByItself())) return;
        // An operand's packs may be shorter than the elements'.
        constexpr int part = pack < packOf<Stored> ? pack : packOf<Stored>;
#pragma unroll
        for (int first = 0; first < pack; first += part) {
            Pack<Stored, part> p{};
#pragma unroll
            for (int c = 0; c < part; ++c)
                p.set(c, Product::stored(widen(value_[Slot].get(first + c))));
            Product::storeColumn(place<Slot>(a), column() + first, line(periodic ? 0 : Slot), p);
        }
    }

  private:
    template <int Slot>
    __device__ void fetchSlot([[maybe_unused]] Stored* a) {
        const bool some = Slot * linesOfSlot < pixels_;
        const Element* from = gradients_ + static_cast<Index>(Slot * linesOfSlot) * pitch_;
        if constexpr (copies) {
            if (copiesByItself()) {
                if (works(Slot))
                    beginCopy(Product::placeA(place<Slot>(a), column(), line(periodic ? 0 : Slot)),
                              some ? from : all_, some);
                return;
            }
        }
        value_[Slot] = {};
        if (works(Slot) && some) value_[Slot] = loadPack<pack>(from);
    }

    template <int Slot>
    __device__ static Stored* place(Stored* a) {
        return periodic ? a + Product::furtherDepths(Slot * linesOfSlot) : a;
    }
    __device__ static int line(int slot) {
        return static_cast<int>(threadIdx.x) / packs + slot * linesOfSlot;
    }
    __device__ static int column() {
        return static_cast<int>(threadIdx.x) % packs * pack;
    }
    __device__ static bool works(int slot) {
        return total % blockThreads == 0 || line(slot) < Product::depth;
    }

    const Element* const all_;  ///< is read wherever nothing is
    const Element* gradients_;
    const int pitch_;
    int pixels_;
    Pack<Element, pack> value_[slots]{};
};

/// Samples that are planned at a time: one a thread.
constexpr int plannedAtATime = blockThreads;

/// Operand b: the modulated samples of a run of pixels, for one tile of `runs`.
template <class Product, class Element>
class SampledColumns {
    using Real = ComputeType<Element>;
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::columns / pack;
    static constexpr int linesOfSlot = blockThreads / packs;
    static_assert(Product::depth * packs % blockThreads == 0 && blockThreads % packs == 0 &&
                  linesOfSlot % 8 == 0);

  public:
    static constexpr int slots = Product::depth * packs / blockThreads;
    static constexpr int mostRuns = plannedAtATime / Product::depth;
    /// In shared memory: the planned samples, and what each thread needs for its next.
    struct Table {
        SampleTable<Real, plannedAtATime> samples;
        struct alignas(16) {
            OutPixel next;    ///< the pixel that is planned next
            Real modulation;  ///< of the sample
        } beside[plannedAtATime];
        /// How far one sample of a thread is from the next, less the end of a row and of an image.
        alignas(16) OutPixel apart;
        struct alignas(16) {
            PlannedArrays arrays;  ///< of the first image's first pixel
            int row, column;       ///< that output pixel (0, 0) reads
            int pixels;            ///< of the slot; 0 where nothing is read
        } runs[mostRuns];
    };

    __device__ SampledColumns(const SampleSource<Element>& source, Table& table, Index group,
                              int tile, Index firstPixel, int pixels)
        : source_(source), table_(table), stepsAPlan_(mostRuns / source.runs.perTile) {
        const FirstImage first(source.plan, firstPixel);
        const int k = static_cast<int>(threadIdx.x) % packs * pack;
        const int which = k / source.runs.channelsPerRun;
        const auto place = source.runs.place(tile, which, k - which * source.runs.channelsPerRun);
        reads_ = place.channel < source.runs.pitch;
        channels_ = source.images + first.n * source.imagePitch +
                    static_cast<int>(group) * source.runs.groupPitch +
                    place.segment * source.runs.pitch + place.channel;
        entry_ = (which + 1) * planned() + line();
        // What this thread plans.
        const auto plans = source.runs.place(tile, run(), 0);
        const bool some =
            plans.channel < source.runs.pitch && plans.segment < source.segmentsOf(group);
        if (pixel() == 0) {
            int column = plans.tap;
            const int row = source.plan.kernelW.divide(column);
            const PixelSamples at(source.plan, source.arrays, first.n, OutPixel{0, 0, 0});
            const int offsetGroup = some ? source.firstOffsetGroup(group) + plans.segment : 0;
            table.runs[run()] = {source.arraysAt(at, offsetGroup, some ? plans.tap : 0),
                                 at.y + row * source.plan.dilationH,
                                 at.x + column * source.plan.dilationW, some ? pixels : 0};
        }
        if (entry() == 0) {
            const OutPixel by = OutPixel::of(source.plan, planned());
            table.apart = {by.image + 1, by.y + 1 - source.outHeight,
                           by.x - source.plan.outWidth.divisor()};
        }
        const OutPixel next = OutPixel::of(source.plan, first.pixel + pixel());
        table.beside[entry()].next = next;
        __syncthreads();
        load(next, 0);
    }

    __device__ bool plans(int step) const { return step == nextPlan_; }

    /// A thread plans one sample, and loads what arrays say of its next.
    __device__ void plan(int) {
        nextPlan_ += stepsAPlan_;
        entry_ -= planned();
        const OutPixel at = table_.beside[entry()].next;
        const auto& run = table_.runs[this->run()];
        const Real y = static_cast<Real>(at.y * source_.plan.strideH + run.row) + widen(inputs_.y);
        const Real x =
            static_cast<Real>(at.x * source_.plan.strideW + run.column) + widen(inputs_.x);
        const Real modulation = widen(inputs_.modulation);
        const OutPixel next = after(at);
        load(next, nextPlan_ * Product::depth);
        table_.samples.plan(entry(), source_.plane, at.image * source_.plan.pixels(), y, x);
        table_.beside[entry()] = {next, modulation};
    }

    /// Steps are fetched in their order.
    template <int Slot>
    __device__ void fetch(int, Stored*) {
        value_[Slot].fetch(channels_, source_.pitchBytes, table_.samples.pixels(entry(Slot)),
                           reads_);
    }

    template <int Slot>
    __device__ void store(Stored* b) {
        const auto p = value_[Slot].template sample<Product>(
            table_.samples, entry(Slot), reads_ ? table_.beside[entry(Slot)].modulation : Real{1});
        Product::storeB(b + Product::furtherB(Slot * linesOfSlot), line(),
                        static_cast<int>(threadIdx.x) % packs * pack, p);
        if (Slot + 1 == slots) entry_ += Product::depth;
    }

  private:
    __device__ static int entry() { return static_cast<int>(threadIdx.x); }
    /// Pixels that are planned at a time.
    __device__ int planned() const { return stepsAPlan_ * Product::depth; }
    /// Which of the tile's runs this thread plans, and which pixel of those that are planned.
    __device__ int run() const { return entry() / planned(); }
    __device__ int pixel() const { return entry() & (planned() - 1); }

    /// The pixel that this thread plans after `at`: a column, or a row, below zero has not met the
    /// end of its row, or of its image.
    __device__ OutPixel after(const OutPixel& at) const {
        const OutPixel& by = table_.apart;
        const int x = at.x + by.x, y = at.y + by.y + (x >> 31);
        return {at.image + by.image + (y >> 31), wrapped(y, source_.outHeight),
                wrapped(x, source_.plan.outWidth.divisor())};
    }
    /// `size` more where a number of -size ... size - 1 is below zero.
    __device__ static int wrapped(int number, int size) {
        const auto below = static_cast<std::uint32_t>(number);
        const auto above = below + static_cast<std::uint32_t>(size);
        return static_cast<int>(below < above ? below : above);
    }

    /// Loads the inputs of this thread's next sample, `done` pixels from its first on. Beyond the
    /// slot's pixels samples are zeros; so are the gradients.
    __device__ void load(const OutPixel& at, int done) {
        inputs_.setNone();
        const PlannedArrays arrays = table_.runs[run()].arrays;
        const auto from = [&](const char* data, const SampleArray& array) {
            const char* row =
                further(further(data, at.y, array.rowBytes()), at.x, array.pixelBytes());
            return row + std::uint64_t{static_cast<std::uint32_t>(at.image)} *
                             static_cast<std::uint64_t>(array.strides[0]);
        };
        const char* const offset = from(arrays.offset, source_.offset);
        const char* const mask = from(arrays.mask, source_.mask);
        if (done + pixel() < table_.runs[run()].pixels)
            inputs_.load(offset, offset + source_.offset.strides[1], mask);
    }

    __device__ static int line() { return static_cast<int>(threadIdx.x) / packs; }
    __device__ int entry(int slot) const { return entry_ + slot * linesOfSlot; }

    const SampleSource<Element>& source_;
    Table& table_;
    const int stepsAPlan_;
    const Element* channels_;  ///< this thread's at the first image's first pixel
    int nextPlan_ = 0;
    int entry_;  ///< of this thread's first line in this step
    bool reads_;
    SampleInputs<Element> inputs_{};
    SampleValues<Element, pack, (Product::blocksAtATime > 1)> value_[slots];
};

template <class Element>
struct BackwardWeightsArguments {
    Conv2dGeometry g;
    SampleSource<Element> samples;
    const Element* gradients;  ///< of the output, packed
    int gradientPitch;         ///< of one pixel
    int outPitch;              ///< of one convolution group
    Slots slots;
    int depth;                      ///< channels of all tiles of runs
    ComputeType<Element>* partial;  ///< [slots][outChannels][depth]
};

template <class Product, class Element>
__global__ void __launch_bounds__(blockThreads, Product::blocksAtATime)
    backwardWeightsKernel(BackwardWeightsArguments<Element> a) {
    if constexpr (!Product::supported) {
        notCompiledForThisDevice();
    } else {
        using Samples = SampledColumns<Product, Element>;
        using Real = ComputeType<Element>;
        struct Memory {
            ProductMemory<Product> product;
            typename Samples::Table table;
            /// Where the block's sums go, and how many rows of them there are. Not to be kept in
            /// registers for the time of the product.
            struct {
                Index place;
                int rows;
            } tile;
        };
        auto& memory = shared<Memory>();
        const auto groups = static_cast<unsigned>(a.g.groups);
        const int outPerGroup = static_cast<int>(a.g.outChannelsPerGroup());
        const auto columnTiles = static_cast<unsigned>(a.depth / Product::columns);
        const auto rowTiles =
            static_cast<unsigned>((outPerGroup + Product::rows - 1) / Product::rows);
        auto number = static_cast<unsigned>(blockIdx.x);
        const int tile = static_cast<int>(number % columnTiles);
        number /= columnTiles;
        const int firstRow = static_cast<int>(number % rowTiles) * Product::rows;
        number /= rowTiles;
        const int group = static_cast<int>(number % groups);
        const Index slot = number / groups;
        const Index firstPixel = slot * a.slots.length;
        const Index left = a.g.batch * a.g.outPixels() - firstPixel;
        const int pixels = static_cast<int>(left < a.slots.length ? left : a.slots.length);
        const int steps = (pixels + Product::depth - 1) / Product::depth;
        if (threadIdx.x == 0) {
            memory.tile = {((slot * groups + group) * outPerGroup + firstRow) * a.depth +
                               tile * Product::columns,
                           outPerGroup - firstRow};
        }
        Product total;
        total.clear();
        GradientColumns<Product, Element> gradients(
            a.gradients, firstPixel * a.gradientPitch + group * a.outPitch + firstRow,
            a.gradientPitch, a.outPitch - firstRow, pixels);
        Samples samples(a.samples, memory.table, group, tile, firstPixel, pixels);
        addProduct(total, gradients, samples, steps, memory.product);
        Real* const to = a.partial + memory.tile.place;
        const int rows = memory.tile.rows < Product::rows ? memory.tile.rows : Product::rows;
        for (int slice = 0; slice * sliceColumns < Product::columns; ++slice) {
            total.spill(memory.product.slice, slice);
            __syncthreads();
            for (int i = threadAnew(); i < rows * sliceColumns; i += blockThreads) {
                const int row = i / sliceColumns, column = i % sliceColumns;
                to[Index{row} * a.depth + slice * sliceColumns + column] =
                    memory.product.slice[row * slicePitch + column];
            }
            __syncthreads();
        }
    }
}

}  // namespace dcn4j::cuda
