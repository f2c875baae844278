// Tensor core instructions of compute capability 7.5 and later, as PTX has them: a warp loads
// fragments of 8 x 8 from shared memory and multiplies them.
//
// Which thread holds which element is documented for them (PTX ISA, Warp-level matrix
// instructions); so totals are in ordinary registers, and every access to shared memory is a load
// or store of shared memory, which those of nvcuda::wmma are not for all types.
//
// With g = lane / 4 and t = lane % 4, a product of 16 x 8 totals has
//
//   totals        c[0], c[1]: row g, columns 2t, 2t + 1; c[2], c[3]: row g + 8
//   halves, k 16  a[0]: row g, depths 2t, 2t + 1; a[1]: row g + 8;
//                 a[2], a[3]: depths 2t + 8, 2t + 9
//                 b[0]: depths 2t, 2t + 1 of column g; b[1]: depths 2t + 8, 2t + 9
//   TF32, k 8     a[0]: row g, depth t; a[1]: row g + 8; a[2], a[3]: depth t + 4
//                 b[0]: depth t of column g; b[1]: depth t + 4
#pragma once

#include "../element.h"
#include "device.h"

namespace dcn4j::cuda {

/// A number with the 10 bits of mantissa that tensor cores read of a float (TF32).
struct Tf32 {};

/// Four fragments of 8 rows of 16 bytes: the threads 8i .. 8i + 7 name the rows of fragment i. Of
/// fragment i, a thread gets the 4 bytes at t of row g; `Transposed`, where elements have 2 bytes,
/// the elements of rows 2t and 2t + 1 in column g.
template <bool Transposed>
__device__ __forceinline__ void loadFragments(std::uint32_t (&to)[4], const void* row) {
    checkAlignment(row, 16);
#if !defined(__CUDACC__)
    cuda_emulation::loadFragments(to, row, Transposed);
#elif __CUDA_ARCH__ >= 750
    const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
    if constexpr (Transposed) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
    }
#else
    (void)to;
    (void)row;
    notCompiledForThisDevice();
#endif
}

/// c += a * b, of Float16 or BFloat16 with 16 depths or Tf32 with 8.
template <class Element>
__device__ __forceinline__ void multiplyFragments(float (&c)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t* b) {
    checkCapability(std::is_same_v<Element, Float16> ? 75 : 80);
#if !defined(__CUDACC__)
    cuda_emulation::multiplyFragments<Element>(c, a, b);
#elif __CUDA_ARCH__ >= 800
#define DCN4J_MULTIPLY(shape, type)                                            \
    asm("mma.sync.aligned." shape ".row.col.f32." type "." type                \
        ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                       \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
    if constexpr (std::is_same_v<Element, Float16>) {
        DCN4J_MULTIPLY("m16n8k16", "f16");
    } else if constexpr (std::is_same_v<Element, BFloat16>) {
        DCN4J_MULTIPLY("m16n8k16", "bf16");
    } else {
        DCN4J_MULTIPLY("m16n8k8", "tf32");
    }
#undef DCN4J_MULTIPLY
#elif __CUDA_ARCH__ >= 750
    static_assert(std::is_same_v<Element, Float16>);
    // Turing multiplies 8 depths at a time.
    for (int half = 0; half < 2; ++half) {
        asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
            "{%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
    }
#else
    (void)c;
    (void)a;
    (void)b;
    notCompiledForThisDevice();
#endif
}

}  // namespace dcn4j::cuda
