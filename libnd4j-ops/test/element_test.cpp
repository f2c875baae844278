// Conversions of half types, against the compiler's own.
#include "../src/kernels/element.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace dcn4j {
namespace {

#if defined(__aarch64__) || defined(__FLT16_MANT_DIG__)  // not every compiler has the type

// _Float16 is there in GCC's C++ for x86 since 12, for ARM since 13.
#if defined(__aarch64__)
using CompilersFloat16 = __fp16;
#else
using CompilersFloat16 = _Float16;
#endif

TEST(Float16, WideningIsExactForEveryValue) {
    for (unsigned bits = 0; bits <= 0xffff; ++bits) {
        const Float16 half{static_cast<std::uint16_t>(bits)};
        CompilersFloat16 expected;
        std::memcpy(&expected, &half, sizeof expected);
        const float value = widen(half);
        if (std::isnan(static_cast<float>(expected))) {
            EXPECT_TRUE(std::isnan(value)) << bits;
        } else {
            EXPECT_EQ(bitsOf(value), bitsOf(static_cast<float>(expected))) << bits;
        }
    }
}

TEST(Float16, NarrowingRoundsToNearestEven) {
    std::mt19937 random(1);
    const auto check = [](float value) {
        const auto expected = static_cast<CompilersFloat16>(value);
        std::uint16_t bits;
        std::memcpy(&bits, &expected, sizeof bits);
        EXPECT_EQ(narrow<Float16>(value).bits, bits) << value;
    };
    for (int i = 0; i < 1000000; ++i) {
        const float value = floatOf(static_cast<std::uint32_t>(random()));
        if (!std::isnan(value)) check(value);
    }
    for (unsigned bits = 0; bits < 0x7c00; ++bits) {  // every value, and every tie between two
        const float value = widen(Float16{static_cast<std::uint16_t>(bits)});
        const float next = widen(Float16{static_cast<std::uint16_t>(bits + 1)});
        check(value);
        if (std::isfinite(next)) check(value + (next - value) / 2);
    }
    check(65519.996f);
    check(65520.0f);
    check(std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(widen(narrow<Float16>(std::nanf("")))));
}

#endif

TEST(BFloat16, KeepsItsOwnValuesAndRoundsOthersToNearestEven) {
    for (unsigned bits = 0; bits <= 0xffff; ++bits) {
        const BFloat16 value{static_cast<std::uint16_t>(bits)};
        if (std::isnan(widen(value))) {
            EXPECT_TRUE(std::isnan(widen(narrow<BFloat16>(widen(value))))) << bits;
            continue;
        }
        EXPECT_EQ(narrow<BFloat16>(widen(value)).bits, bits);
    }
    EXPECT_EQ(narrow<BFloat16>(1.00390625f).bits, 0x3f80);  // tie between 1 and 1.0078125: to even
    EXPECT_EQ(narrow<BFloat16>(1.01171875f).bits, 0x3f82);  // tie between 1.0078125 and 1.015625
    EXPECT_EQ(narrow<BFloat16>(1.0040f).bits, 0x3f81);
    EXPECT_TRUE(std::isinf(widen(narrow<BFloat16>(std::numeric_limits<float>::max()))));
}

}  // namespace
}  // namespace dcn4j
