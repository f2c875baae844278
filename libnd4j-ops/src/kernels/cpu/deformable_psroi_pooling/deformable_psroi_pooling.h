// Deformable position-sensitive ROI pooling on the CPU with one instruction set's micro-kernels.
#pragma once

#include "../../deformable_psroi_pooling.h"
#include "../simd/pooling.h"

namespace dcn4j::cpu {

class SeparableDeformablePsroiPooling final : public DeformablePsroiPoolingKernel {
  public:
    explicit SeparableDeformablePsroiPooling(const PoolingSet& set) : set_(set) {}

    const char* name() const override { return set_.set.name; }
    std::optional<BadRoi> findBadRoi(const PsroiPoolingGeometry& geometry,
                                     const DeformablePsroiPoolingInputs& inputs) const override {
        return findBadRoiInMemory(geometry, inputs);
    }
    void forward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                 const Tensor<4>& output, const Tensor<4>& count, int threads) const override;
    void backward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                  const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const DeformablePsroiPoolingGradients& gradients, int threads) const override;

  private:
    const PoolingSet& set_;
};

}  // namespace dcn4j::cpu
