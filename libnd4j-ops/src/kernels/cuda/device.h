// CUDA as the kernels use it: launches, loops, shared memory and wide accesses.
//
// Everything beyond this header is plain C++ with CUDA's functions and qualifiers, so that
// test/cuda_emulation can run the same sources on a CPU.
#pragma once

#include <algorithm>

#include "../tensor.h"
#include "runtime.h"

namespace dcn4j::cuda {

/// Threads of a block, for every kernel.
constexpr int blockThreads = 256;

/// Starts `kernel` on `stream` with `blocks` blocks, which loop if there is more work than a grid
/// has blocks. Nothing is started for 0 blocks.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), Index blocks, std::size_t sharedBytes,
            cudaStream_t stream, const Arguments&... arguments) {
    if (blocks <= 0) return;
    const unsigned grid = static_cast<unsigned>(std::min<Index>(blocks, 0x7fffffff));
#if defined(__CUDACC__)
    kernel<<<grid, blockThreads, sharedBytes, stream>>>(arguments...);
#else
    (void)stream;
    cuda_emulation::run(grid, blockThreads, sharedBytes, [&] { kernel(arguments...); });
#endif
    check(cudaGetLastError(), name);
}

/// Blocks for one thread an item.
inline Index blocksFor(Index items) {
    return (items + blockThreads - 1) / blockThreads;
}

/// A block's dynamic shared memory, aligned for tensor cores.
__device__ inline void* sharedMemory() {
#if defined(__CUDACC__)
    extern __shared__ __align__(128) unsigned char memory[];
    return memory;
#else
    return cuda_emulation::sharedMemory();
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
template <class T, int Count>
struct alignas(sizeof(T) * Count) Pack {
    T value[Count];
};

template <int Count, class T>
__device__ inline Pack<T, Count> loadPack(const T* from) {
    return *reinterpret_cast<const Pack<T, Count>*>(from);
}

template <int Count, class T>
__device__ inline void storePack(T* to, const Pack<T, Count>& pack) {
    *reinterpret_cast<Pack<T, Count>*>(to) = pack;
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
