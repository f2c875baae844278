// One suite over every aggregation kernel, with the reference kernel as the oracle; the reference
// itself against numerical gradients and what it is a case of.
#include "../src/kernels/deformable_aggregation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../src/kernels/registry.h"
#include "aggregation_problem.h"
#include "convolution_problem.h"
#include "every_kernel.h"

namespace dcn4j {
namespace {

using aggregation::Case;
using aggregation::Problem;

/// Attention: any number of levels, `points` a level.
Case attention(const char* name, Index n, Index heads, Index channels,
               std::vector<aggregation::Size> levels, Index queries, Index points,
               Layout layout = Layout::Contiguous, bool planar = false) {
    Case c{name, n, heads, channels, std::move(levels), 1, points};
    c.queries = queries;
    c.layout = layout;
    c.planar = planar;
    return c;
}

/// The case, with two channels, or samples, between groups.
Case groupsApart(Case c, Layout layout = Layout::Contiguous) {
    c.apart = 2;
    c.layout = layout;
    return c;
}

const Case cases[] = {
    {"basic", 2, 2, 4, {{7, 9}}},
    {"one_pixel", 1, 1, 1, {{1, 1}}, 1, 1, 1, 1, 0, 0},
    {"one_channel_a_group", 2, 5, 1, {{6, 7}}},
    {"odd_channels", 1, 3, 13, {{8, 8}}},
    {"sixteen_channels", 2, 4, 16, {{9, 8}}},
    {"many_channels", 1, 1, 100, {{6, 6}}},
    {"many_groups", 1, 40, 3, {{5, 5}}},
    {"many_images", 21, 1, 3, {{4, 5}}},
    {"many_tiles", 2, 1, 5, {{40, 33}}},
    {"remove_center", 2, 2, 8, {{7, 9}}, 3, 3, 1, 1, 1, 1, 1, 1, true},
    {"kernel_5x3_without_center", 1, 2, 6, {{9, 8}}, 5, 3, 1, 1, 2, 1, 1, 1, true},
    {"kernel_2x4", 1, 2, 9, {{9, 8}}, 2, 4},
    {"kernel_7x7", 1, 2, 6, {{10, 10}}, 7, 7, 1, 1, 3, 3},
    {"stride_2x1", 2, 2, 8, {{11, 9}}, 3, 3, 2, 1, 0, 2},
    {"dilation_2x3", 1, 2, 8, {{11, 13}}, 3, 3, 1, 1, 2, 3, 2, 3},
    {"offset_scale_2", 1, 2, 8, {{7, 9}}, 3, 3, 1, 1, 1, 1, 1, 1, false, 2},
    {"negative_offset_scale", 1, 2, 8, {{7, 9}}, 3, 3, 1, 1, 1, 1, 1, 1, false, -0.5},
    {"offset_scale_0", 1, 2, 8, {{7, 9}}, 3, 3, 1, 1, 1, 1, 1, 1, false, 0},
    {"one_row", 1, 2, 8, {{1, 300}}},
    {"one_column", 1, 2, 8, {{300, 1}}},
    {"channels_last", 2, 3, 7, {{9, 10}}, 3, 3, 1, 1, 1, 1, 1, 1, true, 1, 0, Layout::ChannelsLast},
    {"reversed_order", 2, 3, 7, {{9, 10}}, 3, 3, 1, 1, 1, 1, 1, 1, true, 1, 0, Layout::Reversed},
    {"spread_elements", 2, 3, 7, {{9, 10}}, 3, 3, 1, 1, 1, 1, 1, 1, true, 1, 0, Layout::Spread},
    {"channels_last_not_at_16_bytes",
     2,
     2,
     8,
     {{7, 9}},
     3,
     3,
     1,
     1,
     1,
     1,
     1,
     1,
     false,
     1,
     0,
     Layout::ShiftedChannelsLast},
    {"planar_offsets",
     2,
     3,
     7,
     {{9, 10}},
     3,
     3,
     1,
     1,
     1,
     1,
     1,
     1,
     false,
     1,
     0,
     Layout::ChannelsLast,
     true},
    attention("attention", 2, 2, 4, {{6, 8}, {3, 4}}, 5, 4),
    attention("attention_of_one_level", 1, 2, 5, {{5, 7}}, 9, 3),
    attention("attention_of_five_levels", 2, 3, 33, {{8, 8}, {4, 4}, {1, 9}, {2, 2}, {1, 1}}, 20,
              2),
    attention("attention_of_one_point", 1, 8, 8, {{6, 8}, {3, 4}}, 40, 1),
    attention("attention_of_many_queries", 1, 2, 32, {{8, 8}, {4, 4}}, 300, 4),
    attention("attention_of_many_points", 1, 1, 3, {{8, 8}, {4, 4}}, 5, 70),
    attention("attention_channels_last", 2, 3, 7, {{6, 8}, {3, 4}}, 9, 4, Layout::ChannelsLast),
    attention("attention_reversed", 2, 3, 7, {{6, 8}, {3, 4}}, 9, 4, Layout::Reversed),
    attention("attention_of_large_images", 2, 4, 32, {{33, 33}}, 3, 1),
    attention("attention_planar", 2, 3, 7, {{6, 8}, {3, 4}}, 9, 4, Layout::Spread, true),
    groupsApart({"groups_apart", 2, 3, 16, {{9, 10}}}),
    groupsApart({"groups_apart_channels_last", 2, 3, 7, {{9, 10}}}, Layout::ChannelsLast),
    groupsApart(attention("attention_of_groups_apart", 2, 3, 8, {{6, 8}, {3, 4}}, 9, 4)),
    groupsApart(
        attention("attention_of_groups_apart_channels_last", 2, 3, 8, {{6, 8}, {3, 4}}, 9, 4),
        Layout::ChannelsLast),
};

class EveryAggregationKernel : public KernelTest<DeformableAggregationKernel, Case> {};

DCN4J_TEST_VALUES(EveryAggregationKernel, Problem)

TEST_P(EveryAggregationKernel, AgreesWithTheReferenceAtIntegerPositions) {
    expectLikeReference<Problem<double>>(kernel(), shape(), 1e-12, [](auto& p) {
        int i = 0;
        p.forEachSample([&](const auto& at) {
            p.setPosition(at, 0, i++ % 5 - 2);
            p.setPosition(at, 1, i++ % 3 - 1);
        });
    });
}

TEST_P(EveryAggregationKernel, SurvivesAnyLocationAndCountsItAsOutside) {
    expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5,
                                        [](auto& p) { moveOutside(p.location); });
}

TEST_P(EveryAggregationKernel, PassesNotANumberOnAsArithmeticHasIt) {
    const float inf = std::numeric_limits<float>::infinity();
    expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5, [&](auto& p) {
        for (auto& level : p.values) makeNotFinite(*level, 41, inf);
        makeNotFinite(p.weight, 53, -inf);
    });
}

