// Blocks of an image's channels, packed and unpacked.
#pragma once

#include <algorithm>

#include "../packing.h"
#include "../team.h"
#include "blocking.h"
#include "epilogue.h"

namespace dcn4j::cpu::convolution {

/// Pixels of an image that are repacked in one task, so that few images occupy many threads.
inline constexpr Index pixelsTogether = 1024;

inline Index imageParts(const Conv2dGeometry& g) {
    return ceilDivide(g.pixels(), pixelsTogether);
}

/// Repacks one part of a block of image `n`, whose parts together are [pixels + 1][paddedChannels],
/// the last row zeros.
template <class Element, class Real = ComputeType<Element>>
void loadBlockPart(const MicroKernels<Real>& kernels, const Tensor<4>& t, const Conv2dGeometry& g,
                   const Block& b, Index n, Index part, Real* to) {
    const Index first = part * pixelsTogether, count = std::min(pixelsTogether, g.pixels() - first);
    for (Index input = 0; input < b.inputs; ++input) {
        loadPixels<Element>(
            kernels, {everyChannel<Element>(t, b.inputs, input), g.width, b.of(n), first, count},
            {to + first * b.paddedChannels + input * b.paddedLanes, b.paddedChannels,
             b.paddedLanes});
    }
    if (first + count == g.pixels()) {
        std::fill_n(to + g.pixels() * b.paddedChannels, b.paddedChannels, Real{0});
    }
}

/// Repacks `images` images from the one numbered `first` on, one after another, as `blocking` has
/// them. All threads of a team call it, and share the parts.
template <class Element, class Real = ComputeType<Element>>
void loadImages(Team& team, const MicroKernels<Real>& kernels, const Tensor<4>& t,
                const Conv2dGeometry& g, const Blocking& blocking, Index first, Index images,
                Real* to) {
    const Index blocks = blocking.count(), parts = imageParts(g);
    team.share(images * parts * blocks, [&](Index i) {
        const Block& b = blocking.block(i % blocks);
        const Index at = i / blocks / parts;
        loadBlockPart<Element>(kernels, t, g, b, first + at, i / blocks % parts,
                               to + at * blocking.imageSize + b.imageStart);
    });
}

/// Repacks a block of image `n`.
template <class Element, class Real = ComputeType<Element>>
void loadBlock(const MicroKernels<Real>& kernels, const Tensor<4>& t, const Conv2dGeometry& g,
               const Block& b, Index n, Real* to) {
    for (Index part = 0; part < imageParts(g); ++part) {
        loadBlockPart<Element>(kernels, t, g, b, n, part, to);
    }
}

/// Stores `count` pixels of a block of image `n` from the one numbered `first` on, the reverse of
/// loadBlockPart; what `addend` has there, if it is present, is added.
template <class Element, class Real = ComputeType<Element>>
void storePixelsOf(const MicroKernels<Real>& kernels, const Tensor<4>& t, const Tensor<4>& addend,
                   const Conv2dGeometry& g, const Block& b, Index n, Index first, Index count,
                   const Real* from) {
    for (Index input = 0; input < b.inputs; ++input, from += b.paddedLanes) {
        const Tensor<4> view = everyChannel<Element>(t, b.inputs, input);
        const PixelRange range{view, g.width, b.of(n), first, count};
        storePixels<Element>(kernels, range, {from, b.paddedChannels});
        if (addend.present()) {
            finish<Element>(range, everyChannel<Element>(addend, b.inputs, input), false);
        }
    }
}

}  // namespace dcn4j::cpu::convolution
