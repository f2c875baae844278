// Deformable convolution on CUDA, without libnd4j. Arrays are in device memory, and calls return
// when everything is enqueued on the stream. `threads` is ignored.
//
// Beside what the interface says, calls throw OutOfMemory (a std::bad_alloc) before anything is
// enqueued, and std::runtime_error when a launch fails.
#pragma once

#include "../deformable_conv2d.h"
#include "runtime.h"

namespace dcn4j::cuda {

/// The compute capability that the current device's code is for, times ten: below the device's own
/// where the library has none for that, and what it has, or PTX, runs.
int capabilityOfCurrentDevice();

/// What decides between kernels, beside the arguments' shapes.
struct Device {
    int capability;  ///< capabilityOfCurrentDevice()
    /// Whether FLOAT products may use tensor cores, which read 10 bits of mantissa.
    bool tf32;
    int multiprocessors;
    int sharedBytes;  ///< of a block, at most
};

/// The definition as plain loops: for every output of each pass one thread, or for every plane.
/// The oracle of the fast kernels on the device, and what planes of 2^31 pixels and more use.
class ReferenceDeformableConv2d final : public OnStream<DeformableConv2dKernel> {
  public:
    using OnStream::OnStream;

    const char* name() const override { return "reference"; }
    void forward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                 const Tensor<4>& output, int threads) const override;
    void backward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                  const Tensor<4>& gradOutput, const DeformableConv2dGradients& gradients,
                  int threads) const override;
};

/// Implicit matrix products; nothing of the size of the column matrix is in device memory.
class FusedDeformableConv2d final : public OnStream<DeformableConv2dKernel> {
  public:
    /// Bytes of the columns' gradient that are made at a time. All at once is fastest: with as much
    /// as a second-level cache holds, an H100 took a third longer at 256 channels, in many launches
    /// that each end with few blocks.
    static constexpr Index columnBytes = Index{512} << 20;

    /// On the current device. `tf32`: FLOAT products on tensor cores, where there are any, with 10
    /// bits of mantissa. Of fewer `bytes` of columns, one tap of one image is made at least; samples
    /// are listed of so many images at a time, too (imagesAtATime).
    /// Tiles are chosen as for so many `multiprocessors`; 0: those of the device.
    FusedDeformableConv2d(cudaStream_t stream, bool tf32, Index bytes = columnBytes,
                          int multiprocessors = 0);

    const char* name() const override { return device_.tf32 ? "fused_tf32" : "fused"; }
    void forward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                 const Tensor<4>& output, int threads) const override;
    void backward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                  const Tensor<4>& gradOutput, const DeformableConv2dGradients& gradients,
                  int threads) const override;

  private:
    const Device device_;
    const Index columnBytes_;
};

/// One pass for one element type; each is compiled by itself.
template <class Element>
void fusedForward(const Device& device, const Conv2dGeometry& geometry,
                  const DeformableConv2dInputs& inputs, const Tensor<4>& output,
                  cudaStream_t stream);
template <class Element>
void fusedBackward(const Device& device, Index columnBytes, const Conv2dGeometry& geometry,
                   const DeformableConv2dInputs& inputs, const Tensor<4>& gradOutput,
                   const DeformableConv2dGradients& gradients, cudaStream_t stream);

}  // namespace dcn4j::cuda
