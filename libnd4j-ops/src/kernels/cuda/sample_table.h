// Planned samples in shared memory: planned once by a block, read by all of its threads.
//
// A sample is a pixel for each of its corners, a weight for each, and what all is multiplied by.
// The rule is sampling/plane.h's; here are the positions, in integers of 32 bits, and the table.
#pragma once

#include "../sampling/plane.h"
#include "divisor.h"
#include "sample_plan.h"

namespace dcn4j::cuda {

/// What planning needs of a geometry, in 32 bits (deformable_conv2d.cu checks that they are
/// enough).
struct PlanGeometry {
    int height, width, strideH, strideW, padTop, padLeft, dilationH, dilationW, taps;
    int imagePixels;  ///< height * width
    Divisor kernelW, outPixels, outWidth;

    explicit PlanGeometry(const Conv2dGeometry& g)
        : height(static_cast<int>(g.height)),
          width(static_cast<int>(g.width)),
          strideH(static_cast<int>(g.strideH)),
          strideW(static_cast<int>(g.strideW)),
          padTop(static_cast<int>(g.padTop)),
          padLeft(static_cast<int>(g.padLeft)),
          dilationH(static_cast<int>(g.dilationH)),
          dilationW(static_cast<int>(g.dilationW)),
          taps(static_cast<int>(g.taps())),
          imagePixels(static_cast<int>(g.pixels())),
          kernelW(g.kernelW),
          outPixels(std::max<Index>(g.outPixels(), 1)),
          outWidth(std::max<Index>(g.outWidth, 1)) {}

    DCN4J_HOST_DEVICE int pixels() const { return imagePixels; }
};

/// Output pixels are counted from the first of an image: this one, in 64 bits, and then in 32.
struct FirstImage {
    Index n;
    int pixel;  ///< of it, the first that is counted

    __device__ FirstImage(const PlanGeometry& p, Index pixelOfBatch)
        : n(pixelOfBatch / p.outPixels.divisor()),
          pixel(static_cast<int>(pixelOfBatch - n * p.outPixels.divisor())) {}
};

/// An output pixel; images are counted from the first that is meant.
struct OutPixel {
    int image, y, x;

    /// The one that is number `pixel` from the first image's first on.
    __device__ static OutPixel of(const PlanGeometry& p, int pixel) {
        OutPixel at;
        at.image = p.outPixels.divide(pixel);
        at.y = p.outWidth.divide(pixel);
        at.x = pixel;
        return at;
    }
};

/// Where the samples of one output pixel are said to lie.
struct PixelSamples {
    Index offset, mask;  ///< where its elements are, but for the channel
    int y, x;            ///< the pixel that tap (0, 0) reads, but for the offset
    int firstPixel;      ///< of the image, counted from the first image's

    /// Of an output pixel of image `first` or later.
    __device__ PixelSamples(const PlanGeometry& p, const SampleArrays& arrays, Index first,
                            const OutPixel& at) {
        const Index n = first + at.image;
        offset = n * arrays.offset.strides[0] + at.y * arrays.offset.strides[2] +
                 at.x * arrays.offset.strides[3];
        mask = n * arrays.mask.strides[0] + at.y * arrays.mask.strides[2] +
               at.x * arrays.mask.strides[3];
        y = at.y * p.strideH - p.padTop;
        x = at.x * p.strideW - p.padLeft;
        firstPixel = at.image * p.pixels();
    }
    __device__ PixelSamples(const PlanGeometry& p, const SampleArrays& arrays, Index first,
                            int pixel)
        : PixelSamples(p, arrays, first, OutPixel::of(p, pixel)) {}
};

/// What absent offsets and masks are.
template <class Element>
__device__ const Element zeroAndOne[2] = {0, 1};
template <>
__device__ inline const Float16 zeroAndOne<Float16>[2] = {{0}, {0x3c00}};
template <>
__device__ inline const BFloat16 zeroAndOne<BFloat16>[2] = {{0}, {0x3f80}};

/// What arrays say of a sample, loaded long before it is planned.
template <class Element>
struct SampleInputs {
    Element y, x, modulation;

    /// From where they are.
    __device__ void load(const char* offsetY, const char* offsetX, const char* mask) {
        y = loadGlobal<Element>(offsetY);
        x = loadGlobal<Element>(offsetX);
        modulation = loadGlobal<Element>(mask);
    }

