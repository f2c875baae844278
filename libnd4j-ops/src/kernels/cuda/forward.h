// Deformable convolution forward: a fused implicit matrix product.
//
//   output[pixel][o] = bias[o] + sum over k = (tap, channel) of column[pixel][k] * weights[k][o]
//
//   pixel    N * oH * oW, in tiles of 64 or 128
//   o        channels of one convolution group, in tiles of 32 to 256
//   column   the modulated samples, made in shared memory 16 to 64 depths at a time (8 in double);
//            it never exists in device memory
//
// A block plans the samples of its pixels once per tap, each by one thread (sample_table.h), or
// some taps at a time (sampled_taps.h). Its threads then read 16 bytes of channels from each corner
// while they multiply the step before.
// Blocks with the same pixels and other output channels are neighbours, so that what they sample is
// in cache.
//
// What bounds it: arithmetic from 128 channels on; below, reading corners, which for each pixel
// and tap are 4 * channels elements from the first-level cache, once for every tile of outputs.
#pragma once

#include "definition.h"
#include "packing.h"
#include "product.h"
#include "sampled_taps.h"

namespace dcn4j::cuda {

/// What a pixel's samples have in common.
template <class Real>
struct alignas(16) PlannedPixel {
    Real y, x;       ///< that tap (0, 0) reads, but for the offset; NaN: nothing is read
    int firstPixel;  ///< of the image
    Real refused;    ///< a mask that can't be a factor of weights, or 0
};

/// Operand a: the modulated samples of a tile of output pixels, for one convolution group.
template <class Product, class Element, int MostRuns>
class SampledRows {
    using Real = ComputeType<Element>;
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int total = Product::rows * packs;
    static constexpr int rowsOfSlot = blockThreads / packs;
    static_assert(blockThreads % packs == 0 && rowsOfSlot % Product::rowPeriod == 0 &&
                  blockThreads % Product::rows == 0);
    static_assert(MostRuns * Product::rows <= blockThreads);

  public:
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;
    /// In shared memory: the planned samples, and what each thread needs for its next plan, which
    /// would take registers from the product.
    struct Table {
        SampleTable<Real, MostRuns * Product::rows> samples;
        PlannedPixel<Real> pixels[MostRuns * Product::rows];
        PlannedArrays arrays[MostRuns * Product::rows];  ///< of tap 0 of the first offset group
    };

    __device__ SampledRows(const SampleSource<Element>& source, const RunPlan<Real>* plans,
                           Table& table, Index group, Index firstPixel)
        : source_(source), table_(table), plans_(plans) {
        const FirstImage first(source.plan, firstPixel);
        if (planning()) {
            // Beyond the last pixel, arrays are read where that is.
            const Index left = source.endPixel - 1 - firstPixel;
            const int row = entry() % Product::rows,
                      read = left < row ? static_cast<int>(left) : row;
            const OutPixel pixel = OutPixel::of(source.plan, first.pixel + read);
            const PixelSamples at(source.plan, source.arrays, first.n, pixel);
            const Real none = read == row ? Real{0} : floatOf(0x7fc00000u);
            table.pixels[entry()] = {at.y + none, at.x + none, at.firstPixel, 0};
            table.arrays[entry()] = source.arraysAt(at, source.firstOffsetGroup(group), 0);
        }
        channels_ =
            source.images + first.n * source.imagePitch + group * runs().groupPitch + inRun();
        if (planning()) load(plans_[runOfEntry()]);
        plans_ += perTile();
    }

    __device__ bool plans(int step) const { return step == nextPlan_; }

