// Where the samples of a deformable convolution read: sampling.h, applied to a call's arrays.
#pragma once

#include "../element.h"
#include "../sampling.h"
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
    using Real = ComputeType<Element>;
    Sample<Real> s;
    const Index k = offsetGroup * g.taps() + tap;
    const int width = static_cast<int>(g.kernelW);
    const Index row = g.baseRow(oy, tap / width), column = g.baseColumn(ox, tap % width);
    const Real modulation =
        arrays.mask.present() ? load<Element>(arrays.mask, n, k, oy, ox) : Real{1};
    if (arrays.offset.present()) {
        const Real y = static_cast<Real>(row) + load<Element>(arrays.offset, n, 2 * k, oy, ox);
        const Real x =
            static_cast<Real>(column) + load<Element>(arrays.offset, n, 2 * k + 1, oy, ox);
        locate(y, x, modulation, g.height, g.width, s);
    } else {
        locatePixel(row, column, modulation, g.height, g.width, s);
    }
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
