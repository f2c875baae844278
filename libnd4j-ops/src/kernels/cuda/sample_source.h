// Where a convolution's samples are: its geometry, order of taps and channels, arrays and packed
// images.
#pragma once

#include "run_plans.h"
#include "runs.h"
#include "sample_table.h"

namespace dcn4j::cuda {

/// Where a pixel's offsets and masks are.
struct alignas(16) PlannedArrays {
    const char *offset, *mask;
};

/// Where a kernel's samples are, and how they are numbered.
template <class Element>
struct SampleSource {
    PlanGeometry plan;
    SampledPlane plane;
    Runs runs;
    SampleArrays arrays;
    SampleArray offset, mask;
    const Element* images;
    Index pixelPitch, imagePitch, endPixel;
    int pitchBytes, channelsPerGroup, channelsPerOffsetGroup;

    SampleSource(const Conv2dGeometry& g, const Segments& s, const SampleArrays& samples,
                 const Element* packedImages, const Runs& order)
        : plan(g),
          plane(g, samples.offset.present()),
          runs(order),
          arrays(samples),
          offset(SampleArray::of<Element>(samples.offset)),
          mask(SampleArray::of<Element>(samples.mask)),
          images(packedImages),
          pixelPitch(s.pixelPitch(g)),
          imagePitch(g.pixels() * pixelPitch),
          endPixel(g.batch * g.outPixels()),
          pitchBytes(static_cast<int>(pixelPitch * static_cast<Index>(sizeof(Element)))),
          channelsPerGroup(static_cast<int>(g.channelsPerGroup())),
          channelsPerOffsetGroup(static_cast<int>(g.channelsPerOffsetGroup())) {}

    /// The offset group of a convolution group's first segment.
    __device__ int firstOffsetGroup(Index group) const {
        return static_cast<int>(group * channelsPerGroup / channelsPerOffsetGroup);
    }
    /// How many of its segments have channels.
    __device__ int segmentsOf(Index group) const {
        return segmentsWithChannels(group, channelsPerGroup, channelsPerOffsetGroup);
    }
    /// Where a pixel's offset and mask of a tap of an offset group are; where there are none, a
    /// zero and a one.
    __device__ PlannedArrays arraysAt(const PixelSamples& at, int offsetGroup, int tap) const {
        const Index k = Index{offsetGroup} * plan.taps + tap;
        const auto from = [](const SampleArray& array, Index element, Index channel, int absent) {
            if (array.data == nullptr)
                return reinterpret_cast<const char*>(zeroAndOne<Element> + absent);
            return static_cast<const char*>(array.data) +
                   element * static_cast<Index>(sizeof(Element)) + channel * array.channelBytes;
        };
        return {from(offset, at.offset, 2 * k, 0), from(mask, at.mask, k, 1)};
    }
};

}  // namespace dcn4j::cuda
