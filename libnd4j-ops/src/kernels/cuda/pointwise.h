// Functions of single numbers on CUDA, without libnd4j. Arrays are in device memory, and calls
// return when everything is enqueued on the stream. `threads` is ignored. A launch that fails
// throws std::runtime_error.
#pragma once

#include "../pointwise.h"
#include "runtime.h"

namespace dcn4j::cuda {

class Pointwise final : public OnStream<PointwiseKernel> {
  public:
    using OnStream::OnStream;

    const char* name() const override { return "pointwise"; }
    void sigmoid(const PointwiseShape& shape, const Tensor<4>& from, const Tensor<4>& to,
                 int threads) const override;
    void sigmoidGradient(const PointwiseShape& shape, const Tensor<4>& sigmoid,
                         const Tensor<4>& gradient, const Tensor<4>& to,
                         int threads) const override;
};

/// to = to + addend, rounded once; nothing if there is no addend.
void add(const PointwiseShape& shape, const Tensor<4>& addend, const Tensor<4>& to,
         cudaStream_t stream);

}  // namespace dcn4j::cuda
