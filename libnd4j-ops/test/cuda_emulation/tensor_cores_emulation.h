// ldmatrix and mma.sync on the CPU: what src/kernels/cuda/tensor_cores.h asks of the hardware, by
// the layouts that it documents. The last of a warp's threads to come does the work of all.
#pragma once

#include <cstring>
#include <type_traits>

#include "../../src/kernels/element.h"

namespace cuda_emulation {

inline void loadFragments(std::uint32_t (&to)[4], const void* row, bool transposed) {
    struct Lane {
        const unsigned char* row;
        std::uint32_t* to;
    } own{static_cast<const unsigned char*>(row), to};
    asWarp(&own, [transposed](void* const(&lanes)[32]) {
        const auto lane = [&](int l) { return static_cast<Lane*>(lanes[l]); };
        for (int l = 0; l < 32; ++l)
            for (int i = 0; i < 4; ++i) {
                const int g = l / 4, t = l % 4;
                std::uint16_t pair[2];
                for (int p = 0; p < 2; ++p) {
                    const int r = transposed ? 2 * t + p : g, c = transposed ? g : 2 * t + p;
                    std::memcpy(&pair[p], lane(8 * i + r)->row + 2 * c, 2);
                }
                std::memcpy(&lane(l)->to[i], pair, 4);
            }
    });
}

/// The number of depth `k` within the word of one thread: two halves or one float.
template <class Element>
float operandOf(std::uint32_t word, int k) {
    if constexpr (std::is_same_v<Element, dcn4j::Float16> ||
                  std::is_same_v<Element, dcn4j::BFloat16>) {
        return dcn4j::widen(Element{static_cast<std::uint16_t>(word >> (k % 2 * 16))});
    } else {
        // Tensor cores read 19 bits.
        return dcn4j::floatOf(word & 0xffffe000u);
    }
}

template <class Element>
void multiplyFragments(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t* b) {
    struct Lane {
        float* c;
        const std::uint32_t *a, *b;
    } own{c, a, b};
    asWarp(&own, [](void* const(&lanes)[32]) {
        const auto lane = [&](int l) { return static_cast<Lane*>(lanes[l]); };
        constexpr bool halves =
            std::is_same_v<Element, dcn4j::Float16> || std::is_same_v<Element, dcn4j::BFloat16>;
        // Numbers of a word, and depths of a fragment.
        constexpr int perWord = halves ? 2 : 1, depth = 4 * perWord;
        float left[16][2 * depth], right[2 * depth][8];
        for (int k = 0; k < 2 * depth; ++k) {
            const int t = k % depth / perWord, upper = k / depth;
            for (int row = 0; row < 16; ++row)
                left[row][k] = operandOf<Element>(lane(row % 8 * 4 + t)->a[2 * upper + row / 8], k);
            for (int column = 0; column < 8; ++column)
                right[k][column] = operandOf<Element>(lane(column * 4 + t)->b[upper], k);
        }
        for (int row = 0; row < 16; ++row)
            for (int column = 0; column < 8; ++column) {
                float& total = lane(row % 8 * 4 + column / 2)->c[row / 8 * 2 + column % 2];
                for (int k = 0; k < 2 * depth; ++k) total += left[row][k] * right[k][column];
            }
    });
}

}  // namespace cuda_emulation
