// Arrays of any strides, rearranged for the fast convolution kernels.
//
//   images    [N,C,H,W] to [N * H * W][segments of channels], by tiles of 32 x 32 through shared
//             memory, so that reads and writes both run along memory
//   weights   [O,C/groups,kH,kW] to panels whose rows are the depth of a matrix product
//
// What bounds it: memory; each array is read and written once.
#pragma once

#include "sample_plan.h"
#include "workspace.h"

namespace dcn4j::cuda {

/// The channel at place `at` of a packed pixel, -1 for padding.
__device__ inline Index packedChannel(const Conv2dGeometry& g, const Segments& s, Index at) {
    const Index group = at / s.groupPitch();
    const int rest = static_cast<int>(at - group * s.groupPitch());
    const Segment segment(g, group, rest / s.pitch);
    const int c = rest % s.pitch;
    return c < segment.channels ? segment.firstChannel + c : -1;
}

constexpr int packTile = 32;

template <class Element>
__global__ void packImagesKernel(Conv2dGeometry g, Segments s, Tensor<4> from, Element* to) {
    __shared__ Element tile[packTile][packTile + 1];
    constexpr int lines = blockThreads / packTile;
    const int lane = static_cast<int>(threadIdx.x) % packTile;
    const int line = static_cast<int>(threadIdx.x) / packTile;
    const Index pixels = g.batch * g.pixels(), pitch = s.pixelPitch(g);
    const Index channelTiles = (pitch + packTile - 1) / packTile;
    const Index tiles = (pixels + packTile - 1) / packTile * channelTiles;
    // Neighbouring threads read along whatever lies closer in memory.
    const bool alongPixels = from.strides[3] < from.strides[1];
    for (Index t = blockIdx.x; t < tiles; t += gridDim.x) {
        const Index firstPixel = t / channelTiles * packTile, first = t % channelTiles * packTile;
        for (int i = line; i < packTile; i += lines) {
            const int p = alongPixels ? lane : i, c = alongPixels ? i : lane;
            Element value = narrow<Element>(ComputeType<Element>{0});
            if (firstPixel + p < pixels && first + c < pitch) {
                const Index channel = packedChannel(g, s, first + c);
                const PixelPlace place = PixelPlace::of(firstPixel + p, g.pixels(), g.width);
                if (channel >= 0) {
                    value = static_cast<const Element*>(
                        from.data)[from.at(place.n, channel, place.y, place.x)];
                }
            }
            tile[p][c] = value;
        }
        __syncthreads();
        for (int p = line; p < packTile; p += lines) {
            if (firstPixel + p < pixels && first + lane < pitch)
                to[(firstPixel + p) * pitch + first + lane] = tile[p][lane];
        }
        __syncthreads();
    }
}

/// Images with their channels packed: an array's own memory where that is how it lies, a copy
/// where not.
template <class Element>
class PackedImages {
  public:
    PackedImages(const Conv2dGeometry& g, const Tensor<4>& images, Workspace& workspace)
        : g_(g), segments_(g, packOf<Element>), images_(images) {
        const Index pitch = segments_.pixelPitch(g);
        own_ = !segments_.dense(g) || images.strides[1] != 1 || images.strides[3] != pitch ||
               images.strides[2] != g.width * pitch || images.strides[0] != g.pixels() * pitch ||
               reinterpret_cast<std::uintptr_t>(images.data) % 16 != 0;
        if (own_) piece_ = workspace.reserve<Element>(g.batch * g.pixels() * pitch);
    }

    const Segments& segments() const { return segments_; }

    /// The packed images, copied if they must be.
    const Element* pack(const Workspace& workspace, cudaStream_t stream) const {
        if (!own_) return static_cast<const Element*>(images_.data);
        Element* to = workspace.at(piece_);
        const Index tiles = ceilDivide(g_.batch * g_.pixels(), packTile) *
                            ceilDivide(segments_.pixelPitch(g_), packTile);
        launch("packing an image", packImagesKernel<Element>, tiles, 0, stream, g_, segments_,
               images_, to);
        return to;
    }

