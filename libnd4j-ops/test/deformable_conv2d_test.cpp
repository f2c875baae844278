// One suite over every kernel that this processor runs, with the reference kernel as the oracle;
// the reference itself against numerical gradients and a plain convolution.
#include "../src/kernels/deformable_conv2d.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../src/kernels/element.h"
#include "../src/kernels/registry.h"
#include "convolution_problem.h"
#include "every_kernel.h"

namespace dcn4j {
namespace {

using convolution::Case;
using convolution::laidOut;
using convolution::Problem;

const Case cases[] = {
    {"basic", 2, 16, 9, 11, 8},
    {"one_pixel", 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0},
    {"one_pixel_padded", 1, 3, 1, 1, 2},
    {"no_mask", 1, 8, 7, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, true, false, true},
    {"no_bias", 1, 8, 7, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, true, true, false},
    {"neither", 1, 8, 7, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, true, false, false},
    {"no_offset", 2, 8, 7, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, false, true},
    {"no_offset_and_outputs_of_three_half_panels", 2, 8, 7, 9, 18, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1,
     false, false, true},
    {"no_offset_and_outputs_of_three_panels", 1, 5, 9, 9, 41, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, false,
     false, false},
    {"wide_kernel_of_few_channels", 2, 3, 20, 23, 16, 7, 7, 2, 2, 3, 3, 1, 1, 1, 1, false, false},
    {"one_channel_dilated", 1, 1, 9, 17, 12, 3, 5, 1, 3, 2, 7, 2, 3, 1, 1, false, false, false},
    laidOut(Layout::Spread, {"few_channels_narrower_than_the_kernel", 3, 2, 4, 2, 9, 3, 7, 1, 1, 1,
                             6, 1, 1, 1, 1, false, false, true}),
    {"no_offset_and_negative_padding", 1, 8, 12, 12, 8, 1, 1, 3, 3, -1, -1, 1, 1, 1, 1, false,
     false},
    {"no_offset_and_padding_beyond_what_is_seen", 1, 64, 1, 1, 3, 1, 1, 11, 11, 0, 5, 1, 1, 1, 1,
     false, false},
    laidOut(Layout::RowsFirst, {"no_offset_and_weights_of_whole_vectors_by_rows", 2, 3, 5, 6, 48, 3,
                                2, 1, 1, 1, 1, 1, 1, 1, 1, false, false}),
    laidOut(Layout::RowsFirst, {"no_offset_and_weights_by_rows", 2, 3, 5, 6, 41, 3, 2, 1, 1, 1, 1,
                                1, 1, 1, 1, false, false}),
    {"odd_channels", 1, 13, 8, 8, 7},
    {"three_channels", 2, 3, 12, 10, 20},
    {"channels_of_two_blocks", 1, 100, 6, 6, 70},
    {"channels_of_many_blocks", 1, 200, 5, 5, 33},
    {"channels_of_more_blocks_than_backward_tasks", 1, 280, 12, 10, 2, 6, 5, 1, 1, 2, 2},
    {"groups", 2, 12, 6, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 4},
    {"offset_groups", 2, 12, 6, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 4, 1},
    // Several tiles of groups whose blocks share the output's gradient, and of some that do not.
    {"groups_of_three_blocks", 2, 24, 13, 12, 6, 3, 3, 1, 1, 1, 1, 1, 1, 6, 2},
    {"groups_of_two_blocks", 2, 24, 13, 12, 6, 3, 3, 1, 1, 1, 1, 1, 1, 4, 2},
    {"groups_across_offset_groups", 1, 12, 6, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1, 2, 3},
    {"depthwise_of_many_channels", 1, 70, 5, 5, 70, 3, 3, 1, 1, 1, 1, 1, 1, 2, 70},
    {"depthwise", 1, 20, 6, 6, 20, 3, 3, 1, 1, 1, 1, 1, 1, 5, 20},
    {"depthwise_of_many_tiles_and_images", 3, 70, 13, 17, 70, 3, 3, 1, 1, 1, 1, 1, 1, 1, 70},
    {"depthwise_with_a_multiplier", 2, 24, 6, 7, 72, 3, 3, 1, 1, 1, 1, 1, 1, 2, 24},
    {"depthwise_without_offset", 2, 24, 6, 7, 24, 3, 3, 1, 1, 1, 1, 1, 1, 1, 24, false, false},
    {"three_channels_a_group", 2, 93, 6, 7, 93, 3, 3, 1, 1, 1, 1, 1, 1, 1, 31},
    {"three_channels_and_five_outputs_a_group", 1, 84, 6, 7, 140, 3, 3, 1, 1, 1, 1, 1, 1, 2, 28},
    {"four_channels_a_group_across_offset_groups", 1, 24, 6, 7, 24, 3, 3, 1, 1, 1, 1, 1, 1, 4, 6},
    {"eight_channels_a_group", 1, 80, 6, 7, 80, 5, 3, 2, 1, 2, 1, 1, 1, 1, 10},
    {"eight_channels_and_one_output_a_group", 1, 80, 6, 7, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 10},
    {"offset_groups_across_small_groups", 1, 24, 6, 6, 12, 3, 3, 1, 1, 1, 1, 1, 1, 8, 4},
    laidOut(Layout::ChannelsLast,
            {"depthwise_channels_last", 2, 35, 6, 7, 35, 3, 3, 1, 1, 1, 1, 1, 1, 1, 35}),
    laidOut(Layout::Spread,
            {"small_groups_of_spread_elements", 2, 20, 6, 7, 30, 3, 3, 1, 1, 1, 1, 1, 1, 1, 10}),
    {"mask_without_offset", 1, 8, 7, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, true},
    {"no_offset_and_rows_of_several_tiles", 1, 4, 3, 601, 5, 3, 3, 1, 2, 1, 1, 1, 1, 1, 1, false,
     false},
    {"no_offset_and_dilated_rows", 1, 6, 9, 8, 16, 3, 3, 1, 1, 2, 1, 2, 1, 1, 1, false, false},
    {"pointwise_of_small_groups", 2, 24, 5, 7, 24, 1, 1, 1, 1, 0, 0, 1, 1, 1, 12, false, false},
    {"kernel_1x1", 1, 32, 9, 9, 16, 1, 1, 1, 1, 0, 0},
    {"pointwise", 2, 300, 9, 9, 40, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, false, false},
    {"pointwise_with_mask", 1, 20, 9, 9, 40, 1, 1, 1, 1, 0, 0, 1, 1, 1, 2, false},
    {"pointwise_with_stride", 1, 20, 9, 9, 40, 1, 1, 2, 2, 0, 0, 1, 1, 1, 2, false, false},
    {"kernel_5x3", 1, 9, 9, 8, 6, 5, 3, 1, 1, 2, 1},
    {"kernel_2x4", 1, 9, 9, 8, 6, 2, 4, 1, 1, 1, 1},
    {"kernel_7x7", 1, 40, 10, 10, 5, 7, 7, 1, 1, 3, 3},
    {"stride_2x1", 2, 8, 11, 9, 8, 3, 3, 2, 1, 0, 2},
    {"stride_beyond_the_kernel", 1, 8, 12, 12, 8, 2, 2, 5, 4, 0, 0},
    // A FLOAT has neither the padding nor the dilation.
    {"padding_and_dilation_beyond_exact_numbers", 1, 4, 7, 5, 3, 2, 1, (1 << 24) + 16, 1,
     (1 << 24) + 3, 0, (1 << 24) + 5},
    {"dilation_2x3", 1, 8, 11, 13, 8, 3, 3, 1, 1, 2, 3, 2, 3},
    {"negative_padding", 1, 8, 12, 12, 8, 1, 1, 3, 3, -1, -1},
    {"many_tiles", 1, 24, 40, 33, 16},
    {"output_in_pieces", 1, 6, 70, 50, 5},
    {"output_in_pieces_of_two_images", 2, 4, 61, 59, 3},
    {"parts_of_the_output_channels", 1, 5, 7, 6, 203},
    {"parts_of_the_output_channels_of_groups", 2, 6, 7, 6, 262, 3, 3, 1, 1, 1, 1, 1, 1, 1, 2},
    {"many_images", 21, 8, 4, 5, 8},
    // More than are at work at once in the backward pass, whose blocks share what is theirs alone
    // elsewhere; whose chunks of tiles do.
    {"many_images_of_many_blocks", 5, 200, 3, 3, 5},
    {"many_images_of_two_blocks", 11, 40, 4, 5, 6},
    {"many_images_of_chunks_of_tiles", 2, 16, 48, 48, 1, 1, 1, 1, 1, 0, 0, 1, 1, 16},
    // Between whose rows the backward pass leaves gaps (Blocking::pitch).
    {"rows_of_a_page", 2, 64, 5, 32, 4},
    {"rows_of_nearly_a_page", 1, 64, 5, 31, 4, 3, 3, 1, 1, 1, 1, 1, 1, 2, 1},
    {"rows_of_a_page_in_chunks_of_tiles", 3, 36, 76, 32, 3},
    {"rows_of_pages_wider_than_a_part", 1, 16, 2, 1088, 1},
    {"depthwise_with_rows_of_a_page", 1, 32, 4, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 32},
    {"rows_of_a_page_without_offset", 1, 32, 6, 32, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, false},
    laidOut(Layout::ChannelsLast, {"channels_last_with_rows_of_a_page", 1, 32, 9, 32, 8}),
    laidOut(Layout::Spread, {"spread_elements_with_rows_of_a_page", 1, 32, 9, 32, 8}),
    {"one_row", 1, 16, 1, 300, 4},
    {"one_column", 1, 16, 300, 1, 4},
    laidOut(Layout::ChannelsLast,
            {"channels_last", 2, 24, 9, 10, 18, 3, 3, 1, 1, 1, 1, 1, 1, 2, 2}),
    laidOut(Layout::Reversed, {"reversed_order", 2, 24, 9, 10, 18, 3, 3, 1, 1, 1, 1, 1, 1, 2, 2}),
    laidOut(Layout::Spread, {"spread_elements", 2, 24, 9, 10, 18, 3, 3, 1, 1, 1, 1, 1, 1, 2, 2}),
    laidOut(Layout::RowsApart, {"rows_apart", 2, 24, 9, 10, 18, 3, 3, 1, 1, 1, 1, 1, 1, 2, 2}),
    laidOut(Layout::RowsApart,
            {"rows_apart_of_many_tiles", 1, 6, 31, 35, 9, 3, 2, 1, 1, 1, 1, 1, 1, 2, 1}),
    laidOut(Layout::RowsApart, {"rows_apart_without_offset", 2, 12, 9, 10, 20, 3, 3, 1, 1, 1, 1, 1,
                                1, 1, 1, false, false}),
    laidOut(Layout::RowsApart,
            {"depthwise_with_rows_apart", 1, 20, 6, 6, 20, 3, 3, 1, 1, 1, 1, 1, 1, 5, 20}),
    laidOut(Layout::Shifted, {"not_at_16_bytes", 2, 16, 8, 8, 16}),
    laidOut(Layout::ShiftedChannelsLast, {"channels_last_not_at_16_bytes", 2, 16, 8, 8, 16}),
};

class EveryKernel : public KernelTest<DeformableConv2dKernel, Case> {};

DCN4J_TEST_VALUES(EveryKernel, Problem)

/// What a forward pass adds lies as its output does, or otherwise.
template <class Element>
void expectEpilogueOfOpsOfTheirOwn(const DeformableConv2dKernel& kernel, const Case& c) {
    Problem<Element> plain(c, 7);
    plain.forward(kernel);
    const auto results = plain.output.values();
    const Layout other = c.layout == Layout::Contiguous ? Layout::Reversed : Layout::Contiguous;
    for (const Layout layout : {c.layout, other}) {
        Problem<Element> fused(c, 7);
        const Conv2dGeometry& g = fused.g;
        Array<Element> addend({g.batch, g.outChannels, g.outHeight, g.outWidth}, layout);
        std::mt19937 random(8);
        fill(addend, random);
        addend.at(0, 0, 0, 0) = narrow<Element>(ComputeType<Element>(std::nanf("")));
        fused.inputs.addend = addend.tensor();
        fused.inputs.rectified = true;
        fused.forward(kernel);
        const auto addends = addend.values(), got = fused.output.values();
        ASSERT_TRUE(std::isnan(got[0]));
        for (std::size_t i = 1; i < got.size(); ++i) {
            using Real = ComputeType<Element>;
            const auto sum =
                narrow<Element>(static_cast<Real>(results[i]) + static_cast<Real>(addends[i]));
            ASSERT_EQ(got[i], std::max<double>(widen(sum), 0)) << i;
        }
        EXPECT_TRUE(fused.output.guardsIntact());
    }
}

TEST_P(EveryKernel, AddsAndRectifiesAsOpsOfTheirOwnWould) {
    if (!kernel().takesEpilogue()) GTEST_SKIP();
    expectEpilogueOfOpsOfTheirOwn<float>(kernel(), shape());
    expectEpilogueOfOpsOfTheirOwn<Float16>(kernel(), shape());
}

TEST_P(EveryKernel, AddsToTheInputsGradientAsAnOpOfItsOwnWould) {
    Problem<float> plain(shape(), 7), fused(shape(), 7);
    fused.inputs.addend = fused.input.tensor();
    plain.backward(kernel());
    fused.backward(kernel());
    const auto gradients = plain.gradInput.values(), addends = plain.input.values();
    const auto got = fused.gradInput.values();
    for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(got[i], static_cast<float>(gradients[i]) + static_cast<float>(addends[i])) << i;
    }
    EXPECT_TRUE(fused.gradInput.guardsIntact());
    EXPECT_EQ(fused.gradWeights.values(), plain.gradWeights.values());
}

TEST_P(EveryKernel, SurvivesAnyOffsetAndCountsItAsOutside) {
    const auto change = [](Problem<float>& p) { moveOutside(p.offset); };
    expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5, change);
    Problem<float> p(shape(), 5);
    change(p);
    for (const Result& result : forwardAndBackward(p, kernel())) {
        for (const double value : result.values) ASSERT_TRUE(std::isfinite(value)) << result.name;
    }
}

