// The bilinear rule: a sample is four corners and four weights, and its derivative with respect to
// the position is that of the patch between them (Dai et al., Deformable Convolutional Networks,
// arXiv 1703.06211, equations 3 and 4).
//
// Everything here has internal linkage: this header is compiled for several instruction sets, and
// a function shared between them could be the one that the processor can't run.
#pragma once

#include "../tensor.h"

namespace dcn4j {
namespace {

enum Corner { TopLeft, TopRight, BottomLeft, BottomRight, Corners };

/// Where a sample lies.
enum Place : std::int32_t {
    Outside,  ///< its value is zero by the border rule, whatever the pixels hold
    Between,  ///< it interpolates between four pixels
    AtPixel,  ///< it is its top left pixel: what a plain convolution reads
};

/// Where one sample reads, and with what weights. `Pixel` is an integer that numbers a plane's
/// pixels and one more: as wide as `Real`, many samples are located with one vector instruction.
template <class Real, class Pixel = Index>
struct Sample {
    /// The number of each corner's pixel, as Plane has them; one past the plane for a corner
    /// outside it: a plane followed by one zero pixel needs no branch.
    Pixel pixel[Corners];
    /// Bilinear weights; all zero for a sample that counts as outside.
    Real weight[Corners];
    /// The fractions (y - floor(y), x - floor(x)) in [0, 1); zero where no corner is inside.
    Real fractionY, fractionX;
    /// What the sample is multiplied by, 1 without a mask.
    Real modulation;
    Pixel place;  ///< a Place
};

/// The sample whose corner values are `value`, without its modulation.
template <class Real, class Pixel>
DCN4J_HOST_DEVICE inline Real valueOf(const Sample<Real, Pixel>& s, const Real (&value)[Corners]) {
    if (s.place == Place::Outside) return 0;
    Real sum = 0;
    for (int i = 0; i < Corners; ++i) sum += s.weight[i] * value[i];
    return sum;
}

/// The derivative with respect to y of the sample whose corner values are `value`.
template <class Real, class Pixel>
DCN4J_HOST_DEVICE inline Real slopeY(const Sample<Real, Pixel>& s, const Real (&value)[Corners]) {
    return s.fractionX * (value[BottomRight] - value[TopRight]) +
           (1 - s.fractionX) * (value[BottomLeft] - value[TopLeft]);
}

/// The derivative with respect to x of the sample whose corner values are `value`.
template <class Real, class Pixel>
DCN4J_HOST_DEVICE inline Real slopeX(const Sample<Real, Pixel>& s, const Real (&value)[Corners]) {
    return s.fractionY * (value[BottomRight] - value[BottomLeft]) +
           (1 - s.fractionY) * (value[TopRight] - value[TopLeft]);
}

}  // namespace
}  // namespace dcn4j
