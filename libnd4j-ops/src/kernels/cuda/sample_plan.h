// Where the samples of a deformable convolution read: sampling/conv_taps.h, applied to a call's
// arrays.
#pragma once

#include "../elements.h"
#include "../sampling/conv_taps.h"
#include "device.h"
#include "segments.h"

namespace dcn4j::cuda {

/// What decides where samples read.
struct SampleArrays {
    Tensor<4> offset, mask;
};

/// The sample of a tap and offset group at an output pixel.
template <class Element>
__device__ inline Sample<ComputeType<Element>> sampleAt(const Conv2dGeometry& g,
                                                        const SampleArrays& arrays, Index n,
                                                        Index offsetGroup, Index tap, Index oy,
                                                        Index ox) {
    Sample<ComputeType<Element>> s;
    planTap<Element>(g, g.width, arrays.offset, arrays.mask, {n, offsetGroup, tap, oy, ox}, s);
    return s;
}

/// A pixel of a batch of planes of width `width` and `pixels` pixels.
struct PixelPlace {
    Index n;
    int y, x;

    __device__ static PixelPlace of(Index pixel, Index pixels, Index width) {
        const Index n = pixel / pixels;
        const int p = static_cast<int>(pixel - n * pixels), w = static_cast<int>(width);
        return {n, p / w, p % w};
    }

    /// Goes `count` pixels on; `count` is small.
    __device__ void advance(int count, int height, int width) {
        x += count;
        while (x >= width) {
            x -= width;
            if (++y == height) {
                y = 0;
                ++n;
            }
        }
    }
};

}  // namespace dcn4j::cuda
