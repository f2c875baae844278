// Blocks of an image's channels, packed and unpacked.
#pragma once

#include "../packing.h"
#include "blocking.h"

namespace dcn4j::cpu::convolution {

/// Repacks a block of image `n` as [pixels + 1][paddedChannels], the last row zeros.
template <class Element, class Real = ComputeType<Element>>
void loadBlock(const MicroKernels<Real>& kernels, const Tensor<4>& t, const Conv2dGeometry& g,
               const Block& b, Index n, Real* to) {
    for (Index input = 0; input < b.inputs; ++input, to += b.paddedLanes) {
        loadImage<Element>(kernels, everyChannel<Element>(t, b.inputs, input), g.width, b.of(n),
                           g.pixels(), {to, b.paddedChannels, b.paddedLanes});
    }
}

/// The reverse of loadBlock.
template <class Element, class Real = ComputeType<Element>>
void storeBlock(const MicroKernels<Real>& kernels, const Tensor<4>& t, const Conv2dGeometry& g,
                const Block& b, Index n, const Real* from) {
    for (Index input = 0; input < b.inputs; ++input, from += b.paddedLanes) {
        const Tensor<4> view = everyChannel<Element>(t, b.inputs, input);
        storePixels<Element>(kernels, {view, g.width, b.of(n), 0, g.pixels()},
                             {from, b.paddedChannels});
    }
}

}  // namespace dcn4j::cpu::convolution
