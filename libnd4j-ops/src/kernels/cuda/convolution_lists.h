// The samples of a deformable convolution, listed by cells (cell_lists.h): for each image, offset
// group and run of taps there is a list a cell, in the order of output pixels and then of taps.
#pragma once

#include "cell_lists.h"
#include "sample_table.h"

namespace dcn4j::cuda {

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

/// How many images' lists are made at a time: a few, so that the workspace stays small; as the
/// geometry and `columnBytes` say, of which a list's entry has 128.
inline Index imagesAtATime(const Conv2dGeometry& g, Index columnBytes) {
    const Index entries = columnBytes / 128;
    const Index perImage =
        g.offsetGroups * g.taps() * std::max(cellsOf(g.height, g.width), g.outPixels());
    const Index batch = std::max<Index>(g.batch, 1);
    return ceilDivide(batch, ceilDivide(batch, std::max<Index>(entries / perImage, 1)));
}

/// True if the lists of one image can be numbered, whatever taps they are made of at a time.
inline bool cellListsFit(const Conv2dGeometry& g) {
    const double samples = static_cast<double>(g.offsetGroups) * static_cast<double>(g.taps());
    return samples * static_cast<double>(cellsOf(g.height, g.width)) < 0x1p31 - 0x1p16 &&
           samples * static_cast<double>(g.outPixels()) < 0x1p31 - 0x1p16;
}

/// The samples of a few images.
template <class Element>
struct ConvolutionSamples {
    using Real = ComputeType<Element>;

    PlanGeometry plan;
    SampleArrays arrays;
    Index firstImage;
    int images, cells, runs;
    Divisor width, offsetGroups, taps, tapsAtATime;

    /// Listed by runs of `tapsOfARun` taps.
    ConvolutionSamples(const Conv2dGeometry& g, const SampleArrays& samples, int tapsOfARun,
                       Index imageCount)
        : plan(g),
          arrays(samples),
          firstImage(0),
          images(static_cast<int>(imageCount)),
          cells(static_cast<int>(cellsOf(g.height, g.width))),
          runs(static_cast<int>(ceilDivide(g.taps(), tapsOfARun))),
          width(std::max<Index>(g.width, 1)),
          offsetGroups(g.offsetGroups),
          taps(g.taps()),
          tapsAtATime(tapsOfARun) {}

    DCN4J_HOST_DEVICE int planes() const { return images * offsetGroups.divisor(); }
    DCN4J_HOST_DEVICE int keys() const { return planes() * runs * cells; }
    DCN4J_HOST_DEVICE int samples() const {
        return planes() * taps.divisor() * plan.outPixels.divisor();
    }

    /// Image by image, then offset group, tap and output pixel.
    __device__ ListedSample<Real> sample(int number) const {
        int pixel = number;
        int tap = plan.outPixels.divide(pixel);
        const int plane = taps.divide(tap);
        return sampleOf(plane, tap, pixel);
    }

    __device__ int candidates(int key) const {
        return plan.outPixels.divisor() * tapsOfRun(runOf(key));
    }

    __device__ ListedSample<Real> candidate(int key, int which) const {
        const int run = runOf(key), count = tapsOfRun(run);
        return sampleOf(key / cells / runs, run * tapsAtATime.divisor() + which % count,
                        which / count);
    }

  private:
    __device__ int runOf(int key) const { return key / cells % runs; }
    __device__ int tapsOfRun(int run) const {
        const int left = taps.divisor() - run * tapsAtATime.divisor();
        return left < tapsAtATime.divisor() ? left : tapsAtATime.divisor();
    }

    /// Of an image and offset group.
    __device__ ListedSample<Real> sampleOf(int plane, int tap, int pixel) const {
        int offsetGroup = plane, tapOfRun = tap;
        const int image = offsetGroups.divide(offsetGroup);
        const PixelSamples at(plan, arrays, firstImage + image, pixel);
        const auto s = SamplePlace<Real>::template of<Element>(plan, arrays, at, offsetGroup, tap)
                           .sample(plan, arrays.offset.present());
        const int run = tapsAtATime.divide(tapOfRun), cell = cellOf(s, plan.pixels(), width);
        return {cell < 0 ? -1 : (plane * runs + run) * cells + cell,
                {s.fractionY, s.fractionX, s.modulation, pixel * tapsOfRun(run) + tapOfRun}};
    }
};

/// Makes the lists, a few images at a time.
template <class Element>
class ConvolutionLists {
    using Real = ComputeType<Element>;

  public:
    /// Of runs of `tapsAtATime` taps.
    ConvolutionLists(const Conv2dGeometry& g, const SampleArrays& arrays, Index columnBytes,
                     int tapsAtATime, Workspace& workspace)
        : batch_(g.batch),
          images_(cuda::imagesAtATime(g, columnBytes)),
          samples_(g, arrays, tapsAtATime, images_),
          maker_(samples_.keys(), samples_.samples(), workspace) {}

    Index imagesAtATime() const { return images_; }

    /// The lists of up to imagesAtATime() images from `firstImage` on; they replace earlier ones.
    CellLists<Real> make(Index firstImage, const Workspace& workspace, cudaStream_t stream) const {
        auto samples = samples_;
        samples.firstImage = firstImage;
        samples.images = static_cast<int>(std::min(images_, batch_ - firstImage));
        maker_.make(samples, workspace, stream);
        return {firstImage,
                samples.images,
                samples.offsetGroups.divisor(),
                samples.runs,
                samples.cells,
                samples.plan.width + 1,
                maker_.start(workspace),
                maker_.entries(workspace)};
    }

  private:
    const Index batch_, images_;
    const ConvolutionSamples<Element> samples_;
    const CellListMaker<ConvolutionSamples<Element>> maker_;
};

}  // namespace dcn4j::cuda
