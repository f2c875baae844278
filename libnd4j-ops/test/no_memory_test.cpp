// Where there is no memory to work in, every kernel says so, whichever of its requests fails, and
// has written nothing. This program has the functions that hand out memory in the system's place.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <new>
#include <vector>

#include "../src/kernels/cpu/buffer.h"
#include "../src/kernels/registry.h"
#include "aggregation_problem.h"
#include "convolution_problem.h"
#include "pooling_problem.h"

namespace {

/// Requests that are fulfilled before one is not, and none after it; all, unless a test says so.
long fulfilled = std::numeric_limits<long>::max();

bool isFulfilled() {
    return fulfilled == std::numeric_limits<long>::max() || --fulfilled >= 0;
}

}  // namespace

// Not inline: GCC would see memory of `new` that `free` gets.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (void* memory = isFulfilled() ? std::malloc(size) : nullptr) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
extern "C" int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    *memory = isFulfilled() ? std::aligned_alloc(alignment, size) : nullptr;
    return *memory == nullptr ? ENOMEM : 0;
}

namespace dcn4j {
namespace {

/// Lets requests of `call` fail, from the first one on. Returns whether none did.
template <class Call>
bool succeedsAfter(long requests, Call call) {
    fulfilled = requests;
    try {
        call();
    } catch (const std::bad_alloc&) {
        fulfilled = std::numeric_limits<long>::max();
        return false;
    }
    fulfilled = std::numeric_limits<long>::max();
    return true;
}

/// `call` is tried with ever more memory, until it succeeds; before, it writes nothing.
template <class Problem, class Call>
void expectAllOrNothing(Problem& p, const char* kernel, const char* name, Call call) {
    const std::vector<Result> before = p.results();
    for (long requests = 0;; ++requests) {
        // Nothing is left of earlier calls: what is kept is given up for this.
        EXPECT_THROW(cpu::takeMemory(std::size_t{1} << 60), std::bad_alloc);
        if (succeedsAfter(requests, call)) return;
        const std::vector<Result> after = p.results();
        for (std::size_t r = 0; r < before.size(); ++r) {
            ASSERT_EQ(after[r].values, before[r].values)
                << after[r].name << " of " << name << " by " << kernel << ", where request "
                << requests << " fails";
        }
    }
}

template <class Problem, class Kernel, class Case>
void expectAllOrNothingOfEveryKernel(const std::vector<Case>& cases) {
    for (const Kernel* kernel : Registry<Kernel>::all()) {
        for (const Case& c : cases) {
            for (const int threads : {1, 2}) {
                Problem p(c, 1);
                expectAllOrNothing(p, kernel->name(), c.name, [&] { p.forward(*kernel, threads); });
                expectAllOrNothing(p, kernel->name(), c.name,
                                   [&] { p.backward(*kernel, threads); });
            }
        }
    }
}

TEST(WithoutMemory, ConvolutionsWriteNothing) {
    using convolution::Case;
    expectAllOrNothingOfEveryKernel<convolution::Problem<float>, DeformableConv2dKernel>(
        std::vector<Case>{
            {"small", 1, 3, 5, 5, 4},
            {"two_blocks", 2, 40, 5, 5, 6},
            {"small_groups", 2, 20, 6, 6, 20, 3, 3, 1, 1, 1, 1, 1, 1, 1, 20},
            {"no_offset", 2, 8, 7, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, false, true},
        });
}

TEST(WithoutMemory, PoolingsWriteNothing) {
    using pooling::Case;
    expectAllOrNothingOfEveryKernel<pooling::Problem<float>, DeformablePsroiPoolingKernel>(
        std::vector<Case>{{"small", 1, 5, 5, 2, 3}, {"images", 3, 9, 9, 20, 6, 2, 4, 4}});
}

TEST(WithoutMemory, AggregationsWriteNothing) {
    using aggregation::Case;
    expectAllOrNothingOfEveryKernel<aggregation::Problem<float>, DeformableAggregationKernel>(
        std::vector<Case>{{"small", 1, 2, 3, {{5, 5}}}, {"images", 3, 4, 16, {{9, 8}}}});
}

}  // namespace
}  // namespace dcn4j
