// Deformable convolution backward, the gradients of offset and mask: a fused matrix product.
//
//   gradColumn[pixel][c] = sum over o of gradOutput[pixel][o] * weights[tap][o][c]
//   dot[pixel][corner]   = sum over the channels c of the offset group of
//                          gradColumn[pixel][c] * input[corner of the sample][c]
//
//   pixel    N * oH * oW, in tiles of 128 (64 in double); a block has one tile, one tap and one
//            offset group, so that a dot product belongs to one block
//   c        all channels of the offset group, 64 at a time
//
// The gradients are combinations of a sample's four dots: those of the value for the mask, the
// slopes for the offset. gradColumn exists in shared memory only.
//
// What bounds it: the product, as large as the input gradient's; then reading corners.
#pragma once

#include "forward.h"

namespace dcn4j::cuda {

/// Operand a: packed gradients of a tile of output pixels, one convolution group.
template <class Product, class Element>
class PlainRows {
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Element>;
    static constexpr int packs = Product::depth / pack;
    static constexpr int slots = Product::rows * packs / blockThreads;

  public:
    __device__ PlainRows(const Element* rows, Index pitch, int depth, int count)
        : rows_(rows), pitch_(pitch), depth_(depth), count_(count) {}

    __device__ void fetch(int step) {
        const int k = step * Product::depth + static_cast<int>(threadIdx.x) % packs * pack;
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            value_[i] = {};
            if (row(i) < count_ && k < depth_)
                value_[i] = loadPack<pack>(rows_ + row(i) * pitch_ + k);
        }
    }

    __device__ void store(Stored* a) const {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            Pack<Stored, pack> p;
#pragma unroll
            for (int c = 0; c < pack; ++c) p.value[c] = Product::stored(widen(value_[i].value[c]));
            Product::storeRow(a, row(i), static_cast<int>(threadIdx.x) % packs * pack, p);
        }
    }

  private:
    __device__ static int row(int slot) {
        return (static_cast<int>(threadIdx.x) + slot * blockThreads) / packs;
    }

    const Element* const rows_;
    const Index pitch_;
    const int depth_, count_;
    Pack<Element, pack> value_[slots];
};

template <class Element, class Stored>
struct BackwardSamplesArguments {
    Conv2dGeometry g;
    Segments s;
    SampleArrays samples;
    const Element* images;
    const Element* gradients;  ///< of the output, packed
    Index gradientPitch;       ///< of one pixel
    int outPitch;              ///< of one convolution group
    const Stored* weights;
    Index weightPitch;
    Tensor<4> gradOffset, gradMask;
};

/// The four dot products of a few rows of a tile; eight threads share a row.
template <class Product, class Element>
class CornerDots {
    using Real = ComputeType<Element>;
    static constexpr int pack = packOf<Element>;
    static constexpr int lanes = 8;
    static constexpr int lines = blockThreads / lanes;
    static constexpr int slots = Product::rows / lines;
    static constexpr int width = Product::sliceWidth;

  public:
    /// What a row's sample reads, in shared memory.
    struct Row {
        Reading<Real> reading;
        Real fractionY, fractionX;
        Index image;  ///< where its image begins among the packed ones
        bool between;
    };

    __device__ CornerDots() {
#pragma unroll
        for (int i = 0; i < slots; ++i)
#pragma unroll
            for (int c = 0; c < Corners; ++c) dot_[i][c] = 0;
    }

    /// Adds a slice of gradColumn; `images` points at its first channel in the packed images.
    __device__ void add(const Real* tile, int channels, const Row* rows, const Element* images,
                        Index pixelPitch) {
        const int lane = static_cast<int>(threadIdx.x) % lanes;
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            const int r = line() + i * lines;
            for (int c = lane * pack; c < width && c < channels; c += lanes * pack) {
                CornerValues<Element, pack> corners;
                corners.fetch(images + rows[r].image + c, pixelPitch, rows[r].reading);
#pragma unroll
                for (int j = 0; j < pack; ++j) {
                    const Real gradient = tile[r * slicePitch + c + j];
#pragma unroll
                    for (int k = 0; k < Corners; ++k)
                        dot_[i][k] += gradient * widen(corners.value[k].value[j]);
                }
            }
        }
    }

    /// Adds the eight threads' shares, in order, through shared memory; sums[row][corner].
    __device__ void collect(Real* shares, Real* sums) const {
        const int lane = static_cast<int>(threadIdx.x) % lanes;
#pragma unroll
        for (int i = 0; i < slots; ++i)
#pragma unroll
            for (int k = 0; k < Corners; ++k)
                shares[((line() + i * lines) * Corners + k) * lanes + lane] = dot_[i][k];
        __syncthreads();
        for (int i = static_cast<int>(threadIdx.x); i < Product::rows * Corners;
             i += blockThreads) {
            Real sum = 0;
            for (int l = 0; l < lanes; ++l) sum += shares[i * lanes + l];
            sums[i] = sum;
        }
        __syncthreads();
    }

  private:
    __device__ static int line() {
        return static_cast<int>(threadIdx.x) / lanes;
    }

    Real dot_[slots][Corners];
};

