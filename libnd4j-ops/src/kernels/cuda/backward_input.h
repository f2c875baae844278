// Deformable convolution backward, the input's gradient: pixels gather from the columns' gradient.
//
//   gradInput[pixel][c] = sum over the samples that read the pixel, of
//                         (bilinear weight * mask) * gradColumn[the sample's pixel][its tap][c]
//
//   pixel    H * W of a few images, in tiles of 8 x 8, one a block; c: 32 packed channels a block
//
// The usual way, gradients of columns added to the pixels that a sample reads, needs atomic
// additions. Here a pixel gathers what is its own from the lists of the four cells around it
// (cell_lists.h), in their order. Where the columns are made of some taps at a time
// (backward_columns.h), the sums so far stay in device memory between two launches.
//
// A tile's pixels read the same samples, four pixels each, which the first-level cache then holds.
// The entries of a list are read a few at a time, then their columns, so that a thread waits once
// for several.
//
// What bounds it: reading columns from the caches.
#pragma once

#include <type_traits>

#include "backward_columns.h"
#include "cell_lists.h"

namespace dcn4j::cuda {

/// Pixels of a tile along an axis, packs of channels of a thread, threads of a pixel.
constexpr int gatherTile = 8, gatherPacks = 2, gatherThreads = 4;
static_assert(gatherTile * gatherTile * gatherThreads == blockThreads);
template <class Element>
constexpr int gatherChannels = gatherThreads* gatherPacks* packOf<ComputeType<Element>>;

template <class Element>
struct BackwardInputArguments {
    PackGeometry pack;
    Divisor tilesY, tilesX, channelTiles;
    int height, columnsOfImage;  ///< pixels * taps of the chunk
    bool begins, ends;           ///< whether it is the first chunk of taps, the last
    int run;                     ///< of taps
    ColumnChunk chunk;
    CellLists<ComputeType<Element>> lists;
    const ComputeType<Element>* columns;
    ComputeType<Element>* sums;  ///< [images of the chunk][pixels][pixelPitch]
    Tensor<4> gradInput;

    BackwardInputArguments(const Conv2dGeometry& g, const Segments& s, const ColumnChunk& c,
                           const CellLists<ComputeType<Element>>& l, int runOfTaps,
                           const ComputeType<Element>* columnsOfChunk,
                           ComputeType<Element>* sumsSoFar, const Tensor<4>& to)
        : pack(g, s),
          tilesY(ceilDivide(std::max<Index>(g.height, 1), gatherTile)),
          tilesX(ceilDivide(std::max<Index>(g.width, 1), gatherTile)),
          channelTiles(ceilDivide(s.pixelPitch(g), gatherChannels<Element>)),
          height(static_cast<int>(g.height)),
          columnsOfImage(static_cast<int>(g.outPixels() * c.taps)),
          begins(c.firstTap == 0),
          ends(c.firstTap + c.taps == g.taps()),
          run(runOfTaps),
          chunk(c),
          lists(l),
          columns(columnsOfChunk),
          sums(sumsSoFar),
          gradInput(to) {}

    DCN4J_HOST_DEVICE Index blocks() const {
        return chunk.images * tilesY.divisor() * tilesX.divisor() * channelTiles.divisor();
    }
};

/// The sum of one pixel, of `Packs` packs of channels that one offset group samples.
template <class Real, int Packs>
class GatheredSum {
    static constexpr int pack = packOf<Real>;
    static constexpr int apart = gatherThreads * pack;  ///< from one pack to the next
    static constexpr int inFlight = 4;

  public:
    /// Goes on with what `kept` holds, if that is not null.
    __device__ explicit GatheredSum(const Real* kept) {
#pragma unroll
        for (int p = 0; p < Packs; ++p) {
            sum_[p] = {};
            if (kept != nullptr) sum_[p] = loadPack<pack>(kept + p * apart);
        }
    }

    /// Adds the samples of the four cells around pixel (y, x); `start` is that of the plane's first
    /// cell.
    __device__ void add(const CellLists<Real>& lists, const unsigned* start, int y, int x,
                        const Real* columns, int pitchBytes) {
        start += y * lists.pitch + x;
        const unsigned above = start[0], aboveRight = start[1], aboveEnd = start[2];
        start += lists.pitch;
        const unsigned below = start[0], belowRight = start[1], belowEnd = start[2];
        addRow<false>(lists.entries, above, aboveRight, aboveEnd, columns, pitchBytes);
        addRow<true>(lists.entries, below, belowRight, belowEnd, columns, pitchBytes);
    }

    __device__ void store(Real* to) const {
#pragma unroll
        for (int p = 0; p < Packs; ++p) storePack(to + p * apart, sum_[p]);
    }

    __device__ Real value(int p, int channel) const {
        return sum_[p].value[channel];
    }

