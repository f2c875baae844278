// Which samples read a pixel: samples, listed by the cell that they lie in.
//
// A cell is a square between four pixels' centres; with the border there are (H + 1) x (W + 1) of
// a plane, and cell (y, x) has pixel (y, x) at its bottom right. A sample between pixels lies in
// one cell, and reads no pixels but the corners of it. So a pixel's samples are the lists of four
// cells, those above it side by side and those below it. The samples' gradients can then be
// gathered, in one order in every run, where adding each to its pixels would need atomic additions.
//
//   count     samples of each cell; a      integer atomics: the ranks change from run to run
//             sample's rank is how many
//             came before it
//   scan      where each list begins       prefix sums
//   fill      the samples at their ranks
//   order     each list                    16 threads a list; a block for one of more than 32; one
//                                          of more than 1024 is made anew, in order
//
// What bounds it: one integer atomic a sample, then memory, an entry of 16 bytes (32 in double).
#pragma once

#include "../sampling/bilinear.h"
#include "divisor.h"
#include "prefix_sums.h"
#include "workspace.h"

namespace dcn4j::cuda {

/// One sample, aligned to be read in whole packs.
template <class Real>
struct alignas(16) Entry {
    Real fractionY, fractionX, modulation;
    int column;  ///< its number, by which a list is ordered: output pixel * taps + tap
};

/// What a sample weighs at a pixel which is its top corner or not, its right one or not.
template <class Real>
__device__ inline Real cornerWeight(const Entry<Real>& entry, bool top, bool right) {
    return (top ? 1 - entry.fractionY : entry.fractionY) *
           (right ? entry.fractionX : 1 - entry.fractionX);
}

/// A sample as it is listed.
template <class Real>
struct ListedSample {
    int key;  ///< -1 if it reads nothing
    Entry<Real> entry;
};

/// Cells of a plane.
inline Index cellsOf(Index height, Index width) {
    return (height + 1) * (width + 1);
}

/// The cell that a sample lies in, -1 if it reads nothing; of a plane of `pixels` pixels and as
/// many in a row as `width` divides by.
template <class Real, class Pixel>
__device__ int cellOf(const Sample<Real, Pixel>& s, int pixels, const Divisor& width) {
    if (s.place == Place::Outside) return -1;
    // Any corner that is inside says which.
    int corner = BottomRight, x = static_cast<int>(s.pixel[BottomRight]);
#pragma unroll
    for (int i = 0; i < BottomRight; ++i) {
        if (s.pixel[i] == pixels) continue;
        corner = i;
        x = static_cast<int>(s.pixel[i]);
    }
    const int y = width.divide(x) + (corner < BottomLeft ? 1 : 0);
    return y * (width.divisor() + 1) + x + (corner % 2 == 0 ? 1 : 0);
}

// `Samples` below says what is listed:
//
//   Real                         of the entries
//   keys(), samples()            how many lists and samples there are, below 2^31
//   sample(number)               a ListedSample
//   candidates(key)              how many samples may belong to a list
//   candidate(key, which)        one of them, in the order of the list

template <class Samples>
__global__ void countKernel(Samples samples, unsigned* counts, unsigned* ranks) {
    forEachItem(samples.samples(), [&](Index i) {
        const auto s = samples.sample(static_cast<int>(i));
        if (s.key >= 0) ranks[i] = atomicAdd(&counts[s.key], 1u);
    });
}

template <class Samples>
__global__ void fillKernel(Samples samples, const unsigned* start, const unsigned* ranks,
                           Entry<typename Samples::Real>* entries) {
    forEachItem(samples.samples(), [&](Index i) {
        const auto s = samples.sample(static_cast<int>(i));
        if (s.key >= 0) entries[start[s.key] + ranks[i]] = s.entry;
    });
}

/// Orders a list of up to `Threads * Most` entries with `Threads` threads, by counting for each
/// entry those before it. `columns` is shared memory for as many numbers, `barrier` waits for the
/// threads.
template <int Threads, int Most, class Real, class Barrier>
__device__ void orderList(Entry<Real>* entries, int size, int thread, int* columns,
                          Barrier barrier) {
    Entry<Real> held[Most];
#pragma unroll
    for (int i = 0; i < Most; ++i) {
        const int at = i * Threads + thread;
        if (i * Threads >= size) break;
        if (at < size) held[i] = entries[at];
        columns[at] = at < size ? held[i].column : 0x7fffffff;
    }
    // All have read what any will write.
    barrier();
#pragma unroll
    for (int i = 0; i < Most; ++i) {
        if (i * Threads + thread >= size) break;
        int rank = 0;
        for (int j = 0; j < size; j += 4) {
            const auto other = loadPack<4>(columns + j);
#pragma unroll
            for (int k = 0; k < 4; ++k) rank += other.value[k] < held[i].column ? 1 : 0;
        }
        entries[rank] = held[i];
    }
}

/// Threads of a short list, and its entries at most.
constexpr int shortThreads = 16, shortList = 2 * shortThreads;

/// Orders the short lists, and writes down which the long ones are, in whatever order.
template <class Real>
__global__ void orderShortKernel(int keys, const unsigned* start, Entry<Real>* entries,
                                 unsigned* longLists, unsigned* longCount) {
    constexpr int lists = blockThreads / shortThreads;
    struct Memory {
        alignas(16) int columns[lists][shortList];
    };
    auto& memory = shared<Memory>();
    const int list = static_cast<int>(threadIdx.x) / shortThreads;
    const int thread = static_cast<int>(threadIdx.x) % shortThreads;
    for (Index first = static_cast<Index>(blockIdx.x) * lists; first < keys;
         first += static_cast<Index>(gridDim.x) * lists) {
        const bool inside = first + list < keys;
        const Index key = inside ? first + list : keys - 1;
        const unsigned begin = start[key];
        const auto size = static_cast<int>(start[key + 1] - begin);
        if (inside && size > shortList && thread == 0)
            longLists[atomicAdd(longCount, 1u)] = static_cast<unsigned>(key);
        const bool some = inside && size > 1 && size <= shortList;
        __syncwarp();
        orderList<shortThreads, 2>(entries + begin, some ? size : 0, thread, memory.columns[list],
                                   [] { __syncwarp(); });
    }
}

/// Entries of the longest list that a block orders in shared memory.
constexpr int longList = 4 * blockThreads;

/// Makes list `key` anew, in order, with a block's threads: one look at every sample that may
/// belong to it.
template <class Samples>
__device__ void remakeList(const Samples& samples, int key,
                           Entry<typename Samples::Real>* entries) {
    const int count = samples.candidates(key);
    for (int first = 0; first < count; first += blockThreads) {
        const int which = first + static_cast<int>(threadIdx.x);
        ListedSample<typename Samples::Real> s{-1, {}};
        if (which < count) s = samples.candidate(key, which);
        unsigned total;
        const unsigned before = sumBefore(s.key == key ? 1 : 0, total);
        if (s.key == key) entries[before] = s.entry;
        entries += total;
    }
}

/// The lists that are not short, each by a block.
template <class Samples>
__global__ void orderLongKernel(Samples samples, const unsigned* start,
                                Entry<typename Samples::Real>* entries, const unsigned* longLists,
                                const unsigned* longCount) {
    struct Memory {
        alignas(16) int columns[longList];
    };
    auto& memory = shared<Memory>();
    for (unsigned i = blockIdx.x; i < *longCount; i += gridDim.x) {
        const auto key = static_cast<int>(longLists[i]);
        const auto size = static_cast<int>(start[key + 1] - start[key]);
        if (size > longList) {
            remakeList(samples, key, entries + start[key]);
        } else {
            orderList<blockThreads, longList / blockThreads>(
                entries + start[key], size, static_cast<int>(threadIdx.x), memory.columns,
                [] { __syncthreads(); });
        }
        __syncthreads();
    }
}

/// Makes lists, in a workspace.
template <class Samples>
class CellListMaker {
    using Real = typename Samples::Real;

