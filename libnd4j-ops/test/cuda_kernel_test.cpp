// What is particular to the CUDA kernels; what they share with the others is in the suites.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "../src/kernels/cuda/deformable_conv2d.h"
#include "../src/kernels/element.h"
#include "convolution_problem.h"
#include "on_device.h"
#include "results.h"
#if defined(DCN4J_CUDA_EMULATED)
#include "../src/kernels/cuda/device.h"
#include "../src/kernels/cuda/sample_places.h"
#include "../src/kernels/cuda/sample_table.h"
#include "../src/kernels/cuda/workspace.h"
#endif

namespace dcn4j {
namespace {

/// A convolution of floats whose samples lie as `offsetOf` says.
struct Problem {
    Conv2dGeometry g;
    std::vector<float> input, weights, offset, mask, bias, output, gradOutput;
    std::vector<float> gradInput, gradWeights, gradOffset, gradMask, gradBias;
    DeformableConv2dInputs inputs;

    Problem(Index channels, Index outChannels, Index height, Index width)
        : g{1, channels, height, width, outChannels, height, width, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1} {
        const auto make = [](Index count, unsigned seed) {
            std::mt19937 random(seed);
            std::uniform_real_distribution<float> uniform(-1, 1);
            std::vector<float> values(static_cast<std::size_t>(count));
            for (float& value : values) value = uniform(random);
            return values;
        };
        input = gradInput = make(channels * g.pixels(), 1);
        weights = gradWeights = make(outChannels * channels * 9, 2);
        offset = gradOffset = make(18 * g.outPixels(), 3);
        mask = gradMask = make(9 * g.outPixels(), 4);
        bias = gradBias = make(outChannels, 5);
        output = make(outChannels * g.outPixels(), 6);
        gradOutput = make(outChannels * g.outPixels(), 7);
        inputs = {ElementType::Float32, image(input, channels), {},
                  image(offset, 18),    image(mask, 9),         vector(bias)};
        inputs.weights = weightTensor(weights);
    }

    Tensor<4> image(std::vector<float>& values, Index channels) const {
        Tensor<4> t;
        t.data = values.data();
        const Index strides[] = {channels * g.pixels(), g.pixels(), g.width, 1};
        std::copy(std::begin(strides), std::end(strides), t.strides);
        return t;
    }
    Tensor<4> weightTensor(std::vector<float>& values) const {
        Tensor<4> t;
        t.data = values.data();
        const Index strides[] = {g.channels * 9, 9, 3, 1};
        std::copy(std::begin(strides), std::end(strides), t.strides);
        return t;
    }
    static Tensor<1> vector(std::vector<float>& values) {
        Tensor<1> t;
        t.data = values.data();
        t.strides[0] = 1;
        return t;
    }

    void run(const DeformableConv2dKernel& kernel) {
        kernel.forward(g, inputs, image(output, g.outChannels), 1);
        kernel.backward(g, inputs, image(gradOutput, g.outChannels),
                        {image(gradInput, g.channels), weightTensor(gradWeights),
                         image(gradOffset, 18), image(gradMask, 9), vector(gradBias)},
                        1);
    }

