// The sampling rule of deformable convolution, written once for every kernel.
//
// A sample at (y, x) of an H x W plane with y <= -1, y >= H, x <= -1 or x >= W is zero. Any other
// is the bilinear interpolation of the four pixels around it, where a pixel outside the plane
// counts as zero (Dai et al., Deformable Convolutional Networks, arXiv 1703.06211, equations 3 and
// 4; the border as torchvision.ops.deform_conv2d has it). The derivative with respect to the
// position is the right derivative: that of the patch between floor and floor + 1, each corner
// masked by itself, so that at y = -1 exactly, where the value is zero, the derivative need not be.
//
// Everything here has internal linkage: this header is compiled for several instruction sets, and
// a function shared between them could be the one that the processor can't run.
#pragma once

#include "tensor.h"

namespace dcn4j {
namespace {

enum Corner { TopLeft, TopRight, BottomLeft, BottomRight, Corners };

/// Where a sample lies.
enum class Place : Index {
    Outside,  ///< its value is zero by the border rule, whatever the pixels hold
    Between,  ///< it interpolates between four pixels
    AtPixel,  ///< it is its top left pixel: what a plain convolution reads
};

/// Where one sample reads, and with what weights.
template <class Real>
struct Sample {
    /// Row-major pixel index of each corner, `height * width` (one past the plane) for a corner
    /// outside it: a plane followed by one zero pixel needs no branch.
    Index pixel[Corners];
    /// Bilinear weights; all zero for a sample that counts as outside.
    Real weight[Corners];
    /// The fractions (y - floor(y), x - floor(x)) in [0, 1); zero where no corner is inside.
    Real fractionY, fractionX;
    /// What the sample is multiplied by, 1 without a mask.
    Real modulation;
    Place place;
};

/// Plans a sample that reads nothing.
template <class Real>
DCN4J_HOST_DEVICE inline void locateNowhere(Index height, Index width, Sample<Real>& s) {
    for (int c = 0; c < Corners; ++c) {
        s.pixel[c] = height * width;
        s.weight[c] = 0;
    }
    s.fractionY = s.fractionX = 0;
    s.place = Place::Outside;
}

/// Plans the sample of the pixel (y, x) itself.
template <class Real>
DCN4J_HOST_DEVICE inline void locatePixel(Index y, Index x, Real modulation, Index height,
                                          Index width, Sample<Real>& s) {
    locateNowhere(height, width, s);
    s.modulation = modulation;
    if (y < 0 || y >= height || x < 0 || x >= width) return;
    s.pixel[TopLeft] = y * width + x;
    s.weight[TopLeft] = 1;
    s.place = Place::AtPixel;
}

/// Plans the sample at (y, x), which may be any number, NaN and infinities too.
template <class Real>
DCN4J_HOST_DEVICE inline void locate(Real y, Real x, Real modulation, Index height, Index width,
                                     Sample<Real>& s) {
    const Index none = height * width;
    const Real h = static_cast<Real>(height), w = static_cast<Real>(width);
    s.modulation = modulation;
    // At -1 exactly the value is zero but the derivative is not; a NaN fails every comparison.
    const bool touching = y >= -1 && y < h && x >= -1 && x < w;
    if (!touching) return locateNowhere(height, width, s);
    // Truncation is floor from 0 up; between -1 and 0 floor is -1.
    const Index top = y < 0 ? -1 : static_cast<Index>(y);
    const Index left = x < 0 ? -1 : static_cast<Index>(x);
    const Real fy = y - static_cast<Real>(top), fx = x - static_cast<Real>(left);
    const bool topIn = top >= 0, bottomIn = top + 1 < height;
    const bool leftIn = left >= 0, rightIn = left + 1 < width;
    const Index first = top * width + left;
    s.pixel[TopLeft] = topIn && leftIn ? first : none;
    s.pixel[TopRight] = topIn && rightIn ? first + 1 : none;
    s.pixel[BottomLeft] = bottomIn && leftIn ? first + width : none;
    s.pixel[BottomRight] = bottomIn && rightIn ? first + width + 1 : none;
    s.place = y > -1 && x > -1 ? Place::Between : Place::Outside;
    const Real scale = s.place == Place::Between ? Real{1} : Real{0};
    s.weight[TopLeft] = (1 - fy) * (1 - fx) * scale;
    s.weight[TopRight] = (1 - fy) * fx * scale;
    s.weight[BottomLeft] = fy * (1 - fx) * scale;
    s.weight[BottomRight] = fy * fx * scale;
    s.fractionY = fy;
    s.fractionX = fx;
}

/// The derivative with respect to y of the sample whose corner values are `value`.
template <class Real>
DCN4J_HOST_DEVICE inline Real slopeY(const Sample<Real>& s, const Real (&value)[Corners]) {
    return s.fractionX * (value[BottomRight] - value[TopRight]) +
           (1 - s.fractionX) * (value[BottomLeft] - value[TopLeft]);
}

/// The derivative with respect to x of the sample whose corner values are `value`.
template <class Real>
DCN4J_HOST_DEVICE inline Real slopeX(const Sample<Real>& s, const Real (&value)[Corners]) {
    return s.fractionY * (value[BottomRight] - value[BottomLeft]) +
           (1 - s.fractionY) * (value[TopRight] - value[TopLeft]);
}

}  // namespace
}  // namespace dcn4j
