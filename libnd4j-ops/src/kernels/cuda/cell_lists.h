// Which samples read a pixel: the samples of a deformable convolution, listed by the cell that they
// lie in.
//
// A cell is a square between four pixels' centres; with the border there are (H + 1) x (W + 1) of
// a plane, and cell (y, x) has pixel (y, x) at its bottom right. A sample between pixels lies in
// one cell, and reads no pixels but the corners of it. So a pixel's samples are the lists of four
// cells, those above it side by side and those below it. For each image, offset group and run of
// taps there is a list a cell, in the order of output pixels and then of taps. The samples'
// gradients can then be gathered, in one order in every run, where adding each to its pixels would
// need atomic additions.
//
//   count     samples of each cell; a      integer atomics: the ranks change from run to run
//             sample's rank is how many
//             came before it
//   scan      where each list begins       prefix sums
//   fill      the samples at their ranks
//   order     each list                    16 threads a list, in registers; a list of more than
//                                          128 is made anew by its block, in order
//
// What bounds it: one integer atomic a sample, then memory, an entry of 16 bytes (32 in double).
#pragma once

#include "prefix_sums.h"
#include "sample_table.h"
#include "workspace.h"

namespace dcn4j::cuda {

/// One sample, aligned to be read in whole packs.
template <class Real>
struct alignas(16) Entry {
    Real fractionY, fractionX, modulation;
    int column;  ///< its number: output pixel * taps of the run + tap of the run
};

/// The lists of images firstImage .. firstImage + images - 1. That of a key is entries start[key]
/// .. start[key + 1] - 1.
template <class Real>
struct CellLists {
    Index firstImage, images;
    int offsetGroups;
    int runs;          ///< of taps
    int cells, pitch;  ///< of a plane, of a row of it
    const unsigned* start;
    const Entry<Real>* entries;

    /// The key of a plane's first cell; of image `firstImage + image`.
    DCN4J_HOST_DEVICE Index firstKey(Index image, int offsetGroup, int run) const {
        return ((image * offsetGroups + offsetGroup) * runs + run) * cells;
    }
};

/// Cells of one image and offset group, and run of taps.
inline Index cellsOf(const Conv2dGeometry& g) {
    return (g.height + 1) * (g.width + 1);
}

/// How many images' lists are made at a time: a few, so that the workspace stays small; as the
/// geometry alone says.
inline Index imagesAtATime(const Conv2dGeometry& g) {
    constexpr Index entries = Index{1} << 22;
    const Index perImage = g.offsetGroups * std::max(cellsOf(g), g.taps() * g.outPixels());
    return std::clamp<Index>(entries / perImage, 1, std::max<Index>(g.batch, 1));
}

/// True if the lists of one image can be numbered, whatever taps they are made of at a time.
inline bool cellListsFit(const Conv2dGeometry& g) {
    const double samples = static_cast<double>(g.offsetGroups) * static_cast<double>(g.taps());
    return samples * static_cast<double>(cellsOf(g)) < 0x1p31 - 0x1p16 &&
           samples * static_cast<double>(g.outPixels()) < 0x1p31 - 0x1p16;
}

/// What making lists needs to know.
struct ListGeometry {
    PlanGeometry plan;
    SampleArrays arrays;
    Index firstImage;
    int images, cells, runs;
    Divisor width, offsetGroups, taps, tapsAtATime;

    ListGeometry(const Conv2dGeometry& g, const SampleArrays& samples, int tapsOfARun)
        : plan(g),
          arrays(samples),
          firstImage(0),
          images(0),
          cells(static_cast<int>(cellsOf(g))),
          runs(static_cast<int>(ceilDivide(g.taps(), tapsOfARun))),
          width(std::max<Index>(g.width, 1)),
          offsetGroups(g.offsetGroups),
          taps(g.taps()),
          tapsAtATime(tapsOfARun) {}

    /// Planes: (image, offset group).
    DCN4J_HOST_DEVICE int planes() const { return images * offsetGroups.divisor(); }
    DCN4J_HOST_DEVICE int keys() const { return planes() * runs * cells; }
    DCN4J_HOST_DEVICE int samples() const {
        return planes() * taps.divisor() * plan.outPixels.divisor();
    }
    DCN4J_HOST_DEVICE int tapsOfRun(int run) const {
        const int left = taps.divisor() - run * tapsAtATime.divisor();
        return left < tapsAtATime.divisor() ? left : tapsAtATime.divisor();
    }
};

/// A sample as it is listed.
template <class Element>
struct ListedSample {
    int key;  ///< -1 if it reads nothing
    Entry<ComputeType<Element>> entry;