TEST_P(EveryKernel, PassesNotANumberOnAsArithmeticHasIt) {
    const float inf = std::numeric_limits<float>::infinity();
    expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5, [&](auto& p) {
        makeNotFinite(p.input, 41, inf);
        makeNotFinite(p.mask, 53, -inf);
    });
}

TEST_P(EveryKernel, PassesInfiniteGradientsOn) {
    expectLikeReference<Problem<float>>(
        kernel(), shape(), 2e-5,
        [](auto& p) { makeNotFinite(p.gradOutput, 97, -std::numeric_limits<float>::infinity()); },
        Infinite::OrNotANumber);
}

TEST_P(EveryKernel, MakesInfiniteWhatAnInfiniteMaskWeighs) {
    if (!shape().mask) return;
    const float inf = std::numeric_limits<float>::infinity();
    for (const bool atPixels : {true, false}) {
        expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5, [&](auto& p) {
            int i = 0;
            p.mask.forEach([&](float& e) {
                if (++i % 11 == 0) e = i % 2 == 0 ? inf : -inf;
            });
            if (!atPixels) return;
            p.offset.forEach([&](float& e) { e = static_cast<float>(i++ % 5 - 2); });
        });
    }
}

TEST_P(EveryKernel, GivesPixelsTheSameBitsWhateverTheMasksOfOthersAre) {
    if (!shape().mask) return;
    Problem<float> plain(shape(), 7);
    plain.forward(kernel());
    const Conv2dGeometry& g = plain.g;
    const Index y = g.outHeight / 2, x = g.outWidth / 2, offsetGroup = g.offsetGroups - 1;
    const auto reads = [&](Index o) {
        const Index first = o / g.outChannelsPerGroup() * g.channelsPerGroup();
        return first + g.channelsPerGroup() > offsetGroup * g.channelsPerOffsetGroup();
    };
    for (const float mask : {std::nanf(""), std::numeric_limits<float>::infinity(), 1e25f}) {
        Problem<float> spoilt(shape(), 7);
        spoilt.mask.at(0, offsetGroup * g.taps() + g.taps() / 2, y, x) = mask;
        spoilt.forward(kernel());
        for (Index n = 0; n < g.batch; ++n)
            for (Index o = 0; o < g.outChannels; ++o)
                for (Index oy = 0; oy < g.outHeight; ++oy)
                    for (Index ox = 0; ox < g.outWidth; ++ox) {
                        const float got = spoilt.output.at(n, o, oy, ox);
                        if (n > 0 || oy != y || ox != x || !reads(o)) {
                            ASSERT_EQ(got, plain.output.at(n, o, oy, ox)) << mask << " " << o;
                        } else if (std::isnan(mask)) {
                            ASSERT_TRUE(std::isnan(got)) << o;
                        }
                    }
    }
}

