// Deformable convolution forward: a fused implicit matrix product.
//
//   output[pixel][o] = bias[o] + sum over k = (tap, channel) of column[pixel][k] * weights[k][o]
//
//   pixel    N * oH * oW, in tiles of 64 or 128
//   o        channels of one convolution group, in tiles of 32 to 256
//   column   the modulated samples, made in shared memory 16 or 32 depths at a time (8 in double);
//   it
//            never exists in device memory
//
// A block plans the samples of its pixels once per tap, each by one thread (sample_table.h). Its
// threads then read 16 bytes of channels from each corner while they multiply the step before.
// Blocks with the same pixels and other output channels are neighbours, so that what they sample is
// in cache.
//
// What bounds it: arithmetic from 128 channels on; below, reading corners, which for each pixel
// and tap are 4 * channels elements from the first-level cache, once for every tile of outputs.
#pragma once

#include "packing.h"
#include "product.h"
#include "run_plans.h"
#include "sample_table.h"

namespace dcn4j::cuda {

/// Where a pixel's offsets and masks are.
struct PlannedArrays {
    const char *offset, *mask;
};

/// Where a kernel's samples are, and how they are numbered.
template <class Element>
struct SampleSource {
    PlanGeometry plan;
    SampledPlane plane;
    Runs runs;
    SampleArrays arrays;
    SampleArray offset, mask;
    const Element* images;
    Index pixelPitch, imagePitch, endPixel;
    int pitchBytes, channelsPerGroup, channelsPerOffsetGroup, outHeight;

    SampleSource(const Conv2dGeometry& g, const Segments& s, const SampleArrays& samples,
                 const Element* packedImages, const Runs& order)
        : plan(g),
          plane(g, samples.offset.present()),
          runs(order),
          arrays(samples),
          offset(SampleArray::of<Element>(samples.offset)),
          mask(SampleArray::of<Element>(samples.mask)),
          images(packedImages),
          pixelPitch(s.pixelPitch(g)),
          imagePitch(g.pixels() * pixelPitch),
          endPixel(g.batch * g.outPixels()),
          pitchBytes(static_cast<int>(pixelPitch * static_cast<Index>(sizeof(Element)))),
          channelsPerGroup(static_cast<int>(g.channelsPerGroup())),
          channelsPerOffsetGroup(static_cast<int>(g.channelsPerOffsetGroup())),
          outHeight(static_cast<int>(g.outHeight)) {}

    /// The offset group of a convolution group's first segment.
    __device__ int firstOffsetGroup(Index group) const {
        return static_cast<int>(group * channelsPerGroup / channelsPerOffsetGroup);
    }
    /// How many of its segments have channels.
    __device__ int segmentsOf(Index group) const {
        return static_cast<int>(((group + 1) * channelsPerGroup - 1) / channelsPerOffsetGroup) -
               firstOffsetGroup(group) + 1;
    }
    /// Where a pixel's offset and mask of a tap of an offset group are; where there are none, a
    /// zero and a one.
    __device__ PlannedArrays arraysAt(const PixelSamples& at, int offsetGroup, int tap) const {
        const Index k = Index{offsetGroup} * plan.taps + tap;
        const auto from = [](const SampleArray& array, Index element, Index channel, int absent) {
            if (array.data == nullptr)
                return reinterpret_cast<const char*>(zeroAndOne<Element> + absent);
            return static_cast<const char*>(array.data) +
                   element * static_cast<Index>(sizeof(Element)) + channel * array.strides[1];
        };
        return {from(offset, at.offset, 2 * k, 0), from(mask, at.mask, k, 1)};
    }
};

/// What a pixel's samples have in common.
template <class Real>
struct PlannedPixel {
    Real y, x;       ///< that tap (0, 0) reads, but for the offset; NaN: nothing is read
    int firstPixel;  ///< of the image
};

/// Operand a: the modulated samples of a tile of output pixels, for one convolution group.
template <class Product, class Element, int MostRuns>
class SampledRows {
    using Real = ComputeType<Element>;
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int total = Product::rows * packs;
    static_assert(blockThreads % packs == 0 && blockThreads % Product::rows == 0);
    static_assert(MostRuns * Product::rows <= blockThreads);