    /// Of an image and offset group.
    __device__ ListedSample(const ListGeometry& g, int plane, int tap, int pixel) {
        int offsetGroup = plane, tapOfRun = tap;
        const int image = g.offsetGroups.divide(offsetGroup);
        const PixelSamples at(g.plan, g.arrays, g.firstImage + image, pixel);
        const auto s = planSample<Element>(g.plan, g.arrays, at, offsetGroup, tap);
        const int run = g.tapsAtATime.divide(tapOfRun);
        entry = {s.fractionY, s.fractionX, s.modulation, pixel * g.tapsOfRun(run) + tapOfRun};
        key = -1;
        if (s.place == Place::Outside) return;
        // Any corner that is inside says which cell it is.
        int corner = BottomRight, x = s.pixel[BottomRight];
#pragma unroll
        for (int i = 0; i < BottomRight; ++i) {
            if (s.pixel[i] == g.plan.pixels()) continue;
            corner = i;
            x = s.pixel[i];
        }
        const int y = g.width.divide(x) + (corner < BottomLeft ? 1 : 0);
        x += corner % 2 == 0 ? 1 : 0;
        key = (plane * g.runs + run) * g.cells + y * (g.plan.width + 1) + x;
    }

    /// Sample `number`: image by image, then offset group, tap and output pixel.
    __device__ static ListedSample of(const ListGeometry& g, int number) {
        int pixel = number;
        int tap = g.plan.outPixels.divide(pixel);
        const int plane = g.taps.divide(tap);
        return {g, plane, tap, pixel};
    }
};

template <class Element>
__global__ void countKernel(ListGeometry g, unsigned* counts, unsigned* ranks) {
    forEachItem(g.samples(), [&](Index i) {
        const auto s = ListedSample<Element>::of(g, static_cast<int>(i));
        if (s.key >= 0) ranks[i] = atomicAdd(&counts[s.key], 1u);
    });
}

template <class Element>
__global__ void fillKernel(ListGeometry g, const unsigned* start, const unsigned* ranks,
                           Entry<ComputeType<Element>>* entries) {
    forEachItem(g.samples(), [&](Index i) {
        const auto s = ListedSample<Element>::of(g, static_cast<int>(i));
        if (s.key >= 0) entries[start[s.key] + ranks[i]] = s.entry;
    });
}

/// Threads that order a list, lists of a block at a time, entries of the longest such list.
constexpr int listThreads = 16, listsOfBlock = blockThreads / listThreads, longestList = 128;

/// Makes list `key` anew, in order, with a block's threads: one look at every sample of its plane
/// and taps.
template <class Element>
__device__ void remakeList(const ListGeometry& g, int key, const unsigned* start,
                           Entry<ComputeType<Element>>* entries) {
    const int run = key / g.cells % g.runs, plane = key / g.cells / g.runs;
    const int taps = g.tapsOfRun(run), samples = g.plan.outPixels.divisor() * taps;
    entries += start[key];
    for (int first = 0; first < samples; first += blockThreads) {
        const int column = first + static_cast<int>(threadIdx.x);
        bool reads = false;
        Entry<ComputeType<Element>> entry{};
        if (column < samples) {
            const ListedSample<Element> s(g, plane, run * g.tapsAtATime.divisor() + column % taps,
                                          column / taps);
            reads = s.key == key;
            entry = s.entry;
        }
        unsigned total;
        const unsigned before = sumBefore(reads ? 1 : 0, total);
        if (reads) entries[before] = entry;
        entries += total;
    }
}

template <class Element>
__global__ void orderKernel(ListGeometry g, const unsigned* start,
                            Entry<ComputeType<Element>>* entries) {
    constexpr int most = longestList / listThreads;
    struct Memory {
        alignas(16) int columns[listsOfBlock][longestList];
        bool isLong[listsOfBlock];
    };
    auto& memory = shared<Memory>();
    const int list = static_cast<int>(threadIdx.x) / listThreads;
    const int lane = static_cast<int>(threadIdx.x) % listThreads;
    int* columns = memory.columns[list];
    for (int first = static_cast<int>(blockIdx.x) * listsOfBlock; first < g.keys();
         first += static_cast<int>(gridDim.x) * listsOfBlock) {
        const int key = first + list;
        const unsigned begin = key < g.keys() ? start[key] : 0;
        const int size = key < g.keys() ? static_cast<int>(start[key + 1] - begin) : 0;
        if (lane == 0) memory.isLong[list] = size > longestList;
        const int sorted = size > longestList || size < 2 ? 0 : size;
        Entry<ComputeType<Element>> held[most];
#pragma unroll
        for (int i = 0; i < most; ++i) {
            const int at = i * listThreads + lane;
            if (i * listThreads >= sorted) break;
            if (at < sorted) held[i] = entries[begin + at];
            columns[at] = at < sorted ? held[i].column : 0x7fffffff;
        }
        // All have read what any will write.
        __syncwarp();
#pragma unroll
        for (int i = 0; i < most; ++i) {
            if (i * listThreads >= sorted) break;
            if (i * listThreads + lane >= sorted) continue;
            int rank = 0;
            for (int j = 0; j < sorted; j += 4) {
                const auto other = loadPack<4>(columns + j);
#pragma unroll
                for (int k = 0; k < 4; ++k) rank += other.value[k] < held[i].column ? 1 : 0;
            }
            entries[begin + rank] = held[i];
        }
        __syncthreads();
        for (int i = 0; i < listsOfBlock; ++i) {
            if (memory.isLong[i]) remakeList<Element>(g, first + i, start, entries);
        }
        __syncthreads();
    }
}

/// Makes the lists, a few images at a time.
template <class Element>
class CellListMaker {
    using Real = ComputeType<Element>;

