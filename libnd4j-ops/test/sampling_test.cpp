// The sampling rule, against its definition.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../src/kernels/sampling/plane.h"

namespace dcn4j {
namespace {

constexpr Index height = 3, width = 4;

/// A plane with a trailing zero pixel, as the kernels keep it.
std::vector<double> plane() {
    std::vector<double> pixels;
    for (int i = 0; i < height * width; ++i) pixels.push_back(std::sin(1.0 + i * i));
    pixels.push_back(0);
    return pixels;
}

/// The value of the definition: a sum over all pixels of tent functions, zero outside.
double definition(double y, double x) {
    if (!(y > -1 && y < height && x > -1 && x < width)) return 0;
    const auto pixels = plane();
    double sum = 0;
    for (Index row = 0; row < height; ++row)
        for (Index column = 0; column < width; ++column)
            sum += pixels[static_cast<std::size_t>(row * width + column)] *
                   std::max(0.0, 1 - std::fabs(y - static_cast<double>(row))) *
                   std::max(0.0, 1 - std::fabs(x - static_cast<double>(column)));
    return sum;
}

struct Located {
    Sample<double> sample;
    double corner[Corners];
    double value = 0;

    Located(double y, double x) {
        locate(y, x, 1.0, {height, width}, sample);
        const auto pixels = plane();
        for (int c = 0; c < Corners; ++c) {
            EXPECT_GE(sample.pixel[c], 0);
            EXPECT_LE(sample.pixel[c], height * width);
            corner[c] = pixels[static_cast<std::size_t>(sample.pixel[c])];
            value += sample.weight[c] * corner[c];
        }
    }
};

TEST(Sampling, ValueIsBilinearInsideAndZeroOutside) {
    for (double y = -2.5; y < 5; y += 0.125)
        for (double x = -2.5; x < 6; x += 0.125) {
            const Located at(y, x);
            EXPECT_NEAR(at.value, definition(y, x), 1e-12) << y << ", " << x;
            EXPECT_EQ(at.sample.place == Place::Between,
                      y > -1 && y < height && x > -1 && x < width);
        }
}

TEST(Sampling, SlopeIsTheRightDerivative) {
    const double step = 1e-7;
    for (double y = -0.75; y < 2.99; y += 0.25)
        for (double x = -0.75; x < 3.99; x += 0.25) {
            const Located at(y, x);
            EXPECT_NEAR(slopeY(at.sample, at.corner),
                        (definition(y + step, x) - definition(y, x)) / step, 1e-6)
                << y << ", " << x;
            EXPECT_NEAR(slopeX(at.sample, at.corner),
                        (definition(y, x + step) - definition(y, x)) / step, 1e-6)
                << y << ", " << x;
        }
}

TEST(Sampling, AtMinusOneTheValueIsZeroAndTheSlopeIsNot) {
    const auto pixels = plane();
    const Located at(-1, 0);
    EXPECT_EQ(at.value, 0);
    EXPECT_EQ(slopeY(at.sample, at.corner), pixels[0]);
    const Located left(0, -1);
    EXPECT_EQ(left.value, 0);
    EXPECT_EQ(slopeX(left.sample, left.corner), pixels[0]);
}

TEST(Sampling, AnyPositionStaysWithinThePlane) {
    const double inf = std::numeric_limits<double>::infinity();
    for (double extreme : {inf, -inf, std::nan(""), 1e30, -1e30, 1e18, -1.0000000001}) {
        for (const auto& [y, x] : {std::pair{extreme, 1.0}, {1.0, extreme}, {extreme, extreme}}) {
            const Located at(y, x);
            EXPECT_EQ(at.value, 0);
            EXPECT_EQ(at.sample.place, Place::Outside);
            EXPECT_EQ(slopeY(at.sample, at.corner), 0);
            EXPECT_EQ(slopeX(at.sample, at.corner), 0);
        }
    }
    for (float y : {-1e-30f, std::nextafter(3.0f, 0.0f), std::nextafter(-1.0f, 0.0f)}) {
        Sample<float> s;
        locate(y, 0.5f, 1.0f, {height, width}, s);
        for (Index pixel : s.pixel) {
            EXPECT_GE(pixel, 0);
            EXPECT_LE(pixel, height * width);
        }
    }
}

TEST(Sampling, AtAPixelIsThatPixelOrNothing) {
    for (Index y = -2; y < height + 2; ++y)
        for (Index x = -2; x < width + 2; ++x) {
            Sample<double> s;
            locatePixel(y, x, 1.0, {height, width}, s);
            const bool in = y >= 0 && y < height && x >= 0 && x < width;
            EXPECT_EQ(s.place, in ? Place::AtPixel : Place::Outside);
            EXPECT_EQ(s.pixel[TopLeft], in ? y * width + x : height * width);
            EXPECT_EQ(s.weight[TopLeft], in ? 1 : 0);
            for (Corner c : {TopRight, BottomLeft, BottomRight}) {
                EXPECT_EQ(s.pixel[c], height * width);
                EXPECT_EQ(s.weight[c], 0);
            }
        }
}

}  // namespace
}  // namespace dcn4j
