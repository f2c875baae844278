// Threads without a task keep no memory.
#include <gtest/gtest.h>

#include <vector>

#include "aggregation_problem.h"
#include "convolution_problem.h"
#include "kept_memory.h"
#include "kernels_under_test.h"
#include "pooling_problem.h"

namespace dcn4j {
namespace {

/// What a call of one task needs serves it again with many threads: they take nothing.
template <class Problem, class Kernel, class Case>
void expectNoMemoryOfIdleThreads(const std::vector<const Kernel*>& kernels, const Case& c) {
    Problem p(c, 1);
    for (const Kernel* kernel : kernels) {
        // What earlier tests left is released, and would hide what is taken.
        cpu::ageKeptMemory();
        p.forward(*kernel, 1);
        p.backward(*kernel, 1);
        const std::size_t before = cpu::keptMemory();
        p.forward(*kernel, 64);
        p.backward(*kernel, 64);
        EXPECT_EQ(cpu::keptMemory(), before) << kernel->name();
    }
}

TEST(IdleThreads, KeepNoMemoryOfAConvolution) {
    expectNoMemoryOfIdleThreads<convolution::Problem<float>>(
        convolutionKernelsUnderTest(), convolution::Case{"one_task", 1, 3, 4, 4, 5});
    convolution::Case plain{"plain", 1, 3, 4, 4, 5};
    plain.offset = plain.mask = false;
    expectNoMemoryOfIdleThreads<convolution::Problem<float>>(convolutionKernelsUnderTest(), plain);
}

TEST(IdleThreads, KeepNoMemoryOfAPooling) {
    expectNoMemoryOfIdleThreads<pooling::Problem<float>>(poolingKernelsUnderTest(),
                                                         pooling::Case{"one_task", 1, 5, 5, 1, 3});
}

TEST(IdleThreads, KeepNoMemoryOfAnAggregation) {
    expectNoMemoryOfIdleThreads<aggregation::Problem<float>>(
        aggregationKernelsUnderTest(), aggregation::Case{"one_task", 1, 1, 4, {{1, 5}}});
}

}  // namespace
}  // namespace dcn4j
