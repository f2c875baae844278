// CUDA as the kernels use it: launches, loops, shared memory and wide accesses.
//
// Everything beyond this header is plain C++ with CUDA's functions and qualifiers, so that
// test/cuda_emulation can run the same sources on a CPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "../tensor.h"
#include "runtime.h"

namespace dcn4j::cuda {

/// Threads of a block, but for products that say otherwise.
constexpr int blockThreads = 256;

/// Starts `kernel` on `stream` with `blocks` blocks of `threads` threads, which loop where there
/// may be more work than a grid has blocks. Nothing is started for 0 blocks. `sharedBytes` are
/// those of dynamicShared().
template <class... Parameters, class... Arguments>
void launchBlocks(const char* name, void (*kernel)(Parameters...), Index blocks, int threads,
                  std::size_t sharedBytes, cudaStream_t stream, const Arguments&... arguments) {
    if (blocks <= 0) return;
    const unsigned grid = static_cast<unsigned>(std::min<Index>(blocks, 0x7fffffff));
    if (sharedBytes > 48 * 1024) {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(sharedBytes)),
              name);
    }
#if defined(__CUDACC__)
    kernel<<<grid, threads, sharedBytes, stream>>>(arguments...);
#else
    (void)stream;
    cuda_emulation::run(name, reinterpret_cast<const void*>(kernel), grid,
                        static_cast<unsigned>(threads), sharedBytes, [&] { kernel(arguments...); });
#endif
    check(cudaGetLastError(), name);
}

/// The same, with the threads that most kernels have.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), Index blocks, std::size_t sharedBytes,
            cudaStream_t stream, const Arguments&... arguments) {
    launchBlocks(name, kernel, blocks, blockThreads, sharedBytes, stream, arguments...);
}

/// Blocks for one thread an item.
inline Index blocksFor(Index items) {
    return (items + blockThreads - 1) / blockThreads;
}

/// The block's object of type T in shared memory: one object a type, uninitialised.
template <class T>
__device__ __forceinline__ T& shared() {
#if defined(__CUDACC__)
    // Raw memory: nothing is constructed. 128: what tensor cores ask of their operands.
    __shared__ __align__(128) unsigned char memory[sizeof(T)];
#else
    static_assert(alignof(T) <= 128);
    static const char one = 0;
    void* memory = cuda_emulation::sharedMemory(&one, sizeof(T));
#endif
    return *reinterpret_cast<T*>(memory);
}

/// As shared(), of what the launch says; beyond 48 KiB there is no other way.
template <class T>
__device__ __forceinline__ T& dynamicShared() {
#if defined(__CUDACC__)
    extern __shared__ __align__(128) unsigned char dynamicMemory[];
    return *reinterpret_cast<T*>(dynamicMemory);
#else
    static_assert(alignof(T) <= 128);
    return *static_cast<T*>(cuda_emulation::dynamicSharedMemory(sizeof(T)));
#endif
}

/// Ends a kernel that the device's code does not hold: it must not pass for one that has run.
__device__ inline void notCompiledForThisDevice() {
#if defined(__CUDACC__)
    __trap();
#else
    cuda_emulation::fail("a kernel that the device has no code for");
#endif
}

/// In the emulation: that the device's code is for a compute capability, times ten, of at least
/// this. A compiler leaves out what its code is not for.
__device__ inline void checkCapability([[maybe_unused]] int least) {
#if !defined(__CUDACC__)
    if (cuda_emulation::capabilityOfCode() < least) notCompiledForThisDevice();
#endif
}

/// threadIdx.x, read anew: what is worked out of it is not kept in registers, or in memory, from
/// before a loop.
__device__ __forceinline__ int threadAnew() {
#if defined(__CUDA_ARCH__)
    int thread;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
    return thread;
#else
    return static_cast<int>(threadIdx.x);
#endif
}

/// blockIdx.x, likewise.
__device__ __forceinline__ unsigned blockAnew() {
#if defined(__CUDA_ARCH__)
    unsigned block;
    asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(block));
    return block;
#else
    return static_cast<unsigned>(blockIdx.x);
#endif
}

/// Calls `action(i)` for this thread's share of 0 .. items - 1.
template <class Action>
__device__ void forEachItem(Index items, Action action) {
    const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
    for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < items; i += step)
        action(i);
}

/// Consecutive elements that travel as one access of up to 16 bytes.
template <class T, int Count, bool InWords = sizeof(T) == 2 && Count % 2 == 0>
struct alignas(sizeof(T) * Count) Pack {
    T value[Count];

    DCN4J_HOST_DEVICE T get(int i) const { return value[i]; }
    DCN4J_HOST_DEVICE void set(int i, T v) { value[i] = v; }
};

/// Elements of 16 bits are held as words. As so many numbers of 16 bits, a compiler takes each
/// access apart into single registers, and waits for it there; as words, accesses stay independent.
template <class T, int Count>
struct alignas(sizeof(T) * Count) Pack<T, Count, true> {
    std::uint32_t word[Count / 2];

    DCN4J_HOST_DEVICE T get(int i) const {
        return T{static_cast<std::uint16_t>(word[i / 2] >> (i % 2 * 16))};
    }
    DCN4J_HOST_DEVICE void set(int i, T v) {
        const int shift = i % 2 * 16;
        word[i / 2] = (word[i / 2] & ~(0xffffu << shift)) | std::uint32_t{v.bits} << shift;
    }
};

