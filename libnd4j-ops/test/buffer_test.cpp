// Memory that is kept between calls.
#include "../src/kernels/cpu/buffer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <thread>
#include <vector>

#include "kept_memory.h"

// GCC says by macros what sanitizers watch, clang when it is asked.
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define DCN4J_ADDRESS_SANITIZER
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define DCN4J_THREAD_SANITIZER
#endif

namespace dcn4j::cpu {
namespace {

/// Bytes of addresses that the process has mapped.
std::size_t addressSpace() {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

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
    ageKeptMemory();
    EXPECT_LT(keptMemory(), large);
}

TEST(Memory, NothingIsMoreThanAnEighthLarger) {
    giveMemory(takeMemory(1), 1);
    for (std::size_t bytes = 512; bytes < std::size_t{12} << 20; bytes += bytes / 7) {
        const std::size_t before = keptMemory();
        void* memory = takeMemory(bytes);
        const std::size_t reused = before - keptMemory();
        giveMemory(memory, bytes);
        const std::size_t size = keptMemory() - before + reused;
        EXPECT_GE(size, bytes);
        EXPECT_LE(size, bytes + bytes / 8 + 64) << bytes;
    }
}

TEST(Memory, OfManySizesIsNotAllKept) {
    for (std::size_t i = 1; i <= 150; ++i) {
        const std::size_t bytes = i * (std::size_t{1} << 20);
        giveMemory(takeMemory(bytes), bytes);
        EXPECT_LE(keptMemory(), std::size_t{256} << 20);
    }
}

TEST(Memory, ThatThereWasNotLetsNoMoreBeKept) {
#ifdef DCN4J_ADDRESS_SANITIZER
    GTEST_SKIP() << "the sanitizer ends the process instead";
#endif
    EXPECT_THROW(takeMemory(std::size_t{1} << 60), std::bad_alloc);
    for (std::size_t i = 1; i <= 100; ++i) {
        const std::size_t bytes = i * (std::size_t{1} << 20);
        giveMemory(takeMemory(bytes), bytes);
        EXPECT_LE(keptMemory(), std::size_t{256} << 20);
    }
}

TEST(Memory, ThatIsKeptIsGivenUpWhereMemoryIsMissing) {
#if defined(DCN4J_ADDRESS_SANITIZER) || defined(DCN4J_THREAD_SANITIZER) || !defined(__linux__)
    GTEST_SKIP() << "needs a limit of the address space";
#endif
    const std::size_t kept = std::size_t{200} << 20, wanted = std::size_t{300} << 20;
    giveMemory(takeMemory(kept), kept);
    ASSERT_GE(keptMemory(), kept);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
    rlimit now = before;
    now.rlim_cur = addressSpace() + (std::size_t{200} << 20);
    ASSERT_EQ(setrlimit(RLIMIT_AS, &now), 0);
    void* memory = nullptr;
    EXPECT_NO_THROW(memory = takeMemory(wanted));
    EXPECT_THROW(takeMemory(std::size_t{1} << 40), std::bad_alloc);
    setrlimit(RLIMIT_AS, &before);
    if (memory != nullptr) giveMemory(memory, wanted);
    EXPECT_LE(keptMemory(), wanted + wanted / 8);
    EXPECT_GE(keptMemory(), wanted) << "as much as was used at once";
}

TEST(Memory, MoreThanThereIsThrowsAndLeavesTheRestUsable) {
#ifdef DCN4J_ADDRESS_SANITIZER
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
