// The sampling rule of ROI pooling, against its definition.
#include "../src/kernels/sampling/roi.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dcn4j {
namespace {

TEST(RoiSampling, RoiBeginsHalfAPixelBeforeItsRoundedCoordinates) {
    const RoiAxis<double> axis(8, 19, 0.25);
    EXPECT_EQ(axis.start, 1.5);
    EXPECT_EQ(axis.size, 3);
    const RoiAxis<double> halves(2.5, -2.5, 1.0);  // away from zero: 3 and -3
    EXPECT_EQ(halves.start, 2.5);
    const RoiAxis<double> negative(-2.5, 0.49, 1.0);
    EXPECT_EQ(negative.start, -3.5);
    EXPECT_EQ(negative.size, 4);
    EXPECT_EQ(RoiAxis<double>(-3, -0.5, 1.0).size, 3);  // to -1 and the pixel there
}

TEST(RoiSampling, ReversedRoiIsATenthOfAPixelWide) {
    EXPECT_EQ(RoiAxis<double>(20, 5, 1.0).size, 0.1);
    EXPECT_EQ(RoiAxis<float>(20, 5, 1.0f).size, 0.1f);
    EXPECT_EQ(RoiAxis<double>(20, 19, 0.5).size, 0.1);
    EXPECT_GT(RoiAxis<double>(20, 20, 0.5).size, 0.1);
}

TEST(RoiSampling, BinsFollowEachOtherAndTransMovesThem) {
    PsroiPoolingGeometry g{};
    g.pooledSize = 4;
    g.samplePerPart = 2;
    g.transStd = 0.5;
    const RoiAxis<double> roi(1, 8, 1.0);  // 8 pixels from 0.5
    for (Index bin = 0; bin < 4; ++bin) {
        const BinAxis<double> axis(g, roi, bin, 0.25);
        EXPECT_EQ(axis.position(0), 0.5 + 2.0 * static_cast<double>(bin) + 0.25 * 0.5 * 8);
        EXPECT_EQ(axis.position(1) - axis.position(0), 1);
    }
}

/// Where a position on an axis of five pixels is read from.
void expectSample(double position, Index floor, Index ceil, double fraction) {
    AxisSample<double> s;
    ASSERT_TRUE(locate(position, 5, s)) << position;
    EXPECT_EQ(s.floor, floor) << position;
    EXPECT_EQ(s.ceil, ceil) << position;
    EXPECT_EQ(s.fraction, fraction) << position;
}

TEST(RoiSampling, SampleIsBetweenFloorAndCeil) {
    expectSample(2.25, 2, 3, 0.25);
    expectSample(3.0, 3, 3, 0);
}

TEST(RoiSampling, BorderIsHalfAPixelWideAndClamped) {
    expectSample(-0.5, 0, 0, 0);
    expectSample(4.5, 4, 4, 0);
    AxisSample<double> s;
    EXPECT_FALSE(locate(std::nextafter(-0.5, -1.0), 5, s));
    EXPECT_FALSE(locate(std::nextafter(4.5, 5.0), 5, s));
}

TEST(RoiSampling, AnyPositionStaysWithinTheAxis) {
    const float inf = std::numeric_limits<float>::infinity();
    AxisSample<float> s;
    for (float position : {inf, -inf, std::nanf(""), 1e30f, -1e30f, 1e19f}) {
        EXPECT_FALSE(locate(position, 7, s)) << position;
    }
    // Sizes that a float can't hold: the nearest one may be larger.
    for (Index size : {(Index{1} << 24) + 1, (Index{1} << 24) + 4 + 3, (Index{1} << 40) + 1}) {
        for (float position : {0.0f, 3.5f, static_cast<float>(size), static_cast<float>(size - 1),
                               std::nextafter(static_cast<float>(size), 0.0f)}) {
            if (!locate(position, size, s)) continue;
            EXPECT_GE(s.floor, 0);
            EXPECT_LE(s.floor, s.ceil);
            EXPECT_LT(s.ceil, size);
            EXPECT_GE(s.fraction, 0);
            EXPECT_LT(s.fraction, 1);
        }
    }
}

TEST(RoiSampling, AnyRoiHasNoSampleWhereItIsNotANumber) {
    const double inf = std::numeric_limits<double>::infinity();
    PsroiPoolingGeometry g{};
    g.pooledSize = 3;
    g.samplePerPart = 2;
    g.transStd = 0.1;
    AxisSample<double> s;
    for (const auto& [first, last] : {std::pair{std::nan(""), 3.0},
                                      {3.0, std::nan("")},
                                      {inf, 5.0},
                                      {-inf, 5.0},
                                      {1.0, inf},
                                      {-inf, inf},
                                      {inf, -inf},
                                      {1e300, 1e300},
                                      {-1e308, 1e308}}) {
        const RoiAxis<double> roi(first, last, 0.25);
        for (Index bin = 0; bin < 3; ++bin) {
            const BinAxis<double> axis(g, roi, bin, 0.5);
            for (Index i = 0; i < 2; ++i) EXPECT_FALSE(locate(axis.position(i), 9, s)) << first;
        }
    }
}

TEST(RoiSampling, BatchIndexIsReadInTheRoisOwnType) {
    PsroiPoolingGeometry g{};
    g.spatialScale = 1;
    for (const Index image : {(Index{1} << 24) + 1, (Index{1} << 25) - 1}) {
        double roi[] = {static_cast<double>(image), 1, 2, 3, 4};
        DeformablePsroiPoolingInputs in;
        in.type = ElementType::Float32;
        in.roisType = ElementType::Float64;
        in.rois.data = roi;
        in.rois.strides[0] = 5;
        in.rois.strides[1] = 1;
        EXPECT_EQ(readRoi<float>(g, in, 0).image, image);
    }
}

}  // namespace
}  // namespace dcn4j