TEST_P(EveryAggregationKernel, PassesInfiniteGradientsOn) {
    expectLikeReference<Problem<float>>(
        kernel(), shape(), 2e-5,
        [](auto& p) { makeNotFinite(p.gradOutput, 97, -std::numeric_limits<float>::infinity()); },
        Infinite::OrNotANumber);
}

TEST_P(EveryAggregationKernel, MakesInfiniteWhatAnInfiniteWeightWeighs) {
    const float inf = std::numeric_limits<float>::infinity();
    for (const bool atPixels : {true, false}) {
        expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5, [&](auto& p) {
            int i = 0;
            p.weight.forEach([&](float& e) {
                if (++i % 11 == 0) e = i % 2 == 0 ? inf : -inf;
            });
            if (!atPixels) return;
            p.forEachSample([&](const auto& at) {
                p.setPosition(at, 0, i++ % 5 - 2);
                p.setPosition(at, 1, i++ % 3 - 1);
            });
        });
    }
}

TEST_P(EveryAggregationKernel, IsZeroAtTheBorderWhateverThePixelsHold) {
    if (shape().queries > 0 || shape().scale == 0) return;  // no location puts them there exactly
    Problem<double> p(shape(), 7);
    for (auto& level : p.values) level->forEach([](double& e) { e = std::nan(""); });
    const Index rows = p.g.y.kernel;
    p.forEachSample([&](const auto& at) {
        // As far as takes each to column -1.
        const double scale = p.g.levels[static_cast<std::size_t>(at.level)].scaleX;
        const Index start = p.g.x.startOf(p.g.placeOf(at.tap) / rows);
        const double location = (-1 - p.g.x.originOf(at.ox)) / scale - static_cast<double>(start);
        static_cast<double*>(
            p.g.location.data)[p.g.location.at(at.n, at.oy, at.ox, at.group, at.level, at.tap, 0)] =
            location;
    });
    p.forward(kernel());
    for (const double value : p.output.values()) ASSERT_EQ(value, 0);
}

TEST_P(EveryAggregationKernel, GivesPointsTheSameBitsWhateverTheWeightsOfOthersAre) {
    Problem<float> plain(shape(), 7);
    plain.forward(kernel());
    const AggregationCall& g = plain.g;
    const Index y = g.outHeight / 2, x = g.outWidth / 2, group = g.groups - 1;
    const Index stride = g.channels + shape().apart;
    for (const float weight :
         {std::nanf(""), std::numeric_limits<float>::infinity(), 1e25f, 0.0f}) {
        Problem<float> spoilt(shape(), 7);
        static_cast<float*>(spoilt.g.weight.data)[spoilt.g.weight.at(
            0, y, x, group, spoilt.levels - 1, g.taps() / 2)] = weight;
        spoilt.forward(kernel());
        for (Index n = 0; n < g.batch; ++n)
            for (Index c = 0; c < g.groups * stride; ++c)
                for (Index oy = 0; oy < g.outHeight; ++oy)
                    for (Index ox = 0; ox < g.outWidth; ++ox) {
                        const float got = spoilt.output.at(n, c, oy, ox);
                        if (n > 0 || oy != y || ox != x || c / stride != group) {
                            ASSERT_EQ(got, plain.output.at(n, c, oy, ox)) << weight << " " << c;
                        } else if (std::isnan(weight) && c % stride < g.channels) {
                            ASSERT_TRUE(std::isnan(got)) << c;
                        }
                    }
    }
}

