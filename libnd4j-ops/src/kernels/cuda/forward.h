// Deformable convolution forward: a fused implicit matrix product.
//
//   output[pixel][o] = bias[o] + sum over k = (tap, channel) of column[pixel][k] * weights[k][o]
//
//   pixel    N * oH * oW, in tiles of 128 (64 in double)
//   o        channels of one convolution group, in tiles of 32 to 128
//   column   the modulated samples, made in shared memory 16 or 32 depths at a time; it never
//            exists in device memory
//
// A thread plans the samples of its pixels once per tap (four corners, four weights), and then
// reads 16 bytes of channels from each corner while the block multiplies the step before. Blocks
// with the same pixels and other output channels are neighbours, so that what they sample is in
// cache.
//
// What bounds it: arithmetic from 128 channels on; below, reading corners, which for each pixel
// and tap are 4 * channels elements from the first-level cache.
#pragma once

#include "packing.h"
#include "product.h"

namespace dcn4j::cuda {

/// Operand a: the modulated samples of a tile of output pixels, for one convolution group.
template <class Product, class Element>
class SampledRows {
    using Real = ComputeType<Element>;
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int slots = Product::rows * packs / blockThreads;
    static_assert(Product::rows * packs % blockThreads == 0 && blockThreads % packs == 0);

  public:
    __device__ SampledRows(const Conv2dGeometry& g, const Segments& s, const SampleArrays& arrays,
                           const Element* images, Index group, Index firstPixel)
        : g_(g), s_(s), arrays_(arrays), group_(group), pixelPitch_(s.pixelPitch(g)) {
        const Index end = g.batch * g.outPixels();
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            const Index pixel = firstPixel + row(i);
            inside_[i] = pixel < end;
            place_[i] = PixelPlace::of(inside_[i] ? pixel : 0, g.outPixels(), g.outWidth);
            images_[i] = images + place_[i].n * g.pixels() * pixelPitch_;
        }
    }

    __device__ void fetch(int step) {
        const int k = step * Product::depth + static_cast<int>(threadIdx.x) % packs * pack;
        const int tap = k / s_.groupPitch(), at = k - tap * s_.groupPitch();
        const int j = at / s_.pitch;
        const bool planned = tap == tap_ && j == segment_;
        if (!planned) plan(tap, j);
        const Index channel = group_ * s_.groupPitch() + at;
#pragma unroll
        for (int i = 0; i < slots; ++i)
            value_[i].fetch(images_[i] + channel, pixelPitch_, reading_[i]);
    }

    __device__ void store(Stored* a) const {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            Pack<Stored, pack> p;
#pragma unroll
            for (int c = 0; c < pack; ++c)
                p.value[c] = Product::stored(value_[i].sample(reading_[i], c));
            Product::storeRow(a, row(i), static_cast<int>(threadIdx.x) % packs * pack, p);
        }
    }

  private:
    __device__ static int row(int slot) {
        return (static_cast<int>(threadIdx.x) + slot * blockThreads) / packs;
    }

    __device__ void plan(int tap, int j) {
        tap_ = tap;
        segment_ = j;
        const Segment segment(g_, group_, j);
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            // Beyond the last tap, and in a segment without channels, the depth is padding.
            if (!inside_[i] || tap >= g_.taps() || segment.channels == 0) {
                reading_[i].clear();
            } else {
                reading_[i].take(sampleAt<Element>(g_, arrays_, place_[i].n, segment.offsetGroup,
                                                   tap, place_[i].y, place_[i].x),
                                 static_cast<int>(g_.pixels()));
            }
        }
    }

    const Conv2dGeometry& g_;
    const Segments& s_;
    const SampleArrays& arrays_;
    const Index group_, pixelPitch_;
    int tap_ = -1, segment_ = -1;
    bool inside_[slots];
    PixelPlace place_[slots];
    const Element* images_[slots];
    Reading<Real> reading_[slots];
    CornerValues<Element, pack> value_[slots];
};

template <class Element, class Stored>
struct ForwardArguments {
    Conv2dGeometry g;
    Segments s;
    SampleArrays samples;
    const Element* images;
    const Stored* weights;
    Index weightPitch;
    Tensor<1> bias;
    Tensor<4> output;
};

