// What the fuzz targets share: drawing contents, and ending the process where an expectation fails.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "../result.h"

namespace dcn4j::fuzz {

/// libFuzzer keeps the input that leads here.
[[noreturn]] inline void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::abort();
}

/// Positions that kernels trip over, and some that they should not.
inline double drawNumber(FuzzedDataProvider& data) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    static constexpr double numbers[] = {0,
                                         -0.0,
                                         1,
                                         -1,
                                         2,
                                         -2,
                                         3,
                                         7,
                                         -7,
                                         0.5,
                                         1e-6,
                                         -1e-6,
                                         1e5,
                                         -1e5,
                                         3e9,
                                         -3e9,
                                         1e19,
                                         -1e19,
                                         1e30,
                                         -1e30,
                                         inf,
                                         -inf,
                                         std::numeric_limits<double>::quiet_NaN(),
                                         1e-40,
                                         -1e-40};
    return data.PickValueInArray(numbers);
}

/// What is added up: numbers that leave others their places, and some that are none.
inline double drawValue(FuzzedDataProvider& data) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    static constexpr double values[] = {
        0, -0.0, 1, -1, 2, 7, 1e-6, inf, -inf, std::numeric_limits<double>::quiet_NaN(), 1e-40};
    return data.PickValueInArray(values);
}

/// Puts drawn numbers at some places of an array.
template <class Element, class Draw>
void disturb(FuzzedDataProvider& data, Draw draw, std::vector<Array<Element>*> arrays) {
    const int places = data.ConsumeIntegralInRange(0, 6);
    // Drawn once for all the arrays, which hold copies of one case.
    std::vector<std::pair<unsigned, double>> drawn;
    for (int i = 0; i < places; ++i) {
        const auto place = data.ConsumeIntegral<std::uint16_t>();
        drawn.emplace_back(place, draw(data));
    }
    for (Array<Element>* array : arrays) {
        unsigned count = 0, i = 0;
        array->forEach([&](Element&) { ++count; });
        array->forEach([&](Element& e) {
            for (const auto& [place, number] : drawn) {
                if (place % count == i) e = narrow<Element>(ComputeType<Element>(number));
            }
            ++i;
        });
    }
}

/// The error that sums of some thousand products of an element type may have, for values near 1.
template <class Element>
constexpr double tolerance() {
    switch (sizeof(Element)) {
        case 8:
            return 1e-11;
        case 4:
            return 1e-4;
        default:
            return 2e-2;
    }
}

/// The same values up to rounding; what is not finite in one is not in the other.
inline void expectNear(const std::string& what, const std::vector<double>& got,
                       const std::vector<double>& want, double tolerance) {
    double scale = 1;
    for (double value : want) {
        if (std::isfinite(value)) scale = std::max(scale, std::fabs(value));
    }
    for (std::size_t i = 0; i < want.size(); ++i) {
        const bool same = std::isfinite(want[i]) ? std::fabs(got[i] - want[i]) <= tolerance * scale
                                                 : !std::isfinite(got[i]);
        if (!same) {
            fail(what + " at " + std::to_string(i) + ": expected " + std::to_string(want[i]) +
                 ", got " + std::to_string(got[i]));
        }
    }
}

/// The same bits; one NaN is as good as another.
inline void expectSame(const std::string& what, const std::vector<double>& got,
                       const std::vector<double>& want) {
    for (std::size_t i = 0; i < want.size(); ++i) {
        const bool same = std::isnan(want[i])
                              ? std::isnan(got[i])
                              : got[i] == want[i] && std::signbit(got[i]) == std::signbit(want[i]);
        if (!same) fail(what + " at " + std::to_string(i) + ": two runs differ");
    }
}

/// Three problems of one case: a kernel gives what the reference gives, the same bits with more
/// threads, and writes nothing between the elements.
template <class Element, class Problem, class Kernel>
void check(const Kernel& reference, const Kernel& kernel, int threads, Problem& expected,
           Problem& one, Problem& many) {
    const auto want = forwardAndBackward(expected, reference, 1);
    const auto got = forwardAndBackward(one, kernel, 1);
    const auto again = forwardAndBackward(many, kernel, threads);
    for (std::size_t r = 0; r < want.size(); ++r) {
        const std::string what = std::string(kernel.name()) + " " + want[r].name;
        expectNear(what, got[r].values, want[r].values, tolerance<Element>());
        expectSame(what + " with " + std::to_string(threads) + " threads", again[r].values,
                   got[r].values);
        if (!got[r].guardsIntact) fail(what + ": wrote between the elements");
    }
}

}  // namespace dcn4j::fuzz
