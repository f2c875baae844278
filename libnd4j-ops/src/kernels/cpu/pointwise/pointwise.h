// Functions of single numbers on the CPU with one instruction set's micro-kernels.
#pragma once

#include "../../pointwise.h"
#include "../simd/micro_kernels.h"

namespace dcn4j::cpu {

class ChunkedPointwise final : public PointwiseKernel {
  public:
    explicit ChunkedPointwise(const InstructionSet& set) : set_(set) {}

    const char* name() const override { return set_.name; }
    void sigmoid(const PointwiseShape& shape, const Tensor<4>& from, const Tensor<4>& to,
                 int threads) const override;
    void sigmoidGradient(const PointwiseShape& shape, const Tensor<4>& sigmoid,
                         const Tensor<4>& gradient, const Tensor<4>& to,
                         int threads) const override;

  private:
    const InstructionSet& set_;
};

}  // namespace dcn4j::cpu
