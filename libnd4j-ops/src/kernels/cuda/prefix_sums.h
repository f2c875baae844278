// Sums of what comes before.
#pragma once

#include "device.h"

namespace dcn4j::cuda {

/// The sum of `value` over the threads of the block before this one; `total` is that of all.
__device__ inline unsigned sumBefore(unsigned value, unsigned& total) {
    struct Memory {
        unsigned sums[2][blockThreads];
    };
    auto& sums = shared<Memory>().sums;
    const int t = static_cast<int>(threadIdx.x);
    int now = 0;
    sums[0][t] = value;
    __syncthreads();
    for (int distance = 1; distance < blockThreads; distance *= 2) {
        sums[1 - now][t] = sums[now][t] + (t >= distance ? sums[now][t - distance] : 0);
        now = 1 - now;
        __syncthreads();
    }
    const unsigned before = sums[now][t] - value;
    total = sums[now][blockThreads - 1];
    __syncthreads();
    return before;
}

/// Numbers of the arrays that prefixSums reads and writes; counts from `size` on must be zeros.
Index prefixSumsLength(Index size);
/// Numbers that prefixSums needs to work in.
Index prefixSumsWorkspace(Index size);

/// start[i] = the sum of counts[0] .. counts[i - 1], for i = 0 .. size. Both are aligned to 16
/// bytes.
void prefixSums(const unsigned* counts, Index size, unsigned* workspace, unsigned* start,
                cudaStream_t stream);

}  // namespace dcn4j::cuda
