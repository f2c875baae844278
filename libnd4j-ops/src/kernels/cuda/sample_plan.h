// Where the samples of a deformable convolution read: sampling/conv_taps.h, applied to a call's
// arrays.
#pragma once

#include "../element.h"
#include "../sampling/conv_taps.h"
#include "device.h"
#include "segments.h"

namespace dcn4j::cuda {

template <class Element, int Rank, class... I>
__device__ inline ComputeType<Element> load(const Tensor<Rank>& tensor, I... index) {
    return widen(static_cast<const Element*>(tensor.data)[tensor.at(index...)]);
}

template <class Element, int Rank, class... I>
__device__ inline void store(const Tensor<Rank>& tensor, ComputeType<Element> value, I... index) {
    static_cast<Element*>(tensor.data)[tensor.at(index...)] = narrow<Element>(value);
}

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
    planTap<Element>(g, arrays.offset, arrays.mask, {n, offsetGroup, tap, oy, ox}, s);
    return s;
}

/// What a thread keeps of a sample: corners outside the image are pixel -1, which is not read.
template <class Real>
struct Reading {
    int pixel[Corners];
    Real weight[Corners];
    Real modulation;

    /// Reads nothing; the value is zero.
    __device__ void clear() {
#pragma unroll
        for (int i = 0; i < Corners; ++i) {
            pixel[i] = -1;
            weight[i] = 0;
        }
        modulation = 1;
    }

    /// Reads the corners that have a slope: at y = -1 exactly there are some, though the value is
    /// zero.
    __device__ void takeTouched(const Sample<Real>& s, int pixels) {
#pragma unroll
        for (int i = 0; i < Corners; ++i) {
            pixel[i] = s.pixel[i] != pixels ? static_cast<int>(s.pixel[i]) : -1;
            weight[i] = s.weight[i];
        }
        modulation = s.modulation;
    }

    /// Reads the corners that have a value.
    __device__ void take(const Sample<Real>& s, int pixels) {
        takeTouched(s, pixels);
#pragma unroll
        for (int i = 0; i < Corners; ++i) {
            if (s.place == Place::Outside) pixel[i] = -1;
        }
    }
};

/// The four corners of a sample, for `Count` channels.
template <class Element, int Count>
struct CornerValues {
    Pack<Element, Count> value[Corners];

    /// `channels` is the address of the channels at pixel 0 of the image.
    template <class Real>
    __device__ void fetch(const Element* channels, Index pixelPitch, const Reading<Real>& from) {
#pragma unroll
        for (int i = 0; i < Corners; ++i) {
            value[i] = {};
            if (from.pixel[i] >= 0)
                value[i] = loadPack<Count>(channels + from.pixel[i] * pixelPitch);
        }
    }

    template <class Real>
    __device__ Real sample(const Reading<Real>& from, int channel) const {
        Real sum = 0;
#pragma unroll
        for (int i = 0; i < Corners; ++i) sum += from.weight[i] * widen(value[i].value[channel]);
        return from.modulation * sum;
    }
};

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