TEST_P(EveryKernel, LooksAtNoStrideOfADimensionOfOneElement) {
    Problem<float> plain(shape(), 7), far(shape(), 7);
    const Conv2dGeometry& g = far.g;
    const Index samples = g.offsetGroups * g.taps();
    const auto images = [&](Tensor<4>& array, Index channels) {
        array = withFarUnusedStrides(array, {g.batch, channels, g.height, g.width});
    };
    const auto outputs = [&](Tensor<4> array, Index channels) {
        return withFarUnusedStrides(array, {g.batch, channels, g.outHeight, g.outWidth});
    };
    for (Tensor<4>* array : {&far.inputs.input, &far.gradients.input}) images(*array, g.channels);
    for (Tensor<4>* array : {&far.inputs.weights, &far.gradients.weights})
        *array = withFarUnusedStrides(*array,
                                      {g.outChannels, g.channelsPerGroup(), g.kernelH, g.kernelW});
    for (Tensor<4>* array : {&far.inputs.offset, &far.gradients.offset})
        *array = outputs(*array, 2 * samples);
    for (Tensor<4>* array : {&far.inputs.mask, &far.gradients.mask})
        *array = outputs(*array, samples);
    const auto want = forwardAndBackward(plain, kernel());
    kernel().forward(g, far.inputs, outputs(far.output.tensor(), g.outChannels), 2);
    kernel().backward(g, far.inputs, outputs(far.gradOutput.tensor(), g.outChannels), far.gradients,
                      2);
    const auto got = far.results();
    for (std::size_t r = 0; r < want.size(); ++r)
        EXPECT_EQ(got[r].values, want[r].values) << got[r].name;
}