  private:
    const Conv2dGeometry g_;
    const Segments segments_;
    const Tensor<4> images_;
    bool own_;
    Workspace::Piece<Element> piece_{};
};

/// The output's side of a convolution: its channels and pixels as those of an input.
inline Conv2dGeometry outputSide(const Conv2dGeometry& g) {
    Conv2dGeometry out = g;
    out.channels = g.outChannels;
    out.height = g.outHeight;
    out.width = g.outWidth;
    out.offsetGroups = g.groups;
    return out;
}

/// [groups][taps * groupPitch][pitch]: for each packed channel and tap, a row over the group's
/// output channels.
template <class Element, class Product>
__global__ void packForwardWeightsKernel(Conv2dGeometry g, Segments s, Tensor<4> weights,
                                         Index pitch, typename Product::Stored* to) {
    if constexpr (Product::supported) {
        const Index depth = g.taps() * s.groupPitch();
        forEachItem(g.groups * depth * pitch, [&](Index i) {
            const Index o = i % pitch, k = i / pitch % depth, group = i / pitch / depth;
            const Index tap = k / s.groupPitch();
            const Index c = packedChannel(g, s, group * s.groupPitch() + k % s.groupPitch());
            ComputeType<Element> value = 0;
            if (o < g.outChannelsPerGroup() && c >= 0) {
                value = load<Element>(weights, group * g.outChannelsPerGroup() + o,
                                      c - group * g.channelsPerGroup(), tap / g.kernelW,
                                      tap % g.kernelW);
            }
            to[i] = Product::stored(value);
        });
    }
}

/// [segments][taps * outPitch][pitch]: for each tap and output channel, a row over a segment's
/// channels.
template <class Element, class Product>
__global__ void packBackwardWeightsKernel(Conv2dGeometry g, Segments s, Index outPitch,
                                          Tensor<4> weights, Index pitch,
                                          typename Product::Stored* to) {
    if constexpr (Product::supported) {
        const Index depth = g.taps() * outPitch;
        forEachItem(s.count(g) * depth * pitch, [&](Index i) {
            const Index c = i % pitch, k = i / pitch % depth, at = i / pitch / depth;
            const Index tap = k / outPitch, o = k % outPitch, group = at / s.perGroup;
            const Segment segment(g, group, at % s.perGroup);
            ComputeType<Element> value = 0;
            if (o < g.outChannelsPerGroup() && c < segment.channels) {
                value = load<Element>(weights, group * g.outChannelsPerGroup() + o,
                                      segment.firstChannel + c - group * g.channelsPerGroup(),
                                      tap / g.kernelW, tap % g.kernelW);
            }
            to[i] = Product::stored(value);
        });
    }
}

/// Operand b of a product from packed weights: rows of `pitch` numbers, zeros beyond `rows`.
template <class Product>
class PanelSource {
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Stored>;
    static constexpr int packs = Product::columns / pack;
    static constexpr int total = Product::depth * packs;
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;

  public:
    __device__ PanelSource(const Stored* panel, Index pitch, int rows)
        : panel_(panel), pitch_(pitch), rows_(rows) {}

    __device__ void fetch(int step) {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            const int at = static_cast<int>(threadIdx.x) + i * blockThreads;
            const int row = step * Product::depth + at / packs;
            value_[i] = {};
            if (at < total && row < rows_)
                value_[i] = loadPack<pack>(panel_ + row * pitch_ + at % packs * pack);
        }
    }

    __device__ void store(Stored* b) const {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            const int at = static_cast<int>(threadIdx.x) + i * blockThreads;
            if (at < total) Product::storeB(b, at / packs, at % packs * pack, value_[i]);
        }
    }

  private:
    const Stored* const panel_;
    const Index pitch_;
    const int rows_;
    Pack<Stored, pack> value_[slots];
};

}  // namespace dcn4j::cuda
