// Deformable position-sensitive ROI pooling on the CPU with one instruction set's micro-kernels.
#pragma once

#include "../deformable_psroi_pooling.h"
#include "micro_kernels.h"

namespace dcn4j::cpu {

class SeparableDeformablePsroiPooling final : public DeformablePsroiPoolingKernel {
  public:
    explicit SeparableDeformablePsroiPooling(const InstructionSet& set) : set_(set) {}

    const char* name() const override { return set_.name; }
    void forward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                 const Tensor<4>& output, const Tensor<4>& count, int threads) const override;
    void backward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                  const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const DeformablePsroiPoolingGradients& gradients, int threads) const override;

  private:
    const InstructionSet& set_;
};

}  // namespace dcn4j::cpu
