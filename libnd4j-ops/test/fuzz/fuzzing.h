// What the fuzz targets share: drawing contents, and ending the process where an expectation fails.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <utility>
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

/// Draws integers.
class Integers {
  public:
    explicit Integers(FuzzedDataProvider& data) : data_(data) {}
    Index operator()(Index least, Index most) const {
        return data_.ConsumeIntegralInRange<Index>(least, most);
    }

  private:
    FuzzedDataProvider& data_;
};

inline ElementType drawType(FuzzedDataProvider& data) {
    return data.PickValueInArray(
        {ElementType::Float32, ElementType::Float64, ElementType::Float16, ElementType::BFloat16});
}

inline Layout drawLayout(FuzzedDataProvider& data) {
    return data.PickValueInArray({Layout::Contiguous, Layout::ChannelsLast, Layout::Reversed,
                                  Layout::Spread, Layout::RowsApart});
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

/// A kernel, a number of threads, and the arrays of one case three times: for the reference, for
/// the kernel with one thread, and for it with more.
template <class Problem, class Kernel>
class Trial {
  public:
    template <class Case>
    Trial(FuzzedDataProvider& data, const Case& c, const std::vector<const Kernel*>& kernels)
        : data_(data),
          seed_(data.ConsumeIntegral<std::uint8_t>()),
          kernel_(*kernels[data.ConsumeIntegralInRange<std::size_t>(0, kernels.size() - 1)]),
          threads_(data.ConsumeIntegralInRange(2, 5)),
          expected_(c, seed_, Around::Nothing),
          one_(c, seed_, Around::Nothing),
          many_(c, seed_, Around::Nothing) {}

    /// Does the same to each of the three.
    template <class Change>
    void change(Change change) {
        for (Problem* p : {&expected_, &one_, &many_}) change(*p);
    }

    /// Puts numbers that `draw` draws at some places of an array: a member of the problem, or what
    /// a function finds in it.
    template <class Draw, class ArrayOf>
    void disturb(Draw draw, ArrayOf arrayOf) {
        const int places = data_.ConsumeIntegralInRange(0, 6);
        std::vector<std::pair<unsigned, double>> drawn;
        for (int i = 0; i < places; ++i) {
            const auto place = data_.ConsumeIntegral<std::uint16_t>();
            drawn.emplace_back(place, draw(data_));
        }
        change([&](Problem& p) { put(drawn, std::invoke(arrayOf, p)); });
    }

    /// The kernel gives what the reference gives, the same bits with more threads, and writes
    /// nothing between the elements.
    void check(const Kernel& reference, double tolerance) {
        const auto want = forwardAndBackward(expected_, reference, 1);
        const auto got = forwardAndBackward(one_, kernel_, 1);
        const auto again = forwardAndBackward(many_, kernel_, threads_);
        for (std::size_t r = 0; r < want.size(); ++r) {
            const std::string what = std::string(kernel_.name()) + " " + want[r].name;
            expectNear(what, got[r].values, want[r].values, tolerance);
            expectSame(what + " with " + std::to_string(threads_) + " threads", again[r].values,
                       got[r].values);
            if (!got[r].guardsIntact) fail(what + ": wrote between the elements");
        }
    }

  private:
    template <class Element>
    static void put(const std::vector<std::pair<unsigned, double>>& numbers,
                    Array<Element>& array) {
        unsigned count = 0, i = 0;
        array.forEach([&](Element&) { ++count; });
        array.forEach([&](Element& e) {
            for (const auto& [place, number] : numbers) {
                if (place % count == i) e = narrow<Element>(ComputeType<Element>(number));
            }
            ++i;
        });
    }

    FuzzedDataProvider& data_;
    const unsigned seed_;
    const Kernel& kernel_;
    const int threads_;
    Problem expected_, one_, many_;
};

/// An input of libFuzzer as a case: drawn, and checked in a drawn element type where it is little
/// enough to do.
template <class Case, class Check>
int run(const std::uint8_t* bytes, std::size_t size, Case (*draw)(FuzzedDataProvider&),
        bool (*isWorthwhile)(const Case&), Check check) {
    FuzzedDataProvider data(bytes, size);
    const ElementType type = drawType(data);
    const Case c = draw(data);
    if (isWorthwhile(c)) {
        withElementType(type, [&](auto element) { check(element, data, c); });
    }
    return 0;
}

}  // namespace dcn4j::fuzz