  public:
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;
    /// In shared memory: the planned samples, and what each thread needs for its next plan, which
    /// would take registers from the product.
    struct Table {
        SampleTable<Real, MostRuns * Product::rows, PlannedPixel<Real>> samples;
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
            table.samples.beside[entry()] = {{at.y + none, at.x + none, at.firstPixel}, 1};
            table.arrays[entry()] = source.arraysAt(at, source.firstOffsetGroup(group), 0);
        }
        channels_ =
            source.images + first.n * source.imagePitch + group * runs().groupPitch + inRun();
        if (planning()) load(plans_[runOfEntry()]);
        plans_ += MostRuns == 1 ? 1 : runs().perTile;
    }

    __device__ bool plans(int step) const { return step == nextPlan_; }

    /// A thread plans one sample, which is that of its number in the table; what arrays say of the
    /// next is loaded a plan ahead.
    __device__ void plan(int) {
        nextPlan_ += runs().tilesPerRun;
        left_ = plans_[which()].channels;
        channels_ = reinterpret_cast<const Element*>(reinterpret_cast<const char*>(channels_) +
                                                     plans_[which()].segment);
        if (planning()) {
            const auto& run = plans_[runOfEntry()];
            const auto at = table_.samples.beside[entry()].kept;
            table_.samples.plan(
                entry(), source_.plane, at.firstPixel, at.y + run.row + widen(inputs_.y),
                at.x + run.column + widen(inputs_.x), {at, widen(inputs_.modulation)});
            load(run);
        }
        plans_ += MostRuns == 1 ? 1 : runs().perTile;
    }

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
            const auto p =
                value_[Slot].template sample<Product>(table_.samples, entry(Slot), reads());
            Product::storeRow(a, row(Slot), static_cast<int>(threadIdx.x) % packs * pack, p);
        }
        if (Slot + 1 == slots) left_ += Product::depth;
    }

  private:
    __device__ static int entry() { return static_cast<int>(threadIdx.x); }
    __device__ static int runOfEntry() { return MostRuns == 1 ? 0 : entry() / Product::rows; }
    __device__ bool planning() const {
        return entry() < (MostRuns == 1 ? 1 : runs().perTile) * Product::rows;
    }

    __device__ void load(const RunPlan<Real>& run) {
        const auto& at = table_.arrays[entry()];
        inputs_.load(at.offset + run.offset, source_.offset.strides[1], at.mask + run.mask);
    }

    __device__ static int row(int slot) {
        return (static_cast<int>(threadIdx.x) + slot * blockThreads) / packs;
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
    const RunPlan<Real>* plans_;  ///< of the next tile's runs
    const Element* channels_;     ///< of this thread's channels at pixel 0, in this step
    int left_ = 0;                ///< channels of the run from this step on, times -1
    int nextPlan_ = 0;
    SampleInputs<Element> inputs_{};
    SampleValues<Element, pack, (Product::blocksAtATime > 1)> value_[slots];
};

template <class Element, class Stored>
struct ForwardArguments {
    Conv2dGeometry g;
    SampleSource<Element> samples;
    RunPlans<Element> runPlans;
    const RunPlan<ComputeType<Element>>* plans;
    const Stored* weights;
    int steps, weightPitch;
    Tensor<1> bias;
    Tensor<4> output;
};

/// Writes a tile of totals, [rows of pixels][columns of channels], to an array of images.
/// Rows are counted through the images, of `pixels` pixels each; `end` is where they end.
template <class Product, class Element>
__device__ void storeTile(const Product& total, const PlanGeometry& plan, Index firstRow, Index end,
                          Index firstChannel, int channels, const Tensor<1>& bias,
                          const Tensor<4>& to, typename Product::Real* tile,
                          Index (&start)[Product::rows]) {
    using Real = typename Product::Real;
    const FirstImage first(plan, firstRow);
    const int rows =
        static_cast<int>(end - firstRow < Product::rows ? end - firstRow : Product::rows);
    for (int row = static_cast<int>(threadIdx.x); row < rows; row += blockThreads) {
        int pixel = first.pixel + row;
        const Index n = first.n + plan.outPixels.divide(pixel);
        const int y = plan.outWidth.divide(pixel);
        start[row] = to.at(n, 0, y, pixel);
    }
    // Neighbouring threads write along whatever lies closer in memory.
    const bool alongPixels = to.strides[3] < to.strides[1];
    for (int slice = 0; slice * sliceColumns < channels; ++slice) {
        total.spill(tile, slice);
        __syncthreads();
        for (int i = static_cast<int>(threadIdx.x); i < Product::rows * sliceColumns;
             i += blockThreads) {
            const int row = alongPixels ? i % Product::rows : i / sliceColumns;
            const int column = alongPixels ? i / Product::rows : i % sliceColumns;
            const int c = slice * sliceColumns + column;
            if (row >= rows || c >= channels) continue;
            Real value = tile[row * slicePitch + column];
            if (bias.present()) value += load<Element>(bias, firstChannel + c);
            static_cast<Element*>(to.data)[start[row] + (firstChannel + c) * to.strides[1]] =
                narrow<Element>(value);
        }
        __syncthreads();
    }
}

