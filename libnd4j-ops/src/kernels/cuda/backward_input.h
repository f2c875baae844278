// Deformable convolution backward, the input's gradient: pixels gather from the columns' gradient.
//
//   gradInput[pixel][c] = sum over the samples that read the pixel, of
//                         (bilinear weight * mask) * gradColumn[the sample's pixel][its tap][c]
//
//   pixel    H * W of a few images, in tiles of 4 x 8, one a block
//   c        32 packed channels a block, or 64 where segments are whole multiples of that
//            (half of it in double)
//
// The usual way, gradients of columns added to the pixels that a sample reads, needs atomic
// additions. Here a pixel gathers what is its own from the lists of the four cells around it
// (convolution_lists.h), in their order. Where the columns are made of some taps at a time
// (backward_columns.h), the sums so far stay in device memory between two launches.
//
// A tile's lists lie in five runs of memory, one a row of cells, which the block copies to shared
// memory, unless they are too long. Then a thread knows where its columns are, and asks for several
// before it adds the first. A tile's pixels read the same columns, four pixels each, which the
// first-level cache then holds.
//
// What bounds it: reading columns from the caches.
#pragma once

#include <type_traits>

#include "backward_columns.h"
#include "convolution_lists.h"

namespace dcn4j::cuda {

/// Threads of a pixel, each with packs of channels; pixels of a tile.
constexpr int gatherThreads = 8, gatherHeight = 4, gatherWidth = 8;
static_assert(gatherHeight * gatherWidth * gatherThreads == blockThreads);
/// Entries that a block keeps in shared memory.
template <class Real>
constexpr int gatherEntries = sizeof(Real) == 4 ? 768 : 512;

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
                           const CellLists<ComputeType<Element>>& l, int runOfTaps, int channels,
                           const ComputeType<Element>* columnsOfChunk,
                           ComputeType<Element>* sumsSoFar, const Tensor<4>& to)
        : pack(g, s),
          tilesY(ceilDivide(std::max<Index>(g.height, 1), gatherHeight)),
          tilesX(ceilDivide(std::max<Index>(g.width, 1), gatherWidth)),
          channelTiles(ceilDivide(s.pixelPitch(g), channels)),
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

/// The lists of the cells around a tile, of one offset group and run of taps.
template <class Real>
struct TileLists {
    static constexpr int rows = gatherHeight + 1, bounds = gatherWidth + 2;
    /// Where the lists of a row of cells begin, and the last of them ends; counted from `first`.
    unsigned start[rows][bounds];
    Entry<Real> entries[gatherEntries<Real>];

    /// Reads them; `starts` is that of the plane's first cell, (y, x) the tile's first pixel. True
    /// if all have room, else `start` is counted from `lists.entries`.
    __device__ bool read(const CellLists<Real>& lists, const unsigned* starts, int y, int x) {
        const int thread = static_cast<int>(threadIdx.x);
        if (thread < rows * bounds) {
            // Beyond the plane's last cells there are empty ones.
            const int row = y + thread / bounds, column = x + thread % bounds;
            const Index cell = static_cast<Index>(row) * lists.pitch +
                               (column < lists.pitch ? column : lists.pitch);
            start[thread / bounds][thread % bounds] =
                starts[cell < lists.cells ? cell : lists.cells];
        }
        __syncthreads();
        unsigned from[rows], to[rows + 1] = {};
#pragma unroll
        for (int r = 0; r < rows; ++r) {
            from[r] = start[r][0];
            to[r + 1] = to[r] + start[r][bounds - 1] - from[r];
        }
        if (to[rows] > gatherEntries<Real>) return false;
        const unsigned mine = thread < rows * bounds ? start[thread / bounds][thread % bounds] : 0;
        __syncthreads();
#pragma unroll
        for (int r = 0; r < rows; ++r) {
            if (thread / bounds == r) start[r][thread % bounds] = mine - from[r] + to[r];
            for (unsigned i = threadIdx.x; i < to[r + 1] - to[r]; i += blockThreads)
                entries[to[r] + i] = lists.entries[from[r] + i];
        }
        __syncthreads();
        return true;
    }
};

/// The sum of one pixel, of `Packs` packs of channels.
template <class Real, int Packs>
class GatheredSum {
    static constexpr int pack = packOf<Real>;
    static constexpr int apart = gatherThreads * pack;  ///< from one pack to the next
    static constexpr int inFlight = 4;

  public:
    /// Goes on with what `kept` holds, if that is not null.
    __device__ void begin(const Real* kept) {
#pragma unroll
        for (int p = 0; p < Packs; ++p) {
            sum_[p] = {};
            if (kept != nullptr) sum_[p] = loadPack<pack>(kept + p * apart);
        }
    }

