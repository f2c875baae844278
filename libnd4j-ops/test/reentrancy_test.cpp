// Calls of several threads at once, each with threads of its own: they get the bits that a call
// alone gets.
#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

#include "aggregation_problem.h"
#include "convolution_problem.h"
#include "kernels_under_test.h"
#include "pooling_problem.h"

namespace dcn4j {
namespace {

const convolution::Case convolutions[] = {
    {"small", 1, 3, 9, 11, 5},
    {"groups", 2, 12, 8, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 2, 4},
    {"many_tiles", 2, 70, 24, 20, 33},
};

const pooling::Case poolings[] = {
    {"small", 1, 9, 9, 5, 3},
    {"groups", 2, 12, 13, 6, 2, 2, 7, 7},
    {"many_rois", 3, 9, 9, 40, 70, 1, 3, 3},
};

const aggregation::Case aggregations[] = {
    {"small", 1, 2, 3, {{9, 11}}},
    {"groups", 2, 4, 16, {{8, 8}}, 3, 3, 1, 1, 1, 1, 1, 1, true},
    {"many_tiles", 2, 2, 5, {{24, 20}}},
};

template <class Problem, class Kernel, class Case>
std::vector<std::vector<double>> valuesOf(const Kernel& kernel, const Case& c, int threads) {
    Problem p(c, 3);
    std::vector<std::vector<double>> all;
    for (Result& result : forwardAndBackward(p, kernel, threads)) {
        all.push_back(std::move(result.values));
    }
    return all;
}

template <class Problem, class Kernel, class Case, std::size_t Count>
void expectTheSameTogether(const std::vector<const Kernel*>& kernels, const Case (&cases)[Count]) {
    for (const Kernel* kernel : kernels) {
        std::vector<std::vector<std::vector<double>>> alone;
        for (const Case& c : cases) alone.push_back(valuesOf<Problem>(*kernel, c, 1));
        std::vector<std::thread> callers;
        for (std::size_t t = 0; t < 4; ++t) {
            callers.emplace_back([&, t] {
                for (std::size_t i = 0; i < 2 * Count; ++i) {
                    const std::size_t c = (t + i) % Count;  // different ones at a time
                    EXPECT_EQ(valuesOf<Problem>(*kernel, cases[c], 2), alone[c])
                        << kernel->name() << " " << cases[c].name;
                }
            });
        }
        for (std::thread& caller : callers) caller.join();
    }
}

TEST(Reentrancy, ConvolutionsAtOnceGetTheBitsOfOneAlone) {
    expectTheSameTogether<convolution::Problem<float>>(convolutionKernelsUnderTest(), convolutions);
}

TEST(Reentrancy, PoolingsAtOnceGetTheBitsOfOneAlone) {
    expectTheSameTogether<pooling::Problem<float>>(poolingKernelsUnderTest(), poolings);
}

TEST(Reentrancy, AggregationsAtOnceGetTheBitsOfOneAlone) {
    expectTheSameTogether<aggregation::Problem<float>>(aggregationKernelsUnderTest(), aggregations);
}

}  // namespace
}  // namespace dcn4j
