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
#include "sample_table.h"

namespace dcn4j::cuda {

/// Where a kernel's samples are, and how they are numbered.
template <class Element>
struct SampleSource {
    PlanGeometry plan;
    Runs runs;
    SampleArrays arrays;
    const Element* images;
    Index pixelPitch, imagePitch, endPixel;
    int pitchBytes, channelsPerGroup, channelsPerOffsetGroup;

    SampleSource(const Conv2dGeometry& g, const Segments& s, const SampleArrays& samples,
                 const Element* packedImages, const Runs& order)
        : plan(g),
          runs(order),
          arrays(samples),
          images(packedImages),
          pixelPitch(s.pixelPitch(g)),
          imagePitch(g.pixels() * pixelPitch),
          endPixel(g.batch * g.outPixels()),
          pitchBytes(static_cast<int>(pixelPitch * static_cast<Index>(sizeof(Element)))),
          channelsPerGroup(static_cast<int>(g.channelsPerGroup())),
          channelsPerOffsetGroup(static_cast<int>(g.channelsPerOffsetGroup())) {}

    /// The offset group of a convolution group's first segment.
    __device__ int firstOffsetGroup(Index group) const {
        return static_cast<int>(group * channelsPerGroup / channelsPerOffsetGroup);
    }
    /// How many of its segments have channels.
    __device__ int segmentsOf(Index group) const {
        return static_cast<int>(((group + 1) * channelsPerGroup - 1) / channelsPerOffsetGroup) -
               firstOffsetGroup(group) + 1;
    }
};

/// Operand a: the modulated samples of a tile of output pixels, for one convolution group.
template <class Product, class Element, int MostRuns>
class SampledRows {
    using Real = ComputeType<Element>;
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int total = Product::rows * packs;
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;
    static_assert(blockThreads % packs == 0 && blockThreads % Product::rows == 0);

  public:
    using Table = SampleTable<Real, MostRuns * Product::rows>;

    __device__ SampledRows(const SampleSource<Element>& source, Table& table, Index group,
                           Index firstPixel)
        : SampledRows(source, table, group, firstPixel, FirstImage(source.plan, firstPixel)) {}

    __device__ bool plans(int step) const {
        return runs().tilesPerRun == 1 ||
               step == runs().tileDivisor.quotient(step) * runs().tilesPerRun;
    }

    /// A thread plans samples of one row.
    __device__ void plan(int step) {
        const int firstRun = runs().tileDivisor.quotient(step) * runs().perTile;
        const int row = static_cast<int>(threadIdx.x) % Product::rows;
        for (int which = static_cast<int>(threadIdx.x) / Product::rows; which < runs().perTile;
             which += blockThreads / Product::rows) {
            const int entry = which * Product::rows + row, run = firstRun + which;
            int segment = run;
            const int tap = runs().segmentDivisor.divide(segment);
            // Beyond the last tap, and in a segment without channels, the depth is padding.
            if (!inside_ || run >= runs().count || segment >= segments_) {
                table_.clear(entry);
            } else {
                table_.setValued(entry,
                                 planSample<Element>(source_.plan, source_.arrays, samples_,
                                                     offsetGroup_ + segment, tap),
                                 samples_.firstPixel, source_.plan.pixels());
            }
        }
    }

    __device__ void fetch(int step) {
        const auto place = runs().place(step, which_, inRun_);
        reads_ = place.channel < runs().pitch;
        const Element* channels = images_ + place.segment * runs().pitch + place.channel;
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            value_[i] = {};
            if (reads_ && works(i))
                value_[i].fetch(channels, source_.pitchBytes, table_.pixels(entry(i)));
        }
    }

    __device__ void store(Stored* a) const {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            if (!works(i)) continue;
            // Padding is zero, whatever the mask.
            Pack<Stored, pack> p{};
            if (reads_) p = value_[i].template sample<Product>(table_, entry(i));
            Product::storeRow(a, row(i), static_cast<int>(threadIdx.x) % packs * pack, p);
        }
    }

  private:
    __device__ SampledRows(const SampleSource<Element>& source, Table& table, Index group,
                           Index firstPixel, const FirstImage& first)
        : source_(source),
          table_(table),
          images_(source.images + first.n * source.imagePitch + group * source.runs.groupPitch),
          samples_(source.plan, source.arrays, first.n,
                   first.pixel + static_cast<int>(threadIdx.x) % Product::rows),
          offsetGroup_(source.firstOffsetGroup(group)),
          segments_(source.segmentsOf(group)),
          which_(static_cast<int>(threadIdx.x) % packs * pack / source.runs.channelsPerRun),
          inRun_(static_cast<int>(threadIdx.x) % packs * pack -
                 which_ * source.runs.channelsPerRun),
          firstEntry_(which_ * Product::rows + row(0)),
          inside_(firstPixel + static_cast<int>(threadIdx.x) % Product::rows < source.endPixel) {}

    __device__ static int row(int slot) {
        return (static_cast<int>(threadIdx.x) + slot * blockThreads) / packs;
    }
    __device__ static bool works(int slot) {
        return total % blockThreads == 0 || row(slot) < Product::rows;
    }
    __device__ int entry(int slot) const {
        return firstEntry_ + slot * (blockThreads / packs);
    }
    __device__ const Runs& runs() const {
        return source_.runs;
    }

    const SampleSource<Element>& source_;
    Table& table_;
    const Element* const images_;
    const PixelSamples samples_;
    const int offsetGroup_, segments_, which_, inRun_, firstEntry_;
    const bool inside_;
    bool reads_ = false;
    CornerValues<Element, pack> value_[slots];
};

template <class Element, class Stored>
struct ForwardArguments {
    Conv2dGeometry g;
    SampleSource<Element> samples;
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
            typename Samples::Table table;
            Index start[Product::rows];
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
            Samples samples(a.samples, memory.table, group, firstPixel);
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
    const auto panel = workspace.reserve<Stored>(g.groups * depth * weightPitch);
    workspace.allocate();

    const ForwardArguments<Element, Stored> a{
        g,
        {g, s, {inputs.offset, inputs.mask}, images.pack(workspace, stream), runs},
        workspace.at(panel),
        static_cast<int>(steps),
        static_cast<int>(weightPitch),
        inputs.bias,
        output};
    packForwardWeights<Element, Product>(g, runs, inputs.weights, weightPitch, workspace.at(panel),
                                         stream);
    const Index tiles = ceilDivide(g.batch * g.outPixels(), Product::rows) * g.groups *
                        (weightPitch / Product::columns);
    launch("deformable_conv2d", forwardKernel<Product, Element, MostRuns>, tiles, 0, stream, a);
}

}  // namespace dcn4j::cuda