template <class Product, class Element>
__global__ void __launch_bounds__(blockThreads, Product::blocksAtATime)
    backwardSamplesKernel(BackwardSamplesArguments<Element, typename Product::Stored> a) {
    if constexpr (Product::supported) {
        using Real = ComputeType<Element>;
        using Stored = typename Product::Stored;
        using Dots = CornerDots<Product, Element>;
        // Raw memory: the rows have no constructor to run.
        __shared__ typename Dots::Row rows[Product::rows];
        __shared__ Real sums[Product::rows * Corners];
        const Conv2dGeometry& g = a.g;
        void* memory = sharedMemory();
        auto* tile = static_cast<Real*>(memory);
        const int steps = (a.outPitch + Product::depth - 1) / Product::depth;
        const int taps = static_cast<int>(g.taps());
        const Index pixels = g.batch * g.outPixels(), pixelPitch = a.s.pixelPitch(g);
        const Index rowTiles = (pixels + Product::rows - 1) / Product::rows;
        for (Index t = blockIdx.x; t < rowTiles * g.offsetGroups * taps; t += gridDim.x) {
            const Index firstPixel = t / taps / g.offsetGroups * Product::rows;
            const Index offsetGroup = t / taps % g.offsetGroups;
            const int tap = static_cast<int>(t % taps);
            const int count = static_cast<int>(
                pixels - firstPixel < Product::rows ? pixels - firstPixel : Product::rows);
            for (int r = static_cast<int>(threadIdx.x); r < Product::rows; r += blockThreads) {
                typename Dots::Row& row = rows[r];
                row.reading.clear();
                row.image = 0;
                row.between = false;
                if (r >= count) continue;
                const PixelPlace place = PixelPlace::of(firstPixel + r, g.outPixels(), g.outWidth);
                const Sample<Real> s =
                    sampleAt<Element>(g, a.samples, place.n, offsetGroup, tap, place.y, place.x);
                row.reading.takeTouched(s, static_cast<int>(g.pixels()));
                row.fractionY = s.fractionY;
                row.fractionX = s.fractionX;
                row.image = place.n * g.pixels() * pixelPitch;
                row.between = s.place != Place::Outside;
            }
            Dots dots;
            const Index channelsPerGroup = g.channelsPerGroup();
            const Index firstChannel = offsetGroup * g.channelsPerOffsetGroup();
            const Index lastGroup =
                (firstChannel + g.channelsPerOffsetGroup() - 1) / channelsPerGroup;
            for (Index group = firstChannel / channelsPerGroup; group <= lastGroup; ++group) {
                const Index j = offsetGroup - group * channelsPerGroup / g.channelsPerOffsetGroup();
                const Index at = group * a.s.perGroup + j;
                const Segment segment(g, group, j);
                for (int first = 0; first < segment.channels; first += Product::columns) {
                    Product total;
                    total.clear();
                    PlainRows<Product, Element> gradients(
                        a.gradients + firstPixel * a.gradientPitch + group * a.outPitch,
                        a.gradientPitch, a.outPitch, count);
                    PanelSource<Product> weights(
                        a.weights + (at * taps + tap) * a.outPitch * a.weightPitch + first,
                        a.weightPitch, a.outPitch);
                    addProduct(total, gradients, weights, steps, static_cast<Stored*>(memory));
                    for (int slice = 0; slice * Product::sliceWidth < Product::columns; ++slice) {
                        const int c = first + slice * Product::sliceWidth;
                        total.spill(tile, slice);
                        __syncthreads();
                        dots.add(tile, segment.channels - c, rows, a.images + at * a.s.pitch + c,
                                 pixelPitch);
                        __syncthreads();
                    }
                }
            }
            dots.collect(tile, sums);
            for (int r = static_cast<int>(threadIdx.x); r < count; r += blockThreads) {
                const typename Dots::Row& row = rows[r];
                const Real* dot = sums + r * Corners;
                const PixelPlace place = PixelPlace::of(firstPixel + r, g.outPixels(), g.outWidth);
                const Index k = offsetGroup * taps + tap;
                if (a.gradMask.present()) {
                    Real sum = 0;
                    for (int i = 0; i < Corners; ++i) sum += row.reading.weight[i] * dot[i];
                    // Of a sample outside, the top left corner is: its pixel is zero, and its dot
                    // is what the gradients have times zero.
                    store<Element>(a.gradMask, row.between ? sum : dot[TopLeft], place.n, k,
                                   place.y, place.x);
                }
                if (a.gradOffset.present()) {
                    // The slopes of the dots are the dots of the slopes.
                    Sample<Real> s;
                    s.fractionY = row.fractionY;
                    s.fractionX = row.fractionX;
                    const Real corner[Corners] = {dot[TopLeft], dot[TopRight], dot[BottomLeft],
                                                  dot[BottomRight]};
                    const Real modulation = row.reading.modulation;
                    store<Element>(a.gradOffset, modulation * slopeY(s, corner), place.n, 2 * k,
                                   place.y, place.x);
                    store<Element>(a.gradOffset, modulation * slopeX(s, corner), place.n, 2 * k + 1,
                                   place.y, place.x);
                }
            }
            __syncthreads();
        }
    }
}

}  // namespace dcn4j::cuda