  public:
    /// Of runs of `tapsAtATime` taps.
    CellListMaker(const Conv2dGeometry& g, const SampleArrays& arrays, int tapsAtATime,
                  Workspace& workspace)
        : batch_(g.batch), images_(cuda::imagesAtATime(g)), g_(g, arrays, tapsAtATime) {
        ListGeometry most = g_;
        most.images = static_cast<int>(images_);
        const Index numbers = prefixSumsLength(most.keys());
        counts_ = workspace.reserve<unsigned>(numbers);
        start_ = workspace.reserve<unsigned>(numbers);
        sums_ = workspace.reserve<unsigned>(prefixSumsWorkspace(most.keys()));
        ranks_ = workspace.reserve<unsigned>(most.samples());
        entries_ = workspace.reserve<Entry<Real>>(most.samples());
    }

    Index imagesAtATime() const { return images_; }

    /// The lists of up to imagesAtATime() images from `firstImage` on; they replace earlier ones.
    CellLists<Real> make(Index firstImage, const Workspace& workspace, cudaStream_t stream) const {
        unsigned *counts = workspace.at(counts_), *start = workspace.at(start_);
        unsigned* ranks = workspace.at(ranks_);
        Entry<Real>* entries = workspace.at(entries_);
        ListGeometry g = g_;
        g.firstImage = firstImage;
        g.images = static_cast<int>(std::min(images_, batch_ - firstImage));
        const Index numbers = prefixSumsLength(g.keys());
        check(cudaMemsetAsync(counts, 0, static_cast<std::size_t>(numbers) * sizeof(unsigned),
                              stream),
              "cudaMemsetAsync");
        launch("counting samples", countKernel<Element>, blocksFor(g.samples()), 0, stream, g,
               counts, ranks);
        prefixSums(counts, g.keys(), workspace.at(sums_), start, stream);
        launch("listing samples", fillKernel<Element>, blocksFor(g.samples()), 0, stream, g, start,
               ranks, entries);
        launch("ordering samples", orderKernel<Element>, ceilDivide(g.keys(), listsOfBlock), 0,
               stream, g, start, entries);
        return {firstImage, g.images, g.offsetGroups.divisor(), g.runs, g.cells, g.plan.width + 1,
                start,      entries};
    }

  private:
    const Index batch_, images_;
    const ListGeometry g_;
    Workspace::Piece<unsigned> counts_{}, start_{}, sums_{}, ranks_{};
    Workspace::Piece<Entry<Real>> entries_{};
};

}  // namespace dcn4j::cuda
