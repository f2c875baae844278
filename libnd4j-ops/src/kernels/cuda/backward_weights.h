// Deformable convolution backward, the gradients of weights and bias: a fused matrix product.
//
//   gradWeights[o][k] = sum over pixels of gradOutput[pixel][o] * column[pixel][k], k = (tap, c)
//   gradBias[o]       = sum over pixels of gradOutput[pixel][o]
//
//   o, k     in tiles of 64 x 128 (64 x 64 in double)
//   pixel    N * oH * oW, cut into slots of one length; each block sums one tile over one slot
//
// Slots leave partial sums in device memory, which are added in the order of the slots. How many
// there are depends on the geometry alone, and their sums take at most 64 MiB or one copy of the
// weights.
//
// What bounds it: arithmetic; then planning, since every step has new samples, and reading corners,
// once for every 64 output channels.
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
        // A slot's pixels are counted in 32 bits.
        const Index least = ceilDivide(pixels, Index{1} << 30);
        length = roundUp(ceilDivide(pixels, std::max(std::min(wanted, fitting), least)), 32);
        count = ceilDivide(pixels, length);
    }
};

/// Operand a, written by columns: packed gradients, output channels of a run of pixels.
template <class Product, class Element>
class GradientColumns {
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::rows / pack;
    static constexpr int total = Product::depth * packs;
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;

  public:
    __device__ GradientColumns(const Element* gradients, Index pitch, int channels, int pixels)
        : gradients_(gradients), pitch_(pitch), channels_(channels), pixels_(pixels) {}

    __device__ void fetch(int step) {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            const int at = static_cast<int>(threadIdx.x) + i * blockThreads;
            const int pixel = step * Product::depth + at / packs, o = at % packs * pack;
            value_[i] = {};
            if (at < total && pixel < pixels_ && o < channels_)
                value_[i] = loadPack<pack>(gradients_ + pixel * pitch_ + o);
        }
    }

    __device__ void store(Stored* a) const {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            const int at = static_cast<int>(threadIdx.x) + i * blockThreads;
            if (at >= total) continue;
            Pack<Stored, pack> p;
#pragma unroll
            for (int c = 0; c < pack; ++c) p.value[c] = Product::stored(widen(value_[i].value[c]));
            Product::storeColumn(a, at % packs * pack, at / packs, p);
        }
    }

  private:
    const Element* const gradients_;
    const Index pitch_;
    const int channels_, pixels_;
    Pack<Element, pack> value_[slots];
};

/// Operand b: the modulated samples of a run of pixels, for a tile of depths of the forward pass.
template <class Product, class Element>
class SampledColumns {
    using Real = ComputeType<Element>;
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::columns / pack;
    static constexpr int slots = Product::depth * packs / blockThreads;
    static_assert(Product::depth * packs % blockThreads == 0 && blockThreads % packs == 0);

  public:
    __device__ SampledColumns(const Conv2dGeometry& g, const Segments& s,
                              const SampleArrays& arrays, const Element* images, Index group,
                              int firstColumn, Index firstPixel, int pixels)
        : g_(g), arrays_(arrays), images_(images), pixelPitch_(s.pixelPitch(g)), pixels_(pixels) {
        const int k = firstColumn + static_cast<int>(threadIdx.x) % packs * pack;
        tap_ = k / s.groupPitch();
        const int at = k - tap_ * s.groupPitch();
        const Segment segment(g, group, at / s.pitch);
        offsetGroup_ = segment.offsetGroup;
        reads_ = tap_ < g.taps() && segment.channels > 0;
        channel_ = group * s.groupPitch() + at;
#pragma unroll
        for (int i = 0; i < slots; ++i)
            place_[i] = PixelPlace::of(firstPixel + line(i), g.outPixels(), g.outWidth);
    }

