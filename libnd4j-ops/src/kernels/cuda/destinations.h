// Which samples read a pixel: the samples of a deformable convolution, sorted by the pixels that
// they read.
//
// For each image, offset group, tap and input pixel, a list of (output pixel, weight) in the order
// of the output pixels. Their gradients can then be gathered, in one order in every run, where
// adding each to its pixels would need atomic additions.
//
//   count     entries of each list            integer atomics, whose order does not matter
//   scan      where each list begins          three passes of prefix sums
//   fill      the entries, as they come
//   order     each list by output pixel       in place by one thread; a list of more than 32 is
//                                             made anew by its block, in order
//
// What bounds it: integer atomics and memory, 4 entries of 8 bytes (16 in double) a sample.
#pragma once

#include "prefix_sums.h"
#include "sample_plan.h"
#include "workspace.h"

namespace dcn4j::cuda {

/// One sample that reads a pixel, aligned to be read at once. The weight has the mask in it.
template <class Real>
struct alignas(2 * sizeof(Real)) Entry {
    Real weight;
    int pixel;  ///< of the output
};

/// The lists of images firstImage .. firstImage + images - 1. The list of pixel `p` is entries
/// start[key] .. start[key + 1] - 1.
template <class Real>
struct Destinations {
    Index firstImage, images;
    const unsigned* start;
    const Entry<Real>* entries;

    DCN4J_HOST_DEVICE Index key(const Conv2dGeometry& g, Index n, Index offsetGroup, int tap,
                                int pixel) const {
        return (((n - firstImage) * g.offsetGroups + offsetGroup) * g.taps() + tap) * g.pixels() +
               pixel;
    }
};

/// How many images' lists are made at a time: a few, so that the workspace stays small; as the
/// geometry alone says.
inline Index imagesAtATime(const Conv2dGeometry& g) {
    constexpr Index numbers = Index{1} << 24;
    const Index perImage =
        g.offsetGroups * g.taps() * std::max(g.pixels(), Corners * g.outPixels());
    return std::clamp<Index>(numbers / perImage, 1, std::max<Index>(g.batch, 1));
}

/// True if the lists of one image can be numbered.
inline bool destinationsFit(const Conv2dGeometry& g) {
    const double samples = static_cast<double>(g.offsetGroups) * static_cast<double>(g.taps());
    return samples * static_cast<double>(g.pixels()) < 0x1p31 &&
           samples * static_cast<double>(g.outPixels()) < 0x1p29;
}

/// A sample, numbered image-major, then offset group, tap, output pixel; and what it adds to.
template <class Element>
struct NumberedSample {
    Sample<ComputeType<Element>> sample;
    Index n, offsetGroup;
    int tap, pixel;

    __device__ NumberedSample(const Conv2dGeometry& g, const SampleArrays& arrays, Index firstImage,
                              Index number) {
        pixel = static_cast<int>(number % g.outPixels());
        const Index rest = number / g.outPixels();
        tap = static_cast<int>(rest % g.taps());
        offsetGroup = rest / g.taps() % g.offsetGroups;
        n = firstImage + rest / g.taps() / g.offsetGroups;
        const int width = static_cast<int>(g.outWidth);
        sample = sampleAt<Element>(g, arrays, n, offsetGroup, tap, pixel / width, pixel % width);
    }

