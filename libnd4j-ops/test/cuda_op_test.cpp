// The op classes of the CUDA library, from libnd4j's side: how they prepare arrays, what they
// compute, and what bad input gets. libnd4j_stand_in.h is in libnd4j's place.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

#include "../src/kernels/deformable_conv2d.h"
#include "../src/kernels/deformable_psroi_pooling.h"
#include "libnd4j_stand_in.h"
#if defined(DCN4J_CUDA_EMULATED)
#include <cuda_runtime.h>
#endif

namespace dcn4j {
namespace {

using stand_in::Array;
using stand_in::Context;

std::vector<double> randomValues(const std::vector<Index>& sizes, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    Index count = 1;
    for (Index size : sizes) count *= size;
    std::vector<double> values;
    for (Index i = 0; i < count; ++i) values.push_back(uniform(random));
    return values;
}

/// 'c' strides of sizes.
std::vector<Index> stridesOf(const std::vector<Index>& sizes) {
    std::vector<Index> strides(sizes.size());
    Index stride = 1;
    for (std::size_t d = sizes.size(); d-- > 0; stride *= sizes[d]) strides[d] = stride;
    return strides;
}

template <int Rank>
Tensor<Rank> tensor(std::vector<double>& values, const std::vector<Index>& sizes) {
    Tensor<Rank> t;
    t.data = values.data();
    const auto strides = stridesOf(sizes);
    for (std::size_t d = 0; d < sizes.size(); ++d) t.strides[d] = strides[d];
    return t;
}

/// [N, C, H, W] values in [N, H, W, C] order.
std::vector<double> channelsLast(const std::vector<double>& values, const std::vector<Index>& s) {
    std::vector<double> moved(values.size());
    for (Index n = 0, i = 0; n < s[0]; ++n)
        for (Index c = 0; c < s[1]; ++c)
            for (Index y = 0; y < s[2]; ++y)
                for (Index x = 0; x < s[3]; ++x, ++i)
                    moved[static_cast<std::size_t>(((n * s[2] + y) * s[3] + x) * s[1] + c)] =
                        values[static_cast<std::size_t>(i)];
    return moved;
}

void expectNear(const std::vector<double>& got, const std::vector<double>& want, double tolerance) {
    ASSERT_EQ(got.size(), want.size());
    double scale = 1e-30;
    for (double value : want) scale = std::max(scale, std::fabs(value));
    for (std::size_t i = 0; i < got.size(); ++i)
        ASSERT_NEAR(got[i], want[i], tolerance * scale) << i;
}

/// A deformable convolution in double, and what the CPU's reference makes of it.
struct Convolution {
    Conv2dGeometry g{2, 6, 7, 8, 4, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 2, 2};
    std::vector<Index> input{2, 6, 7, 8}, weights{4, 3, 3, 3}, offset{2, 36, 7, 8},
        mask{2, 18, 7, 8}, bias{4}, output{2, 4, 7, 8};
    std::vector<int> integers{3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 2, 2};
    std::vector<double> inputValues = randomValues(input, 1),
                        weightValues = randomValues(weights, 2),
                        offsetValues = randomValues(offset, 3), maskValues = randomValues(mask, 4),
                        biasValues = randomValues(bias, 5), gradValues = randomValues(output, 6);
    std::vector<double> outputValues = randomValues(output, 7);
    std::vector<double> gradInput = inputValues, gradWeights = weightValues,
                        gradOffset = offsetValues, gradMask = maskValues, gradBias = biasValues;

    Convolution() {
        const DeformableConv2dInputs inputs{ElementType::Float64,
                                            tensor<4>(inputValues, input),
                                            tensor<4>(weightValues, weights),
                                            tensor<4>(offsetValues, offset),
                                            tensor<4>(maskValues, mask),
                                            tensor<1>(biasValues, bias)};
        referenceDeformableConv2d().forward(g, inputs, tensor<4>(outputValues, output), 1);
        referenceDeformableConv2d().backward(
            g, inputs, tensor<4>(gradValues, output),
            {tensor<4>(gradInput, input), tensor<4>(gradWeights, weights),
             tensor<4>(gradOffset, offset), tensor<4>(gradMask, mask), tensor<1>(gradBias, bias)},
            1);
    }

