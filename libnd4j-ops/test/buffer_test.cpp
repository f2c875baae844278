// Memory that is kept between calls.
#include "../src/kernels/cpu/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <thread>
#include <vector>

namespace dcn4j::cpu {
namespace {

TEST(Memory, IsAlignedAndUsable) {
    for (const std::size_t bytes : {0, 1, 63, 64, 65, 1000, 4097, 1 << 20}) {
        void* memory = takeMemory(bytes);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 64, 0u) << bytes;
        std::memset(memory, 1, bytes);
        giveMemory(memory, bytes);
    }
}

TEST(Memory, GivenBackServesTheNextOfSuchASize) {
    void* first = takeMemory(100000);
    giveMemory(first, 100000);
    void* second = takeMemory(100001);
    EXPECT_EQ(second, first);
    void* third = takeMemory(100000);
    EXPECT_NE(third, first);
    giveMemory(second, 100001);
    giveMemory(third, 100000);
}

TEST(Memory, OfASizeNoLongerAskedForIsReleased) {
    const std::size_t large = std::size_t{64} << 20;
    giveMemory(takeMemory(large), large);
    EXPECT_GE(keptMemory(), large);
    for (int i = 0; i < 5000; ++i) giveMemory(takeMemory(64), 64);
    EXPECT_LT(keptMemory(), large);
}

TEST(Memory, MoreThanThereIsThrowsAndLeavesTheRestUsable) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer ends the process instead";
#endif
    for (int shift : {0, 1, 2, 3, 4}) {
        EXPECT_THROW(takeMemory(std::numeric_limits<std::size_t>::max() >> shift), std::bad_alloc);
        EXPECT_THROW(takeMemory((std::size_t{1} << 63) >> shift), std::bad_alloc);
    }
    for (const Index count : {Index{-1}, Index{1} << 61, (Index{1} << 61) + 8}) {
        EXPECT_THROW(Buffer<double>{count}, std::bad_alloc);
    }
    giveMemory(takeMemory(1000), 1000);
}

TEST(Memory, IsNeverInTwoHands) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([t] {
            for (int i = 0; i < 2000; ++i) {
                const std::size_t bytes = 256 + 64 * static_cast<std::size_t>(i % 7);
                auto* memory = static_cast<unsigned char*>(takeMemory(bytes));
                std::memset(memory, t, bytes);
                for (std::size_t j = 0; j < bytes; ++j) ASSERT_EQ(memory[j], t);
                giveMemory(memory, bytes);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace dcn4j::cpu
