// Deformable aggregation on CUDA, without libnd4j. Arrays are in device memory, and calls return
// when everything is enqueued on the stream. `threads` is ignored.
//
// Beside what the interface says, calls throw OutOfMemory (a std::bad_alloc) before anything is
// enqueued, and std::runtime_error when a launch fails.
#pragma once

#include "../deformable_aggregation.h"
#include "runtime.h"

namespace dcn4j::cuda {

/// The definition as it reads, one thread for each output and sample, and for each plane of values;
/// or, as `gathers` says, for several channels, and with values that gather their gradient, so that
/// no plane is walked through by one thread.
class DeformableAggregation final : public OnStream<DeformableAggregationKernel> {
  public:
    DeformableAggregation(cudaStream_t stream, bool gathers)
        : OnStream(stream), gathers_(gathers) {}

    const char* name() const override { return gathers_ ? "gathered" : "reference"; }
    void forward(const AggregationCall& call, int threads) const override;
    void backward(const AggregationCall& call, int threads) const override;

  private:
    const bool gathers_;
};

}  // namespace dcn4j::cuda
