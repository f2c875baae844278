#include "../element.h"
#include "deformable_conv2d.h"
#include "destinations.h"
#include "products.h"

namespace dcn4j::cuda {
namespace {

/// True if the fused kernels can number what they number in 32 bits: planes, weights' depths,
/// channels.
bool fits(const Conv2dGeometry& g) {
    constexpr double most = 0x1p31 - 1024;
    const double taps = static_cast<double>(g.kernelH) * static_cast<double>(g.kernelW);
    const double pixels = static_cast<double>(g.height) * static_cast<double>(g.width);
    const double outPixels = static_cast<double>(g.outHeight) * static_cast<double>(g.outWidth);
    // Padding makes 8 channels of one.
    const double channels = 8.0 * static_cast<double>(std::max(g.channels, g.outChannels));
    return pixels < most && outPixels < most && taps * channels < most;
}

}  // namespace

FusedDeformableConv2d::FusedDeformableConv2d(cudaStream_t stream, bool tf32)
    : stream_(stream), tf32_(tf32), capability_(computeCapability()) {}

void FusedDeformableConv2d::forward(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs,
                                    const Tensor<4>& output, int threads) const {
    if (!fits(g)) return ReferenceDeformableConv2d(stream_).forward(g, inputs, output, threads);
    withElementType(inputs.type, [&](auto element) {
        fusedForward<decltype(element)>({capability_, tf32_}, g, inputs, output, stream_);
    });
}

void FusedDeformableConv2d::backward(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs,
                                     const Tensor<4>& gradOutput,
                                     const DeformableConv2dGradients& gradients,
                                     int threads) const {
    if (!fits(g) || !destinationsFit(g)) {
        return ReferenceDeformableConv2d(stream_).backward(g, inputs, gradOutput, gradients,
                                                           threads);
    }
    withElementType(inputs.type, [&](auto element) {
        fusedBackward<decltype(element)>({capability_, tf32_}, g, inputs, gradOutput, gradients,
                                         stream_);
    });
}

}  // namespace dcn4j::cuda
