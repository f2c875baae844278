// start[i] = sum of counts[0 .. i - 1], in two passes: the sum of each block's share; then the sums
// within blocks, each of which adds up the shares before its own.
//
// What bounds it: memory; the counts are read twice.
#include "prefix_sums.h"

namespace dcn4j::cuda {
namespace {

constexpr int pack = packOf<unsigned>;
constexpr int packsPerThread = 2;
constexpr int share = packsPerThread * pack * blockThreads;

/// Where a thread's numbers of a share begin.
__device__ Index firstOf(Index share_) {
    return share_ * share + static_cast<Index>(threadIdx.x) * (packsPerThread * pack);
}

__device__ unsigned sumOf(const unsigned* counts) {
    unsigned sum = 0;
#pragma unroll
    for (int i = 0; i < packsPerThread; ++i) {
        const auto p = loadPack<pack>(counts + i * pack);
#pragma unroll
        for (int j = 0; j < pack; ++j) sum += p.value[j];
    }
    return sum;
}

__global__ void sumSharesKernel(const unsigned* counts, unsigned* sums) {
    unsigned total;
    sumBefore(sumOf(counts + firstOf(blockIdx.x)), total);
    if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

__global__ void startsKernel(const unsigned* counts, const unsigned* sums, unsigned* start) {
    unsigned earlier = 0, before = 0, total;
    for (unsigned i = threadIdx.x; i < blockIdx.x; i += blockThreads) earlier += sums[i];
    sumBefore(earlier, before);
    const Index first = firstOf(blockIdx.x);
    before += sumBefore(sumOf(counts + first), total);
#pragma unroll
    for (int i = 0; i < packsPerThread; ++i) {
        const auto count = loadPack<pack>(counts + first + i * pack);
        Pack<unsigned, pack> p;
#pragma unroll
        for (int j = 0; j < pack; ++j) {
            p.value[j] = before;
            before += count.value[j];
        }
        storePack(start + first + i * pack, p);
    }
}

}  // namespace

Index prefixSumsLength(Index size) {
    return roundUp(size + 1, share);
}

Index prefixSumsWorkspace(Index size) {
    return prefixSumsLength(size) / share;
}

void prefixSums(const unsigned* counts, Index size, unsigned* workspace, unsigned* start,
                cudaStream_t stream) {
    const Index shares = prefixSumsWorkspace(size);
    launch("prefix sums", sumSharesKernel, shares, 0, stream, counts, workspace);
    launch("prefix sums", startsKernel, shares, 0, stream, counts, workspace, start);
}

}  // namespace dcn4j::cuda