  private:
    /// Of two cells side by side, the right one from `right` on. The pixel is the samples' top
    /// corner or their bottom one, and the right one of those in the left cell.
    template <bool Top>
    __device__ void addRow(const Entry<Real>* entries, unsigned begin, unsigned right, unsigned end,
                           const Real* columns, int pitchBytes) {
        for (unsigned first = begin; first < end; first += inFlight) {
            Pack<Real, pack> value[inFlight][Packs];
            Real factor[inFlight];
            Entry<Real> entry[inFlight];
#pragma unroll
            for (int i = 0; i < inFlight; ++i)
                entry[i] = entries[first + i < end ? first + i : end - 1];
#pragma unroll
            for (int i = 0; i < inFlight; ++i) {
                const Real fractionX = entry[i].fractionX, fractionY = entry[i].fractionY;
                const Real weight = (Top ? 1 - fractionY : fractionY) *
                                    (first + i < right ? fractionX : 1 - fractionX);
                // A column that has no weight may hold anything.
                const bool reads = first + i < end && weight != 0;
                factor[i] = reads ? weight * entry[i].modulation : Real{0};
                const auto* column =
                    reinterpret_cast<const Real*>(reinterpret_cast<const char*>(columns) +
                                                  static_cast<Index>(entry[i].column) * pitchBytes);
#pragma unroll
                for (int p = 0; p < Packs; ++p) {
                    value[i][p] = {};
                    if (reads) value[i][p] = loadPack<pack>(column + p * apart);
                }
            }
#pragma unroll
            for (int i = 0; i < inFlight; ++i)
#pragma unroll
                for (int p = 0; p < Packs; ++p)
#pragma unroll
                    for (int c = 0; c < pack; ++c)
                        sum_[p].value[c] += factor[i] * value[i][p].value[c];
        }
    }

    Pack<Real, pack> sum_[Packs];
};

template <class Element>
__global__ void backwardInputKernel(BackwardInputArguments<Element> a) {
    using Real = ComputeType<Element>;
    constexpr int pack = packOf<Real>, channels = gatherChannels<Element>;
    constexpr int apart = gatherThreads * pack, pixels = gatherTile * gatherTile;
    struct Memory {
        Real tile[pixels][channels + 1];
    };
    auto& tile = shared<Memory>().tile;
    const int thread = static_cast<int>(threadIdx.x);
    const int place = thread / gatherThreads, lane = thread % gatherThreads;
    const int pitch = a.pack.pixelPitch, pitchBytes = pitch * static_cast<int>(sizeof(Real));
    const int imagePixels = a.pack.pixels.divisor(), width = a.pack.width.divisor();
    const bool alongPixels = a.gradInput.strides[3] < a.gradInput.strides[1];
    for (Index t = blockIdx.x; t < a.blocks(); t += gridDim.x) {
        int firstChannel = static_cast<int>(t);
        int firstX = a.channelTiles.divide(firstChannel);
        int firstY = a.tilesX.divide(firstX);
        const int image = a.tilesY.divide(firstY);
        firstChannel *= channels;
        firstX *= gatherTile;
        firstY *= gatherTile;
        const int y = firstY + place / gatherTile, x = firstX + place % gatherTile;
        const int c = firstChannel + lane * pack;
        const Index list = a.chunk.firstImage + image - a.lists.firstImage;
        // Which offset group a place of a packed pixel belongs to.
        const auto groupAt = [&](int at) {
            const int group = a.pack.groupPitch.divide(at);
            return group * a.pack.channelsPerGroup / a.pack.channelsPerOffsetGroup +
                   a.pack.segmentPitch.quotient(at);
        };
        // Adds `Packs` packs from channel `c` on, and keeps them or hands them to `tile`.
        const auto gather = [&](auto packs, int at, int offsetGroup) {
            Real* kept = a.sums + (Index{image} * imagePixels + y * width + x) * pitch + at;
            GatheredSum<Real, decltype(packs)::value> sum(a.begins ? nullptr : kept);
            // A segment without channels has no group of offsets of its own.
            if (offsetGroup < a.lists.offsetGroups) {
                sum.add(a.lists, a.lists.start + a.lists.firstKey(list, offsetGroup, a.run), y, x,
                        a.columns + Index{image} * a.columnsOfImage * pitch + at, pitchBytes);
            }
            if (!a.ends) return sum.store(kept);
#pragma unroll
            for (int p = 0; p < decltype(packs)::value; ++p)
#pragma unroll
                for (int i = 0; i < pack; ++i)
                    tile[place][at - firstChannel + p * apart + i] = sum.value(p, i);
        };
        if (y < a.height && x < width && c < pitch) {
            const int offsetGroup = groupAt(c);
            const bool two = c + apart < pitch;
            const int second = two ? groupAt(c + apart) : -1;
            if (second == offsetGroup) {
                gather(std::integral_constant<int, 2>(), c, offsetGroup);
            } else {
                gather(std::integral_constant<int, 1>(), c, offsetGroup);
                if (two) gather(std::integral_constant<int, 1>(), c + apart, second);
            }
        }
        if (!a.ends) continue;
        __syncthreads();
        for (int i = thread; i < pixels * channels; i += blockThreads) {
            const int p = alongPixels ? i % pixels : i / channels;
            const int which = alongPixels ? i / pixels : i % channels;
            const int channel = a.pack.channelAt(firstChannel + which);
            const int toY = firstY + p / gatherTile, toX = firstX + p % gatherTile;
            if (channel < 0 || toY >= a.height || toX >= width) continue;
            store<Element>(a.gradInput, tile[p][which], a.chunk.firstImage + image, channel, toY,
                           toX);
        }
        __syncthreads();
    }
}

}  // namespace dcn4j::cuda