/// `MostRuns`: runs of a step that the block has room for.
template <class Product, class Element, int MostRuns>
__global__ void __launch_bounds__(blockThreads, Product::blocksAtATime)
    forwardKernel(ForwardArguments<Element, typename Product::Stored> a) {
    if constexpr (!Product::supported) {
        notCompiledForThisDevice();
    } else {
        using Samples = SampledRows<Product, Element, MostRuns>;
        struct Memory {
            ProductMemory<Product> product;
            union {
                typename Samples::Table table;
                Index start[Product::rows];
            };
        };
        auto& memory = shared<Memory>();
        const Conv2dGeometry& g = a.g;
        const Index columnTiles = a.weightPitch / Product::columns, end = a.samples.endPixel;
        const Index rowTiles = (end + Product::rows - 1) / Product::rows;
        for (Index t = blockIdx.x; t < rowTiles * g.groups * columnTiles; t += gridDim.x) {
            const Index firstPixel = t / columnTiles / g.groups * Product::rows;
            const Index group = t / columnTiles % g.groups;
            const Index firstColumn = t % columnTiles * Product::columns;
            Product total;
            total.clear();
            Samples samples(a.samples, a.plans + a.runPlans.first(group), memory.table, group,
                            firstPixel);
            PanelSource<Product> weights(
                a.weights + group * a.steps * Product::depth * a.weightPitch + firstColumn,
                a.weightPitch);
            addProduct(total, samples, weights, a.steps, memory.product);
            const Index channels = g.outChannelsPerGroup() - firstColumn;
            storeTile<Product, Element>(
                total, a.samples.plan, firstPixel, end,
                group * g.outChannelsPerGroup() + firstColumn,
                static_cast<int>(channels < Product::columns ? channels : Product::columns), a.bias,
                a.output, memory.product.slice, memory.start);
        }
    }
}

/// Runs the forward pass with the products of one kind of block.
template <class Product, class Element, int MostRuns>
void forwardWith(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs,
                 const Tensor<4>& output, cudaStream_t stream) {
    using Stored = typename Product::Stored;
    Workspace workspace(stream);
    const PackedImages<Element> images(g, inputs.input, workspace);
    const Segments& s = images.segments();
    const Runs runs(g, s, Product::depth, MostRuns);
    const Index steps = runs.tiles(), depth = steps * Product::depth;
    const Index weightPitch = roundUp(g.outChannelsPerGroup(), Product::columns);
    const RunPlans<Element> plans(g, runs, {inputs.offset, inputs.mask});
    const auto panel = workspace.reserve<Stored>(g.groups * depth * weightPitch);
    const auto planned = workspace.reserve<RunPlan<ComputeType<Element>>>(plans.count());
    workspace.allocate();

    const ForwardArguments<Element, Stored> a{
        g,
        {g, s, {inputs.offset, inputs.mask}, images.pack(workspace, stream), runs},
        plans,
        workspace.at(planned),
        workspace.at(panel),
        static_cast<int>(steps),
        static_cast<int>(weightPitch),
        inputs.bias,
        output};
    packForwardWeights<Element, Product>(g, runs, inputs.weights, weightPitch, workspace.at(panel),
                                         plans, workspace.at(planned), stream);
    const Index tiles = ceilDivide(g.batch * g.outPixels(), Product::rows) * g.groups *
                        (weightPitch / Product::columns);
    launch("deformable_conv2d", forwardKernel<Product, Element, MostRuns>, tiles, 0, stream, a);
}

}  // namespace dcn4j::cuda