    __device__ void fetch(int step) {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            reading_[i].clear();
            if (step > 0) {
                place_[i].advance(Product::depth, static_cast<int>(g_.outHeight),
                                  static_cast<int>(g_.outWidth));
            }
            const bool inside = step * Product::depth + line(i) < pixels_;
            // Beyond the slot's pixels the samples are zeros; so are the gradients.
            if (inside && reads_) {
                reading_[i].take(sampleAt<Element>(g_, arrays_, place_[i].n, offsetGroup_, tap_,
                                                   place_[i].y, place_[i].x),
                                 static_cast<int>(g_.pixels()));
            }
            value_[i].fetch(images_ + place_[i].n * g_.pixels() * pixelPitch_ + channel_,
                            pixelPitch_, reading_[i]);
        }
    }

    __device__ void store(Stored* b) const {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            Pack<Stored, pack> p;
#pragma unroll
            for (int c = 0; c < pack; ++c)
                p.value[c] = Product::stored(value_[i].sample(reading_[i], c));
            Product::storeB(b, line(i), static_cast<int>(threadIdx.x) % packs * pack, p);
        }
    }

  private:
    __device__ static int line(int slot) {
        return (static_cast<int>(threadIdx.x) + slot * blockThreads) / packs;
    }

    const Conv2dGeometry& g_;
    const SampleArrays& arrays_;
    const Element* const images_;
    const Index pixelPitch_;
    const int pixels_;
    int tap_;
    Index offsetGroup_, channel_;
    bool reads_;
    PixelPlace place_[slots];
    Reading<Real> reading_[slots];
    CornerValues<Element, pack> value_[slots];
};

template <class Element>
struct BackwardWeightsArguments {
    Conv2dGeometry g;
    Segments s;
    SampleArrays samples;
    const Element* images;
    const Element* gradients;  ///< of the output, packed
    Index gradientPitch;       ///< of one pixel
    int outPitch;              ///< of one convolution group
    Slots slots;
    ComputeType<Element>* partial;  ///< [slots][outChannels][taps * groupPitch]
};

template <class Product, class Element>
__global__ void __launch_bounds__(blockThreads, Product::blocksAtATime)
    backwardWeightsKernel(BackwardWeightsArguments<Element> a) {
    if constexpr (Product::supported) {
        using Real = ComputeType<Element>;
        const Conv2dGeometry& g = a.g;
        void* memory = sharedMemory();
        auto* tile = static_cast<Real*>(memory);
        const int depth = static_cast<int>(g.taps()) * a.s.groupPitch();
        const Index columnTiles = (depth + Product::columns - 1) / Product::columns;
        const Index outPerGroup = g.outChannelsPerGroup();
        const Index rowTiles = (outPerGroup + Product::rows - 1) / Product::rows;
        const Index tiles = columnTiles * rowTiles * g.groups;
        for (Index t = blockIdx.x; t < tiles * a.slots.count; t += gridDim.x) {
            const int firstColumn = static_cast<int>(t % columnTiles) * Product::columns;
            const Index firstRow = t / columnTiles % rowTiles * Product::rows;
            const Index group = t / columnTiles / rowTiles % g.groups, slot = t / tiles;
            const Index firstPixel = slot * a.slots.length;
            const Index left = g.batch * g.outPixels() - firstPixel;
            const int pixels = static_cast<int>(left < a.slots.length ? left : a.slots.length);
            const int steps = (pixels + Product::depth - 1) / Product::depth;
            Product total;
            total.clear();
            GradientColumns<Product, Element> gradients(
                a.gradients + firstPixel * a.gradientPitch + group * a.outPitch + firstRow,
                a.gradientPitch, a.outPitch - static_cast<int>(firstRow), pixels);
            SampledColumns<Product, Element> samples(g, a.s, a.samples, a.images, group,
                                                     firstColumn, firstPixel, pixels);
            addProduct(total, gradients, samples, steps,
                       static_cast<typename Product::Stored*>(memory));
            constexpr int width = Product::sliceWidth;
            for (int slice = 0; slice * width < Product::columns; ++slice) {
                total.spill(tile, slice);
                __syncthreads();
                for (int i = static_cast<int>(threadIdx.x); i < Product::rows * width;
                     i += blockThreads) {
                    const Index o = firstRow + i / width;
                    const int k = firstColumn + slice * width + i % width;
                    if (o >= outPerGroup || k >= depth) continue;
                    a.partial[((slot * g.groups + group) * outPerGroup + o) * depth + k] =
                        tile[i / width * slicePitch + i % width];
                }
                __syncthreads();
            }
        }
    }
}