/// In the emulation: that an access is where CUDA allows it.
DCN4J_HOST_DEVICE inline void checkAlignment([[maybe_unused]] const void* address,
                                             [[maybe_unused]] std::size_t bytes) {
#if !defined(__CUDACC__)
    cuda_emulation::checkAlignment(address, bytes);
#endif
}

/// In the emulation: that what is read of device memory has been written; by elements of 2, 4 or 8
/// bytes.
template <std::size_t Bytes>
DCN4J_HOST_DEVICE inline void checkWritten([[maybe_unused]] const void* from,
                                           [[maybe_unused]] std::size_t count) {
#if !defined(__CUDACC__)
    cuda_emulation::checkWritten(from, Bytes, count);
#endif
}

template <int Count, class T>
DCN4J_HOST_DEVICE inline Pack<T, Count> loadPack(const T* from) {
    checkAlignment(from, sizeof(Pack<T, Count>));
    checkWritten<sizeof(T)>(from, Count);
    return *reinterpret_cast<const Pack<T, Count>*>(from);
}

template <int Count, class T>
DCN4J_HOST_DEVICE inline void storePack(T* to, const Pack<T, Count>& pack) {
    checkAlignment(to, sizeof(Pack<T, Count>));
    *reinterpret_cast<Pack<T, Count>*>(to) = pack;
}

/// `from`, and `count` times `bytes` on: in one instruction, which compilers make of a product of
/// 32 bits each only where they see that it is one.
template <class T>
__device__ __forceinline__ const T* further(const T* from, int count, int bytes) {
#if defined(__CUDA_ARCH__)
    Index bytesOn;
    asm("mul.wide.s32 %0, %1, %2;" : "=l"(bytesOn) : "r"(count), "r"(bytes));
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(from) + bytesOn);
#else
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(from) + Index{count} * bytes);
#endif
}

/// What is in device memory, which no kernel writes at the time, at an address that compilers can't
/// tell to be there.
template <class T>
__device__ inline T loadGlobal(const void* from) {
    checkAlignment(from, sizeof(T) < 16 ? sizeof(T) : 16);
    // Larger ones are read member by member, without what is between these.
    constexpr std::size_t each = sizeof(T) < 4 ? sizeof(T) : 4;
    if constexpr (sizeof(T) <= 16) checkWritten<each>(from, sizeof(T) / each);
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(T) > 16) {
        return *static_cast<const T*>(from);
    } else {
        using Bits = std::conditional_t<
            sizeof(T) == 2, unsigned short,
            std::conditional_t<sizeof(T) == 4, unsigned,
                               std::conditional_t<sizeof(T) == 8, unsigned long long, uint4>>>;
        static_assert(sizeof(T) == sizeof(Bits));
        const Bits bits = __ldg(static_cast<const Bits*>(from));
        T value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
#else
    return *static_cast<const T*>(from);
#endif
}

/// Whether the device copies from its memory to shared memory by itself.
__device__ inline bool copiesByItself() {
#if !defined(__CUDACC__)
    return cuda_emulation::capabilityOfCode() >= 80;
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    return true;
#else
    return false;
#endif
}

/// Begins to copy 16 bytes from device memory to shared memory, or to set them to zero unless
/// `some`. They are there after waitForCopies(), for other threads after a barrier too.
__device__ __forceinline__ void beginCopy(void* to, const void* from, [[maybe_unused]] bool some) {
    checkAlignment(to, 16);
    checkAlignment(from, 16);
#if !defined(__CUDACC__)
    cuda_emulation::beginCopy(to, some ? from : nullptr, 16);
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     static_cast<std::uint32_t>(__cvta_generic_to_shared(to))),
                 "l"(from), "r"(some ? 16 : 0)
                 : "memory");
#else
    notCompiledForThisDevice();
#endif
}

/// Waits for the copies that this thread began.
__device__ __forceinline__ void waitForCopies() {
#if !defined(__CUDACC__)
    cuda_emulation::waitForCopies();
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

/// The largest integer that is not above `value`, or of those of 32 bits the nearest. Of a NaN it
/// is any.
template <class Real>
__device__ inline int floorOf(Real value) {
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) return __float2int_rd(value);
    return __double2int_rd(value);
#else
    if (!(value > Real{-0x1p31})) return -0x7fffffff - 1;
    return value < Real{0x1p31} ? static_cast<int>(std::floor(value)) : 0x7fffffff;
#endif
}

/// a * b + c, rounded once.
template <class Real>
__device__ inline Real multiplyAdd(Real a, Real b, Real c) {
    return std::fma(a, b, c);
}

/// The nearest number of 0 ... 1; 0 of a NaN.
template <class Real>
__device__ inline Real unitOf(Real value) {
#if defined(__CUDA_ARCH__)
    if constexpr (sizeof(Real) == 4) return __saturatef(value);
#endif
    return value > 0 ? value < 1 ? value : Real{1} : Real{0};
}

/// The elements of 16 bytes.
template <class T>
constexpr int packOf = static_cast<int>(16 / sizeof(T));

inline Index ceilDivide(Index a, Index b) {
    return (a + b - 1) / b;
}

inline Index roundUp(Index a, Index b) {
    return ceilDivide(a, b) * b;
}

}  // namespace dcn4j::cuda