/// Writes a tile of totals, [rows of pixels][columns of channels], to an array of images.
/// Rows are counted through the images, of `pixels` pixels each; `end` is where they end. `memory`
/// is what the operands were in.
template <class Product, class Element>
__device__ void storeTile(const Product& total, Index firstRow, Index end, Index pixels,
                          Index width, Index firstChannel, int channels, const Tensor<1>& bias,
                          const Tensor<4>& to, void* memory) {
    using Real = typename Product::Real;
    __shared__ Index start[Product::rows];
    auto* tile = static_cast<Real*>(memory);
    for (int row = static_cast<int>(threadIdx.x); row < Product::rows; row += blockThreads) {
        if (firstRow + row >= end) continue;
        const PixelPlace place = PixelPlace::of(firstRow + row, pixels, width);
        start[row] = to.at(place.n, 0, place.y, place.x);
    }
    const int rows =
        static_cast<int>(end - firstRow < Product::rows ? end - firstRow : Product::rows);
    // Neighbouring threads write along whatever lies closer in memory.
    const bool alongPixels = to.strides[3] < to.strides[1];
    constexpr int sliceWidth = Product::sliceWidth;
    for (int slice = 0; slice * sliceWidth < channels; ++slice) {
        total.spill(tile, slice);
        __syncthreads();
        for (int i = static_cast<int>(threadIdx.x); i < Product::rows * sliceWidth;
             i += blockThreads) {
            const int row = alongPixels ? i % Product::rows : i / sliceWidth;
            const int column = alongPixels ? i / Product::rows : i % sliceWidth;
            const int c = slice * sliceWidth + column;
            if (row >= rows || c >= channels) continue;
            Real value = tile[row * slicePitch + column];
            if (bias.present()) value += load<Element>(bias, firstChannel + c);
            static_cast<Element*>(to.data)[start[row] + (firstChannel + c) * to.strides[1]] =
                narrow<Element>(value);
        }
        __syncthreads();
    }
}

template <class Product, class Element>
__global__ void __launch_bounds__(blockThreads, Product::blocksAtATime)
    forwardKernel(ForwardArguments<Element, typename Product::Stored> a) {
    if constexpr (Product::supported) {
        const Conv2dGeometry& g = a.g;
        auto* memory = static_cast<typename Product::Stored*>(sharedMemory());
        const int depth = static_cast<int>(g.taps()) * a.s.groupPitch();
        const int steps = (depth + Product::depth - 1) / Product::depth;
        const Index columnTiles = a.weightPitch / Product::columns;
        const Index rowTiles = (g.batch * g.outPixels() + Product::rows - 1) / Product::rows;
        for (Index t = blockIdx.x; t < rowTiles * g.groups * columnTiles; t += gridDim.x) {
            const Index firstPixel = t / columnTiles / g.groups * Product::rows;
            const Index group = t / columnTiles % g.groups;
            const Index firstColumn = t % columnTiles * Product::columns;
            Product total;
            total.clear();
            SampledRows<Product, Element> samples(g, a.s, a.samples, a.images, group, firstPixel);
            PanelSource<Product> weights(a.weights + group * depth * a.weightPitch + firstColumn,
                                         a.weightPitch, depth);
            addProduct(total, samples, weights, steps, memory);
            const Index channels = g.outChannelsPerGroup() - firstColumn;
            storeTile<Product, Element>(
                total, firstPixel, g.batch * g.outPixels(), g.outPixels(), g.outWidth,
                group * g.outChannelsPerGroup() + firstColumn,
                static_cast<int>(channels < Product::columns ? channels : Product::columns), a.bias,
                a.output, memory);
        }
    }
}

/// Runs the forward pass with the products of one kind of block.
template <class Product, class Element>
void forwardWith(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs,
                 const Tensor<4>& output, cudaStream_t stream) {
    using Stored = typename Product::Stored;
    Workspace workspace(stream);
    const PackedImages<Element> images(g, inputs.input, workspace);
    ForwardArguments<Element, Stored> a{
        g,     images.segments(), {inputs.offset, inputs.mask}, nullptr, nullptr, 0, inputs.bias,
        output};
    a.weightPitch = roundUp(g.outChannelsPerGroup(), Product::columns);
    const Index numbers = g.groups * g.taps() * a.s.groupPitch() * a.weightPitch;
    const auto panel = workspace.reserve<Stored>(numbers);
    workspace.allocate();

    a.images = images.pack(workspace, stream);
    a.weights = workspace.at(panel);
    launch("packing weights", packForwardWeightsKernel<Element, Product>, blocksFor(numbers), 0,
           stream, g, a.s, inputs.weights, a.weightPitch, workspace.at(panel));
    const Index tiles = ceilDivide(g.batch * g.outPixels(), Product::rows) * g.groups *
                        (a.weightPitch / Product::columns);
    launch("deformable_conv2d", forwardKernel<Product, Element>, tiles, productBytes<Product>(),
           stream, a);
}

}  // namespace dcn4j::cuda