    /// Of one tap and offset group; absent offsets are zero, absent masks one.
    __device__ void load(const PlanGeometry& p, const SampleArrays& arrays, const PixelSamples& at,
                         int offsetGroup, int tap) {
        const int k = offsetGroup * p.taps + tap;
        using Real = ComputeType<Element>;
        y = x = narrow<Element>(Real{0});
        modulation = narrow<Element>(Real{1});
        if (arrays.offset.present()) {
            const Element* from = static_cast<const Element*>(arrays.offset.data) + at.offset +
                                  2 * k * arrays.offset.strides[1];
            y = from[0];
            x = from[arrays.offset.strides[1]];
        }
        if (arrays.mask.present()) {
            modulation =
                static_cast<const Element*>(arrays.mask.data)[at.mask + k * arrays.mask.strides[1]];
        }
    }
};

/// Where a sample lies on its plane, and what it is multiplied by.
template <class Real>
struct SamplePlace {
    Real y, x, modulation;

    /// That of one tap and offset group at an output pixel.
    template <class Element>
    __device__ static SamplePlace of(const PlanGeometry& p, const SampleArrays& arrays,
                                     const PixelSamples& at, int offsetGroup, int tap) {
        SampleInputs<Element> inputs;
        inputs.load(p, arrays, at, offsetGroup, tap);
        int kx = tap;
        const int ky = p.kernelW.divide(kx);
        return {static_cast<Real>(at.y + ky * p.dilationH) + widen(inputs.y),
                static_cast<Real>(at.x + kx * p.dilationW) + widen(inputs.x),
                widen(inputs.modulation)};
    }

    /// The sample there. Without offsets it is a pixel.
    __device__ Sample<Real, int> sample(const PlanGeometry& p, bool offsets) const {
        Sample<Real, int> s;
        if (offsets) {
            locate(y, x, modulation, {p.height, p.width}, s);
        } else {
            locatePixel(static_cast<int>(y), static_cast<int>(x), modulation, {p.height, p.width},
                        s);
        }
        return s;
    }
};

/// Whether a mask can be a factor of a sample's weights, and not of the sample: not one that is
/// infinite, not a number, or so large that it could make products infinite.
template <class Real>
__device__ inline bool weighs(Real mask) {
    return std::fabs(mask) < static_cast<Real>(sizeof(Real) == 4 ? 0x1p64 : 0x1p512);
}

/// The plane that samples lie on.
struct SampledPlane {
    int height, width;
    /// From these on, a sample has no corner below it or to its right.
    int lastRow, lastColumn;

    /// Without offsets no sample has any: it is its pixel.
    SampledPlane(const Conv2dGeometry& g, bool offsets)
        : height(static_cast<int>(g.height)),
          width(static_cast<int>(g.width)),
          lastRow(offsets ? height - 1 : -1),
          lastColumn(offsets ? width - 1 : -1) {}
};

/// `Entries` planned samples. Corners that are not read are pixel -1.
template <class Real, int Entries>
struct SampleTable {
    alignas(16) int pixel[Entries][Corners];
    alignas(16) Real weight[Entries][Corners];

    /// Reads nothing; the value is zero.
    __device__ void clear(int entry) {
        storePack(pixel[entry], Pack<int, Corners>{{-1, -1, -1, -1}});
        setWeights(entry, 0, 0, 0, 0);
    }

    /// Plans the sample at (y, x), to read the corners that have a value. In few instructions, what
    /// locate() says (sampling/plane.h): where that says Outside no corner is read, and any finite
    /// weight will do. Weights are times `factor`.
    __device__ void plan(int entry, const SampledPlane& plane, int firstPixel, Real y, Real x,
                         Real factor = 1) {
        const int top = floorOf(y), left = floorOf(x);
        const Real down = unitOf(y - static_cast<Real>(top));
        const Real right = unitOf(x - static_cast<Real>(left));
        // False for a NaN. As integers, what is beyond all of them is the last, and not of the
        // plane.
        const bool beyondMinusOne = y > -1 && x > -1;
        const bool topIn = beyondMinusOne && isBelow(top, plane.height);
        const bool bottomIn = beyondMinusOne && top < plane.lastRow;
        const bool leftIn = isBelow(left, plane.width), rightIn = left < plane.lastColumn;
        const std::uint32_t first =
            static_cast<std::uint32_t>(firstPixel) + static_cast<std::uint32_t>(left) +
            static_cast<std::uint32_t>(top) * static_cast<std::uint32_t>(plane.width);
        const std::uint32_t below = first + static_cast<std::uint32_t>(plane.width);
        Pack<int, Corners> p;
        p.value[TopLeft] = topIn && leftIn ? static_cast<int>(first) : -1;
        p.value[TopRight] = topIn && rightIn ? static_cast<int>(first + 1) : -1;
        p.value[BottomLeft] = bottomIn && leftIn ? static_cast<int>(below) : -1;
        p.value[BottomRight] = bottomIn && rightIn ? static_cast<int>(below + 1) : -1;
        storePack(pixel[entry], p);
        const Real lower = down * factor, upper = multiplyAdd(-down, factor, factor);
        setWeights(entry, multiplyAdd(-right, upper, upper), right * upper,
                   multiplyAdd(-right, lower, lower), right * lower);
    }

