// Operand a of the forward pass where a block plans several taps at a time, and the product's loop
// around it.
//
// With all taps of a 3 x 3 kernel planned, the loop over channels is outside and that over taps
// inside: neighbouring taps sample neighbouring pixels, which are then in the first-level cache.
//
// A thread fetches one or two samples ahead of those that it interpolates.
#pragma once

#include "packing.h"
#include "product.h"
#include "sample_source.h"

namespace dcn4j::cuda {

/// The modulated samples of a tile of output pixels, for one convolution group.
template <class Product, class Element, int MostTaps>
class SampledTaps {
    using Real = ComputeType<Element>;
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int rows = Product::rows;
    static constexpr int rowsOfSlot = Product::threads / packs;
    static_assert(Product::threads % packs == 0 && rowsOfSlot % Product::rowPeriod == 0 &&
                  Product::threads % rows == 0);

  public:
    /// Packs that a thread makes of each step, and how many are fetched ahead.
    static constexpr int slots = rows * packs / Product::threads;
    static constexpr int ahead =
        slots > 1 && Product::rows* Product::columns <= 32 * Product::threads ? 2 : 1;
    static_assert(slots * Product::threads == rows * packs);
    struct Table {
        SampleTable<Real, MostTaps * rows> samples;
        /// What plans need of the block's tile. In registers, it would leave the product too few.
        FirstImage first;
        int group, pixels;
        std::uint8_t refused[Product::threads];  ///< a mask that can't be a factor of weights
    };

    __device__ SampledTaps(const SampleSource<Element>& source, const RunPlan<Real>*, Table& table,
                           Index group, Index firstPixel)
        : source_(source), table_(table) {
        if (threadIdx.x == 0) {
            const Index left = source.endPixel - firstPixel;
            table.first = FirstImage(source.plan, firstPixel);
            table.group = static_cast<int>(group);
            table.pixels = static_cast<int>(left < rows ? left : rows);
        }
        table.refused[threadIdx.x] = 0;
        __syncthreads();
    }

    __device__ bool plans(int step) const { return step == nextPlan_; }

    /// The samples of all steps from this one to the next that plans. Other threads read them after
    /// a barrier.
    __device__ void plan() {
        int segment = run_;
        const int firstTap = source_.runs.segmentDivisor.divide(segment) * taps();
        ++run_;
        nextPlan_ += taps() * source_.runs.tilesPerRun;
        const FirstImage first = table_.first;
        const int group = table_.group;
        from_ = source_.images + first.n * source_.imagePitch + group * source_.runs.groupPitch +
                segment * source_.runs.pitch + column();
        left_ = source_.runs.pitch - column();
        tap_ = -1;
        const int row = static_cast<int>(threadIdx.x) % rows;
        const int offsetGroup = source_.firstOffsetGroup(group) + segment;
        // Nothing beyond the last pixel and in a segment without channels.
        const bool some = row < table_.pixels && segment < source_.segmentsOf(group);
        const PixelSamples at(source_.plan, source_.arrays, first.n,
                              OutPixel::of(source_.plan, first.pixel + row));
        const auto exists = [&](int tap) {
            return some && tap < taps() && firstTap + tap < source_.plan.taps;
        };
        SampleInputs<Element> inputs[each]{};
#pragma unroll
        for (int i = 0; i < each; ++i) {
            if (exists(tapOf(i)))
                inputs[i].load(source_.plan, source_.arrays, at, offsetGroup, firstTap + tapOf(i));
        }
#pragma unroll
        for (int i = 0; i < each; ++i) {
            const int entry = tapOf(i) * rows + row;
            if (exists(tapOf(i))) {
                int kx = firstTap + tapOf(i);
                const int ky = source_.plan.kernelW.divide(kx);
                const Real modulation = widen(inputs[i].modulation);
                if (!weighs(modulation)) table_.refused[threadIdx.x] = 1;
                table_.samples.plan(
                    entry, source_.plane, at.firstPixel,
                    static_cast<Real>(at.y + ky * source_.plan.dilationH) + widen(inputs[i].y),
                    static_cast<Real>(at.x + kx * source_.plan.dilationW) + widen(inputs[i].x),
                    modulation);
            } else if (tapOf(i) < taps()) {
                table_.samples.clear(entry);
            }
        }
    }