    /// Puts the values into an op's inputs.
    void fill(Array& to, Array& toWeights, Array& toOffset, Array& toMask, Array& toBias) const {
        to.set(inputValues);
        toWeights.set(weightValues);
        toOffset.set(offsetValues);
        toMask.set(maskValues);
        toBias.set(biasValues);
    }
};

TEST(CudaOps, ConvolutionAgreesWithTheReferenceForEveryType) {
    Convolution c;
    const std::pair<ElementType, double> types[] = {{ElementType::Float64, 1e-12},
                                                    {ElementType::Float32, 2e-5},
                                                    {ElementType::Float16, 1e-2},
                                                    {ElementType::BFloat16, 8e-2}};
    for (const auto& [type, tolerance] : types) {
        Array input(type, c.input), weights(type, c.weights), offset(type, c.offset),
            mask(type, c.mask), bias(type, c.bias), output(type, c.output);
        c.fill(input, weights, offset, mask, bias);
        Context context;
        context.integers = c.integers;
        context.inputs = {&input, &weights, &offset, &mask, &bias};
        EXPECT_EQ(stand_in::outputShapes("deformable_conv2d", context)[0], c.output);
        context.outputs = {&output};
        stand_in::run("deformable_conv2d", context);
        expectNear(output.values(), c.outputValues, tolerance);
    }
}

TEST(CudaOps, GradientsAgreeWithTheReferenceInViewsToo) {
    Convolution c;
    const ElementType type = ElementType::Float64;
    // 'f' order for the input, every second element for the weights' gradient; all with offsets.
    Array input(type, c.input, {1, 2, 12, 84}, 3), weights(type, c.weights),
        offset(type, c.offset, {}, 5), mask(type, c.mask), bias(type, c.bias),
        gradOutput(type, c.output);
    Array gradInput(type, c.input, {1, 2, 12, 84}, 1), gradWeights(type, c.weights, {54, 18, 6, 2}),
        gradOffset(type, c.offset), gradMask(type, c.mask, {}, 7), gradBias(type, c.bias);
    c.fill(input, weights, offset, mask, bias);
    gradOutput.set(c.gradValues);
    Context context;
    context.integers = c.integers;
    context.inputs = {&input, &weights, &offset, &mask, &bias, &gradOutput};
    context.outputs = {&gradInput, &gradWeights, &gradOffset, &gradMask, &gradBias};
    stand_in::run("deformable_conv2d_bp", context);
    expectNear(gradInput.values(), c.gradInput, 1e-12);
    expectNear(gradWeights.values(), c.gradWeights, 1e-12);
    expectNear(gradOffset.values(), c.gradOffset, 1e-12);
    expectNear(gradMask.values(), c.gradMask, 1e-12);
    expectNear(gradBias.values(), c.gradBias, 1e-12);
}

TEST(CudaOps, ChannelsLastIsTheSameConvolution) {
    Convolution c;
    const ElementType type = ElementType::Float64;
    Array input(type, {2, 7, 8, 6}), weights(type, c.weights), offset(type, {2, 7, 8, 36}),
        mask(type, {2, 7, 8, 18}), bias(type, c.bias), output(type, {2, 7, 8, 4});
    input.set(channelsLast(c.inputValues, c.input));
    weights.set(c.weightValues);
    offset.set(channelsLast(c.offsetValues, c.offset));
    mask.set(channelsLast(c.maskValues, c.mask));
    bias.set(c.biasValues);
    Context context;
    context.integers = c.integers;
    context.integers[9] = 1;
    context.inputs = {&input, &weights, &offset, &mask, &bias};
    context.outputs = {&output};
    stand_in::run("deformable_conv2d", context);
    expectNear(output.values(), channelsLast(c.outputValues, c.output), 1e-12);
}

TEST(CudaOps, ImagesOfTheOutputMayLieWithinItsRows) {
    const std::vector<Index> sizes{2, 4, 2, 1};
    for (const ElementType type : {ElementType::Float32, ElementType::Float64}) {
        Array input(type, sizes), weights(type, {4, 4, 3, 3}), offset(type, {2, 18, 2, 1}),
            dense(type, sizes), mixed(type, sizes, {1, 4, 2, 1});
        input.set(randomValues(sizes, 1));
        weights.set(randomValues({4, 4, 3, 3}, 2));
        offset.set(randomValues({2, 18, 2, 1}, 3));
        Context context;
        context.integers = {3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1};
        context.inputs = {&input, &weights, &offset};
        context.outputs = {&dense};
        stand_in::run("deformable_conv2d", context);
        context.outputs = {&mixed};
        stand_in::run("deformable_conv2d", context);
        EXPECT_EQ(mixed.values(), dense.values());
    }
}

TEST(CudaOps, PlainConvolutionIsADeformableOneWithoutOffsets) {
    Convolution c;
    const ElementType type = ElementType::Float64;
    Array input(type, c.input), weights(type, c.weights), offset(type, c.offset),
        output(type, c.output), plain(type, c.output), gradOutput(type, c.output),
        gradInput(type, c.input), gradWeights(type, c.weights), gradOffset(type, c.offset),
        plainInput(type, c.input), plainWeights(type, c.weights);
    input.set(c.inputValues);
    weights.set(c.weightValues);
    gradOutput.set(c.gradValues);
    Context context;
    context.integers = c.integers;
    context.inputs = {&input, &weights, &offset};
    context.outputs = {&output};
    stand_in::run("deformable_conv2d", context);
    context.inputs = {&input, &weights, &offset, &gradOutput};
    context.outputs = {&gradInput, &gradWeights, &gradOffset};
    stand_in::run("deformable_conv2d_bp", context);
    context.integers[10] = 1;
    context.inputs = {&input, &weights};
    context.outputs = {&plain};
    stand_in::run("dcn4j_conv2d", context);
    context.inputs = {&input, &weights, &gradOutput};
    context.outputs = {&plainInput, &plainWeights};
    stand_in::run("dcn4j_conv2d_bp", context);
    expectNear(plain.values(), output.values(), 1e-13);
    expectNear(plainInput.values(), gradInput.values(), 1e-13);
    expectNear(plainWeights.values(), gradWeights.values(), 1e-13);
}

TEST(CudaOps, AnotherGradientOfTheInputIsAdded) {
    Convolution c;
    const ElementType type = ElementType::Float64;
    Array input(type, c.input), weights(type, c.weights), gradOutput(type, c.output),
        gradInput(type, c.input), gradWeights(type, c.weights), sum(type, c.input);
    input.set(c.inputValues);
    weights.set(c.weightValues);
    gradOutput.set(c.gradValues);
    Context context;
    context.integers = c.integers;
    context.integers[10] = 1;
    context.inputs = {&input, &weights, &gradOutput};
    context.outputs = {&gradInput, &gradWeights};
    stand_in::run("dcn4j_conv2d_bp", context);
    context.integers.push_back(1);  // there is an addend
    context.inputs = {&input, &weights, &gradOutput, &input};
    context.outputs = {&sum, &gradWeights};
    stand_in::run("dcn4j_conv2d_bp", context);
    std::vector<double> expected = gradInput.values();
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += c.inputValues[i];
    expectNear(sum.values(), expected, 1e-15);
}

TEST(CudaOps, SigmoidAndItsGradient) {
    const ElementType type = ElementType::Float64;
    const std::vector<Index> sizes{2, 3, 4, 5};
    const std::vector<double> values = randomValues(sizes, 1), gradients = randomValues(sizes, 2);
    // Some channels of a larger array.
    Array logits(type, sizes, {140, 20, 5, 1}, 7), mask(type, sizes), gradMask(type, sizes),
        gradLogits(type, sizes, {140, 20, 5, 1}, 7);
    logits.set(values);
    gradMask.set(gradients);
    Context context;
    context.inputs = {&logits};
    EXPECT_EQ(stand_in::outputShapes("dcn4j_sigmoid", context)[0], sizes);
    context.outputs = {&mask};
    stand_in::run("dcn4j_sigmoid", context);
    context.inputs = {&mask, &gradMask};
    context.outputs = {&gradLogits};
    stand_in::run("dcn4j_sigmoid_bp", context);
    std::vector<double> sigmoid, slope;
    for (std::size_t i = 0; i < values.size(); ++i) {
        sigmoid.push_back(1 / (1 + std::exp(-values[i])));
        slope.push_back(gradients[i] * sigmoid[i] * (1 - sigmoid[i]));
    }
    expectNear(mask.values(), sigmoid, 1e-15);
    expectNear(gradLogits.values(), slope, 1e-14);
}

TEST(CudaOps, AnEmptyBatchHasAnEmptyOutputAndZeroWeightGradients) {
    const ElementType type = ElementType::Float32;
    Array input(type, {0, 4, 5, 5}), weights(type, {2, 4, 3, 3}), offset(type, {0, 18, 5, 5}),
        output(type, {0, 2, 5, 5}), gradInput(type, {0, 4, 5, 5}), gradWeights(type, {2, 4, 3, 3}),
        gradOffset(type, {0, 18, 5, 5});
    gradWeights.set(std::vector<double>(72, 3));
    Context context;
    context.integers = {3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1};
    context.inputs = {&input, &weights, &offset};
    context.outputs = {&output};
    stand_in::run("deformable_conv2d", context);
    context.inputs.push_back(&output);
    context.outputs = {&gradInput, &gradWeights, &gradOffset};
    stand_in::run("deformable_conv2d_bp", context);
    EXPECT_EQ(gradWeights.values(), std::vector<double>(72, 0));
}

/// A pooling in double, and what the CPU's reference makes of it.
struct Pooling {
    PsroiPoolingGeometry g{2, 9, 10, 5, 4, 2, 3, 3, 2, 2, 0.5, 0.1};
    std::vector<Index> input{2, 16, 9, 10}, rois{5, 5}, trans{5, 4, 3, 3}, output{5, 4, 3, 3};
    std::vector<double> inputValues = randomValues(input, 1), transValues = randomValues(trans, 2),
                        gradValues = randomValues(output, 3);
    std::vector<double> roiValues{0, 1, 2, 13, 14, 1,  3,  3, 18, 12, 1, -9, -5,
                                  4, 5, 0, 10, 10, 40, 30, 1, 2,  2,  2, 2};
    std::vector<double> outputValues = gradValues, countValues = gradValues;
    std::vector<double> gradInput = inputValues, gradTrans = transValues;