    /// A thread plans one sample, which is that of its number in the table; what arrays say of the
    /// next is loaded a plan ahead.
    __device__ void plan(int step) {
        nextPlan_ += runs().tilesPerRun;
        const auto* plans =
            further(plans_, step * perTile(), static_cast<int>(sizeof(RunPlan<Real>)));
        const auto place = loadGlobal<typename RunPlan<Real>::Place>(&plans[which()].place);
        left_ = static_cast<int>(place.channels);
        channels_ = further(channels_, place.segment, static_cast<int>(sizeof(Element)));
        if (planning()) {
            const auto& run = plans[runOfEntry()];
            const auto tap =
                MostRuns == 1 ? place : loadGlobal<typename RunPlan<Real>::Place>(&run.place);
            const auto at = table_.pixels[entry()];
            const Real modulation = widen(inputs_.modulation);
            if (!weighs(modulation)) table_.pixels[entry()].refused = modulation;
            table_.samples.plan(entry(), source_.plane, at.firstPixel,
                                at.y + tap.row + widen(inputs_.y),
                                at.x + tap.column + widen(inputs_.x), modulation);
            load(run);
        }
    }

    /// Whether this thread has planned a sample whose mask can't be a factor of weights.
    __device__ bool refused() const { return planning() && table_.pixels[entry()].refused != 0; }

    template <int Slot>
    __device__ void fetch(int, Stored*) {
        if (works(Slot)) {
            value_[Slot].fetch(channels_, source_.pitchBytes, table_.samples.pixels(entry(Slot)),
                               reads());
        }
        if (Slot + 1 == slots) channels_ += Product::depth;
    }

    template <int Slot>
    __device__ void store(Stored* a) {
        if (works(Slot)) {
            const auto p = value_[Slot].template sample<Product>(table_.samples, entry(Slot));
            Product::storeRow(a + Product::furtherRows(Slot * rowsOfSlot), row(0),
                              static_cast<int>(threadIdx.x) % packs * pack, p);
        }
        if (Slot + 1 == slots) left_ += Product::depth;
    }

  private:
    __device__ static int entry() { return static_cast<int>(threadIdx.x); }
    __device__ static int runOfEntry() { return MostRuns == 1 ? 0 : entry() / Product::rows; }
    __device__ int perTile() const { return MostRuns == 1 ? 1 : runs().perTile; }
    __device__ bool planning() const { return entry() < perTile() * Product::rows; }

    __device__ void load(const RunPlan<Real>& run) {
        const auto& at = table_.arrays[entry()];
        const auto channels = loadGlobal<typename RunPlan<Real>::Channels>(&run.arrays);
        const int offsetBytes = source_.offset.channelBytes;
        inputs_.load(further(at.offset, channels.y, offsetBytes),
                     further(at.offset, channels.x, offsetBytes),
                     further(at.mask, channels.mask, source_.mask.channelBytes));
    }

    __device__ static int row(int slot) {
        return static_cast<int>(threadIdx.x) / packs + slot * rowsOfSlot;
    }
    __device__ static bool works(int slot) {
        return total % blockThreads == 0 || row(slot) < Product::rows;
    }
    /// In which of a tile's runs this thread's depths are, and where in it.
    __device__ int which() const {
        if (MostRuns == 1) return 0;
        return static_cast<int>(threadIdx.x) % packs * pack / runs().channelsPerRun;
    }
    __device__ int inRun() const {
        return static_cast<int>(threadIdx.x) % packs * pack - which() * runs().channelsPerRun;
    }
    /// Whether this thread has channels in this step, and not padding.
    __device__ bool reads() const { return left_ < -inRun(); }
    __device__ int entry(int slot) const { return which() * Product::rows + row(slot); }
    __device__ const Runs& runs() const { return source_.runs; }