TEST_P(EveryKernel, GivesNotANumberForSamplesOutsideWithInfiniteGradients) {
    if (!shape().offset) return;  // samples are where they are
    Problem<float> p(shape(), 6);
    p.offset.forEach([](float& e) { e = 1e5f; });
    for (Index o = 0; o < p.g.outChannels; ++o) {
        p.gradOutput.at(0, o, 0, 0) = std::numeric_limits<float>::infinity();
    }
    p.backward(kernel());
    const Index samples = p.g.offsetGroups * p.g.taps();
    expectNotANumberAtTheFirstPixel(p.gradOffset, 2 * samples, p.g.outWidth);
    if (shape().mask) expectNotANumberAtTheFirstPixel(p.gradMask, samples, p.g.outWidth);
    for (const double value : p.gradInput.values()) EXPECT_EQ(value, 0);
}

TEST_P(EveryKernel, GivesZeroWeightGradientsForAnEmptyBatch) {
    Case empty = shape();
    empty.n = 0;
    Problem<double> p(empty, 1);
    p.forward(kernel());
    p.backward(kernel());
    for (auto* gradient : {&p.gradWeights, p.gradients.bias.present() ? &p.gradBias : nullptr}) {
        if (gradient == nullptr) continue;
        for (double value : gradient->values()) EXPECT_EQ(value, 0);
    }
}

