// Tensor core operations on the CPU. A warp's first thread holds the whole of each fragment and
// does the work of the others.
#pragma once

#include <cstdint>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime.h"

namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
namespace precision {
struct tf32;
}
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K, class Element, class Layout = void>
struct fragment {
    float value[M * N + M * K + N * K];
};

/// True for the warp's first thread, when all have come.
inline bool worksForTheWarp() {
    cuda_emulation::asWarp(nullptr, [](void* const(&)[32]) {});
    return threadIdx.x % 32 == 0;
}

/// As CUDA asks of addresses and pitches.
template <class Element>
void checkAlignment(const Element* from, unsigned pitch) {
    if (reinterpret_cast<std::uintptr_t>(from) % 32 != 0 || pitch * sizeof(Element) % 16 != 0)
        cuda_emulation::fail("a misaligned fragment");
}

template <int M, int N, int K, class Element>
void fill_fragment(fragment<accumulator, M, N, K, Element>& f, float value) {
    if (!worksForTheWarp()) return;
    for (int i = 0; i < M * N; ++i) f.value[i] = value;
}

template <class Use, int M, int N, int K, class Type, class Layout, class Element>
void load_matrix_sync(fragment<Use, M, N, K, Type, Layout>& f, const Element* from,
                      unsigned pitch) {
    if (!worksForTheWarp()) return;
    checkAlignment(from, pitch);
    constexpr bool isA = std::is_same_v<Use, matrix_a>;
    constexpr int rows = isA ? M : K, columns = isA ? K : N;
    constexpr bool byRow = std::is_same_v<Layout, row_major>;
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < columns; ++c)
            f.value[r * columns + c] = dcn4j::widen(
                from[byRow ? r * static_cast<int>(pitch) + c : c * static_cast<int>(pitch) + r]);
}

template <int M, int N, int K, class Type, class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, M, N, K, float>& d,
              const fragment<matrix_a, M, N, K, Type, LayoutA>& a,
              const fragment<matrix_b, M, N, K, Type, LayoutB>& b,
              const fragment<accumulator, M, N, K, float>&) {
    if (!worksForTheWarp()) return;
    for (int m = 0; m < M; ++m)
        for (int k = 0; k < K; ++k)
            for (int n = 0; n < N; ++n)
                d.value[m * N + n] += a.value[m * K + k] * b.value[k * N + n];
}

template <int M, int N, int K>
void store_matrix_sync(float* to, const fragment<accumulator, M, N, K, float>& f, unsigned pitch,
                       layout_t layout) {
    if (!worksForTheWarp()) return;
    checkAlignment(to, pitch);
    const int step = static_cast<int>(pitch);
    for (int m = 0; m < M; ++m)
        for (int n = 0; n < N; ++n)
            to[layout == mem_row_major ? m * step + n : n * step + m] = f.value[m * N + n];
}

}  // namespace nvcuda::wmma
