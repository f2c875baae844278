// Deformable convolution backward, the input's gradient: a fused implicit matrix product.
//
//   gradInput[pixel][c] = sum over k = (tap, o) of gathered[pixel][k] * weights[k][c]
//   gathered[pixel][(tap, o)] = sum over the samples of the tap that read the pixel of
//                               (bilinear weight * mask) * gradOutput[the sample's pixel][o]
//
//   pixel    N * H * W, in tiles of 128 (64 in double), as many images as have lists at a time
//   c        channels of one segment, in tiles of 64 or 128
//
// The usual way, gradients of columns added to the pixels that a sample reads, needs atomic
// additions. Here a pixel gathers what is its own from lists (destinations.h), in their order, and
// gathering comes before the product: the arithmetic is that of a plain convolution's gradient.
//
// What bounds it: as the forward pass, with lists for corners: arithmetic, or reading gradients. A
// list of many samples keeps its threads busy while others wait: offsets that gather on a few
// pixels make it slow.
#pragma once

#include "destinations.h"
#include "forward.h"

namespace dcn4j::cuda {

/// Operand a: what the samples that read a tile of pixels bring, for one segment.
template <class Product, class Element>
class GatheredRows {
    using Real = ComputeType<Element>;
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int slots = Product::rows * packs / blockThreads;

  public:
    /// `gradients` points at the first output channel of the segment's convolution group.
    __device__ GatheredRows(const Conv2dGeometry& g, const Destinations<Real>& lists,
                            const Element* gradients, Index pixelPitch, int outPitch,
                            Index offsetGroup, Index firstPixel)
        : g_(g), lists_(lists), pixelPitch_(pixelPitch), outPitch_(outPitch) {
        const Index end = lists.images * g.pixels();
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            const Index at = firstPixel + row(i);
            inside_[i] = at < end;
            const Index n = lists.firstImage + (inside_[i] ? at / g.pixels() : 0);
            const int pixel = inside_[i] ? static_cast<int>(at % g.pixels()) : 0;
            key_[i] = lists.key(g, n, offsetGroup, 0, pixel);
            gradients_[i] = gradients + n * g.outPixels() * pixelPitch;
        }
    }

    __device__ void fetch(int step) {
        const int k = step * Product::depth + static_cast<int>(threadIdx.x) % packs * pack;
        const int tap = k / outPitch_, o = k - tap * outPitch_;
        if (tap != tap_) {
            tap_ = tap;
#pragma unroll
            for (int i = 0; i < slots; ++i) {
                const bool some = inside_[i] && tap < g_.taps();
                const Index key = key_[i] + tap * g_.pixels();
                begin_[i] = some ? lists_.start[key] : 0;
                end_[i] = some ? lists_.start[key + 1] : 0;
            }
        }
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            Real sum[pack] = {};
            for (unsigned e = begin_[i]; e < end_[i]; ++e) {
                const Entry<Real> entry = lists_.entries[e];
                const Pack<Element, pack> gradient =
                    loadPack<pack>(gradients_[i] + entry.pixel * pixelPitch_ + o);
#pragma unroll
                for (int c = 0; c < pack; ++c) sum[c] += entry.weight * widen(gradient.value[c]);
            }
#pragma unroll
            for (int c = 0; c < pack; ++c) value_[i].value[c] = Product::stored(sum[c]);
        }
    }

    __device__ void store(Stored* a) const {
#pragma unroll
        for (int i = 0; i < slots; ++i)
            Product::storeRow(a, row(i), static_cast<int>(threadIdx.x) % packs * pack, value_[i]);
    }

  private:
    __device__ static int row(int slot) {
        return (static_cast<int>(threadIdx.x) + slot * blockThreads) / packs;
    }

    const Conv2dGeometry& g_;
    const Destinations<Real>& lists_;
    const Index pixelPitch_;
    const int outPitch_;
    int tap_ = -1;
    bool inside_[slots];
    Index key_[slots];
    const Element* gradients_[slots];
    unsigned begin_[slots], end_[slots];
    Pack<Stored, pack> value_[slots];
};

template <class Element, class Stored>
struct BackwardInputArguments {
    Conv2dGeometry g;
    Segments s;
    Destinations<ComputeType<Element>> lists;
    const Element* gradients;  ///< of the output, packed
    Index pixelPitch;          ///< of the packed gradients
    int outPitch;              ///< of one convolution group of them
    const Stored* weights;
    Index weightPitch;
    Tensor<4> gradInput;
};

template <class Product, class Element>
__global__ void __launch_bounds__(blockThreads, Product::blocksAtATime)
    backwardInputKernel(BackwardInputArguments<Element, typename Product::Stored> a) {
    if constexpr (Product::supported) {
        const Conv2dGeometry& g = a.g;
        auto* memory = static_cast<typename Product::Stored*>(sharedMemory());
        const int depth = static_cast<int>(g.taps()) * a.outPitch;
        const int steps = (depth + Product::depth - 1) / Product::depth;
        const Index columnTiles = a.weightPitch / Product::columns, segments = a.s.count(g);
        const Index pixels = a.lists.images * g.pixels();
        const Index rowTiles = (pixels + Product::rows - 1) / Product::rows;
        for (Index t = blockIdx.x; t < rowTiles * segments * columnTiles; t += gridDim.x) {
            const Index firstPixel = t / columnTiles / segments * Product::rows;
            const Index at = t / columnTiles % segments;
            const int firstColumn = static_cast<int>(t % columnTiles) * Product::columns;
            const Index group = at / a.s.perGroup;
            const Segment segment(g, group, at % a.s.perGroup);
            if (segment.channels <= firstColumn) continue;
            Product total;
            total.clear();
            GatheredRows<Product, Element> rows(g, a.lists, a.gradients + group * a.outPitch,
                                                a.pixelPitch, a.outPitch, segment.offsetGroup,
                                                firstPixel);
            PanelSource<Product> weights(a.weights + at * depth * a.weightPitch + firstColumn,
                                         a.weightPitch, depth);
            addProduct(total, rows, weights, steps, memory);
            const int channels = segment.channels - firstColumn;
            storeTile<Product, Element>(total, firstPixel, pixels, g.pixels(), g.width,
                                        segment.firstChannel + firstColumn,
                                        channels < Product::columns ? channels : Product::columns,
                                        Tensor<1>{}, a.gradInput, memory);
        }
    }
}

}  // namespace dcn4j::cuda