INSTANTIATE_TEST_SUITE_P(DeformableConv2d, EveryKernel,
                         testing::Combine(testing::ValuesIn(convolutionKernelsUnderTest()),
                                          testing::ValuesIn(cases)),
                         KernelAndCase());

/// So many that a forward pass takes them in two waves.
TEST(ConvolutionOfManyImages, ReadsEachFromItsOwn) {
    for (const bool offset : {true, false}) {
        const Case c{"many", 130, 8, 32, 33, 3, 1, 1, 31, 32, 0, 0, 1, 1, 1, 1, offset, false};
        Problem<float> p(c, 7);
        p.forward(referenceDeformableConv2d());
        const auto want = p.output.values();
        for (const DeformableConv2dKernel* kernel : convolutionKernelsUnderTest()) {
            p.forward(*kernel);
            const auto got = p.output.values();
            for (std::size_t i = 0; i < want.size(); ++i) {
                ASSERT_NEAR(got[i], want[i], 1e-4) << kernel->name() << " at " << i;
            }
            p.output.forEach([](float& e) { e = 9; });
        }
    }
}

TEST(Reference, GradientsAgreeWithCentralDifferences) {
    const Case c{"small", 2, 4, 5, 6, 4, 3, 2, 2, 1, 1, 1, 1, 2, 2, 2};
    Problem<double> p(c, 11);
    expectGradientsOfCentralDifferences(referenceDeformableConv2d(), p, 1e-6, 1e-7,
                                        {{&p.input, &p.gradInput},
                                         {&p.weights, &p.gradWeights},
                                         {&p.offset, &p.gradOffset},
                                         {&p.mask, &p.gradMask},
                                         {&p.bias, &p.gradBias}});
}

