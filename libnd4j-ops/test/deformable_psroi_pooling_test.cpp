// One suite over every pooling kernel, with the reference kernel as the oracle; the reference
// itself against numerical gradients.
#include "../src/kernels/deformable_psroi_pooling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "../src/kernels/element.h"
#include "../src/kernels/registry.h"
#include "every_kernel.h"
#include "pooling_problem.h"

namespace dcn4j {
namespace {

using pooling::Case;
using pooling::Problem;

const Case cases[] = {
    {"basic", 2, 16, 20, 8, 3},
    {"one_pixel", 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {"one_bin", 1, 6, 7, 3, 4, 1, 1, 1},
    {"no_trans", 2, 16, 20, 8, 3, 1, 7, 7, 4, 1, false},
    {"classes", 2, 12, 13, 6, 6, 1, 7, 7, 4, 3},
    {"class_of_each_channel", 1, 12, 13, 5, 5, 1, 3, 3, 4, 5},
    // In the last vector, of 4, 8 or 16 numbers, the next class's channels follow.
    {"classes_that_end_within_a_short_vector", 1, 9, 9, 4, 15, 1, 2, 2, 2, 3},
    {"classes_that_end_within_a_vector", 1, 9, 9, 4, 66, 1, 2, 2, 2, 3},
    {"classes_that_end_within_a_long_vector", 1, 9, 9, 4, 58, 1, 2, 2, 2, 2},
    {"groups", 2, 12, 13, 6, 2, 3, 3, 3},
    {"groups_that_do_not_divide_the_bins", 2, 12, 13, 6, 2, 2, 7, 7},
    {"more_groups_than_bins", 1, 8, 8, 4, 2, 5, 3, 3},
    {"groups_without_trans", 1, 8, 8, 4, 2, 3, 3, 3, 4, 1, false},
    {"fewer_parts", 2, 12, 13, 6, 4, 1, 7, 3},
    {"more_parts", 2, 12, 13, 6, 4, 1, 3, 5},
    {"one_part", 2, 12, 13, 6, 4, 1, 4, 1},
    {"one_sample", 2, 12, 13, 6, 4, 1, 7, 7, 1},
    {"many_samples", 1, 12, 13, 3, 2, 1, 3, 3, 70},
    {"many_bins", 1, 20, 30, 2, 2, 1, 40, 6, 5},
    {"many_bins_of_many_channels", 1, 9, 9, 2, 64, 1, 12, 3, 2},
    {"many_channels", 1, 9, 9, 5, 100, 1, 3, 3},
    {"classes_of_many_blocks", 2, 9, 9, 4, 200, 1, 3, 3, 2, 2},
    {"blocks_of_many_classes", 1, 9, 9, 3, 130, 2, 3, 3, 2, 65},
    {"many_rois", 3, 9, 9, 150, 4, 1, 3, 3},
    {"many_runs_of_rois", 2, 9, 9, 20, 2, 1, 20, 4, 4},
    {"many_images", 21, 6, 7, 30, 2, 1, 2, 2},
    {"large_image", 1, 40, 70, 2, 5, 1, 3, 3},
    {"large_trans", 1, 12, 13, 20, 4, 1, 7, 7, 4, 2, true, 0.8},
    {"images_without_rois", 5, 8, 9, 2, 3},
    {"one_row", 1, 1, 40, 5, 3, 1, 4, 4},
    {"one_column", 1, 40, 1, 5, 3, 1, 4, 4},
    {"channels_last", 2, 12, 13, 6, 4, 2, 5, 5, 3, 2, true, 0.1, 0.25, Layout::ChannelsLast},
    {"reversed_order", 2, 12, 13, 6, 4, 2, 5, 5, 3, 2, true, 0.1, 0.25, Layout::Reversed},
    {"spread_elements", 2, 12, 13, 6, 4, 2, 5, 5, 3, 2, true, 0.1, 0.25, Layout::Spread},
};

class EveryPoolingKernel : public KernelTest<DeformablePsroiPoolingKernel, Case> {};

DCN4J_TEST_VALUES(EveryPoolingKernel, Problem)

TEST_P(EveryPoolingKernel, TakesRoisOfOtherTypes) {
    expectLikeReference<Problem<float, double>>(kernel(), shape(), 2e-5);
    expectLikeReference<Problem<double, float>>(kernel(), shape(), 1e-12);
    expectLikeReference<Problem<Float16, Float16>>(kernel(), shape(), 1e-3);
    expectLikeReference<Problem<BFloat16, double>>(kernel(), shape(), 1e-2);
}

TEST_P(EveryPoolingKernel, IgnoresThePartSizeWithoutTrans) {
    Case c = shape();
    c.trans = false;
    Problem<float> usual(c, 3), largest(c, 3);
    largest.g.partSize = std::numeric_limits<std::int32_t>::max();
    for (Problem<float>* p : {&usual, &largest}) {
        p->forward(kernel());
        p->backward(kernel());
    }
    const auto want = usual.results(), got = largest.results();
    for (std::size_t r = 0; r < want.size(); ++r) EXPECT_EQ(got[r].values, want[r].values);
}

TEST_P(EveryPoolingKernel, SurvivesAnyRoiAndAnyTrans) {
    for (int only : {-1, 0, 2}) {  // all of them, +infinity, NaN
        expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5, [&](auto& p) {
            int i = 0;
            const auto next = [&] { return positionsOutside[only < 0 ? i++ % 8 : only]; };
            for (Index r = 0; r < p.g.rois; ++r) p.rois.at(0, 0, r, 1 + r % 4) = next();
            p.trans.forEach([&](float& e) {
                if (++i % 3 == 0) e = next();
            });
        });
    }
}

TEST_P(EveryPoolingKernel, KeepsNoSampleOfRoisThatAreFarOffOrNotANumber) {
    const double inf = std::numeric_limits<double>::infinity();
    Problem<double> p(shape(), 5);
    const double extremes[] = {inf, -inf, std::nan(""), 1e30, -1e30};
    for (Index r = 0; r < p.g.rois; ++r) {
        p.setRoi(r, 0, extremes[r % 5], extremes[r / 5 % 5], extremes[r % 3], extremes[r % 4]);
    }
    p.forward(kernel());
    p.backward(kernel());
    for (const auto& result : p.results()) {
        for (double value : result.values) ASSERT_EQ(value, 0) << result.name;
    }
}

TEST_P(EveryPoolingKernel, PassesNotANumberOnAsArithmeticHasIt) {
    const float inf = std::numeric_limits<float>::infinity();
    expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5,
                                        [&](auto& p) { makeNotFinite(p.input, 41, inf); });
}

TEST_P(EveryPoolingKernel, PassesInfiniteGradientsOn) {
    expectLikeReference<Problem<float>>(
        kernel(), shape(), 2e-5,
        [](auto& p) { makeNotFinite(p.gradOutput, 97, -std::numeric_limits<float>::infinity()); },
        Infinite::OrNotANumber);
}

TEST_P(EveryPoolingKernel, GivesBinsNoGradientWhoseCountIsNotAboveZero) {
    const float counts[] = {std::nanf(""), 0, -1, 2};
    Problem<float> expected(shape(), 3), actual(shape(), 3);
    for (Problem<float>* p : {&expected, &actual}) {
        int i = 0;
        p->count.forEach([&](float& e) { e = counts[i++ % 4]; });
        p->backward(p == &actual ? kernel() : referenceOf(kernel()));
        for (double value : p->gradInput.values()) ASSERT_TRUE(std::isfinite(value));
    }
    expectLike(expected.results(), actual.results(), 2e-5);
}

TEST_P(EveryPoolingKernel, AgreesWithTheReferenceAtIntegerPositions) {
    expectLikeReference<Problem<double>>(kernel(), shape(), 1e-12, [](auto& p) {
        p.trans.forEach([](double& e) { e = 0; });
        // Bins of whole pixels that begin at a half: with two samples each other one is an integer.
        for (Index r = 0; r < p.g.rois; ++r) {
            const double size =
                static_cast<double>(p.g.pooledSize * p.g.samplePerPart) / p.g.spatialScale / 2;
            const double start = static_cast<double>(r % 3) * 2 / p.g.spatialScale;
            p.setRoi(r, 0, start + 2, start, start + size + 1, start + size - 1);
        }
    });
}

TEST_P(EveryPoolingKernel, FindsTheFirstRoiOfNoImage) {
    const double nan = std::nan("");
    Problem<float, double> p(shape(), 5);
    EXPECT_FALSE(kernel().findBadRoi(p.g, p.inputs).has_value());
    const double images = static_cast<double>(p.g.batch);
    for (const double index : {-1.0, images, 0.5, nan, 1e30}) {
        p.setRoi(p.g.rois - 1, index, 0, 0, 1, 1);
        const auto bad = kernel().findBadRoi(p.g, p.inputs);
        ASSERT_TRUE(bad.has_value()) << index;
        EXPECT_EQ(bad->row, p.g.rois - 1);
        EXPECT_TRUE(bad->batchIndex == index || std::isnan(index)) << index;
    }
}

TEST_P(EveryPoolingKernel, GivesZeroInputGradientsWithoutRois) {
    Case empty = shape();
    empty.rois = 0;
    Problem<double> p(empty, 1);
    p.forward(kernel());
    p.backward(kernel());
    for (double value : p.gradInput.values()) EXPECT_EQ(value, 0);
    empty.n = 0;
    Problem<double> none(empty, 1);
    none.forward(kernel());
    none.backward(kernel());
}

INSTANTIATE_TEST_SUITE_P(DeformablePsroiPooling, EveryPoolingKernel,
                         testing::Combine(testing::ValuesIn(poolingKernelsUnderTest()),
                                          testing::ValuesIn(cases)),
                         KernelAndCase());

TEST(PoolingReference, GradientsAgreeWithCentralDifferences) {
    const Case c{"small", 2, 9, 10, 4, 4, 2, 3, 2, 3, 2};
    Problem<double> p(c, 11);
    expectGradientsOfCentralDifferences(referenceDeformablePsroiPooling(), p, 1e-7, 1e-6,
                                        {{&p.input, &p.gradInput}, {&p.trans, &p.gradTrans}});
}

TEST(PoolingReference, PoolsAConstantToItselfAndCountsTheSamplesKept) {
    const Case c{"constant", 1, 8, 8, 2, 2, 1, 2, 2, 4, 1, false, 0, 1};
    Problem<double> p(c, 1);
    p.input.forEach([](double& e) { e = 3; });
    p.setRoi(0, 0, 1, 1, 6, 6);
    p.setRoi(1, 0, -8, 2, 7, 5);  // bins 8 pixels wide, the first of them outside
    p.forward(referenceDeformablePsroiPooling());
    EXPECT_EQ(p.output.values(), std::vector<double>({3, 3, 3, 3, 3, 3, 3, 3,  //
                                                      0, 3, 0, 3, 0, 3, 0, 3}));
    EXPECT_EQ(p.count.values(), std::vector<double>({16, 16, 16, 16, 16, 16, 16, 16,  //
                                                     0, 16, 0, 16, 0, 16, 0, 16}));
}

TEST(PoolingKernelChoice, GoesWithTheKernelsOfTheConvolution) {
    EXPECT_EQ(&Registry<DeformablePsroiPoolingKernel>::choose("reference"),
              &referenceDeformablePsroiPooling());
    for (const DeformableConv2dKernel* kernel : Registry<DeformableConv2dKernel>::all()) {
        EXPECT_STREQ(Registry<DeformablePsroiPoolingKernel>::choose(kernel->name()).name(),
                     kernel->name());
    }
    EXPECT_EQ(&Registry<DeformablePsroiPoolingKernel>::choose(nullptr),
              Registry<DeformablePsroiPoolingKernel>::all().front());
    EXPECT_THROW(Registry<DeformablePsroiPoolingKernel>::choose("mmx"), std::invalid_argument);
}

}  // namespace
}  // namespace dcn4j
