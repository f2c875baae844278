// Deformable convolution as tiles of an implicit matrix product.
//
// Shapes, for one convolution group:
//   column   [points][K]   K entries (block, tap, channel): the modulated samples of a few pixels
//   weights  [K][O]        repacked in panels of O
//   output   [points][O]   = column x weights, stored with the bias in the caller's layout
//
// The input is repacked per image into blocks of channels, [pixels + 1][channels of the block] with
// a last row of zeros, so that a sample reads four contiguous rows and a corner outside the image
// needs no branch. The micro-kernels see packed real numbers; element types and strides are known
// around them (packing.h, positions.h, weights.h, epilogue.h).
#include "deformable_conv2d.h"

#include <limits>

#include "../isa.h"
#include "backward.h"
#include "direct.h"
#include "forward.h"

namespace dcn4j::cpu {
namespace {

/// Whether the micro-kernels can't number a plane's pixels (see PlannedSample), or Blocking can't
/// cut the output's into tiles.
bool tooManyPixels(const Conv2dGeometry& g) {
    return g.pixels() >= std::numeric_limits<std::int32_t>::max() ||
           g.outPixels() > convolution::Blocking::mostOutPixels;
}

}  // namespace

void TiledDeformableConv2d::forward(const Conv2dGeometry& geometry,
                                    const DeformableConv2dInputs& inputs, const Tensor<4>& output,
                                    int threads) const {
    if (tooManyPixels(geometry)) {
        return referenceDeformableConv2d().forward(geometry, inputs, output, threads);
    }
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        const auto& kernels = set_.kernels.of<ComputeType<Element>>();
        if (convolution::Direct<Element>::takes(geometry, inputs)) {
            convolution::Direct<Element>(kernels, geometry, inputs, output, threads).run();
        } else {
            convolution::Forward<Element>(kernels, geometry, inputs, output, threads).run();
        }
    });
}

void TiledDeformableConv2d::backward(const Conv2dGeometry& geometry,
                                     const DeformableConv2dInputs& inputs,
                                     const Tensor<4>& gradOutput,
                                     const DeformableConv2dGradients& gradients,
                                     int threads) const {
    if (tooManyPixels(geometry)) {
        return referenceDeformableConv2d().backward(geometry, inputs, gradOutput, gradients,
                                                    threads);
    }
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        convolution::Backward<Element>(set_.kernels.of<ComputeType<Element>>(), geometry, inputs,
                                       gradOutput, gradients, threads)
            .run();
    });
}

}  // namespace dcn4j::cpu

namespace dcn4j {

std::vector<const DeformableConv2dKernel*> DeformableConv2dKernel::implementations() {
    return cpu::everyKernel<cpu::TiledDeformableConv2d>(referenceDeformableConv2d());
}

}  // namespace dcn4j
