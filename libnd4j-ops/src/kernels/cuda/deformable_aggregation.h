// Deformable aggregation on CUDA, without libnd4j. Arrays are in device memory, and calls return
// when everything is enqueued on the stream. `threads` is ignored.
//
// Beside what the interface says, calls throw OutOfMemory (a std::bad_alloc) before anything is
// enqueued, and std::runtime_error when a launch fails.
#pragma once

#include <cuda_runtime.h>

#include "../deformable_aggregation.h"

namespace dcn4j::cuda {

/// The definition as plain loops: for every output of each pass one thread, or for every plane.
class ReferenceDeformableAggregation final : public DeformableAggregationKernel {
  public:
    explicit ReferenceDeformableAggregation(cudaStream_t stream) : stream_(stream) {}

    const char* name() const override { return "reference"; }
    void forward(const AggregationGeometry& geometry, const AggregationInputs& inputs,
                 const Tensor<5>& output, int threads) const override;
    void backward(const AggregationGeometry& geometry, const AggregationInputs& inputs,
                  const Tensor<5>& gradOutput, const AggregationGradients& gradients,
                  int threads) const override;

  private:
    const cudaStream_t stream_;
};

/// The same, but that the values gather their gradient: a thread an element of them, no plane
/// walked through by one thread. Levels that 32 bits can't number go to the reference.
class GatheredDeformableAggregation final : public DeformableAggregationKernel {
  public:
    explicit GatheredDeformableAggregation(cudaStream_t stream) : stream_(stream) {}

    const char* name() const override { return "gathered"; }
    void forward(const AggregationGeometry& geometry, const AggregationInputs& inputs,
                 const Tensor<5>& output, int threads) const override;
    void backward(const AggregationGeometry& geometry, const AggregationInputs& inputs,
                  const Tensor<5>& gradOutput, const AggregationGradients& gradients,
                  int threads) const override;

  private:
    const cudaStream_t stream_;
};

}  // namespace dcn4j::cuda