    Pooling() {
        const DeformablePsroiPoolingInputs inputs{
            ElementType::Float64, ElementType::Float64, tensor<4>(inputValues, input),
            tensor<2>(roiValues, rois), tensor<4>(transValues, trans)};
        const auto count = tensor<4>(countValues, output);
        const auto& reference = referenceDeformablePsroiPooling();
        reference.forward(g, inputs, tensor<4>(outputValues, output), count, 1);
        reference.backward(g, inputs, count, tensor<4>(gradValues, output),
                           {tensor<4>(gradInput, input), tensor<4>(gradTrans, trans)}, 1);
    }
};

struct PoolingCall {
    explicit PoolingCall(const Pooling& p)
        : input(ElementType::Float64, p.input),
          rois(ElementType::Float64, p.rois),
          trans(ElementType::Float64, p.trans),
          output(ElementType::Float64, p.output),
          count(ElementType::Float64, p.output) {
        input.set(p.inputValues);
        rois.set(p.roiValues);
        trans.set(p.transValues);
        context.integers = {4, 2, 3, 3, 2};
        context.floats = {0.5, 0.1};
        context.inputs = {&input, &rois, &trans};
        context.outputs = {&output, &count};
    }

    Array input, rois, trans, output, count;
    Context context;
};

TEST(CudaOps, PoolingAgreesWithTheReference) {
    Pooling p;
    PoolingCall call(p);
    stand_in::run("deformable_psroi_pooling", call.context);
    expectNear(call.output.values(), p.outputValues, 1e-12);
    EXPECT_EQ(call.count.values(), p.countValues);
    Array gradOutput(ElementType::Float64, p.output), gradInput(ElementType::Float64, p.input),
        gradTrans(ElementType::Float64, p.trans);
    gradOutput.set(p.gradValues);
    call.context.inputs.insert(call.context.inputs.end(), {&call.count, &gradOutput});
    call.context.outputs = {&gradInput, &gradTrans};
    stand_in::run("deformable_psroi_pooling_bp", call.context);
    expectNear(gradInput.values(), p.gradInput, 1e-12);
    expectNear(gradTrans.values(), p.gradTrans, 1e-12);
}

TEST(CudaOps, ARoiOfNoImageIsNamedNothingIsWrittenAndTheNextCallWorks) {
    Pooling p;
    PoolingCall call(p);
    for (double index : {2.0, -1.0, 0.5, std::nan(""), std::numeric_limits<double>::infinity()}) {
        std::vector<double> rois = p.roiValues;
        rois[15] = index;  // of roi 3
        rois[20] = 7;      // a later one, bad too
        call.rois.set(rois);
        call.output.set(std::vector<double>(180, 5));
        try {
            stand_in::run("deformable_psroi_pooling", call.context);
            FAIL() << "no exception for " << index;
        } catch (const std::invalid_argument& e) {
            const std::string message = e.what();
            EXPECT_NE(message.find("deformable_psroi_pooling: rois:"), std::string::npos)
                << message;
            EXPECT_NE(message.find("less than N = 2"), std::string::npos) << message;
            EXPECT_NE(message.find(std::to_string(index) + " in roi 3"), std::string::npos)
                << message;
        }
    }
    call.rois.set(p.roiValues);
    stand_in::run("deformable_psroi_pooling", call.context);
    expectNear(call.output.values(), p.outputValues, 1e-12);
}

TEST(CudaOps, AFailedCallLeavesTheHostsOutputAsItWas) {
    Pooling p;
    PoolingCall call(p);
    std::vector<double> rois = p.roiValues;
    rois[15] = 7;  // no image
    call.rois.set(rois);
    const std::vector<double> before(180, 5);
    call.output.set(before);
    EXPECT_THROW(stand_in::run("deformable_psroi_pooling", call.context), std::invalid_argument);
    EXPECT_EQ(call.output.values(), before);
}

#if defined(DCN4J_CUDA_EMULATED)

/// The inputs and outputs of the ops' forward and backward passes.
struct ConvolutionCall {
    ConvolutionCall() {
        c.fill(input, weights, offset, mask, bias);
        gradOutput.set(c.gradValues);
        forward.integers = backward.integers = c.integers;
        forward.inputs = backward.inputs = {&input, &weights, &offset, &mask, &bias};
        backward.inputs.push_back(&gradOutput);
        forward.outputs = {&output};
        backward.outputs = {&gradInput, &gradWeights, &gradOffset, &gradMask, &gradBias};
    }