    /// Reads the corners that have a slope: at y = -1 exactly there are some, though the value is
    /// zero. `firstPixel` is that of the image, `none` the pixel that says that there is none.
    __device__ void setTouched(int entry, const Sample<Real, int>& s, int firstPixel, int none) {
        Pack<int, Corners> p;
#pragma unroll
        for (int i = 0; i < Corners; ++i)
            p.value[i] = s.pixel[i] == none ? -1 : firstPixel + s.pixel[i];
        storePack(pixel[entry], p);
        setWeights(entry, s.weight[0], s.weight[1], s.weight[2], s.weight[3]);
    }

    __device__ Pack<int, Corners> pixels(int entry) const {
        return loadPack<Corners>(pixel[entry]);
    }

    __device__ Pack<Real, Corners> weights(int entry) const {
        Pack<Real, Corners> w;
#pragma unroll
        for (int i = 0; i < Corners; i += packOf<Real>) {
            const auto part = loadPack<packOf<Real>>(&weight[entry][i]);
#pragma unroll
            for (int j = 0; j < packOf<Real>; ++j) w.value[i + j] = part.value[j];
        }
        return w;
    }

  private:
    /// Whether a number is 0 ... end - 1.
    __device__ static bool isBelow(int number, int end) {
        return static_cast<std::uint32_t>(number) < static_cast<std::uint32_t>(end);
    }

    __device__ void setWeights(int entry, Real a, Real b, Real c, Real d) {
        storePack(&weight[entry][0], Pack<Real, 2>{{a, b}});
        storePack(&weight[entry][2], Pack<Real, 2>{{c, d}});
    }
};

/// The four corners of a sample, for `Count` channels.
template <class Element, int Count>
class CornerValues {
    using Real = ComputeType<Element>;

  public:
    /// `channels` is the address of the channels at pixel 0; `pitchBytes` that of a pixel.
    __device__ void fetch(const Element* channels, int pitchBytes,
                          const Pack<int, Corners>& pixel) {
#pragma unroll
        for (int i = 0; i < Corners; ++i) {
            value_[i] = {};
            if (pixel.value[i] >= 0)
                value_[i] =
                    loadGlobal<Pack<Element, Count>>(further(channels, pixel.value[i], pitchBytes));
        }
    }

    __device__ Real corner(int i, int channel) const {
        return widen(value_[i].get(channel));
    }

  private:
    Pack<Element, Count> value_[Corners];
};

/// `Count` channels of a sample. Corners that are not read are left out, which costs no
/// instruction, but keeps the registers of what was there before; where they are scarce, `Zeroed`
/// has such corners zero.
template <class Element, int Count, bool Zeroed>
class SampleValues {
    using Real = ComputeType<Element>;

  public:
    /// As CornerValues. Unless `some`, nothing is read.
    __device__ void fetch(const Element* channels, int pitchBytes, const Pack<int, Corners>& pixel,
                          bool some) {
#pragma unroll
        for (int i = 0; i < Corners; ++i) {
            read_[i] = some && pixel.value[i] >= 0;
            if (Zeroed) value_[i] = {};
            if (read_[i])
                value_[i] =
                    loadGlobal<Pack<Element, Count>>(further(channels, pixel.value[i], pitchBytes));
        }
    }

    /// Times `factor`, as `Product` stores them; `table` is what entry `entry` was fetched by.
    template <class Product, class Table>
    __device__ Pack<typename Product::Stored, Count> sample(const Table& table, int entry,
                                                            Real factor = 1) const {
        const auto weights = table.weights(entry);
        Real sum[Count] = {};
#pragma unroll
        for (int i = 0; i < Corners; ++i) {
            if (!Zeroed && !read_[i]) continue;
#pragma unroll
            for (int c = 0; c < Count; ++c) sum[c] += weights.value[i] * widen(value_[i].get(c));
        }
        Pack<typename Product::Stored, Count> p{};
#pragma unroll
        for (int c = 0; c < Count; ++c) p.set(c, Product::stored(factor * sum[c]));
        return p;
    }

  private:
    Pack<Element, Count> value_[Corners];
    bool read_[Corners];
};

}  // namespace dcn4j::cuda
