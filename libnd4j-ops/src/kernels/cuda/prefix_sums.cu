// start[i] = sum of counts[0 .. i - 1], in three passes: the sum of each block's share, the sums
// before each block (one block), the sums within blocks.
//
// What bounds it: memory; the counts are read twice.
#include "prefix_sums.h"

namespace dcn4j::cuda {
namespace {

constexpr int itemsPerThread = 8;
constexpr int share = itemsPerThread * blockThreads;

__global__ void sumSharesKernel(const unsigned* counts, Index size, unsigned* sums) {
    const Index shares = (size + share - 1) / share;
    for (Index s = blockIdx.x; s < shares; s += gridDim.x) {
        unsigned sum = 0, total;
        for (int i = 0; i < itemsPerThread; ++i) {
            const Index at = s * share + i * blockThreads + threadIdx.x;
            if (at < size) sum += counts[at];
        }
        sumBefore(sum, total);
        if (threadIdx.x == 0) sums[s] = total;
    }
}

/// Replaces each sum by the sum of those before it. One block.
__global__ void scanSharesKernel(unsigned* sums, Index shares) {
    unsigned before = 0;
    for (Index first = 0; first < shares; first += blockThreads) {
        const Index at = first + threadIdx.x;
        unsigned total;
        const unsigned sum = sumBefore(at < shares ? sums[at] : 0, total);
        if (at < shares) sums[at] = before + sum;
        before += total;
    }
}

__global__ void startsKernel(const unsigned* counts, Index size, const unsigned* sums,
                             unsigned* start) {
    const Index shares = (size + share - 1) / share;
    for (Index s = blockIdx.x; s < shares; s += gridDim.x) {
        const Index first = s * share + static_cast<Index>(threadIdx.x) * itemsPerThread;
        unsigned sum = 0, total;
        for (int i = 0; i < itemsPerThread; ++i) sum += first + i < size ? counts[first + i] : 0;
        unsigned before = sums[s] + sumBefore(sum, total);
        for (int i = 0; i < itemsPerThread && first + i < size; ++i) {
            start[first + i] = before;
            before += counts[first + i];
            if (first + i == size - 1) start[size] = before;
        }
    }
}

}  // namespace

Index prefixSumsWorkspace(Index size) {
    return ceilDivide(size, share);
}

void prefixSums(const unsigned* counts, Index size, unsigned* workspace, unsigned* start,
                cudaStream_t stream) {
    const Index shares = ceilDivide(size, share);
    launch("prefix sums", sumSharesKernel, shares, 0, stream, counts, size, workspace);
    launch("prefix sums", scanSharesKernel, 1, 0, stream, workspace, shares);
    launch("prefix sums", startsKernel, shares, 0, stream, counts, size, workspace, start);
}

}  // namespace dcn4j::cuda
