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

/// The same in whole rows where something lies between these.
inline Index partPixels(const Conv2dGeometry& g, Index pitch) {
    return pitch == g.width ? pixelsTogether : std::max<Index>(pixelsTogether / pitch, 1) * pitch;
}

inline Index imageParts(const Conv2dGeometry& g, const Blocking& blocking) {
    return ceilDivide(blocking.planePixels, partPixels(g, blocking.pitch));
}

/// Calls `action(pixel, at, count)` for runs of an image's pixels, from the one numbered `pixel`
/// on, that lie side by side from place `at` on among `count` repacked pixels from `first` on.
template <class Action>
void forEachRun(const Conv2dGeometry& g, Index pitch, Index first, Index count, Action action) {
    if (pitch == g.width) return action(first, first, count);
    for (Index row = first / pitch; row * pitch < first + count; ++row) {
        action(row * g.width, row * pitch, g.width);
    }
}

/// Repacks one part of a block of image `n`, whose parts together are [planePixels +
/// 1][paddedChannels], the last row zeros. What lies between an image's rows is not written.
template <class Element, class Real = ComputeType<Element>>
void loadBlockPart(const MicroKernels<Real>& kernels, const Tensor<4>& t, const Conv2dGeometry& g,
                   const Blocking& blocking, const Block& b, Index n, Index part, Real* to) {
    const Index first = part * partPixels(g, blocking.pitch);
    const Index count = std::min(partPixels(g, blocking.pitch), blocking.planePixels - first);
    for (Index input = 0; input < b.inputs; ++input) {
        const Tensor<4> view = everyChannel<Element>(t, b.inputs, input);
        forEachRun(g, blocking.pitch, first, count, [&](Index pixel, Index at, Index run) {
            loadPixels<Element>(kernels, {view, g.width, b.of(n), pixel, run},
                                {to + at * b.paddedChannels + input * b.paddedLanes,
                                 b.paddedChannels, b.paddedLanes});
        });
    }
    if (first + count == blocking.planePixels) {
        std::fill_n(to + blocking.planePixels * b.paddedChannels, b.paddedChannels, Real{0});
    }
}

/// Repacks `images` images from the one numbered `first` on, one after another, as `blocking` has
/// them. All threads of a team call it, and share the parts.
template <class Element, class Real = ComputeType<Element>>
void loadImages(Team& team, const MicroKernels<Real>& kernels, const Tensor<4>& t,
                const Conv2dGeometry& g, const Blocking& blocking, Index first, Index images,
                Real* to) {
    const Index blocks = blocking.count(), parts = imageParts(g, blocking);
    team.share(images * parts * blocks, [&](Index i) {
        const Block& b = blocking.block(i % blocks);
        const Index at = i / blocks / parts;
        loadBlockPart<Element>(kernels, t, g, blocking, b, first + at, i / blocks % parts,
                               to + at * blocking.imageSize + b.imageStart);
    });
}

/// Repacks a block of image `n`.
template <class Element, class Real = ComputeType<Element>>
void loadBlock(const MicroKernels<Real>& kernels, const Tensor<4>& t, const Conv2dGeometry& g,
               const Blocking& blocking, const Block& b, Index n, Real* to) {
    for (Index part = 0; part < imageParts(g, blocking); ++part) {
        loadBlockPart<Element>(kernels, t, g, blocking, b, n, part, to);
    }
}

/// Stores `count` repacked pixels of a block of image `n` from the one numbered `first` on, which
/// are whole rows if something lies between these: the reverse of loadBlockPart; what `addend` has
/// there, if it is present, is added.
template <class Element, class Real = ComputeType<Element>>
void storePixelsOf(const MicroKernels<Real>& kernels, const Tensor<4>& t, const Tensor<4>& addend,
                   const Conv2dGeometry& g, Index pitch, const Block& b, Index n, Index first,
                   Index count, const Real* from) {
    for (Index input = 0; input < b.inputs; ++input, from += b.paddedLanes) {
        const Tensor<4> view = everyChannel<Element>(t, b.inputs, input);
        forEachRun(g, pitch, first, count, [&](Index pixel, Index at, Index run) {
            const PixelRange range{view, g.width, b.of(n), pixel, run};
            storePixels<Element>(kernels, range,
                                 {from + (at - first) * b.paddedChannels, b.paddedChannels});
            if (addend.present()) {
                finish<Element>(range, everyChannel<Element>(addend, b.inputs, input), false);
            }
        });
    }
}

}  // namespace dcn4j::cpu::convolution