TEST(Reference, ZeroOffsetIsAPlainConvolution) {
    const Case c{"plain", 2, 6, 7, 8, 4, 3, 3, 2, 1, 1, 2, 1, 2, 1, 2, true, false, true};
    Problem<double> p(c, 13);
    p.offset.forEach([](double& e) { e = 0; });
    p.forward(referenceDeformableConv2d());
    const Conv2dGeometry& g = p.g;
    for (Index n = 0; n < g.batch; ++n)
        for (Index o = 0; o < g.outChannels; ++o)
            for (Index oy = 0; oy < g.outHeight; ++oy)
                for (Index ox = 0; ox < g.outWidth; ++ox) {
                    double sum = p.bias.at(0, 0, 0, o);
                    for (Index c0 = 0; c0 < 3; ++c0)
                        for (Index ky = 0; ky < 3; ++ky)
                            for (Index kx = 0; kx < 3; ++kx) {
                                const Index y = oy * 2 - 1 + ky, x = ox - 2 + 2 * kx;
                                if (y < 0 || y >= 7 || x < 0 || x >= 8) continue;
                                sum += p.input.at(n, o / 2 * 3 + c0, y, x) *
                                       p.weights.at(o, c0, ky, kx);
                            }
                    ASSERT_NEAR(p.output.at(n, o, oy, ox), sum, 1e-12);
                }
}

TEST(KernelChoice, NamesEachKernelAndRefusesOthers) {
    EXPECT_STREQ(Registry<DeformableConv2dKernel>::choose("reference").name(), "reference");
    EXPECT_STREQ(Registry<DeformableConv2dKernel>::choose("baseline").name(), "baseline");
    EXPECT_EQ(&Registry<DeformableConv2dKernel>::choose(nullptr),
              Registry<DeformableConv2dKernel>::all().front());
    try {
        Registry<DeformableConv2dKernel>::choose("mmx");
        FAIL() << "no exception";
    } catch (const std::invalid_argument& e) {
        EXPECT_NE(std::string(e.what()).find("DCN4J_KERNEL"), std::string::npos);
        EXPECT_NE(std::string(e.what()).find("baseline"), std::string::npos);
        EXPECT_NE(std::string(e.what()).find("mmx"), std::string::npos);
    }
}

}  // namespace
}  // namespace dcn4j
