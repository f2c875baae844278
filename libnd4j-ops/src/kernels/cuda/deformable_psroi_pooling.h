// Deformable position-sensitive ROI pooling on CUDA, without libnd4j. Arrays are in device memory,
// and calls return when everything is enqueued on the stream. `threads` is ignored.
//
// Beside what the interface says, calls throw OutOfMemory (a std::bad_alloc) before anything is
// enqueued, and std::runtime_error when a launch fails.
#pragma once

#include <optional>

#include "../deformable_psroi_pooling.h"
#include "runtime.h"

namespace dcn4j::cuda {

/// findBadRoi of the kernels whose arrays are in device memory. Waits for the stream.
std::optional<BadRoi> findBadRoiOnDevice(const PsroiPoolingGeometry& geometry,
                                         const DeformablePsroiPoolingInputs& inputs,
                                         cudaStream_t stream);

/// What both kernels share.
class DeformablePsroiPoolingOnStream : public OnStream<DeformablePsroiPoolingKernel> {
  public:
    using OnStream::OnStream;

    std::optional<BadRoi> findBadRoi(const PsroiPoolingGeometry& geometry,
                                     const DeformablePsroiPoolingInputs& inputs) const final {
        return findBadRoiOnDevice(geometry, inputs, stream_);
    }
};

/// The definition as plain loops: for every output one thread, and for every plane or part.
class ReferenceDeformablePsroiPooling final : public DeformablePsroiPoolingOnStream {
  public:
    using DeformablePsroiPoolingOnStream::DeformablePsroiPoolingOnStream;

    const char* name() const override { return "reference"; }
    void forward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                 const Tensor<4>& output, const Tensor<4>& count, int threads) const override;
    void backward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                  const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const DeformablePsroiPoolingGradients& gradients, int threads) const override;
};

/// Channels side by side forward; tiles that gather what the bins bring backward.
class TiledDeformablePsroiPooling final : public DeformablePsroiPoolingOnStream {
  public:
    using DeformablePsroiPoolingOnStream::DeformablePsroiPoolingOnStream;

    const char* name() const override { return "fused"; }
    void forward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                 const Tensor<4>& output, const Tensor<4>& count, int threads) const override;
    void backward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                  const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const DeformablePsroiPoolingGradients& gradients, int threads) const override;
};

}  // namespace dcn4j::cuda
