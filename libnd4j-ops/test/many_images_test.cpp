// More images, or pixels of a row, than a FLOAT can number.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "aggregation_problem.h"
#include "kernels_under_test.h"
#include "pooling_problem.h"

namespace dcn4j {
namespace {

using pooling::Case;

/// A FLOAT has no 2^24 + 1: read in the type of the input, that image's rois would be another's.
TEST(PoolingOfManyImages, ReadsBatchIndicesInTheRoisOwnType) {
    constexpr Index last = (Index{1} << 24) + 1;
    const Case c{"many", last + 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, false};
    PsroiPoolingGeometry g = c.geometry();
    std::vector<float> input(static_cast<std::size_t>(last) + 1);
    input.back() = 3;
    double roi[] = {static_cast<double>(last), 0, 0, 0, 0};
    float output = 0, count = 0;
    const float gradOutput = 1;
    const auto tensor = [](const float* data) {
        Tensor<4> t;
        t.data = const_cast<float*>(data);
        for (Index& stride : t.strides) stride = 1;
        return t;
    };
    DeformablePsroiPoolingInputs in;
    in.type = ElementType::Float32;
    in.roisType = ElementType::Float64;
    in.input = tensor(input.data());
    in.rois.data = roi;
    in.rois.strides[0] = 5;
    in.rois.strides[1] = 1;
    std::vector<const DeformablePsroiPoolingKernel*> kernels = poolingKernelsUnderTest();
    kernels.push_back(&referenceDeformablePsroiPooling());
    for (const DeformablePsroiPoolingKernel* kernel : kernels) {
        EXPECT_FALSE(kernel->findBadRoi(g, in).has_value()) << kernel->name();
        output = 0;
        kernel->forward(g, in, tensor(&output), tensor(&count), 1);
        EXPECT_EQ(output, 3) << kernel->name();
        std::vector<float> gradInput(input.size(), 9);
        DeformablePsroiPoolingGradients to;
        to.input = tensor(gradInput.data());
        kernel->backward(g, in, tensor(&count), tensor(&gradOutput), to, 1);
        EXPECT_EQ(gradInput[gradInput.size() - 1], 1) << kernel->name();
        EXPECT_EQ(gradInput[gradInput.size() - 2], 0) << kernel->name();
    }
}

/// A FLOAT has no 2^24 + 1: beyond a level of so many pixels is not beyond what it says.
TEST(AggregationOfLongLevels, FindsNothingBeyondTheirEnd) {
    constexpr Index width = (Index{1} << 24) + 1;
    aggregation::Case c{"long", 1, 1, 1, {{1, width}}, 1, 1};
    c.queries = 2;
    aggregation::Problem<float> p(c, 1);
    auto* const location = static_cast<float*>(p.g.location.data);
    for (Index query = 0; query < 2; ++query) {
        location[p.g.location.at(0, 0, query, 0, 0, 0, 0)] =
            query == 0 ? std::numeric_limits<float>::quiet_NaN() : 2.0f;
        location[p.g.location.at(0, 0, query, 0, 0, 0, 1)] = 0.5f;
    }
    std::vector<const DeformableAggregationKernel*> kernels = aggregationKernelsUnderTest();
    kernels.push_back(&referenceDeformableAggregation());
    for (const DeformableAggregationKernel* kernel : kernels) {
        p.forward(*kernel);
        p.backward(*kernel);
        for (const Result& result : p.results()) {
            for (std::size_t i = result.values.size() - 2; i < result.values.size(); ++i) {
                EXPECT_EQ(result.values[i], 0) << kernel->name() << ", " << result.name;
            }
        }
    }
}

}  // namespace
}  // namespace dcn4j
