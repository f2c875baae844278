// Arrays of any strides, rearranged for the fast convolution kernels.
//
//   images    [N,C,H,W] to [N * H * W][segments of channels], by tiles of 32 x 32 through shared
//             memory, so that reads and writes both run along memory
//   weights   [O,C/groups,kH,kW] to panels whose rows are the depth of a matrix product
//
// What bounds it: memory; each array is read and written once.
#pragma once

#include "divisor.h"
#include "product.h"
#include "runs.h"
#include "sample_plan.h"
#include "workspace.h"

namespace dcn4j::cuda {

/// What packing needs to know of where channels go, in 32 bits.
struct PackGeometry {
    Divisor groupPitch, segmentPitch, pixels, width;
    int pixelPitch, channelsPerGroup, channelsPerOffsetGroup;

    PackGeometry(const Conv2dGeometry& g, const Segments& s)
        : groupPitch(s.groupPitch()),
          segmentPitch(s.pitch),
          pixels(std::max<Index>(g.pixels(), 1)),
          width(std::max<Index>(g.width, 1)),
          pixelPitch(static_cast<int>(s.pixelPitch(g))),
          channelsPerGroup(static_cast<int>(g.channelsPerGroup())),
          channelsPerOffsetGroup(static_cast<int>(g.channelsPerOffsetGroup())) {}