/// Adds the slots' sums in order.
template <class Element>
__global__ void sumWeightsKernel(BackwardWeightsArguments<Element> a, Tensor<4> gradWeights) {
    const Conv2dGeometry& g = a.g;
    const Index channels = g.channelsPerGroup(), depth = g.taps() * a.s.groupPitch();
    const Index perTap = g.outChannels * channels;
    forEachItem(perTap * g.taps(), [&](Index i) {
        const Index c = i % channels, o = i / channels % g.outChannels, tap = i / perTap;
        const Index channel = o / g.outChannelsPerGroup() * channels + c;
        const Index firstOffsetGroup = (channel - c) / g.channelsPerOffsetGroup();
        const Index j = channel / g.channelsPerOffsetGroup() - firstOffsetGroup;
        const Segment segment(g, o / g.outChannelsPerGroup(), j);
        const Index k = tap * a.s.groupPitch() + j * a.s.pitch + channel - segment.firstChannel;
        ComputeType<Element> sum = 0;
        for (Index slot = 0; slot < a.slots.count; ++slot)
            sum += a.partial[(slot * g.outChannels + o) * depth + k];
        store<Element>(gradWeights, sum, o, c, tap / g.kernelW, tap % g.kernelW);
    });
}

constexpr int biasChannels = 32;

/// partial[slot][o] = the sum of the slot's gradients.
template <class Element>
__global__ void biasKernel(BackwardWeightsArguments<Element> a, ComputeType<Element>* partial) {
    using Real = ComputeType<Element>;
    constexpr int lines = blockThreads / biasChannels;
    __shared__ Real sums[lines][biasChannels];
    const Conv2dGeometry& g = a.g;
    const int lane = static_cast<int>(threadIdx.x) % biasChannels;
    const int line = static_cast<int>(threadIdx.x) / biasChannels;
    const Index tiles = (g.outChannels + biasChannels - 1) / biasChannels;
    for (Index t = blockIdx.x; t < tiles * a.slots.count; t += gridDim.x) {
        const Index o = t % tiles * biasChannels + lane, slot = t / tiles;
        const Index first = slot * a.slots.length, end = g.batch * g.outPixels();
        const Index last = first + a.slots.length < end ? first + a.slots.length : end;
        const Index perGroup = g.outChannelsPerGroup();
        const Index at = o / perGroup * a.outPitch + o % perGroup;
        Real sum = 0;
        for (Index p = first + line; o < g.outChannels && p < last; p += lines)
            sum += widen(a.gradients[p * a.gradientPitch + at]);
        sums[line][lane] = sum;
        __syncthreads();
        if (line == 0 && o < g.outChannels) {
            for (int i = 1; i < lines; ++i) sum += sums[i][lane];
            partial[slot * g.outChannels + o] = sum;
        }
        __syncthreads();
    }
}

/// Adds the slots' sums in order.
template <class Element>
__global__ void sumBiasKernel(Conv2dGeometry g, Index slots, const ComputeType<Element>* partial,
                              Tensor<1> gradBias) {
    forEachItem(g.outChannels, [&](Index o) {
        ComputeType<Element> sum = 0;
        for (Index slot = 0; slot < slots; ++slot) sum += partial[slot * g.outChannels + o];
        store<Element>(gradBias, sum, o);
    });
}

}  // namespace dcn4j::cuda