  public:
    /// Of at most that many lists and samples.
    CellListMaker(Index keys, Index samples, Workspace& workspace)
        : counts_(workspace.reserve<unsigned>(prefixSumsLength(keys))),
          start_(workspace.reserve<unsigned>(prefixSumsLength(keys))),
          sums_(workspace.reserve<unsigned>(prefixSumsWorkspace(keys))),
          ranks_(workspace.reserve<unsigned>(samples)),
          longLists_(workspace.reserve<unsigned>(1 + mostLongLists(samples))),
          entries_(workspace.reserve<Entry<Real>>(samples)) {}

    const unsigned* start(const Workspace& workspace) const { return workspace.at(start_); }
    const Entry<Real>* entries(const Workspace& workspace) const { return workspace.at(entries_); }

    /// The lists of `samples`, which replace earlier ones.
    void make(const Samples& samples, const Workspace& workspace, cudaStream_t stream) const {
        unsigned *counts = workspace.at(counts_), *start = workspace.at(start_);
        unsigned* ranks = workspace.at(ranks_);
        Entry<Real>* entries = workspace.at(entries_);
        const Index keys = samples.keys(), blocks = blocksFor(samples.samples());
        check(cudaMemsetAsync(counts, 0,
                              static_cast<std::size_t>(prefixSumsLength(keys)) * sizeof(unsigned),
                              stream),
              "cudaMemsetAsync");
        launch("counting samples", countKernel<Samples>, blocks, 0, stream, samples, counts, ranks);
        prefixSums(counts, keys, workspace.at(sums_), start, stream);
        launch("listing samples", fillKernel<Samples>, blocks, 0, stream, samples, start, ranks,
               entries);
        unsigned *longCount = workspace.at(longLists_), *longLists = longCount + 1;
        check(cudaMemsetAsync(longCount, 0, sizeof(unsigned), stream), "cudaMemsetAsync");
        launch("ordering samples", orderShortKernel<Real>,
               ceilDivide(keys, blockThreads / shortThreads), 0, stream, samples.keys(), start,
               entries, longLists, longCount);
        launch("ordering samples", orderLongKernel<Samples>,
               std::min(mostLongLists(samples.samples()), mostLongBlocks), 0, stream, samples,
               start, entries, static_cast<const unsigned*>(longLists),
               static_cast<const unsigned*>(longCount));
    }

  private:
    /// Blocks that look whether there are long lists; more than a device runs at a time.
    static constexpr Index mostLongBlocks = 1024;

    static Index mostLongLists(Index samples) { return samples / (shortList + 1); }

    const Workspace::Piece<unsigned> counts_, start_, sums_, ranks_, longLists_;
    const Workspace::Piece<Entry<Real>> entries_;
};

}  // namespace dcn4j::cuda
