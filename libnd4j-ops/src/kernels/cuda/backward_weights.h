// Deformable convolution backward, the gradient of the weights: a fused matrix product.
//
//   gradWeights[o][k] = sum over pixels of gradOutput[pixel][o] * column[pixel][k], k = (tap, c)
//
//   o, k     in tiles of 64 x 128 or 128 x 128 (64 x 64 in double)
//   pixel    of a few images, oH * oW each, cut into slots of one length; each block sums one tile
//            over one slot
//
// Slots leave partial sums in device memory, to which those of further images are added, and which
// backward_sums.h adds in a fixed order. How many there are depends on the geometry alone, and
// their sums take at most 64 MiB or one copy of the weights.
//
// Every step has new samples. A block plans 256 at a time, one a thread (sample_table.h): those of
// the next 256 pixels where its tile is of one tap, of fewer where it is of more. Where they lie is
// known already (sample_places.h).
//
// What bounds it: arithmetic; then reading corners, once for every 64 or 128 output channels.
#pragma once

#include "forward.h"
#include "sample_places.h"

namespace dcn4j::cuda {

/// How pixels are cut.
struct Slots {
    Index count, length;

    Slots(Index pixels, Index tiles, Index partialBytes) {
        if (pixels == 0) {
            count = 0;
            length = 1;
            return;
        }
        // Enough blocks for a large device, but a slot's pixels pay for its sums.
        const Index wanted = std::min(ceilDivide(1024, tiles), ceilDivide(pixels, 256));
        const Index fitting = (Index{64} << 20) / partialBytes;
        // Whole steps.
        length = roundUp(ceilDivide(pixels, std::max<Index>(std::min(wanted, fitting), 1)), 32);
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
        StoredPlace<Real> next[plannedAtATime];
        Real modulation[plannedAtATime];
    };

    /// Of a slot that begins with the images' pixel `firstPixel`.
    __device__ SampledColumns(const SampleSource<Element>& source, const SamplePlaces<Real>& places,
                              Table& table, Index group, int tile, int firstPixel)
        : source_(source),
          places_(places),
          table_(table),
          stepsAPlan_(mostRuns / source.runs.perTile) {
        const int k = static_cast<int>(threadIdx.x) % packs * pack;
        const int which = k / source.runs.channelsPerRun;
        const auto place = source.runs.place(tile, which, k - which * source.runs.channelsPerRun);
        reads_ = place.channel < source.runs.pitch;
        channels_ = source.images + places.firstImage * source.imagePitch +
                    static_cast<int>(group) * source.runs.groupPitch +
                    place.segment * source.runs.pitch + place.channel;
        entry_ = (which + 1) * planned() + line();
        // What this thread plans.
        const auto plans = source.runs.place(tile, entry() / planned(), 0);
        const int pixel = firstPixel + entry() % planned();
        left_ = -pixel;
        next_ = places.data;
        if (plans.channel < source.runs.pitch && plans.segment < source.segmentsOf(group)) {
            left_ += places.pixels;
            next_ =
                places.of(source.plan, source.firstOffsetGroup(group) + plans.segment, plans.tap) +
                pixel;
        }
        load();
        waitForCopies();
    }

    __device__ bool plans(int step) const { return step == nextPlan_; }

    /// A thread plans one sample, and loads where its next lies.
    __device__ void plan(int) {
        nextPlan_ += stepsAPlan_;
        entry_ -= planned();
        left_ -= planned();
        next_ += planned();
        const StoredPlace<Real> at = copiesByItself() ? table_.next[entry()] : loaded_;
        table_.samples.plan(entry(), source_.plane, at.firstPixel(), at.y, at.x);
        table_.modulation[entry()] = at.modulation;
        load();
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
            table_.samples, entry(Slot), reads_ ? table_.modulation[entry(Slot)] : Real{1});
        Product::storeB(b + Product::furtherB(Slot * linesOfSlot), line(),
                        static_cast<int>(threadIdx.x) % packs * pack, p);
        if (Slot + 1 == slots) entry_ += Product::depth;
    }

  private:
    __device__ static int entry() { return static_cast<int>(threadIdx.x); }
    /// Pixels that are planned at a time.
    __device__ int planned() const { return stepsAPlan_ * Product::depth; }

    /// Loads where this thread's next sample lies. Beyond the images' last pixel samples are zeros;
    /// so are the gradients. Only there a step may have less than all of its pixels.
    __device__ void load() {
        const bool some = left_ > 0;
        if (copiesByItself()) {
            constexpr int bytes = static_cast<int>(sizeof(StoredPlace<Real>));
            auto* const to = reinterpret_cast<unsigned char*>(&table_.next[entry()]);
            const auto* const from =
                reinterpret_cast<const unsigned char*>(some ? next_ : places_.data);
#pragma unroll
            for (int i = 0; i < bytes; i += 16) beginCopy(to + i, from + i, some);
        } else {
            loaded_ = StoredPlace<Real>{};
            if (some) loaded_ = loadGlobal<StoredPlace<Real>>(next_);
        }
    }

    __device__ static int line() {
        return static_cast<int>(threadIdx.x) / packs;
    }
    __device__ int entry(int slot) const {
        return entry_ + slot * linesOfSlot;
    }

    const SampleSource<Element>& source_;
    const SamplePlaces<Real>& places_;
    Table& table_;
    const int stepsAPlan_;
    const Element* channels_;  ///< this thread's at the first image's first pixel
    int nextPlan_ = 0;
    int entry_;  ///< of this thread's first line in this step
    bool reads_;
    const StoredPlace<Real>* next_;  ///< where the sample lies that is loaded next
    int left_;                       ///< pixels of the images from that on
    StoredPlace<Real> loaded_;       ///< where nothing copies by itself
    SampleValues<Element, pack, (Product::blocksAtATime > 1)> value_[slots];
};

template <class Element>
struct BackwardWeightsArguments {
    Conv2dGeometry g;
    SampleSource<Element> samples;
    SamplePlaces<ComputeType<Element>> places;
    const Element* gradients;  ///< of the images' output, packed
    int gradientPitch;         ///< of one pixel
    int outPitch;              ///< of one convolution group
    Slots slots;
    int depth;                      ///< channels of all tiles of runs
    ComputeType<Element>* partial;  ///< [slots][outChannels][depth]
    bool adds;                      ///< to what is there
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
        const Index firstPixel = slot * a.slots.length, left = a.places.pixels - firstPixel;
        // The last images may be fewer than all slots are for.
        if (left <= 0) return;
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
        Samples samples(a.samples, a.places, memory.table, group, tile,
                        static_cast<int>(firstPixel));
        addProduct(total, gradients, samples, steps, memory.product);
        Real* const to = a.partial + memory.tile.place;
        const int rows = memory.tile.rows < Product::rows ? memory.tile.rows : Product::rows;
        for (int slice = 0; slice * sliceColumns < Product::columns; ++slice) {
            total.spill(memory.product.slice, slice);
            __syncthreads();
            for (int i = threadAnew(); i < rows * sliceColumns; i += blockThreads) {
                const int row = i / sliceColumns, column = i % sliceColumns;
                Real& sum = to[Index{row} * a.depth + slice * sliceColumns + column];
                const Real before = a.adds ? sum : Real{0};
                sum = before + memory.product.slice[row * slicePitch + column];
            }
            __syncthreads();
        }
    }
}

}  // namespace dcn4j::cuda
