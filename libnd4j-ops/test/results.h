// What kernels write, and how the suites compare it: for every op.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "result.h"

namespace dcn4j {

/// What a kernel may make of what the reference makes infinite. Where a gradient is infinite or not
/// a number, terms that the reference adds as products may be put together first, which is no
/// infinity then, but not a number.
enum class Infinite { StaysSo, OrNotANumber };

/// Two kernels' results are the same up to `tolerance`, relative to the largest of an array, and
/// what is not finite in one is not in the other: what is infinite is the same infinity, and what
/// is not a number may be infinite, where terms are put together before they are multiplied.
inline void expectLike(const std::vector<Result>& want, const std::vector<Result>& got,
                       double tolerance, Infinite infinite = Infinite::StaysSo) {
    for (std::size_t r = 0; r < want.size(); ++r) {
        const auto &e = want[r].values, &a = got[r].values;
        std::vector<double> finite;
        for (double value : e) finite.push_back(std::isfinite(value) ? value : 0);
        const double scale = largest(finite);
        for (std::size_t i = 0; i < e.size(); ++i) {
            ASSERT_EQ(std::isfinite(a[i]), std::isfinite(e[i])) << got[r].name << " at " << i;
            if (std::isinf(e[i]) && infinite == Infinite::StaysSo) {
                ASSERT_EQ(a[i], e[i]) << got[r].name << " at " << i;
            }
            if (!std::isfinite(e[i])) continue;
            ASSERT_NEAR(a[i], e[i], tolerance * scale) << got[r].name << " at " << i;
        }
        EXPECT_TRUE(got[r].guardsIntact) << got[r].name;
        EXPECT_TRUE(want[r].guardsIntact) << want[r].name;
    }
}

/// A kernel does with a case what the reference does, after `change` of its problem.
template <class Problem, class Kernel, class Case, class Change>
void compareWithReference(const Kernel& reference, const Kernel& kernel, const Case& c,
                          double tolerance, Change change, Infinite infinite = Infinite::StaysSo) {
    Problem expected(c, 7), actual(c, 7);
    change(expected);
    change(actual);
    expectLike(forwardAndBackward(expected, reference), forwardAndBackward(actual, kernel),
               tolerance, infinite);
}

/// A kernel gives a case the same bits with one thread and with more.
template <class Problem, class Kernel, class Case>
void expectSameBitsForAnyNumberOfThreads(const Kernel& kernel, const Case& c) {
    Problem once(c, 3);
    const auto want = forwardAndBackward(once, kernel, 1);
    for (int threads : {1, 2, 3, 4, 7}) {
        Problem again(c, 3);
        const auto got = forwardAndBackward(again, kernel, threads);
        for (std::size_t r = 0; r < want.size(); ++r) {
            EXPECT_EQ(got[r].values, want[r].values)
                << got[r].name << " with " << threads << " threads";
        }
    }
}

}  // namespace dcn4j
