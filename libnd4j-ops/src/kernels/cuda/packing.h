// Arrays of any strides, rearranged for the fast convolution kernels.
//
//   images    [N,C,H,W] to [N * H * W][segments of channels], by tiles of 32 x 8 packs of 16 bytes
//             through shared memory, so that reads and writes both run along memory
//   weights   [O,C/groups,kH,kW] to panels whose rows are the depth of a matrix product
//
// What bounds it: memory; each array is read and written once.
#pragma once

#include "divisor.h"
#include "product.h"
#include "run_plans.h"
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

/// Pixels and channels of a tile: 32 and 8 packs.
template <class Element>
constexpr int packPixels = 32 * packOf<Element>;
template <class Element>
constexpr int packChannels = 8 * packOf<Element>;

/// A tile in shared memory, [channel][pixel] in packs of pixels. The packs of a channel change
/// places by the channel, so that neither accesses along pixels nor those along channels meet in a
/// bank.
template <class Element>
struct PackTile {
    static constexpr int pack = packOf<Element>;
    alignas(16) Element element[packChannels<Element>][packPixels<Element>];

    __device__ Element* packAt(int channel, int which) {
        return element[channel] + (which ^ (channel / pack)) * pack;
    }
    __device__ Element& at(int channel, int pixel) {
        return packAt(channel, pixel / pack)[pixel % pack];
    }
};

/// Reads `count` pixels of an image, from pixel `first` on, whose planes are contiguous and begin
/// at 16 bytes.
template <class Element>
__device__ void readInPacks(const PackGeometry& p, const Tensor<4>& from, const Element* image,
                            int first, int count, int firstChannel, PackTile<Element>& tile) {
    constexpr int pack = packOf<Element>;
    const int which = static_cast<int>(threadIdx.x) % 32, line = static_cast<int>(threadIdx.x) / 32;
    const bool some = which * pack < count;
    const Element* at = image + first + which * pack;
    Pack<Element, pack> value[pack];
#pragma unroll
    for (int i = 0; i < pack; ++i) {
        const int channel = p.channelAt(firstChannel + line + i * 8);
        value[i] = {};
        if (some && channel >= 0) value[i] = loadPack<pack>(at + channel * from.strides[1]);
    }
#pragma unroll
    for (int i = 0; i < pack; ++i) storePack(tile.packAt(line + i * 8, which), value[i]);
}

/// The same of an image of any strides. Neighbouring threads read along whatever lies closer in
/// memory.
template <class Element>
__device__ void readOneByOne(const PackGeometry& p, const Tensor<4>& from, const Element* image,
                             int first, int count, int firstChannel, PackTile<Element>& tile) {
    constexpr int pixels = packPixels<Element>, channels = packChannels<Element>;
    const bool alongPixels = from.strides[3] < from.strides[1];
    const Element zero = narrow<Element>(ComputeType<Element>{0});
#pragma unroll 4
    for (int i = static_cast<int>(threadIdx.x); i < pixels * channels; i += blockThreads) {
        const int pixel = alongPixels ? i % pixels : i / channels;
        const int c = alongPixels ? i / pixels : i % channels;
        const int channel = p.channelAt(firstChannel + c);
        int x = first + pixel;
        const int y = p.width.divide(x);
        tile.at(c, pixel) =
            channel >= 0 && pixel < count
                ? image[channel * from.strides[1] + y * from.strides[2] + x * from.strides[3]]
                : zero;
    }
}