    Convolution c;
    const ElementType type = ElementType::Float64;
    Array input{type, c.input}, weights{type, c.weights}, offset{type, c.offset},
        mask{type, c.mask}, bias{type, c.bias}, gradOutput{type, c.output}, output{type, c.output},
        gradInput{type, c.input}, gradWeights{type, c.weights}, gradOffset{type, c.offset},
        gradMask{type, c.mask}, gradBias{type, c.bias};
    Context forward, backward;
};

/// Both passes fail with an exception whose message has this part, leave the host's outputs as they
/// were and no memory of the device taken; once `mend` is done they work.
template <class Mend>
void expectFailures(const std::string& part, Mend mend) {
    ConvolutionCall call;
    const std::vector<double> before(call.c.outputValues.size(), 5);
    call.output.set(before);
    const auto expectFailure = [&](const char* op, Context& context) {
        // The arrays come to the device by the first call.
        std::size_t allocations = 0;
        for (int i = 0; i < 2; ++i) {
            try {
                stand_in::run(op, context);
                FAIL() << "no exception";
            } catch (const std::exception& e) {
                EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
            }
            if (i > 0) {
                EXPECT_EQ(cuda_emulation::allocations(), allocations);
            }
            allocations = cuda_emulation::allocations();
        }
    };
    expectFailure("deformable_conv2d", call.forward);
    expectFailure("deformable_conv2d_bp", call.backward);
    EXPECT_EQ(call.output.values(), before);
    mend();
    stand_in::run("deformable_conv2d", call.forward);
    stand_in::run("deformable_conv2d_bp", call.backward);
    expectNear(call.output.values(), call.c.outputValues, 1e-12);
    expectNear(call.gradWeights.values(), call.c.gradWeights, 1e-12);
}

TEST(CudaOps, WithoutMemoryACallFailsAndTheNextWorks) {
    for (const bool pools : {true, false}) {
        cuda_emulation::memoryPools = pools;
        // Enough for the arrays.
        cuda_emulation::memoryLimit = 36 * 2 * 56 * 8;
        expectFailures("no device memory for a workspace of",
                       [] { cuda_emulation::memoryLimit = ~std::size_t{0}; });
    }
    cuda_emulation::memoryPools = true;
}

TEST(CudaOps, AKernelThatCantBeLaunchedIsNamedAndTheNextCallWorks) {
    for (const bool pools : {true, false}) {
        cuda_emulation::memoryPools = pools;
        cuda_emulation::failingKernels = "packing weights";
        expectFailures("CUDA: packing weights failed",
                       [] { cuda_emulation::failingKernels.clear(); });
    }
    cuda_emulation::memoryPools = true;
}

TEST(CudaOps, ADeviceThatIsNotThereIsNamedAndTheNextCallWorks) {
    stand_in::currentDevice = -1;
    expectFailures("cudaSetDevice(-1)", [] { stand_in::currentDevice = 0; });
}

#endif

TEST(CudaOps, NoRoisMakeAZeroInputGradient) {
    const ElementType type = ElementType::Float32;
    Array input(type, {1, 4, 6, 6}), rois(type, {0, 5}), output(type, {0, 4, 3, 3}),
        count(type, {0, 4, 3, 3}), gradInput(type, {1, 4, 6, 6});
    gradInput.set(std::vector<double>(144, 3));
    Context context;
    context.integers = {4, 1, 3, 3, 2};
    context.floats = {1, 0};
    context.inputs = {&input, &rois};
    context.outputs = {&output, &count};
    stand_in::run("deformable_psroi_pooling", context);
    context.inputs.insert(context.inputs.end(), {&count, &output});
    context.outputs = {&gradInput};
    stand_in::run("deformable_psroi_pooling_bp", context);
    EXPECT_EQ(gradInput.values(), std::vector<double>(144, 0));
}

template <class Action>
void expectRefused(Action action, const std::string& part) {
    try {
        action();
        FAIL() << "no exception";
    } catch (const std::invalid_argument& e) {
        EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
}

TEST(CudaOps, AnArgumentThatDoesNotFitIsNamed) {
    Convolution c;
    const ElementType type = ElementType::Float32;
    Array input(type, c.input), weights(type, c.weights), offset(type, {2, 18, 7, 8}),
        output(type, c.output);
    Context context;
    context.integers = c.integers;
    context.inputs = {&input, &weights, &offset};
    context.outputs = {&output};
    expectRefused([&] { stand_in::run("deformable_conv2d", context); },
                  "offset: expected [2, 36, 7, 8]");
}

TEST(CudaOps, AnOutputThatNoMemoryHoldsIsRefused) {
    const ElementType type = ElementType::Float32;
    Array input(type, {1, 1, 4, 4}), weights(type, {1, 1, 1, 1});
    Context context;
    const int most = std::numeric_limits<int>::max();
    context.integers = {1, 1, 1, 1, most, most, 1, 1, 0, 0, 1, 1};
    context.inputs = {&input, &weights};
    expectRefused([&] { stand_in::outputShapes("dcn4j_conv2d", context); },
                  "pH and pW: expected at most 2^48 output elements "
                  "and samples, got [1, 1, 4294967298, 4294967298]");
}

TEST(CudaOps, NoImagesOfASizeThatNoMemoryHoldsAreRefused) {
    const ElementType type = ElementType::Float32;
    Array input(type, {0, 1, Index{1} << 31, Index{1} << 31}), weights(type, {1, 1, 1, 1});
    Context context;
    context.integers = {1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
    context.inputs = {&input, &weights};
    expectRefused([&] { stand_in::outputShapes("dcn4j_conv2d", context); },
                  "input: expected at most 2^48 elements");
}

TEST(CudaOps, WeightsForNoOutputChannelsAreRefused) {
    const ElementType type = ElementType::Float32;
    Array input(type, {1, 2, 4, 4}), weights(type, {0, 2, 1, 1}), output(type, {1, 0, 4, 4});
    Context context;
    context.integers = {1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
    context.inputs = {&input, &weights};
    context.outputs = {&output};
    expectRefused([&] { stand_in::run("dcn4j_conv2d", context); },
                  "weights: expected no empty dimension");
}

TEST(CudaOps, AnOutputMayNotBeAnInput) {
    Convolution c;
    Array input(ElementType::Float64, {1, 2, 4, 4}), weights(ElementType::Float64, {2, 2, 1, 1}),
        offset(ElementType::Float64, {1, 2, 4, 4});
    Context context;
    context.integers = {1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
    context.inputs = {&input, &weights, &offset};
    context.outputs = {&input};
    EXPECT_THROW(stand_in::run("deformable_conv2d", context), std::invalid_argument);
}

}  // namespace
}  // namespace dcn4j
