// Deformable convolution on the CPU with one instruction set's micro-kernels.
#pragma once

#include "../../deformable_conv2d.h"
#include "../simd/micro_kernels.h"

namespace dcn4j::cpu {

class TiledDeformableConv2d final : public DeformableConv2dKernel {
  public:
    explicit TiledDeformableConv2d(const InstructionSet& set) : set_(set) {}

    const char* name() const override { return set_.name; }
    bool takesEpilogue() const override { return true; }
    void forward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                 const Tensor<4>& output, int threads) const override;
    void backward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                  const Tensor<4>& gradOutput, const DeformableConv2dGradients& gradients,
                  int threads) const override;

  private:
    const InstructionSet& set_;
};

}  // namespace dcn4j::cpu