TEST_P(EveryAggregationKernel, GivesNotANumberForSamplesOutsideWithInfiniteGradients) {
    if (shape().scale == 0) return;  // samples are where they are
    if (shape().apart > 0) return;   // what lies between groups is not written
    Problem<float> p(shape(), 6);
    p.location.forEach([](float& e) { e = 1e5f; });
    for (Index c = 0; c < p.channels(); ++c) {
        p.gradOutput.at(0, c, 0, 0) = std::numeric_limits<float>::infinity();
    }
    p.backward(kernel());
    expectNotANumberAtTheFirstPixel(p.gradLocation, 2 * p.samples(), p.g.outWidth);
    expectNotANumberAtTheFirstPixel(p.gradWeight, p.samples(), p.g.outWidth);
    for (auto& level : p.gradValues) {
        for (const double value : level->values()) EXPECT_EQ(value, 0);
    }
}

TEST_P(EveryAggregationKernel, DoesNothingForAnEmptyBatch) {
    Case empty = shape();
    empty.n = 0;
    Problem<double> p(empty, 1);
    p.forward(kernel());
    p.backward(kernel());
    for (const Result& result : p.results()) EXPECT_TRUE(result.guardsIntact) << result.name;
}

INSTANTIATE_TEST_SUITE_P(DeformableAggregation, EveryAggregationKernel,
                         testing::Combine(testing::ValuesIn(aggregationKernelsUnderTest()),
                                          testing::ValuesIn(cases)),
                         KernelAndCase());

void expectReferenceGradients(const Case& c) {
    Problem<double> p(c, 11);
    std::vector<Differentiated> arrays{{&p.location, &p.gradLocation}, {&p.weight, &p.gradWeight}};
    for (std::size_t l = 0; l < p.values.size(); ++l) {
        arrays.push_back({p.values[l].get(), p.gradValues[l].get()});
    }
    expectGradientsOfCentralDifferences(referenceDeformableAggregation(), p, 1e-6, 1e-7, arrays);
}

TEST(AggregationReference, GradientsAgreeWithCentralDifferences) {
    expectReferenceGradients({"small", 2, 2, 3, {{5, 6}}, 3, 3, 2, 1, 1, 1, 1, 2, true, 1.5});
    expectReferenceGradients(attention("small", 2, 2, 3, {{3, 4}, {2, 2}}, 4, 2));
}

TEST(AggregationReference, IsADepthwiseConvolutionOfOnesWhoseKernelIsTransposed) {
    const Case c{"dcnv3", 2, 2, 3, {{7, 8}}, 3, 2, 2, 1, 2, 1, 1, 2};
    Problem<double> p(c, 13);
    const convolution::Case d{"depthwise", 2, 6, 7, 8, 6, 3,    2,    2,    1,
                              2,           1, 1, 2, 2, 6, true, true, false};
    convolution::Problem<double> q(d, 13);
    q.weights.forEach([](double& e) { e = 1; });
    for (Index n = 0; n < 2; ++n)
        for (Index ch = 0; ch < 6; ++ch)
            for (Index y = 0; y < 7; ++y)
                for (Index x = 0; x < 8; ++x)
                    q.input.at(n, ch, y, x) = p.values[0]->at(n, ch, y, x);
    p.forEachSample([&](const auto& at) {
        const Index i = at.tap / 3, j = at.tap % 3;  // column, row
        const Index k = at.group * 6 + j * 2 + i, from = at.group * 6 + at.tap;
        q.offset.at(at.n, 2 * k, at.oy, at.ox) = p.location.at(at.n, 2 * from + 1, at.oy, at.ox);
        q.offset.at(at.n, 2 * k + 1, at.oy, at.ox) = p.location.at(at.n, 2 * from, at.oy, at.ox);
        q.mask.at(at.n, k, at.oy, at.ox) = p.weight.at(at.n, from, at.oy, at.ox);
    });
    p.forward(referenceDeformableAggregation());
    q.forward(referenceDeformableConv2d());
    const auto want = q.output.values(), got = p.output.values();
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-13) << i;
}

TEST(AggregationKernelChoice, GoesWithTheKernelsOfTheConvolution) {
    for (const DeformableConv2dKernel* kernel : Registry<DeformableConv2dKernel>::all()) {
        EXPECT_STREQ(Registry<DeformableAggregationKernel>::choose(kernel->name()).name(),
                     kernel->name());
    }
    EXPECT_THROW(Registry<DeformableAggregationKernel>::choose("mmx"), std::invalid_argument);
}

}  // namespace
}  // namespace dcn4j