    const SampleSource<Element>& source_;
    Table& table_;
    const RunPlan<Real>* plans_;  ///< of the first tile's runs
    const Element* channels_;     ///< of this thread's channels at pixel 0, in this step
    int left_ = 0;                ///< channels of the run from this step on, times -1
    int nextPlan_ = 0;
    SampleInputs<Element> inputs_{};
    SampleValues<Element, pack, (Product::blocksAtATime > 1)> value_[slots];
};

template <class Element, class Stored>
struct ForwardArguments {
    Definition<Element> definition;
    SampleSource<Element> samples;
    RunPlans<Element> runPlans;
    const RunPlan<ComputeType<Element>>* plans;
    const Stored* weights;
    int steps, weightPitch;
    Tensor<4> output;
};

/// What a tile's outputs need in shared memory: where the rows' pixels are, the columns' biases.
template <class Product>
struct OutputPlaces {
    Index start[Product::rows];
    typename Product::Real bias[Product::columns];
    // Of storeRefused(): whether it has anything to do, and what masks a row's outputs read.
    bool refused;
    Masks masks[Product::rows];
};

/// Writes a tile of totals, [rows of pixels][columns of channels], to an array of images.
/// Rows are counted through the images, of `pixels` pixels each; `end` is where they end.
template <class Product, class Element>
__device__ void storeTile(const Product& total, const PlanGeometry& plan, Index firstRow, Index end,
                          Index firstChannel, int channels, const Tensor<1>& bias,
                          const Tensor<4>& to, typename Product::Real* tile,
                          OutputPlaces<Product>& places) {
    using Real = typename Product::Real;
    constexpr int pitch = columnPitch<Product>, atATime = columnsAtATime<Product>();
    constexpr int pack = packOf<Element>, packs = Product::rows / pack;
    const int thread = threadAnew();
    const FirstImage first(plan, firstRow);
    const int rows =
        static_cast<int>(end - firstRow < Product::rows ? end - firstRow : Product::rows);
    for (int row = thread; row < rows; row += Product::threads) {
        int pixel = first.pixel + row;
        const Index n = first.n + plan.outPixels.divide(pixel);
        const int y = plan.outWidth.divide(pixel);
        places.start[row] = to.at(n, firstChannel, y, pixel);
    }
    for (int c = thread; c < channels; c += Product::threads)
        places.bias[c] = bias.present() ? load<Element>(bias, firstChannel + c) : Real{0};
    auto* const data = static_cast<Element*>(to.data);
    const Index channelPitch = to.strides[1];
    // Neighbouring threads write along whatever lies closer in memory; along pixels, 16 bytes where
    // a row of pixels allows it.
    const bool alongPixels = to.strides[3] < channelPitch;
    // Where places grow with the pixels' numbers, pixels lie side by side if the first and the last
    // do.
    const int width = plan.outWidth.divisor(), height = plan.outPixels.divisor() / width;
    const bool grow = (height == 1 || to.strides[2] >= width) &&
                      to.strides[0] >= (height - 1) * to.strides[2] + width;
    const bool inPacks = grow && to.strides[3] == 1 && channelPitch % pack == 0;
    for (int done = 0; done < channels; done += atATime) {
        total.spillColumns(tile, done, atATime);
        __syncthreads();
        const int count = channels - done < atATime ? channels - done : atATime;
        const auto valueOf = [&](int row, int column) {
            return narrow<Element>(tile[column * pitch + row] + places.bias[done + column]);
        };
        if (inPacks) {
#pragma unroll 2
            for (int i = thread; i < packs * count; i += Product::threads) {
                const int row = i % packs * pack, column = i / packs;
                if (row >= rows) continue;
                const Index start = places.start[row];
                Element* const at = data + start + (done + column) * channelPitch;
                if (row + pack <= rows && places.start[row + pack - 1] == start + pack - 1 &&
                    reinterpret_cast<std::uintptr_t>(at) % 16 == 0) {
                    Pack<Element, pack> p;
#pragma unroll
                    for (int j = 0; j < pack; j += packOf<Real>) {
                        const auto part = loadPack<packOf<Real>>(tile + column * pitch + row + j);
#pragma unroll
                        for (int k = 0; k < packOf<Real>; ++k)
                            p.set(j + k, narrow<Element>(part.get(k) + places.bias[done + column]));
                    }
                    storePack(at, p);
                } else {
                    for (int j = 0; j < pack && row + j < rows; ++j)
                        data[places.start[row + j] + (done + column) * channelPitch] =
                            valueOf(row + j, column);
                }
            }
        } else {
            for (int i = thread; i < Product::rows * atATime; i += Product::threads) {
                const int row = alongPixels ? i % Product::rows : i / atATime;
                const int column = alongPixels ? i / Product::rows : i % atATime;
                if (row >= rows || column >= count) continue;
                data[places.start[row] + (done + column) * channelPitch] = valueOf(row, column);
            }
        }
        __syncthreads();
    }
}

/// Which outputs are tile `t`.
template <class Product>
struct ForwardTile {
    Index firstPixel;
    int group, firstColumn;