    /// The channel at place `at` of a packed pixel, -1 for padding.
    DCN4J_HOST_DEVICE int channelAt(int at) const {
        if (segmentPitch.divisor() == channelsPerGroup && groupPitch.divisor() == channelsPerGroup)
            return at < pixelPitch ? at : -1;
        if (at >= pixelPitch) return -1;
        const int group = groupPitch.divide(at), j = segmentPitch.divide(at);
        const int begin = group * channelsPerGroup, end = begin + channelsPerGroup;
        const int offsetGroup = begin / channelsPerOffsetGroup + j;
        const int first = offsetGroup * channelsPerOffsetGroup;
        const int channel = (first > begin ? first : begin) + at;
        return channel < end && channel < first + channelsPerOffsetGroup ? channel : -1;
    }
};

/// Channels and pixels of a tile.
constexpr int packChannels = 32;
template <class Element>
constexpr int packPixels = sizeof(Element) == 8 ? 64 : 128;

template <class Element>
__global__ void packImagesKernel(PackGeometry p, Index endPixel, Divisor channelTiles,
                                 Tensor<4> from, Element* to) {
    constexpr int pixels = packPixels<Element>;
    struct Memory {
        Element tile[pixels][packChannels + 1];
    };
    auto& tile = shared<Memory>().tile;
    const auto* source = static_cast<const Element*>(from.data);
    const int thread = static_cast<int>(threadIdx.x);
    const Element zero = narrow<Element>(ComputeType<Element>{0});
    const Index tiles = (endPixel + pixels - 1) / pixels * channelTiles.divisor();
    // Neighbouring threads read along whatever lies closer in memory.
    const bool alongPixels = from.strides[3] < from.strides[1];
    for (Index t = blockIdx.x; t < tiles; t += gridDim.x) {
        int first = static_cast<int>(t);
        const Index firstPixel = Index{channelTiles.divide(first)} * pixels;
        first *= packChannels;
        const Index firstImage = firstPixel / p.pixels.divisor();
        const int inImage = static_cast<int>(firstPixel - firstImage * p.pixels.divisor());
        const auto placeOf = [&](int pixel) {
            const Index n = firstImage + p.pixels.divide(pixel);
            const int y = p.width.divide(pixel);
            return n * from.strides[0] + y * from.strides[2] + pixel * from.strides[3];
        };
        const int count =
            static_cast<int>(endPixel - firstPixel < pixels ? endPixel - firstPixel : pixels);
        if (alongPixels) {
            const int pixel = thread % pixels;
            const Element* at = source + placeOf(inImage + (pixel < count ? pixel : 0));
#pragma unroll 4
            for (int c = thread / pixels; c < packChannels; c += blockThreads / pixels) {
                const int channel = p.channelAt(first + c);
                tile[pixel][c] =
                    channel >= 0 && pixel < count ? at[channel * from.strides[1]] : zero;
            }
        } else {
            const int c = thread % packChannels, channel = p.channelAt(first + c);
            const Element* at = source + (channel < 0 ? 0 : channel) * from.strides[1];
#pragma unroll 4
            for (int pixel = thread / packChannels; pixel < pixels;
                 pixel += blockThreads / packChannels) {
                tile[pixel][c] =
                    channel >= 0 && pixel < count ? at[placeOf(inImage + pixel)] : zero;
            }
        }
        __syncthreads();
        const int c = thread % packChannels;
        Element* out = to + (firstPixel + thread / packChannels) * p.pixelPitch + first + c;
#pragma unroll 4
        for (int pixel = thread / packChannels; pixel < pixels;
             pixel += blockThreads / packChannels) {
            if (pixel < count && first + c < p.pixelPitch) *out = tile[pixel][c];
            out += static_cast<Index>(blockThreads / packChannels) * p.pixelPitch;
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
        const Index pixels = g_.batch * g_.pixels();
        const Index channelTiles = ceilDivide(segments_.pixelPitch(g_), packChannels);
        launch("packing an image", packImagesKernel<Element>,
               ceilDivide(pixels, packPixels<Element>) * channelTiles, 0, stream,
               PackGeometry(g_, segments_), pixels, Divisor(channelTiles), images_, to);
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

/// `rows` numbers of a panel, one below the other: the first `count` of them from memory.
template <class Element, class Product>
__device__ void packColumn(const Element* from, Index stride, int count, int rows,
                           typename Product::Stored* to, int pitch) {
#pragma unroll 4
    for (int i = 0; i < rows; ++i) {
        const ComputeType<Element> value = i < count ? widen(*from) : 0;
        *to = Product::stored(value);
        from += stride;
        to += pitch;
    }
}

/// [groups][depth][pitch]: for each depth of `runs`, a row over the group's output channels. A
/// thread has one output channel and one run.
template <class Element, class Product>
__global__ void packForwardWeightsKernel(Conv2dGeometry g, Runs runs, int tiles,
                                         Divisor slotDivisor, Divisor pitch, Tensor<4> weights,
                                         typename Product::Stored* to) {
    if constexpr (!Product::supported) {
        notCompiledForThisDevice();
    } else {
        const int perTile = runs.perTile, rows = runs.channelsPerRun;
        forEachItem(g.groups * slotDivisor.divisor() * pitch.divisor(), [&](Index i) {
            int o = static_cast<int>(i);
            int slot = pitch.divide(o);
            const int group = slotDivisor.divide(slot);
            const auto place = runs.place(slot / perTile, slot % perTile, 0);
            const Segment segment(g, group, place.segment);
            const bool some = o < g.outChannelsPerGroup() && place.channel < segment.channels;
            const auto* from = static_cast<const Element*>(weights.data);
            if (some) {
                from +=
                    weights.at(group * g.outChannelsPerGroup() + o,
                               segment.firstChannel + place.channel - group * g.channelsPerGroup(),
                               place.tap / g.kernelW, place.tap % g.kernelW);
            }
            packColumn<Element, Product>(
                from, weights.strides[1], some ? segment.channels - place.channel : 0, rows,
                to + (Index{group} * tiles * runs.width + Index{slot} * rows) * pitch.divisor() + o,
                pitch.divisor());
        });
    }
}

template <class Element, class Product>
void packForwardWeights(const Conv2dGeometry& g, const Runs& runs, const Tensor<4>& weights,
                        Index pitch, typename Product::Stored* to, cudaStream_t stream) {
    const Index slots = runs.tiles() * runs.perTile;
    launch("packing weights", packForwardWeightsKernel<Element, Product>,
           blocksFor(g.groups * slots * pitch), 0, stream, g, runs, static_cast<int>(runs.tiles()),
           Divisor(slots), Divisor(pitch), weights, to);
}

/// [segments][taps][depth][pitch]: for each tap and output channel of the group, a row over a
/// segment's channels. A thread has one channel and one step of output channels.
template <class Element, class Product>
__global__ void packBackwardWeightsKernel(Conv2dGeometry g, Segments s, Divisor steps, Divisor taps,
                                          Divisor pitch, Tensor<4> weights,
                                          typename Product::Stored* to) {
    if constexpr (!Product::supported) {
        notCompiledForThisDevice();
    } else {
        constexpr int rows = Product::depth;
        forEachItem(s.count(g) * taps.divisor() * steps.divisor() * pitch.divisor(), [&](Index i) {
            int c = static_cast<int>(i);
            const int slot = pitch.divide(c);
            int step = slot;
            int tap = steps.divide(step);
            const int at = taps.divide(tap), group = at / s.perGroup;
            const Segment segment(g, group, at % s.perGroup);
            const Index left = g.outChannelsPerGroup() - step * rows;
            const bool some = c < segment.channels && left > 0;
            const auto* from = static_cast<const Element*>(weights.data);
            if (some) {
                from += weights.at(group * g.outChannelsPerGroup() + step * rows,
                                   segment.firstChannel + c - group * g.channelsPerGroup(),
                                   tap / g.kernelW, tap % g.kernelW);
            }
            packColumn<Element, Product>(
                from, weights.strides[0], some ? static_cast<int>(left) : 0, rows,
                to + Index{slot} * rows * pitch.divisor() + c, pitch.divisor());
        });
    }
}

/// Operand b of a product from packed weights: rows of `pitch` numbers, as many as whole steps
/// need.
template <class Product>
class PanelSource : public Unplanned {
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Stored>;
    static constexpr int packs = Product::columns / pack;
    static constexpr int total = Product::depth * packs;
    static constexpr int slots = (total + blockThreads - 1) / blockThreads;

  public:
    __device__ PanelSource(const Stored* panel, int pitch)
        : from_(panel + static_cast<Index>(line(0)) * pitch +
                static_cast<int>(threadIdx.x) % packs * pack),
          pitch_(pitch) {}

    /// Steps are fetched in their order.
    __device__ void fetch(int) {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            if (total % blockThreads == 0 || line(i) < Product::depth)
                value_[i] = loadPack<pack>(from_ + static_cast<Index>(line(i) - line(0)) * pitch_);
        }
        from_ += static_cast<Index>(Product::depth) * pitch_;
    }

    __device__ void store(Stored* b) const {
#pragma unroll
        for (int i = 0; i < slots; ++i) {
            if (total % blockThreads == 0 || line(i) < Product::depth) {
                Product::storeB(b, line(i), static_cast<int>(threadIdx.x) % packs * pack,
                                value_[i]);
            }
        }
    }

  private:
    __device__ static int line(int slot) {
        return (static_cast<int>(threadIdx.x) + slot * blockThreads) / packs;
    }

    const Stored* from_;
    const int pitch_;
    Pack<Stored, pack> value_[slots];
};

}  // namespace dcn4j::cuda
