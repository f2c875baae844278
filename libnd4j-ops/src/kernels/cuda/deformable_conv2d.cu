#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "../element.h"
#include "convolution_lists.h"
#include "deformable_conv2d.h"
#include "pointwise.h"
#include "products.h"

namespace dcn4j::cuda {
namespace {

/// The array, in whose dimensions of one element no stride counts: it may be any.
Tensor<4> withoutUnusedStrides(Tensor<4> array, const Index (&sizes)[4]) {
    for (int d = 0; d < 4; ++d)
        if (sizes[d] == 1) array.strides[d] = 0;
    return array;
}

/// The same inputs, as the fused kernels number their offsets and masks.
DeformableConv2dInputs numbered(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs) {
    const Index samples = g.offsetGroups * g.taps();
    DeformableConv2dInputs to = inputs;
    to.offset =
        withoutUnusedStrides(inputs.offset, {g.batch, 2 * samples, g.outHeight, g.outWidth});
    to.mask = withoutUnusedStrides(inputs.mask, {g.batch, samples, g.outHeight, g.outWidth});
    return to;
}

/// True if the fused kernels can number what they number in 32 bits: planes, weights' depths, the
/// pixels of the images that one block's samples lie in, bytes of a pixel, and from one to the next
/// in offsets and masks, tiles of images to pack, blocks of a grid; and positions in those of a
/// float's mantissa.
bool fits(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs) {
    constexpr double most = 0x1p31 - 1024, mostExact = 0x1p24;
    for (const auto* array : {&inputs.offset, &inputs.mask}) {
        for (const int d : {1, 2, 3})
            if (std::abs(array->strides[d]) >= Index{1} << 28) return false;
    }
    const auto real = [](Index i) { return static_cast<double>(i); };
    const double taps = real(g.kernelH) * real(g.kernelW);
    const double pixels = real(g.height) * real(g.width);
    const double outPixels = real(g.outHeight) * real(g.outWidth);
    // Padding makes 16 bytes of one channel, and a tile of one tap's.
    const double bytes = 16.0 * real(std::max(g.channels, g.outChannels));
    const double images = 2 + 256 / std::max(outPixels, 1.0);
    const double rows = real(g.outHeight) * real(g.strideH) + real(g.kernelH) * real(g.dilationH) +
                        std::fabs(real(g.padTop));
    const double columns = real(g.outWidth) * real(g.strideW) +
                           real(g.kernelW) * real(g.dilationW) + std::fabs(real(g.padLeft));
    // Each segment of channels is padded by itself: to whole steps forward, to a tile's columns
    // backward.
    const double segment = real(std::min(g.channelsPerGroup(), g.channelsPerOffsetGroup()));
    const double segments = std::ceil(real(g.channelsPerGroup()) / segment) + 1;
    const double weights =
        real(g.groups) * taps * segments * (segment + 256) * (real(g.outChannelsPerGroup()) + 256);
    // The smallest tile of an array to pack has 64 pixels and 128 bytes of each.
    const double tiles = real(g.batch) * (std::max(pixels, outPixels) / 64 + 1) * (bytes / 128 + 1);
    // A block has 64 pixels, and 32 output channels of a group or one tap of an offset group.
    const double blocks = (real(g.batch) * outPixels / 64 + 1) *
                          std::max(real(g.groups) * (real(g.outChannelsPerGroup()) / 32 + 1),
                                   real(g.offsetGroups) * taps);
    return tiles < most && blocks < most && pixels * images < most && outPixels < most / 2 &&
           taps * bytes < most && rows < mostExact && columns < mostExact && weights < most;
}

/// Compiled for what all kernels here are; never started.
__global__ void anyKernel() {}

Device currentDevice(bool tf32, int multiprocessors) {
    return {capabilityOfCurrentDevice(), tf32,
            multiprocessors > 0 ? multiprocessors : attributeOf(cudaDevAttrMultiProcessorCount),
            attributeOf(cudaDevAttrMaxSharedMemoryPerBlockOptin)};
}

}  // namespace

int capabilityOfCurrentDevice() {
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    static std::mutex mutex;
    static std::map<int, int> known;
    const std::lock_guard<std::mutex> lock(mutex);
    int& capability = known[device];
    if (capability == 0) {
        cudaFuncAttributes attributes{};
        check(cudaFuncGetAttributes(&attributes, anyKernel), "cudaFuncGetAttributes");
        capability = std::min(computeCapability(), attributes.ptxVersion);
    }
    return capability;
}

FusedDeformableConv2d::FusedDeformableConv2d(cudaStream_t stream, bool tf32, Index bytes,
                                             int multiprocessors)
    : OnStream(stream), device_(currentDevice(tf32, multiprocessors)), columnBytes_(bytes) {}

void FusedDeformableConv2d::forward(const Conv2dGeometry& g,
                                    const DeformableConv2dInputs& anyInputs,
                                    const Tensor<4>& output, int threads) const {
    const DeformableConv2dInputs inputs = numbered(g, anyInputs);
    if (!fits(g, inputs))
        return ReferenceDeformableConv2d(stream_).forward(g, inputs, output, threads);
    withElementType(inputs.type, [&](auto element) {
        fusedForward<decltype(element)>(device_, g, inputs, output, stream_);
    });
}

void FusedDeformableConv2d::backward(const Conv2dGeometry& g,
                                     const DeformableConv2dInputs& anyInputs,
                                     const Tensor<4>& gradOutput,
                                     const DeformableConv2dGradients& gradients,
                                     int threads) const {
    const DeformableConv2dInputs inputs = numbered(g, anyInputs);
    if (!fits(g, inputs) || !cellListsFit(g)) {
        return ReferenceDeformableConv2d(stream_).backward(g, inputs, gradOutput, gradients,
                                                           threads);
    }
    withElementType(inputs.type, [&](auto element) {
        fusedBackward<decltype(element)>(device_, columnBytes_, g, inputs, gradOutput, gradients,
                                         stream_);
    });
    add({inputs.type, {g.batch, g.channels, g.height, g.width}}, inputs.addend, gradients.input,
        stream_);
}

}  // namespace dcn4j::cuda
