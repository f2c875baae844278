// What the CUDA benchmarks share: arrays on the device, and times between CUDA events.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <functional>
#include <type_traits>
#include <vector>

#include "../src/kernels/cuda/device.h"
#include "../src/kernels/element.h"

namespace dcn4j {

template <class Element>
constexpr ElementType elementTypeOf = std::is_same_v<Element, double>     ? ElementType::Float64
                                      : std::is_same_v<Element, Float16>  ? ElementType::Float16
                                      : std::is_same_v<Element, BFloat16> ? ElementType::BFloat16
                                                                          : ElementType::Float32;

inline int warmups = 3, rounds = 15;

/// Values in `center` - `scale` .. `center` + `scale` that look random and are the same in every
/// run.
template <class Element>
__global__ void fillKernel(Element* values, Index count, std::uint32_t seed, float scale,
                           float center) {
    cuda::forEachItem(count, [&](Index i) {
        std::uint32_t x = static_cast<std::uint32_t>(i) * 2654435761u + seed;
        x ^= x >> 16;
        x *= 0x85ebca6bu;
        x ^= x >> 13;
        x *= 0xc2b2ae35u;
        x ^= x >> 16;
        const float uniform = static_cast<float>(x) * 0x1p-31f - 1;
        values[i] = narrow<Element>(static_cast<ComputeType<Element>>(uniform * scale + center));
    });
}

/// Device memory that lives to the end of its scope.
template <class Element>
class Memory {
  public:
    Memory(Index count, std::uint32_t seed, float scale = 1, float center = 0) {
        void* memory = nullptr;
        cuda::check(cudaMalloc(&memory, static_cast<std::size_t>(count) * sizeof(Element)),
                    "cudaMalloc");
        data_ = static_cast<Element*>(memory);
        cuda::launch("fill", fillKernel<Element>, 4096, 0, nullptr, data_, count, seed, scale,
                     center);
    }
    ~Memory() { cudaFree(data_); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    Element* data() const { return data_; }

    /// A contiguous array in this memory.
    template <class... Sizes>
    Tensor<sizeof...(Sizes)> array(Sizes... sizes) const {
        const Index all[] = {static_cast<Index>(sizes)...};
        Tensor<sizeof...(Sizes)> t;
        t.data = data_;
        Index stride = 1;
        for (std::size_t d = sizeof...(Sizes); d-- > 0; stride *= all[d]) t.strides[d] = stride;
        return t;
    }

  private:
    Element* data_;
};

struct Times {
    float median, least, most;
};

inline Times measure(const std::function<void()>& action) {
    cudaEvent_t begin, end;
    cuda::check(cudaEventCreate(&begin), "cudaEventCreate");
    cuda::check(cudaEventCreate(&end), "cudaEventCreate");
    for (int i = 0; i < warmups; ++i) action();
    std::vector<float> times;
    for (int i = 0; i < rounds; ++i) {
        cuda::check(cudaEventRecord(begin), "cudaEventRecord");
        action();
        cuda::check(cudaEventRecord(end), "cudaEventRecord");
        cuda::check(cudaEventSynchronize(end), "a kernel");
        float milliseconds = 0;
        cuda::check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
        times.push_back(milliseconds);
    }
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    std::sort(times.begin(), times.end());
    return {times[rounds / 2], times.front(), times.back()};
}

/// The ops that have no matrix product.
void benchmarkSampling();

}  // namespace dcn4j
