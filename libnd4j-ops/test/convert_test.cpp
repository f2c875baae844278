// Conversions of the half types by every instruction set, against those of element.h.
#include <cmath>
#include <limits>

#include "micro_kernel_test.h"

namespace dcn4j::cpu {
namespace {

class Convert : public MicroKernelTest {
  protected:
    template <class Element>
    void widensEveryNumber() {
        constexpr std::size_t count = 65536;
        std::vector<Element> from(count);
        for (std::size_t i = 0; i < count; ++i) from[i].bits = static_cast<std::uint16_t>(i);
        std::vector<float> to(count);
        kernels<float>().convert.widen(count, from.data(), to.data());
        for (std::size_t i = 0; i < count; ++i) {
            const float want = widen(from[i]);
            ASSERT_TRUE(std::isnan(want) ? std::isnan(to[i]) : bitsOf(to[i]) == bitsOf(want)) << i;
        }
    }

    template <class Element>
    void narrowsAsIeee() {
        std::vector<float> from;
        // Every exponent and sign, with mantissas at and beside the middle between two neighbours.
        for (std::uint32_t top = 0; top < 512; ++top) {
            for (const std::uint32_t mantissa :
                 {0x0u, 0x1u, 0xfffu, 0x1000u, 0x1001u, 0x1fffu, 0x2000u, 0x3000u, 0x7fffu, 0x8000u,
                  0x8001u, 0x18000u, 0x7fe000u, 0x7fefffu, 0x7ff000u, 0x7ff001u, 0x7f8000u,
                  0x7fffffu}) {
                from.push_back(floatOf(top << 23 | mantissa));
            }
        }
        for (int i = 0; i < 4000; ++i)
            from.push_back(floatOf(static_cast<std::uint32_t>(random_())));
        std::vector<Element> to(from.size());
        kernels<float>().convert.narrow(static_cast<Index>(from.size()), from.data(), to.data());
        for (std::size_t i = 0; i < from.size(); ++i) {
            const Element want = narrow<Element>(from[i]);
            ASSERT_TRUE(std::isnan(from[i]) ? std::isnan(widen(to[i])) : to[i].bits == want.bits)
                << from[i] << " became " << to[i].bits << ", not " << want.bits;
        }
    }

    /// As many numbers as asked for, and none beside them.
    template <class Element>
    void convertsEveryCount() {
        for (Index count = 0; count <= 40; ++count) {
            const auto size = static_cast<std::size_t>(count);
            std::vector<Element> half(size + 1, narrow<Element>(7.0f));
            std::vector<float> wide(size + 1, 9);
            kernels<float>().convert.narrow(count, std::vector<float>(size, 2).data(), half.data());
            kernels<float>().convert.widen(count, half.data(), wide.data());
            for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(wide[i], 2) << count;
            EXPECT_EQ(widen(half[size]), 7) << count;
            EXPECT_EQ(wide[size], 9) << count;
        }
    }
};

TEST_P(Convert, WidensEveryNumber) {
    widensEveryNumber<Float16>();
    widensEveryNumber<BFloat16>();
}

TEST_P(Convert, RoundsToTheNearestTiesToEven) {
    narrowsAsIeee<Float16>();
    narrowsAsIeee<BFloat16>();
}

TEST_P(Convert, TakesAnyCount) {
    convertsEveryCount<Float16>();
    convertsEveryCount<BFloat16>();
}

/// Shifts of bits give the same numbers, several times as slowly.
TEST_P(Convert, IsCompiledForTheInstructionsOfItsVectors) {
    const unsigned features = GetParam()->features;
    EXPECT_EQ((features & F16c) != 0, (features & (Avx2 | Avx512f)) != 0);
}

INSTANTIATE_TEST_SUITE_P(EverySet, Convert, testing::ValuesIn(everySet()), nameOfSet);

}  // namespace
}  // namespace dcn4j::cpu
