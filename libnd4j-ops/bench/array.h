// Arrays for the benchmarks.
#pragma once

#include <random>
#include <vector>

#include "../src/kernels/tensor.h"

namespace dcn4j {

/// A contiguous array, normally distributed numbers.
struct Array {
    std::vector<float> numbers;
    Index sizes[4];

    Array(Index a, Index b, Index c, Index d) : numbers(), sizes{a, b, c, d} {
        static std::mt19937 random(1);
        std::normal_distribution<float> normal;
        numbers.resize(static_cast<std::size_t>(a * b * c * d));
        for (float& number : numbers) number = normal(random);
    }
    operator Tensor<4>() {
        Tensor<4> t;
        t.data = numbers.data();
        t.strides[3] = 1;
        for (int i = 2; i >= 0; --i) t.strides[i] = t.strides[i + 1] * sizes[i + 1];
        return t;
    }
};

}  // namespace dcn4j