    /// Adds the samples of the four cells around pixel (y, x) of a tile, whose `entries` are
    /// counted as the lists are.
    __device__ void add(const TileLists<Real>& lists, const Entry<Real>* entries, int y, int x,
                        const Real* columns, int pitchBytes) {
        const unsigned* above = lists.start[y] + x;
        const unsigned* below = lists.start[y + 1] + x;
        addRow<false>(entries, above[0], above[1], above[2], columns, pitchBytes);
        addRow<true>(entries, below[0], below[1], below[2], columns, pitchBytes);
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
#pragma unroll
            for (int i = 0; i < inFlight; ++i) {
                const Entry<Real> entry = entries[first + i < end ? first + i : end - 1];
                const Real weight = cornerWeight(entry, Top, first + i < right);
                // A column that has no weight may hold anything.
                const bool reads = first + i < end && weight != 0;
                factor[i] = reads ? weight * entry.modulation : Real{0};
                const auto* column =
                    reinterpret_cast<const Real*>(reinterpret_cast<const char*>(columns) +
                                                  static_cast<Index>(entry.column) * pitchBytes);
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

/// `Packs`: 2 where all that a tile's threads read in packs 8 apart is of one offset group, else 1.
template <class Element, int Packs>
__global__ void backwardInputKernel(BackwardInputArguments<Element> a) {
    using Real = ComputeType<Element>;
    constexpr int pack = packOf<Real>, apart = gatherThreads * pack, channels = Packs * apart;
    constexpr int pixels = gatherHeight * gatherWidth;
    struct Memory {
        union {
            TileLists<Real> lists;
            Real tile[pixels][channels + 1];
        };
    };
    auto& memory = shared<Memory>();
    const int thread = static_cast<int>(threadIdx.x);
    const int place = thread / gatherThreads, lane = thread % gatherThreads;
    const int pitch = a.pack.pixelPitch, pitchBytes = pitch * static_cast<int>(sizeof(Real));
    const int imagePixels = a.pack.pixels.divisor(), width = a.pack.width.divisor();
    const bool alongPixels = a.gradInput.strides[3] < a.gradInput.strides[1];
    // Which offset group a place of a packed pixel belongs to.
    const auto groupAt = [&](int at) {
        const int group = a.pack.groupPitch.divide(at);
        return group * a.pack.channelsPerGroup / a.pack.channelsPerOffsetGroup +
               a.pack.segmentPitch.quotient(at);
    };
    for (Index t = blockIdx.x; t < a.blocks(); t += gridDim.x) {
        int firstChannel = static_cast<int>(t);
        int firstX = a.channelTiles.divide(firstChannel);
        int firstY = a.tilesX.divide(firstX);
        const int image = a.tilesY.divide(firstY);
        firstChannel *= channels;
        firstX *= gatherWidth;
        firstY *= gatherHeight;
        const int inY = place / gatherWidth, inX = place % gatherWidth;
        const int y = firstY + inY, x = firstX + inX, c = firstChannel + lane * pack;
        const bool works = y < a.height && x < width && c < pitch;
        const Index list = a.chunk.firstImage + image - a.lists.firstImage;
        Real* kept = a.sums + (Index{image} * imagePixels + y * width + x) * pitch + c;
        const Real* columns = a.columns + Index{image} * a.columnsOfImage * pitch + c;
        GatheredSum<Real, Packs> sum;
        sum.begin(works && !a.begins ? kept : nullptr);
        const int own = groupAt(c);
        const int last = firstChannel + channels < pitch ? firstChannel + channels : pitch;
        const int lastGroup = groupAt(last - 1);
        // A segment without channels has no group of offsets of its own.
        for (int group = groupAt(firstChannel); group <= lastGroup && group < a.lists.offsetGroups;
             ++group) {
            auto& lists = memory.lists;
            const bool here = lists.read(
                a.lists, a.lists.start + a.lists.firstKey(list, group, a.run), firstY, firstX);
            if (works && own == group) {
                if (here) {
                    sum.add(lists, lists.entries, inY, inX, columns, pitchBytes);
                } else {
                    sum.add(lists, a.lists.entries, inY, inX, columns, pitchBytes);
                }
            }
            __syncthreads();
        }
        if (!a.ends) {
            if (works) sum.store(kept);
            continue;
        }
#pragma unroll
        for (int p = 0; p < Packs; ++p)
#pragma unroll
            for (int i = 0; i < pack; ++i)
                memory.tile[place][lane * pack + p * apart + i] = sum.value(p, i);
        __syncthreads();
        for (int i = thread; i < pixels * channels; i += blockThreads) {
            const int p = alongPixels ? i % pixels : i / channels;
            const int which = alongPixels ? i / pixels : i % channels;
            const int channel = a.pack.channelAt(firstChannel + which);
            const int toY = firstY + p / gatherWidth, toX = firstX + p % gatherWidth;
            if (channel < 0 || toY >= a.height || toX >= width) continue;
            store<Element>(a.gradInput, memory.tile[p][which], a.chunk.firstImage + image, channel,
                           toY, toX);
        }
        __syncthreads();
    }
}

/// Gathers from one chunk's columns.
template <class Element>
void gatherColumns(const Conv2dGeometry& g, const Segments& s, const ColumnChunk& chunk,
                   const CellLists<ComputeType<Element>>& lists, int run,
                   const ComputeType<Element>* columns, ComputeType<Element>* sums,
                   const Tensor<4>& gradInput, cudaStream_t stream) {
    constexpr int channels = gatherThreads * packOf<ComputeType<Element>>;
    const bool two = s.pitch % (2 * channels) == 0;
    const BackwardInputArguments<Element> a(g, s, chunk, lists, run, two ? 2 * channels : channels,
                                            columns, sums, gradInput);
    launch("deformable_conv2d_bp, input",
           two ? backwardInputKernel<Element, 2> : backwardInputKernel<Element, 1>, a.blocks(), 0,
           stream, a);
}

}  // namespace dcn4j::cuda
