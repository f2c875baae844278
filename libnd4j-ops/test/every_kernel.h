// What the suites over every kernel of an op share: the op's oracle, the fixture, the tests of
// values that each of them has, and contents that kernels trip over.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels_under_test.h"
#include "results.h"

namespace dcn4j {

inline const DeformableConv2dKernel& referenceOf(const DeformableConv2dKernel&) {
    return referenceDeformableConv2d();
}
inline const DeformablePsroiPoolingKernel& referenceOf(const DeformablePsroiPoolingKernel&) {
    return referenceDeformablePsroiPooling();
}
inline const DeformableAggregationKernel& referenceOf(const DeformableAggregationKernel&) {
    return referenceDeformableAggregation();
}

/// One kernel and one case of its op.
template <class Kernel, class Case>
class KernelTest : public testing::TestWithParam<std::tuple<const Kernel*, Case>> {
  protected:
    const Kernel& kernel() const { return *std::get<0>(this->GetParam()); }
    const Case& shape() const { return std::get<1>(this->GetParam()); }
};

/// Names a test after both.
struct KernelAndCase {
    template <class Info>
    std::string operator()(const Info& test) const {
        return std::string(std::get<0>(test.param)->name()) + "_" + std::get<1>(test.param).name;
    }
};

/// A kernel does with a case what the reference does, after `change` of its problem.
template <class Problem, class Kernel, class Case, class Change>
void expectLikeReference(const Kernel& kernel, const Case& c, double tolerance, Change change,
                         Infinite infinite = Infinite::StaysSo) {
    compareWithReference<Problem>(referenceOf(kernel), kernel, c, tolerance, change, infinite);
}

template <class Problem, class Kernel, class Case>
void expectLikeReference(const Kernel& kernel, const Case& c, double tolerance) {
    expectLikeReference<Problem>(kernel, c, tolerance, [](Problem&) {});
}

/// A kernel does a case whose arrays end, or begin, where nothing can be read.
template <class Problem, class Kernel, class Case>
void expectNoReadingBesideArrays(const Kernel& kernel, const Case& c) {
    for (const Around around : {Around::NoReadingBefore, Around::NoReadingAfter}) {
        Problem p(c, 3, around);
        p.forward(kernel);
        p.backward(kernel);
    }
}

/// What every op's kernels promise: the reference's values in each element type, the same bits for
/// any number of threads, and to read nothing but their arrays. Suite is a KernelTest,
/// Problem<Element> the arrays of a case.
#define DCN4J_TEST_VALUES(Suite, Problem)                                       \
    TEST_P(Suite, AgreesWithTheReferenceInFloat) {                              \
        expectLikeReference<Problem<float>>(kernel(), shape(), 2e-5);           \
    }                                                                           \
    TEST_P(Suite, AgreesWithTheReferenceInDouble) {                             \
        expectLikeReference<Problem<double>>(kernel(), shape(), 1e-12);         \
    }                                                                           \
    TEST_P(Suite, AgreesWithTheReferenceInHalfTypes) {                          \
        expectLikeReference<Problem<Float16>>(kernel(), shape(), 1e-3);         \
        expectLikeReference<Problem<BFloat16>>(kernel(), shape(), 1e-2);        \
    }                                                                           \
    TEST_P(Suite, GivesTheSameBitsForAnyNumberOfThreads) {                      \
        expectSameBitsForAnyNumberOfThreads<Problem<float>>(kernel(), shape()); \
    }                                                                           \
    TEST_P(Suite, ReadsNothingBesideItsArrays) {                                \
        expectNoReadingBesideArrays<Problem<float>>(kernel(), shape());         \
        expectNoReadingBesideArrays<Problem<Float16>>(kernel(), shape());       \
    }

/// Positions that no image has.
inline constexpr float positionsOutside[] = {std::numeric_limits<float>::infinity(),
                                             -std::numeric_limits<float>::infinity(),
                                             std::numeric_limits<float>::quiet_NaN(),
                                             1e30f,
                                             -1e30f,
                                             3e9f,
                                             -3e9f,
                                             1e5f};

/// Puts every third sample at one of them.
inline void moveOutside(Array<float>& positions) {
    int i = 0;
    positions.forEach([&](float& e) {
        if (++i % 3 == 0) e = positionsOutside[i / 3 % 8];
    });
}

/// Makes every `step`th element `infinite` or not a number, in turn.
inline void makeNotFinite(Array<float>& array, int step, float infinite) {
    int i = 0;
    array.forEach([&](float& e) {
        if (++i % step == 0) e = i % 2 == 0 ? std::nanf("") : infinite;
    });
}

/// Of the first image, not a number at the first pixel of each of these channels, and 0 beside it.
inline void expectNotANumberAtTheFirstPixel(Array<float>& gradient, Index channels, Index width) {
    for (Index c = 0; c < channels; ++c) {
        EXPECT_TRUE(std::isnan(gradient.at(0, c, 0, 0))) << c;
        if (width > 1) {
            EXPECT_EQ(gradient.at(0, c, 0, 1), 0) << c;
        }
    }
}

/// The array with far strides in dimensions of one element, where they are not used.
template <int Rank>
Tensor<Rank> withFarUnusedStrides(Tensor<Rank> array, const Index (&sizes)[Rank]) {
    for (int d = 0; d < Rank; ++d)
        if (sizes[d] == 1) array.strides[d] = Index{1} << (33 + d);
    return array;
}

/// An array that forward reads, and the gradient of it that backward writes.
using Differentiated = std::pair<Array<double>*, Array<double>*>;

/// The reference's gradients are the slopes of the sum of output * gradOutput.
template <class Kernel, class Problem>
void expectGradientsOfCentralDifferences(const Kernel& reference, Problem& p, double step,
                                         double tolerance,
                                         const std::vector<Differentiated>& arrays) {
    const auto objective = [&] {
        p.forward(reference);
        const auto out = p.output.values(), grad = p.gradOutput.values();
        double sum = 0;
        for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * grad[i];
        return sum;
    };
    forwardAndBackward(p, reference);
    for (const auto& [values, gradient] : arrays) {
        const auto analytic = gradient->values();
        std::size_t i = 0;
        values->forEach([&](double& value) {
            const double original = value;
            value = original + step;
            const double above = objective();
            value = original - step;
            const double below = objective();
            value = original;
            ASSERT_NEAR(analytic[i], (above - below) / (2 * step), tolerance) << i;
            ++i;
        });
    }
}

}  // namespace dcn4j
