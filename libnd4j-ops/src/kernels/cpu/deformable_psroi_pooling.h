// Deformable position-sensitive ROI pooling on the CPU.
#pragma once

#include "../deformable_psroi_pooling.h"

namespace dcn4j::cpu {

/// One implementation for every instruction set: it follows rois through memory, and has no long
/// rows of numbers for vectors.
class SeparableDeformablePsroiPooling final : public DeformablePsroiPoolingKernel {
  public:
    const char* name() const override { return "separable"; }
    void forward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                 const Tensor<4>& output, const Tensor<4>& count, int threads) const override;
    void backward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                  const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const DeformablePsroiPoolingGradients& gradients, int threads) const override;
};

}  // namespace dcn4j::cpu