    /// Calls `action(pixel of the input, weight)` for every pixel that the sample reads.
    template <class Action>
    __device__ void forEachCorner(const Conv2dGeometry& g, Action action) const {
        for (int i = 0; i < Corners; ++i) {
            if (sample.weight[i] == 0 || sample.pixel[i] == g.pixels()) continue;
            action(static_cast<int>(sample.pixel[i]), sample.weight[i] * sample.modulation);
        }
    }
};

template <class Element>
__global__ void countKernel(Conv2dGeometry g, SampleArrays arrays,
                            Destinations<ComputeType<Element>> d, unsigned* counts) {
    forEachItem(d.images * g.offsetGroups * g.taps() * g.outPixels(), [&](Index i) {
        const NumberedSample<Element> s(g, arrays, d.firstImage, i);
        s.forEachCorner(g, [&](int pixel, ComputeType<Element>) {
            atomicAdd(&counts[d.key(g, s.n, s.offsetGroup, s.tap, pixel)], 1u);
        });
    });
}

/// Leaves the counts at zero.
template <class Element>
__global__ void fillKernel(Conv2dGeometry g, SampleArrays arrays,
                           Destinations<ComputeType<Element>> d, unsigned* counts,
                           Entry<ComputeType<Element>>* entries) {
    forEachItem(d.images * g.offsetGroups * g.taps() * g.outPixels(), [&](Index i) {
        const NumberedSample<Element> s(g, arrays, d.firstImage, i);
        s.forEachCorner(g, [&](int pixel, ComputeType<Element> weight) {
            const Index key = d.key(g, s.n, s.offsetGroup, s.tap, pixel);
            const unsigned place = d.start[key] + atomicSub(&counts[key], 1u) - 1;
            entries[place] = {weight, s.pixel};
        });
    });
}

constexpr unsigned longList = 32;

/// Makes list `key` anew, in order, with a block's threads: one look at every sample of its tap.
template <class Element>
__device__ void remakeList(const Conv2dGeometry& g, const SampleArrays& arrays,
                           const Destinations<ComputeType<Element>>& d, Index key,
                           Entry<ComputeType<Element>>* entries) {
    using Real = ComputeType<Element>;
    const int target = static_cast<int>(key % g.pixels());
    const Index firstSample = key / g.pixels() * g.outPixels();
    unsigned place = d.start[key];
    for (Index first = 0; first < g.outPixels(); first += blockThreads) {
        const Index p = first + threadIdx.x;
        bool reads = false;
        Real readWeight = 0;
        if (p < g.outPixels()) {
            const NumberedSample<Element> s(g, arrays, d.firstImage, firstSample + p);
            s.forEachCorner(g, [&](int pixel, Real weight) {
                if (pixel != target) return;
                reads = true;
                readWeight = weight;
            });
        }
        unsigned total;
        const unsigned before = sumBefore(reads ? 1 : 0, total);
        if (reads) entries[place + before] = {readWeight, static_cast<int>(p)};
        place += total;
    }
}

template <class Element>
__global__ void orderKernel(Conv2dGeometry g, SampleArrays arrays,
                            Destinations<ComputeType<Element>> d, Index keys,
                            Entry<ComputeType<Element>>* entries) {
    struct Memory {
        bool isLong[blockThreads];
    };
    auto& isLong = shared<Memory>().isLong;
    for (Index first = static_cast<Index>(blockIdx.x) * blockThreads; first < keys;
         first += static_cast<Index>(gridDim.x) * blockThreads) {
        const Index key = first + threadIdx.x;
        const unsigned begin = key < keys ? d.start[key] : 0;
        const unsigned size = key < keys ? d.start[key + 1] - begin : 0;
        isLong[threadIdx.x] = size > longList;
        if (size <= longList) {
            for (unsigned i = 1; i < size; ++i) {
                const Entry<ComputeType<Element>> entry = entries[begin + i];
                unsigned at = i;
                for (; at > 0 && entries[begin + at - 1].pixel > entry.pixel; --at)
                    entries[begin + at] = entries[begin + at - 1];
                entries[begin + at] = entry;
            }
        }
        __syncthreads();
        for (int i = 0; i < blockThreads; ++i) {
            if (isLong[i]) remakeList<Element>(g, arrays, d, first + i, entries);
        }
        __syncthreads();
    }
}

/// Makes the lists, a few images at a time.
template <class Element>
class DestinationLists {
    using Real = ComputeType<Element>;

  public:
    DestinationLists(const Conv2dGeometry& g, const SampleArrays& arrays, Workspace& workspace)
        : g_(g), arrays_(arrays), images_(cuda::imagesAtATime(g)) {
        const Index lists = g.offsetGroups * g.taps() * images_;
        counts_ = workspace.reserve<unsigned>(lists * g.pixels());
        start_ = workspace.reserve<unsigned>(lists * g.pixels() + 1);
        sums_ = workspace.reserve<unsigned>(prefixSumsWorkspace(lists * g.pixels()));
        entries_ = workspace.reserve<Entry<Real>>(lists * g.outPixels() * Corners);
    }

    Index imagesAtATime() const { return images_; }

    /// The lists of up to imagesAtATime() images from `firstImage` on; they replace earlier ones.
    Destinations<Real> make(Index firstImage, const Workspace& workspace,
                            cudaStream_t stream) const {
        unsigned *counts = workspace.at(counts_), *start = workspace.at(start_);
        Entry<Real>* entries = workspace.at(entries_);
        const Destinations<Real> d{firstImage, std::min(images_, g_.batch - firstImage), start,
                                   entries};
        const Index lists = d.images * g_.offsetGroups * g_.taps();
        const Index samples = lists * g_.outPixels(), keys = lists * g_.pixels();
        check(cudaMemsetAsync(counts, 0, static_cast<std::size_t>(keys) * sizeof(unsigned), stream),
              "cudaMemsetAsync");
        launch("counting samples", countKernel<Element>, blocksFor(samples), 0, stream, g_, arrays_,
               d, counts);
        prefixSums(counts, keys, workspace.at(sums_), start, stream);
        launch("listing samples", fillKernel<Element>, blocksFor(samples), 0, stream, g_, arrays_,
               d, counts, entries);
        launch("ordering samples", orderKernel<Element>, blocksFor(keys), 0, stream, g_, arrays_, d,
               keys, entries);
        return d;
    }

  private:
    const Conv2dGeometry g_;
    const SampleArrays arrays_;
    const Index images_;
    Workspace::Piece<unsigned> counts_{}, start_{}, sums_{};
    Workspace::Piece<Entry<Real>> entries_{};
};

}  // namespace dcn4j::cuda
