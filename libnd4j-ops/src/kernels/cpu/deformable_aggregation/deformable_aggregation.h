// Deformable aggregation on the CPU with one instruction set's micro-kernels.
#pragma once

#include "../../deformable_aggregation.h"
#include "../simd/micro_kernels.h"

namespace dcn4j::cpu {

class TiledDeformableAggregation final : public DeformableAggregationKernel {
  public:
    explicit TiledDeformableAggregation(const InstructionSet& set) : set_(set) {}

    const char* name() const override { return set_.name; }
    void forward(const AggregationCall& call, int threads) const override;
    void backward(const AggregationCall& call, int threads) const override;

  private:
    const InstructionSet& set_;
};

}  // namespace dcn4j::cpu