template <class Element, bool InPacks>
__global__ void packImagesKernel(PackGeometry p, Index tiles, Divisor pixelTiles,
                                 Divisor channelTiles, Tensor<4> from, Element* to) {
    constexpr int pack = packOf<Element>, pixels = packPixels<Element>;
    struct Memory {
        PackTile<Element> tile;
    };
    auto& tile = shared<Memory>().tile;
    for (Index t = blockIdx.x; t < tiles; t += gridDim.x) {
        int firstChannel = static_cast<int>(t);
        int firstPixel = channelTiles.divide(firstChannel);
        const Index n = pixelTiles.divide(firstPixel);
        firstChannel *= packChannels<Element>;
        firstPixel *= pixels;
        const Element* image = static_cast<const Element*>(from.data) + n * from.strides[0];
        const int left = p.pixels.divisor() - firstPixel, count = left < pixels ? left : pixels;
        if constexpr (InPacks) {
            readInPacks(p, from, image, firstPixel, count, firstChannel, tile);
        } else {
            readOneByOne(p, from, image, firstPixel, count, firstChannel, tile);
        }
        __syncthreads();
        const int which = static_cast<int>(threadIdx.x) % 8;
        const int c = firstChannel + which * pack, line = static_cast<int>(threadIdx.x) / 8;
        Element* out = to + (n * p.pixels.divisor() + firstPixel + line) * p.pixelPitch + c;
#pragma unroll
        for (int i = 0; i < pack; ++i) {
            Pack<Element, pack> value{};
#pragma unroll
            for (int j = 0; j < pack; ++j) value.set(j, tile.at(which * pack + j, line + i * 32));
            if (line + i * 32 < count && c < p.pixelPitch) storePack(out, value);
            out += Index{32} * p.pixelPitch;
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
        own_ = !segments_.dense(g) || images.strides[1] != 1 || !isApart(3, pitch) ||
               !isApart(2, g.width * pitch) || !isApart(0, g.pixels() * pitch) ||
               reinterpret_cast<std::uintptr_t>(images.data) % 16 != 0;
        if (own_) piece_ = workspace.reserve<Element>(g.batch * g.pixels() * pitch);
    }

    const Segments& segments() const { return segments_; }

    /// The packed images, copied if they must be.
    const Element* pack(const Workspace& workspace, cudaStream_t stream) const {
        if (!own_) return static_cast<const Element*>(images_.data);
        Element* to = workspace.at(piece_);
        const Index pitch = segments_.pixelPitch(g_);
        const Index pixelTiles = ceilDivide(std::max<Index>(g_.pixels(), 1), packPixels<Element>);
        const Index channelTiles = ceilDivide(pitch, packChannels<Element>);
        const Index tiles = g_.batch * pixelTiles * channelTiles;
        constexpr int pack = packOf<Element>;
        const bool inPacks = isApart(3, 1) && isApart(2, g_.width) && g_.pixels() % pack == 0 &&
                             (g_.channels == 1 || images_.strides[1] % pack == 0) &&
                             (g_.batch == 1 || images_.strides[0] % pack == 0) &&
                             reinterpret_cast<std::uintptr_t>(images_.data) % 16 == 0;
        launch("packing images",
               inPacks ? packImagesKernel<Element, true> : packImagesKernel<Element, false>, tiles,
               0, stream, PackGeometry(g_, segments_), tiles, Divisor(pixelTiles),
               Divisor(channelTiles), images_, to);
        return to;
    }

  private:
    /// Whether elements along a dimension are so far apart. A single one is.
    bool isApart(int dimension, Index stride) const {
        const Index sizes[] = {g_.batch, g_.channels, g_.height, g_.width};
        return sizes[dimension] == 1 || images_.strides[dimension] == stride;
    }

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

/// The weights of an output channel and a channel of the input, tap by tap, which lie side by side
/// in memory: `put(tap, weight)`.
template <class Element, class Put>
__device__ void forEachTap(const Tensor<4>& weights, int o, int channel, const Divisor& kernelW,
                           int taps, Put put) {
    const auto* from = static_cast<const Element*>(weights.data) + o * weights.strides[0] +
                       channel * weights.strides[1];
#pragma unroll 4
    for (int tap = 0; tap < taps; ++tap) {
        int kx = tap;
        const int ky = kernelW.divide(kx);
        put(tap, widen(from[ky * weights.strides[2] + kx * weights.strides[3]]));
    }
}

/// For each group a panel of the product, of the depths of `runs` and the group's output channels.
/// A thread has an output channel and a place of a run, of all taps; neighbours have what is closer
/// in the panel.
template <class Element, class Product>
__global__ void packForwardWeightsKernel(PackGeometry p, Runs runs, Index items, Index depth,
                                         int outPerGroup, Divisor perRun, Divisor pitch,
                                         Divisor kernelW, Tensor<4> weights,
                                         typename Product::Stored* to, RunPlans<Element> plans,
                                         Index planCount, RunPlan<ComputeType<Element>>* planned) {
    if constexpr (!Product::supported) {
        notCompiledForThisDevice();
    } else {
        forEachItem(planCount, [&](Index i) { planned[i] = plans.at(i); });
        const int perGroup = runs.segmentDivisor.divisor(), taps = runs.count / perGroup;
        forEachItem(items, [&](Index i) {
            int o = static_cast<int>(i), place = o, segment;
            if constexpr (Product::columnsOfDepths) {
                o = perRun.divide(place);
                segment = pitch.divide(o);
            } else {
                place = pitch.divide(o);
                segment = perRun.divide(place);
            }
            const int group = runs.segmentDivisor.divide(segment);
            const int channel =
                place < runs.pitch
                    ? p.channelAt(group * runs.groupPitch + segment * runs.pitch + place)
                    : -1;
            auto* panel = to + group * depth * pitch.divisor();
            const auto put = [&](int tap, ComputeType<Element> weight) {
                panel[Product::panelPlace(runs.numberOf(tap, segment, place), o, pitch.divisor())] =
                    Product::stored(weight);
            };
            int tap = 0;
            if (channel >= 0 && o < outPerGroup) {
                forEachTap<Element>(weights, group * outPerGroup + o,
                                    channel - group * p.channelsPerGroup, kernelW, taps, put);
                tap = taps;
            }
            // Padding, and what is left of the last tile beyond the last tap.
            for (; runs.numberOf(tap, segment, place) < depth; ++tap) put(tap, 0);
        });
    }
}

template <class Element, class Product>
void packForwardWeights(const Conv2dGeometry& g, const Runs& runs, const Tensor<4>& weights,
                        Index pitch, typename Product::Stored* to, const RunPlans<Element>& plans,
                        RunPlan<ComputeType<Element>>* planned, cudaStream_t stream) {
    const Segments s(g, packOf<Element>);
    const Index perRun = runs.perTile > 1 ? runs.channelsPerRun : runs.tilesPerRun * runs.width;
    const Index items = s.count(g) * perRun * pitch;
    launch("packing weights", packForwardWeightsKernel<Element, Product>, blocksFor(items), 0,
           stream, PackGeometry(g, s), runs, items, runs.tiles() * runs.width,
           static_cast<int>(g.outChannelsPerGroup()), Divisor(perRun), Divisor(pitch),
           Divisor(g.kernelW), weights, to, plans, plans.count(), planned);
}

/// A panel for each segment and tap, of the group's output channels by the segment's. A thread has
/// an output channel and a channel, of all taps.
template <class Element, class Product>
__global__ void packBackwardWeightsKernel(PackGeometry p, Index items, int taps, int outPerGroup,
                                          Divisor perGroup, Divisor depth, Divisor pitch,
                                          Divisor kernelW, Tensor<4> weights,
                                          typename Product::Stored* to) {
    if constexpr (!Product::supported) {
        notCompiledForThisDevice();
    } else {
        forEachItem(items, [&](Index i) {
            int c = static_cast<int>(i), o = pitch.divide(c);
            const int segment = depth.divide(o), segmentPitch = p.segmentPitch.divisor();
            const int group = perGroup.quotient(segment);
            const int channel = c < segmentPitch ? p.channelAt(segment * segmentPitch + c) : -1;
            const Index ofTap = Index{depth.divisor()} * pitch.divisor();
            auto* first = to + segment * taps * ofTap + Product::panelPlace(o, c, pitch.divisor());
            const auto put = [&](int tap, ComputeType<Element> weight) {
                first[tap * ofTap] = Product::stored(weight);
            };
            if (channel >= 0 && o < outPerGroup) {
                forEachTap<Element>(weights, group * outPerGroup + o,
                                    channel - group * p.channelsPerGroup, kernelW, taps, put);
            } else {
                for (int tap = 0; tap < taps; ++tap) put(tap, 0);
            }
        });
    }
}

template <class Element, class Product>
void packBackwardWeights(const Conv2dGeometry& g, const Segments& s, const Tensor<4>& weights,
                         Index depth, Index pitch, typename Product::Stored* to,
                         cudaStream_t stream) {
    const Index items = s.count(g) * depth * pitch;
    launch("packing weights", packBackwardWeightsKernel<Element, Product>, blocksFor(items), 0,
           stream, PackGeometry(g, s), items, static_cast<int>(g.taps()),
           static_cast<int>(g.outChannelsPerGroup()), Divisor(s.perGroup), Divisor(depth),
           Divisor(pitch), Divisor(g.kernelW), weights, to);
}

/// Operand b of a product from packed weights: a panel of `pitch` columns, of whole steps, from one
/// column on, that of a tile. A step of it lies in device memory in the order that it has in shared
/// memory.
template <class Product>
class PanelSource : public Unplanned {
    using Stored = typename Product::Stored;
    static constexpr int pack = packOf<Stored>;
    static constexpr int total = Product::depth * Product::columns / pack;
    static constexpr int values = (total + Product::threads - 1) / Product::threads;

  public:
    static constexpr int slots = 1;

    __device__ PanelSource(const Stored* panel, int pitch, int firstColumn)
        : from_(panel + Product::panelPlace(0, firstColumn, pitch) + number(0) * pack),
          pitch_(pitch) {}

    /// Steps are fetched in their order.
    template <int>
    __device__ void fetch(int, Stored* b) {
#pragma unroll
        for (int i = 0; i < values; ++i) {
            if (!works(i)) continue;
            const Stored* from = from_ + i * Product::threads * pack;
            if (copiesByItself()) {
                beginCopy(place(b, i), from, true);
            } else {
                value_[i] = loadPack<pack>(from);
            }
        }
        from_ += static_cast<Index>(Product::depth) * pitch_;
    }

    template <int>
    __device__ void store(Stored* b) const {
        if (copiesByItself()) return;
#pragma unroll
        for (int i = 0; i < values; ++i)
            if (works(i)) storePack(place(b, i), value_[i]);
    }

  private:
    __device__ static int number(int slot) {
        return static_cast<int>(threadIdx.x) + slot * Product::threads;
    }
    __device__ static bool works(int slot) {
        return total % Product::threads == 0 || number(slot) < total;
    }
    __device__ static Stored* place(Stored* b, int slot) {
        return Product::placeOfPanel(b, number(slot) * pack);
    }

    const Stored* from_;
    const int pitch_;
    Pack<Stored, pack> value_[values]{};
};

}  // namespace dcn4j::cuda
