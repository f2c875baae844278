// Deformable convolution without libnd4j: the interface that every implementation shares.
#pragma once

#include <vector>

#include "tensor.h"

namespace dcn4j {

/// The shape of one deformable convolution. All sizes are at least 1, `batch` at least 0;
/// `channels` and `outChannels` divide by `groups`, `channels` by `offsetGroups`.
struct Conv2dGeometry {
    Index batch, channels, height, width;
    Index outChannels, outHeight, outWidth;
    Index kernelH, kernelW;
    Index strideH, strideW;
    /// Rows and columns of zeros before the first; negative where 'same' padding skips some.
    Index padTop, padLeft;
    Index dilationH, dilationW;
    Index offsetGroups, groups;

    DCN4J_HOST_DEVICE Index taps() const { return kernelH * kernelW; }
    DCN4J_HOST_DEVICE Index pixels() const { return height * width; }
    DCN4J_HOST_DEVICE Index outPixels() const { return outHeight * outWidth; }
    DCN4J_HOST_DEVICE Index channelsPerGroup() const { return channels / groups; }
    DCN4J_HOST_DEVICE Index outChannelsPerGroup() const { return outChannels / groups; }
    DCN4J_HOST_DEVICE Index channelsPerOffsetGroup() const { return channels / offsetGroups; }
    /// The unshifted row that tap row `ky` of output row `oy` samples.
    DCN4J_HOST_DEVICE Index baseRow(Index oy, Index ky) const {
        return oy * strideH - padTop + ky * dilationH;
    }
    DCN4J_HOST_DEVICE Index baseColumn(Index ox, Index kx) const {
        return ox * strideW - padLeft + kx * dilationW;
    }
    /// What a forward pass takes, in multiply-adds that take as long, by and large: its own, eight
    /// for each number that is sampled, and four for each weight.
    double multiplyAdds() const {
        const double points = static_cast<double>(batch * outPixels());
        const double entries = static_cast<double>(taps() * channels);
        return entries * ((points + 4) * static_cast<double>(outChannelsPerGroup()) + 8 * points);
    }
};

/// Inputs of the forward pass. Dimensions are in the order given, whatever the memory layout.
struct DeformableConv2dInputs {
    ElementType type;
    Tensor<4> input;    ///< [batch, channels, height, width]
    Tensor<4> weights;  ///< [outChannels, channels / groups, kernelH, kernelW]
    /// [batch, 2 * offsetGroups * taps, outHeight, outWidth], channels (group, tap, (dy, dx));
    /// absent: all zero, which makes the operation a plain convolution
    Tensor<4> offset;
    Tensor<4> mask;  ///< [batch, offsetGroups * taps, outHeight, outWidth]; absent: all one
    Tensor<1> bias;  ///< [outChannels]; absent: all zero
    // What follows a convolution in a network, forward where the kernel takesEpilogue(). Each is
    // done to the result as it is stored, as it would be by an op of its own.
    /// Forward as the output, backward as the input: added to it, or to its gradient; absent:
    /// nothing is
    Tensor<4> addend{};
    bool rectified = false;  ///< forward: negative values become zeros in the end

    bool hasEpilogue() const { return addend.present() || rectified; }
};

/// Where the backward pass writes, each shaped as the input it belongs to. `offset`, `mask` and
/// `bias` are absent where that input is.
struct DeformableConv2dGradients {
    Tensor<4> input, weights, offset, mask;
    Tensor<1> bias;
};

/// One implementation. Calls are reentrant, and results depend on the arguments alone: the same
/// bits come out for every number of threads.
class DeformableConv2dKernel {
  public:
    virtual ~DeformableConv2dKernel() = default;
    /// Those that this processor runs, for Registry.
    static std::vector<const DeformableConv2dKernel*> implementations();

    virtual const char* name() const = 0;

    /// Whether `forward` looks at the inputs' addend and `rectified`.
    virtual bool takesEpilogue() const { return false; }

    /// Writes `output` [batch, outChannels, outHeight, outWidth].
    /// Throws std::bad_alloc before anything is written when there is no memory to work in.
    virtual void forward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                         const Tensor<4>& output, int threads) const = 0;

    /// Writes every present array of `gradients` from `gradOutput`, shaped as the output, and adds
    /// the addend to that of the input.
    /// Throws std::bad_alloc before anything is written when there is no memory to work in.
    virtual void backward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                          const Tensor<4>& gradOutput, const DeformableConv2dGradients& gradients,
                          int threads) const = 0;
};

/// The plain loops over the definition, on one thread: slow, and the oracle of the other kernels.
const DeformableConv2dKernel& referenceDeformableConv2d();

}  // namespace dcn4j