    template <class Arguments>
    __device__ ForwardTile(const Arguments& a, unsigned t) {
        const auto columnTiles = static_cast<unsigned>(a.weightPitch / Product::columns);
        const auto groups = static_cast<unsigned>(a.definition.g.groups);
        firstPixel = Index{t / columnTiles / groups} * Product::rows;
        group = static_cast<int>(t / columnTiles % groups);
        firstColumn = static_cast<int>(t % columnTiles) * Product::columns;
    }

    /// Output channels: the first, and how many.
    __device__ Index firstChannel(const Conv2dGeometry& g) const {
        return group * g.outChannelsPerGroup() + firstColumn;
    }
    __device__ int channels(const Conv2dGeometry& g) const {
        const Index left = g.outChannelsPerGroup() - firstColumn;
        return static_cast<int>(left < Product::columns ? left : Product::columns);
    }
    __device__ int rows(Index endPixel) const {
        const Index left = endPixel - firstPixel;
        return static_cast<int>(left < Product::rows ? left : Product::rows);
    }
};

/// Writes those rows of a tile of outputs anew whose masks can't be factors of weights: these would
/// make NaNs of padding and of corners of weight zero, or none of a sample outside. One that is not
/// a number makes all outputs that read it so; of others it is as the definition reads.
template <class Product, class Element, class Stored>
__device__ void storeRefused(const ForwardArguments<Element, Stored>& a, unsigned t,
                             OutputPlaces<Product>& places) {
    using Real = typename Product::Real;
    const Conv2dGeometry& g = a.definition.g;
    const ForwardTile<Product> tile(a, t);
    const int thread = threadAnew(), rows = tile.rows(a.samples.endPixel);
    const auto placeOf = [&](int row) {
        return PixelPlace::of(tile.firstPixel + row, g.outPixels(), g.outWidth);
    };
    for (int row = thread; row < rows; row += Product::threads) {
        const auto at = placeOf(row);
        places.masks[row] = a.definition.masks(at.n, tile.group, at.y, at.x);
    }
    __syncthreads();
    for (int i = thread; i < rows * tile.channels(g); i += Product::threads) {
        const Masks masks = places.masks[i % rows];
        if (masks == Masks::Weigh) continue;
        const auto at = placeOf(i % rows);
        const Index o = tile.firstChannel(g) + i / rows;
        store<Element>(a.output,
                       masks == Masks::NotANumber ? static_cast<Real>(floatOf(0x7fc00000u))
                                                  : a.definition.output(at.n, o, at.y, at.x),
                       at.n, o, at.y, at.x);
    }
}

template <class Product, class Samples>
struct ForwardMemory {
    static_assert(sizeof(OutputPlaces<Product>) <= sizeof(typename Samples::Table));
    ProductMemory<Product> product;
    union {
        typename Samples::Table table;
        OutputPlaces<Product> places;
    };
};

/// `MostRuns`: runs of a step that the block has room for. `MostTaps`: taps that it plans at a
/// time, where it plans by taps.
template <class Product, class Element, int MostRuns, int MostTaps>
using ForwardSamples = std::conditional_t<MostTaps == 1, SampledRows<Product, Element, MostRuns>,
                                          SampledTaps<Product, Element, MostTaps>>;

template <class Memory, bool Static>
__device__ __forceinline__ Memory& forwardMemory() {
    if constexpr (Static) {
        return shared<Memory>();
    } else {
        return dynamicShared<Memory>();
    }
}

/// Before 8.0, no block may have the memory to plan several taps at a time.
template <int MostTaps>
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr bool mayPlanTaps = MostTaps == 1;
#else
constexpr bool mayPlanTaps = true;
#endif

template <class Product, class Element, int MostRuns, int MostTaps>
__global__ void __launch_bounds__(Product::threads, Product::blocksAtATime)
    forwardKernel(ForwardArguments<Element, typename Product::Stored> a) {
    if constexpr (!Product::supported || !mayPlanTaps<MostTaps>) {
        notCompiledForThisDevice();
    } else {
        using Samples = ForwardSamples<Product, Element, MostRuns, MostTaps>;
        using Memory = ForwardMemory<Product, Samples>;
        checkCapability(MostTaps == 1 ? 0 : 80);
        auto& memory = forwardMemory<Memory, MostTaps == 1>();
        const Conv2dGeometry& g = a.definition.g;
        const ForwardTile<Product> begun(a, static_cast<unsigned>(blockIdx.x));
        Product total;
        total.clear();
        Samples samples(a.samples, a.plans + a.runPlans.first(begun.group), memory.table,
                        begun.group, begun.firstPixel);
        PanelSource<Product> weights(
            a.weights + Index{begun.group} * a.steps * Product::depth * a.weightPitch,
            a.weightPitch, begun.firstColumn);
        if constexpr (MostTaps == 1) {
            addProduct(total, samples, weights, a.steps, memory.product);
        } else {
            addSampledProduct(total, samples, weights, a.steps, memory.product);
        }
        // In memory, where it takes no register of the totals; and the tile is worked out anew.
        const bool refused = __syncthreads_or(samples.refused()) != 0;
        if (threadAnew() == 0) memory.places.refused = refused;
        const ForwardTile<Product> tile(a, blockAnew());
        storeTile<Product, Element>(total, a.samples.plan, tile.firstPixel, a.samples.endPixel,
                                    tile.firstChannel(g), tile.channels(g), a.definition.in.bias,
                                    a.output, memory.product.columns, memory.places);
        if (memory.places.refused) storeRefused<Product>(a, blockAnew(), memory.places);
    }
}

/// Bytes that the forward pass needs beyond those that every block may have.
template <class Product, class Element, int MostTaps>
constexpr std::size_t forwardBytes() {
    return MostTaps == 1
               ? 0
               : sizeof(ForwardMemory<Product, ForwardSamples<Product, Element, 1, MostTaps>>);
}

/// Runs the forward pass with the products of one kind of block.
template <class Product, class Element, int MostRuns, int MostTaps = 1>
void forwardWith(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs,
                 const Tensor<4>& output, cudaStream_t stream) {
    using Stored = typename Product::Stored;
    Workspace workspace(stream);
    const PackedImages<Element> images(g, inputs.input, workspace);
    const Segments& s = images.segments();
    const Runs runs(g, s, Product::depth, MostRuns, MostTaps);
    const Index steps = runs.tiles(), depth = steps * Product::depth;
    const Index weightPitch = roundUp(g.outChannelsPerGroup(), Product::columns);
    const RunPlans<Element> plans(g, s, runs);
    const auto panel = workspace.reserve<Stored>(g.groups * depth * weightPitch);
    const auto planned = workspace.reserve<RunPlan<ComputeType<Element>>>(plans.count());
    workspace.allocate();

    const ForwardArguments<Element, Stored> a{
        {g, inputs, {}},
        {g, s, {inputs.offset, inputs.mask}, images.pack(workspace, stream), runs},
        plans,
        workspace.at(planned),
        workspace.at(panel),
        static_cast<int>(steps),
        static_cast<int>(weightPitch),
        output};
    packForwardWeights<Element, Product>(g, runs, inputs.weights, weightPitch, workspace.at(panel),
                                         plans, workspace.at(planned), stream);
    const Index tiles = ceilDivide(g.batch * g.outPixels(), Product::rows) * g.groups *
                        (weightPitch / Product::columns);
    launchBlocks("deformable_conv2d", forwardKernel<Product, Element, MostRuns, MostTaps>, tiles,
                 Product::threads, forwardBytes<Product, Element, MostTaps>(), stream, a);
}

}  // namespace dcn4j::cuda