    __device__ bool refused() const {
        return table_.refused[threadIdx.x] != 0;
    }

    /// Goes on to the next step.
    __device__ void next() {
        if (++tap_ == taps()) {
            tap_ = 0;
            from_ += Product::depth;
            left_ -= Product::depth;
        }
    }

    template <int Slot>
    __device__ void fetch() {
        value_[Slot % ahead].fetch(from_, source_.pitchBytes, table_.samples.pixels(entry(Slot)),
                                   left_ > 0);
    }

    /// Interpolates a slot's pack and stores it.
    template <int Slot>
    __device__ void make(Stored* a) const {
        const auto p = value_[Slot % ahead].template sample<Product>(table_.samples, entry(Slot));
        Product::storeRow(a + Product::furtherRows(Slot * rowsOfSlot), row(0), column(), p);
    }

  private:
    static constexpr int each = (MostTaps * rows + Product::threads - 1) / Product::threads;

    __device__ static int tapOf(int i) {
        return i * (Product::threads / rows) + static_cast<int>(threadIdx.x) / rows;
    }
    __device__ int taps() const {
        return source_.runs.tapsAtATime.divisor();
    }
    __device__ static int column() {
        return static_cast<int>(threadIdx.x) % packs * pack;
    }
    __device__ static int row(int slot) {
        return static_cast<int>(threadIdx.x) / packs + slot * rowsOfSlot;
    }
    __device__ int entry(int slot) const {
        return tap_ * rows + row(slot);
    }

    const SampleSource<Element>& source_;
    Table& table_;
    const Element* from_ = nullptr;
    int run_ = 0, nextPlan_ = 0, tap_ = 0;
    int left_ = 0;  ///< channels of the segment that are left for this thread's pack
    SampleValues<Element, pack, true> value_[ahead]{};
};

/// As ProductLoop, of samples by taps and packed weights.
template <class Product, class Samples, class Weights>
class SampledProductLoop {
    using Stored = typename Product::Stored;

  public:
    __device__ SampledProductLoop(Product& total, Samples& samples, Weights& weights,
                                  ProductMemory<Product>& memory)
        : total_(total), samples_(samples), weights_(weights), operands_(memory.operands) {}

    __device__ void run(int steps) {
        addSteps(
            total_, operands_, steps,
            [&](Stored* to) {
                begin(0, to);
                makeAll<0>(to);
            },
            [&](int now, int step, int next) {
                Stored* const to = bytesFurther(operands_, next);
                begin(step, to);
                multiplyAndMake<0>(now, to);
            });
    }

  private:
    static constexpr int slots = Samples::slots, ahead = Samples::ahead;
    static constexpr int parts = Product::parts / slots;
    static_assert(Product::parts % slots == 0);

    /// Plans, if the step asks for it, and fetches what comes first.
    __device__ void begin(int step, Stored* to) {
        if (samples_.plans(step)) {
            samples_.plan();
            __syncthreads();
        }
        samples_.next();
        samples_.template fetch<0>();
        if constexpr (ahead > 1) samples_.template fetch<1>();
        weights_.template fetch<0>(step, to + Product::sizeA);
    }

    /// Makes and fetches what comes next.
    template <int Slot>
    __device__ void make(Stored* to) {
        samples_.template make<Slot>(to);
        if constexpr (Slot + ahead < slots) samples_.template fetch<Slot + ahead>();
    }

    /// Without anything to multiply.
    template <int Slot>
    __device__ void makeAll(Stored* to) {
        make<Slot>(to);
        if constexpr (Slot + 1 < slots) makeAll<Slot + 1>(to);
    }

    template <int Slot>
    __device__ void multiplyAndMake(int now, Stored* next) {
        total_.template add<Slot * parts, parts>(operands_, now);
        make<Slot>(next);
        if constexpr (Slot + 1 < slots) multiplyAndMake<Slot + 1>(now, next);
    }

    Product& total_;
    Samples& samples_;
    Weights& weights_;
    Stored* const operands_;
};

template <class Product, class Samples, class Weights>
__device__ void addSampledProduct(Product& total, Samples& samples, Weights& weights, int steps,
                                  ProductMemory<Product>& memory) {
    SampledProductLoop<Product, Samples, Weights>(total, samples, weights, memory).run(steps);
}

}  // namespace dcn4j::cuda