    std::vector<const std::vector<float>*> results() const {
        return {&output, &gradInput, &gradWeights, &gradOffset, &gradMask, &gradBias};
    }
};

void expectNear(const Problem& got, const Problem& want, double tolerance) {
    const auto g = got.results(), w = want.results();
    for (std::size_t r = 0; r < g.size(); ++r) {
        double scale = 1e-30;
        for (float value : *w[r]) scale = std::max(scale, std::fabs(static_cast<double>(value)));
        for (std::size_t i = 0; i < g[r]->size(); ++i)
            ASSERT_NEAR((*g[r])[i], (*w[r])[i], tolerance * scale) << "result " << r << " at " << i;
    }
}

TEST(CudaConvolution, Tf32IsCloseAndNotTheDefault) {
    const cuda::FusedDeformableConv2d exact(nullptr, false), tf32(nullptr, true);
    Problem a(40, 70, 9, 8), b(40, 70, 9, 8), c(40, 70, 9, 8);
    a.run(referenceDeformableConv2d());
    b.run(DeformableConv2dOnDevice(exact, nullptr));
    c.run(DeformableConv2dOnDevice(tf32, nullptr));
    expectNear(b, a, 2e-5);
    expectNear(c, a, 3e-3);
    const bool hasTf32 = cuda::capabilityOfCurrentDevice() >= 80;
    EXPECT_EQ(b.output != c.output, hasTf32);
}

TEST(CudaConvolution, ManySamplesOfOnePixelAreAddedInOrder) {
    // Every sample near one pixel: lists far longer than a thread sorts.
    const cuda::FusedDeformableConv2d fused(nullptr, false);
    const auto gather = [](Problem& p) {
        std::mt19937 random(3);
        std::uniform_real_distribution<float> near(0.1f, 0.9f);
        for (Index tap = 0; tap < 9; ++tap)
            for (Index at = 0; at < p.g.outPixels(); ++at) {
                const Index y = p.g.baseRow(at / p.g.width, tap / 3);
                const Index x = p.g.baseColumn(at % p.g.width, tap % 3);
                p.offset[static_cast<std::size_t>(2 * tap * p.g.outPixels() + at)] =
                    4 + near(random) - static_cast<float>(y);
                p.offset[static_cast<std::size_t>((2 * tap + 1) * p.g.outPixels() + at)] =
                    5 + near(random) - static_cast<float>(x);
            }
    };
    Problem want(4, 6, 20, 31), got(4, 6, 20, 31);
    gather(want);
    gather(got);
    want.run(referenceDeformableConv2d());
    got.run(DeformableConv2dOnDevice(fused, nullptr));
    expectNear(got, want, 5e-5);
    for (int i = 0; i < 3; ++i) {
        Problem again(4, 6, 20, 31);
        gather(again);
        again.run(DeformableConv2dOnDevice(fused, nullptr));
        const auto a = again.results(), g = got.results();
        for (std::size_t r = 0; r < a.size(); ++r) EXPECT_EQ(*a[r], *g[r]) << r;
    }
}

TEST(CudaConvolution, ColumnsMayBeMadeOfFewTapsOrImagesAtATime) {
    const convolution::Case shapes[] = {
        {"of_nine_taps", 3, 6, 9, 11, 5, 3, 3, 1, 1, 1, 1, 1, 1, 2},
        {"of_25_taps", 3, 4, 9, 8, 4, 5, 5, 1, 1, 2, 2, 1, 1, 1, 1},
    };
    // One tap, a few, all of one image and of two; samples of one image at a time.
    for (const auto& shape : shapes) {
        for (const Index bytes : {1, 10000, 40000, 80000}) {
            SCOPED_TRACE(shape.name + std::to_string(bytes));
            const cuda::FusedDeformableConv2d kernel(nullptr, false, bytes);
            const DeformableConv2dOnDevice onDevice(kernel, nullptr);
            compareWithReference<convolution::Problem<float>, DeformableConv2dKernel>(
                referenceDeformableConv2d(), onDevice, shape, 2e-5, [](auto&) {});
        }
    }
}

/// So many images at a time that the last are fewer, and leave nothing in some slots of pixels.
TEST(CudaConvolution, WeightsGradientsOfFewImagesAtATimeAddUp) {
    const convolution::Case shape{"of_three_images", 3, 5, 20, 30, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    for (const Index images : {1, 2}) {
        SCOPED_TRACE(images);
        const Index entries = images * 9 * 21 * 31;
        const cuda::FusedDeformableConv2d kernel(nullptr, false, 128 * entries);
        compareWithReference<convolution::Problem<float>, DeformableConv2dKernel>(
            referenceDeformableConv2d(), DeformableConv2dOnDevice(kernel, nullptr), shape, 2e-5,
            [](auto&) {});
    }
}

/// The images' last step of 42 pixels is not full, and what fills it is no sample of a pixel.
TEST(CudaConvolution, WhatFillsTheLastStepReadsNothing) {
    const auto expectFinite = [](auto element) {
        using Element = decltype(element);
        const cuda::FusedDeformableConv2d kernel(nullptr, true);
        convolution::Problem<Element> p({"of_42_pixels", 1, 8, 7, 6, 8}, 7);
        for (Index c = 0; c < 8; ++c)
            p.input.at(0, c, 0, 0) =
                narrow<Element>(std::numeric_limits<ComputeType<Element>>::infinity());
        // The last tap reads no pixel of the first row.
        p.offset.forEach([](Element& e) { e = narrow<Element>(ComputeType<Element>{0}); });
        for (const auto& result :
             forwardAndBackward(p, DeformableConv2dOnDevice(kernel, nullptr))) {
            if (result.name != "gradWeights") continue;
            for (std::size_t i = 8; i < result.values.size(); i += 9)
                EXPECT_TRUE(std::isfinite(result.values[i])) << i;
            return;
        }
        FAIL() << "no gradient";
    };
    expectFinite(float{});
    expectFinite(double{});
    expectFinite(Float16{});
    expectFinite(BFloat16{});
}

TEST(CudaConvolution, TwentyRunsGiveTheSameBits) {
    const cuda::FusedDeformableConv2d fused(nullptr, false), tf32(nullptr, true);
    for (const auto* kernel : {&fused, &tf32}) {
        Problem first(24, 16, 12, 13);
        first.run(DeformableConv2dOnDevice(*kernel, nullptr));
        for (int run = 0; run < 20; ++run) {
            Problem again(24, 16, 12, 13);
            again.run(DeformableConv2dOnDevice(*kernel, nullptr));
            const auto a = again.results(), f = first.results();
            for (std::size_t r = 0; r < a.size(); ++r) EXPECT_EQ(*a[r], *f[r]) << r;
        }
    }
}

/// Outputs for every width of tile; more than 128 rows and less; one run a step and several; few
/// channels of a step and more than two steps of them; taps planned all at a time and in three
/// parts.
const convolution::Case tileShapes[] = {
    {"of_32_columns", 1, 20, 13, 11, 20},
    {"of_64_columns", 1, 20, 13, 11, 50},
    {"of_128_columns", 1, 36, 13, 11, 100},
    {"of_128_columns_of_few_channels", 1, 20, 7, 6, 100},
    {"of_203_channels", 1, 203, 7, 6, 20},
    {"of_256_columns", 1, 20, 13, 11, 203},
    {"of_three_times_128", 1, 8, 5, 6, 300},
    {"of_narrow_segments", 1, 12, 9, 7, 40, 3, 3, 1, 1, 1, 1, 1, 1, 3, 1},
    {"of_32_columns_and_25_taps", 1, 72, 13, 11, 20, 5, 5, 1, 1, 2, 2, 1, 1, 2, 1},
    {"of_64_columns_and_deep_steps", 2, 100, 9, 8, 50},
    {"of_256_columns_and_deep_steps", 1, 110, 13, 11, 203},
};

template <class Element>
void expectLikeReference(const convolution::Case& shape, bool tf32, double tolerance,
                         int multiprocessors = 0) {
    SCOPED_TRACE(shape.name);
    const cuda::FusedDeformableConv2d kernel(
        nullptr, tf32, cuda::FusedDeformableConv2d::columnBytes, multiprocessors);
    const DeformableConv2dOnDevice onDevice(kernel, nullptr);
    compareWithReference<convolution::Problem<Element>, DeformableConv2dKernel>(
        referenceDeformableConv2d(), onDevice, shape, tolerance, [](auto&) {});
}

/// For one multiprocessor no tile is too large: on a device that has many, small shapes would come
/// to the smallest alone.
TEST(CudaConvolution, EveryTileOfThisDeviceAgreesWithTheReference) {
    for (const auto& shape : tileShapes) {
        expectLikeReference<float>(shape, false, 2e-5, 1);
        expectLikeReference<float>(shape, true, 3e-3, 1);
        expectLikeReference<double>(shape, false, 1e-12, 1);
        expectLikeReference<Float16>(shape, false, 1e-3, 1);
        expectLikeReference<BFloat16>(shape, false, 1e-2, 1);
    }
}

#if defined(DCN4J_CUDA_EMULATED)

/// Another device for one scope.
class EmulatedDevice {
  public:
    /// `compiled`: the latest compute capability that there is code for.
    EmulatedDevice(int capability, int multiprocessors, int compiled = 90) {
        // What is known of a device is known by its number.
        static int devices = 0;
        cuda_emulation::device = ++devices;
        cuda_emulation::computeCapability = capability;
        cuda_emulation::compiledCapability = compiled;
        cuda_emulation::multiprocessors = multiprocessors;
    }
    ~EmulatedDevice() {
        cuda_emulation::device = device_;
        cuda_emulation::compiledCapability = compiledCapability_;
        cuda_emulation::computeCapability = capability_;
        cuda_emulation::multiprocessors = multiprocessors_;
    }
    EmulatedDevice(const EmulatedDevice&) = delete;
    EmulatedDevice& operator=(const EmulatedDevice&) = delete;

  private:
    const int device_ = cuda_emulation::device;
    const int capability_ = cuda_emulation::computeCapability;
    const int compiledCapability_ = cuda_emulation::compiledCapability;
    const int multiprocessors_ = cuda_emulation::multiprocessors;
};

TEST(CudaConvolution, APlannedSampleReadsTheCornersThatTheRuleSays) {
    const Conv2dGeometry g{1, 1, 5, 7, 1, 5, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    const cuda::SampledPlane plane(g, true);
    constexpr float infinite = std::numeric_limits<float>::infinity();
    const float places[] = {
        -infinite,   -1e30f,     -3e9f,       -2.5f,
        -1.0000001f, -1,         -0.9999999f, -0.25f,
        -1e-30f,     -0.0f,      0,           1e-30f,
        0.5f,        3,          3.75f,       4,
        4.5f,        4.9999995f, 5,           6,
        6.5f,        6.9999995f, 7,           7.25f,
        3e9f,        1e30f,      infinite,    std::numeric_limits<float>::quiet_NaN()};
    cuda::SampleTable<float, 1> table;
    for (const float y : places) {
        for (const float x : places) {
            table.plan(0, plane, 100, y, x);
            const auto rule = locate<float, int>(y, x, {5, 7}, 5, 7);
            for (int i = 0; i < Corners; ++i) {
                const bool read = rule.between && rule.pixel[i] < 35;
                EXPECT_EQ(table.pixel[0][i], read ? 100 + rule.pixel[i] : -1) << y << " " << x;
                if (read) {
                    EXPECT_NEAR(table.weight[0][i], rule.weight[i], 1.2e-7f) << y << " " << x;
                }
                EXPECT_TRUE(std::isfinite(table.weight[0][i])) << y << " " << x;
            }
        }
    }
}

TEST(CudaConvolution, AStoredPlaceOfZerosReadsNothing) {
    const Conv2dGeometry g{1, 1, 5, 7, 1, 5, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    const cuda::SampledPlane plane(g, true);
    const cuda::StoredPlace<float> place({1.5f, 2.5f, 3}, 35);
    EXPECT_EQ(place.firstPixel(), 35);
    cuda::SampleTable<float, 1> table;
    table.plan(0, plane, place.firstPixel(), place.y, place.x);
    EXPECT_EQ(table.pixel[0][TopLeft], 35 + 9);
    const cuda::StoredPlace<float> zeros{};
    table.plan(0, plane, zeros.firstPixel(), zeros.y, zeros.x);
    for (const int pixel : table.pixel[0]) EXPECT_LT(pixel, 0);
}

/// What no call has got, the pool need not keep for the next.
TEST(CudaWorkspace, APoolKeepsWhatACallHasTaken) {
    const EmulatedDevice device(80, 1);
    const auto take = [](Index bytes) {
        cuda::Workspace workspace(nullptr);
        workspace.reserve<char>(bytes);
        workspace.allocate();
    };
    cuda_emulation::keptByPool = 0;
    cuda_emulation::memoryLimit = std::size_t{400} << 20;
    EXPECT_THROW(take(Index{1} << 40), cuda::OutOfMemory);
    EXPECT_EQ(cuda_emulation::keptByPool, 0u);
    take(1000);
    EXPECT_EQ(cuda_emulation::keptByPool, cuda::Workspace::keptBytes);
    take(Index{300} << 20);
    EXPECT_EQ(cuda_emulation::keptByPool, std::size_t{300} << 20);
    take(1000);
    EXPECT_EQ(cuda_emulation::keptByPool, std::size_t{300} << 20);
    cuda_emulation::memoryLimit = ~std::size_t{0};
}

TEST(CudaConvolution, AStrideThatIsNotUsedAsksForNoOtherKernel) {
    convolution::Problem<float> p({"one_row", 1, 8, 1, 30, 8, 1, 1, 1, 1, 0, 0}, 7);
    p.inputs.offset.strides[0] = p.inputs.offset.strides[2] = Index{1} << 40;
    for (const int d : {0, 1, 2}) p.inputs.mask.strides[d] = Index{1} << 40;
    cuda_emulation::forgetKernelsRun();
    const cuda::FusedDeformableConv2d kernel(nullptr, false);
    forwardAndBackward(p, DeformableConv2dOnDevice(kernel, nullptr));
    EXPECT_EQ(cuda_emulation::kernelsRun("deformable_conv2d"), 1u);
    EXPECT_EQ(cuda_emulation::kernelsRun("deformable_conv2d_bp, weights"), 1u);
    EXPECT_EQ(cuda_emulation::kernelsRun("deformable_conv2d, reference"), 0u);
    EXPECT_EQ(cuda_emulation::kernelsRun("deformable_conv2d_bp, weights, reference"), 0u);
}

TEST(CudaConvolution, ADeviceWithoutCodeIsRefused) {
    const EmulatedDevice maxwell(52, 1);
    EXPECT_THROW(cuda::FusedDeformableConv2d(nullptr, false), std::runtime_error);
    // The failure is not the next call's.
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(CudaConvolution, EveryTileOfEveryCapabilityAgreesWithTheReference) {
    cuda_emulation::forgetKernelsRun();
    for (const auto& shape : tileShapes) {
        for (int multiprocessors : {1, 1000}) {
            const EmulatedDevice ampere(80, multiprocessors);
            expectLikeReference<float>(shape, false, 2e-5);
            expectLikeReference<float>(shape, true, 3e-3);
            expectLikeReference<Float16>(shape, false, 1e-3);
            expectLikeReference<BFloat16>(shape, false, 1e-2);
        }
        for (int multiprocessors : {1, 1000}) {
            // Has not the memory to plan several taps at a time.
            const EmulatedDevice ada(89, multiprocessors);
            expectLikeReference<float>(shape, true, 3e-3);
            expectLikeReference<Float16>(shape, false, 1e-3);
            expectLikeReference<BFloat16>(shape, false, 1e-2);
            const EmulatedDevice volta(70, multiprocessors);
            expectLikeReference<Float16>(shape, false, 1e-3);
            const EmulatedDevice pascal(60, multiprocessors);
            expectLikeReference<double>(shape, false, 1e-12);
            expectLikeReference<Float16>(shape, false, 1e-3);
            expectLikeReference<BFloat16>(shape, false, 1e-2);
        }
    }
    // All that there are. Forward, of five tiles, as they are and for narrow segments: 6 of each
    // type by multiply-adds and of HALF on 7.0; 10 more by taps of TF32, HALF and BFLOAT16, which
    // have 6 without; 2 in double. Backward five tiles and two, of which double has one.
    EXPECT_EQ(cuda_emulation::kernelsRun("deformable_conv2d"), 4 * 6u + 3 * (6u + 10u) + 2u);
    EXPECT_EQ(cuda_emulation::kernelsRun("deformable_conv2d_bp, columns"), 7 * 5u + 1u);
    EXPECT_EQ(cuda_emulation::kernelsRun("deformable_conv2d_bp, weights"), 7 * 2u + 1u);
}

/// Channels that are no multiple of 16 bytes, in all kinds of steps, and groups that are not
/// nested.
const convolution::Case paddedShapes[] = {
    {"of_three_channels", 1, 3, 9, 7, 5},
    {"of_13_channels", 2, 13, 9, 8, 40},
    {"of_101_channels", 1, 101, 7, 6, 130},
    {"of_groups_that_are_not_nested", 1, 30, 7, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1, 2, 3},
};

TEST(CudaConvolution, AnInfiniteMaskComesThroughNoPadding) {
    for (const auto& shape : paddedShapes) {
        SCOPED_TRACE(shape.name);
        for (const int capability : {90, 89, 60}) {
            for (const float value : {std::numeric_limits<float>::infinity(), 1e25f}) {
                const EmulatedDevice device(capability, 1);
                const cuda::FusedDeformableConv2d kernel(nullptr, false);
                const DeformableConv2dOnDevice onDevice(kernel, nullptr);
                compareWithReference<convolution::Problem<float>, DeformableConv2dKernel>(
                    referenceDeformableConv2d(), onDevice, shape, 2e-5, [&](auto& p) {
                        p.input.forEach([](float& e) { e = std::fabs(e) + 0.1f; });
                        p.weights.forEach([](float& e) { e = std::fabs(e) + 0.1f; });
                        p.mask.at(0, 4, 3, 2) = value;
                        // A sample of one pixel, with three corners of weight zero.
                        p.offset.at(0, 8, 3, 2) = p.offset.at(0, 9, 3, 2) = 0;
                    });
                const cuda::FusedDeformableConv2d half(nullptr, true);
                const DeformableConv2dOnDevice halfOnDevice(half, nullptr);
                compareWithReference<convolution::Problem<Float16>, DeformableConv2dKernel>(
                    referenceDeformableConv2d(), halfOnDevice, shape, 2e-3, [&](auto& p) {
                        p.input.forEach([](Float16& e) { e.bits &= 0x7fff; });
                        p.weights.forEach([](Float16& e) { e.bits &= 0x7fff; });
                        p.mask.at(0, 4, 3, 2) = narrow<Float16>(value);
                    });
            }
        }
    }
}

/// The mask's gradient of a case in which every number is positive, and one of the output's
/// gradient infinite.
template <class Element>
std::vector<double> gradMaskOfAnInfiniteGradient(const convolution::Case& shape,
                                                 const DeformableConv2dKernel& kernel) {
    convolution::Problem<Element> p(shape, 7);
    const auto makePositive = [](Element& e) {
        e = narrow<Element>(std::fabs(widen(e)) + ComputeType<Element>(0.1));
    };
    p.input.forEach(makePositive);
    p.weights.forEach(makePositive);
    p.gradOutput.at(0, 1, 3, 2) =
        narrow<Element>(std::numeric_limits<ComputeType<Element>>::infinity());
    for (auto& result : forwardAndBackward(p, kernel))
        if (result.name == "gradMask") return result.values;
    return {};
}

TEST(CudaConvolution, AnInfiniteGradientComesThroughNoPadding) {
    const auto expectLikeReferenceOf = [](auto element, const convolution::Case& shape) {
        using Element = decltype(element);
        const cuda::FusedDeformableConv2d kernel(nullptr, true);
        const auto want = gradMaskOfAnInfiniteGradient<Element>(shape, referenceDeformableConv2d());
        const auto got =
            gradMaskOfAnInfiniteGradient<Element>(shape, DeformableConv2dOnDevice(kernel, nullptr));
        ASSERT_EQ(got.size(), want.size());
        int infinite = 0;
        for (std::size_t i = 0; i < want.size(); ++i) {
            infinite += std::isinf(want[i]);
            ASSERT_EQ(std::isnan(got[i]), std::isnan(want[i])) << i;
            ASSERT_EQ(std::isinf(got[i]), std::isinf(want[i])) << i;
        }
        EXPECT_GT(infinite, 0);
    };
    for (const auto& shape : paddedShapes) {
        for (const int capability : {90, 60}) {
            SCOPED_TRACE(shape.name);
            const EmulatedDevice device(capability, 1);
            expectLikeReferenceOf(float{}, shape);
            expectLikeReferenceOf(Float16{}, shape);
            expectLikeReferenceOf(double{}, shape);
        }
    }
}

TEST(CudaConvolution, ADeviceRunsCodeForAnEarlierOne) {
    for (const auto& shape : tileShapes) {
        for (const int compiled : {60, 70, 75, 80}) {
            SCOPED_TRACE(compiled);
            const EmulatedDevice hopper(90, 1, compiled);
            expectLikeReference<float>(shape, true, 3e-3);
            expectLikeReference<Float16>(shape, false, 1e-3);
            expectLikeReference<BFloat16>(shape, false, 1e-2);
        }
    }
}

TEST(CudaConvolution, NoTileChangesABit) {
    for (const bool tf32 : {false, true}) {
        for (const int capability : {80, 89}) {
            for (const Index channels : {Index{20}, Index{100}}) {
                std::vector<std::vector<float>> first;
                for (const int multiprocessors : {1, 2, 1000}) {
                    const EmulatedDevice device(capability, multiprocessors);
                    const cuda::FusedDeformableConv2d kernel(nullptr, tf32);
                    Problem p(channels, 203, 12, 13);
                    p.run(DeformableConv2dOnDevice(kernel, nullptr));
                    std::vector<std::vector<float>> results;
                    for (const auto* result : p.results()) results.push_back(*result);
                    if (first.empty()) first = results;
                    EXPECT_EQ(first, results) << channels << " channels, " << capability;
                }
            }
        }
    }
}

TEST(CudaEmulation, ALaunchAsksForNoMoreSharedMemoryThanADeviceHas) {
    const EmulatedDevice ada(89, 1);
    const auto kernel = +[] {};
    EXPECT_THROW(cuda::launch("greedy", kernel, 1, 100 << 10, nullptr), std::runtime_error);
    EXPECT_NO_THROW(cuda::launch("modest", kernel, 1, 99 << 10, nullptr));
}

#endif

}  // namespace
}  // namespace dcn4j
