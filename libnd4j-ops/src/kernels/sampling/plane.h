// Where a sample lies on a plane of pixels with zeros around it.
//
// A sample at (y, x) of an H x W plane with y <= -1, y >= H, x <= -1 or x >= W is zero. Any other
// is the bilinear interpolation of the four pixels around it, where a pixel outside the plane
// counts as zero (the border as torchvision.ops.deform_conv2d has it). The derivative with respect
// to the position is the right derivative: that of the patch between floor and floor + 1, each
// corner masked by itself, so that at y = -1 exactly, where the value is zero, the derivative need
// not be.
//
// Everything here has internal linkage, as in bilinear.h.
#pragma once

#include "bilinear.h"

namespace dcn4j {
namespace {

/// A number as another type, truncated if that is an integer. Vectors have a form of their own.
template <class To, class From>
struct Convert {
    DCN4J_HOST_DEVICE static To of(From value) { return static_cast<To>(value); }
};

/// The largest integer that is not above `x`, a number from -1 on.
template <class Pixel, class Real>
DCN4J_HOST_DEVICE inline Pixel floorOf(Real x) {
    // Truncation is floor from 0 up.
    return x < Real{} ? Pixel{} - 1 : Convert<Pixel, Real>::of(x);
}

/// H x W pixels: (y, x) is numbered y * pitch + x, and what lies outside height * pitch.
template <class Pixel>
struct Plane {
    Pixel height, width;
    Pixel pitch = width;
};

/// Whether a coordinate is where a sample reads pixels 0 .. size - 1 of its axis, but for a weight
/// of zero: at -1 exactly there is no value, but a derivative. A NaN fails every comparison.
template <class Real>
DCN4J_HOST_DEVICE inline auto isTouching(Real x, Real size) {
    return (x >= Real{} - 1) & (x < size);
}

/// Whether it is where a sample may have a value.
template <class Real>
DCN4J_HOST_DEVICE inline auto isBetween(Real x, Real size) {
    return (x > Real{} - 1) & (x < size);
}

/// What the rule says of a position. Real and Pixel are numbers, or vectors of numbers.
template <class Real, class Pixel>
struct Location {
    Pixel pixel[Corners];
    Real weight[Corners];
    Real fractionY, fractionX;
    decltype(Real{} > Real{}) between;  ///< whether the place is Between and not Outside
};

/// Locates the position (y, x), any number, NaN and infinities too, on a plane of h x w. It selects
/// and never branches, and so locates one position, or with vectors one in each lane.
template <class Real, class Pixel>
DCN4J_HOST_DEVICE inline Location<Real, Pixel> locate(Real y, Real x, const Plane<Pixel>& plane,
                                                      Real h, Real w) {
    const Real zero{};
    const Pixel origin{}, none = plane.height * plane.pitch;
    Location<Real, Pixel> at;
    const auto touching = isTouching(y, h) & isTouching(x, w);
    at.between = isBetween(y, h) & isBetween(x, w);
    const Real inY = touching ? y : zero, inX = touching ? x : zero;
    const Pixel top = floorOf<Pixel>(inY), left = floorOf<Pixel>(inX);
    at.fractionY = inY - Convert<Real, Pixel>::of(top);
    at.fractionX = inX - Convert<Real, Pixel>::of(left);
    const auto topIn = touching & (top >= origin), leftIn = touching & (left >= origin);
    const auto bottomIn = touching & (top + 1 < plane.height);
    const auto rightIn = touching & (left + 1 < plane.width);
    const Pixel first = top * plane.pitch + left;
    at.pixel[TopLeft] = topIn & leftIn ? first : none;
    at.pixel[TopRight] = topIn & rightIn ? first + 1 : none;
    at.pixel[BottomLeft] = bottomIn & leftIn ? first + plane.pitch : none;
    at.pixel[BottomRight] = bottomIn & rightIn ? first + plane.pitch + 1 : none;
    const Real scale = at.between ? zero + 1 : zero;
    at.weight[TopLeft] = (1 - at.fractionY) * (1 - at.fractionX) * scale;
    at.weight[TopRight] = (1 - at.fractionY) * at.fractionX * scale;
    at.weight[BottomLeft] = at.fractionY * (1 - at.fractionX) * scale;
    at.weight[BottomRight] = at.fractionY * at.fractionX * scale;
    return at;
}

/// Plans the sample at (y, x).
template <class Real, class Pixel>
DCN4J_HOST_DEVICE inline void locate(Real y, Real x, Real modulation, const Plane<Index>& plane,
                                     Sample<Real, Pixel>& s) {
    const Plane<Pixel> own{static_cast<Pixel>(plane.height), static_cast<Pixel>(plane.width),
                           static_cast<Pixel>(plane.pitch)};
    const auto at = locate<Real, Pixel>(y, x, own, static_cast<Real>(plane.height),
                                        static_cast<Real>(plane.width));
    for (int c = 0; c < Corners; ++c) {
        s.pixel[c] = at.pixel[c];
        s.weight[c] = at.weight[c];
    }
    s.fractionY = at.fractionY;
    s.fractionX = at.fractionX;
    s.modulation = modulation;
    s.place = at.between ? Place::Between : Place::Outside;
}

/// Plans the sample of the pixel (y, x) itself.
template <class Real, class Pixel>
DCN4J_HOST_DEVICE inline void locatePixel(Index y, Index x, Real modulation,
                                          const Plane<Index>& plane, Sample<Real, Pixel>& s) {
    const bool inside = y >= 0 && y < plane.height && x >= 0 && x < plane.width;
    for (int c = 0; c < Corners; ++c) {
        s.pixel[c] = static_cast<Pixel>(plane.height * plane.pitch);
        s.weight[c] = 0;
    }
    s.fractionY = s.fractionX = 0;
    s.modulation = modulation;
    s.place = Place::Outside;
    if (!inside) return;
    s.pixel[TopLeft] = static_cast<Pixel>(y * plane.pitch + x);
    s.weight[TopLeft] = 1;
    s.place = Place::AtPixel;
}

}  // namespace
}  // namespace dcn4j
