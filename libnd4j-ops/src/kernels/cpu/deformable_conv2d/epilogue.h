// What follows a convolution, done to outputs that were just stored, while a cache holds them.
#pragma once

#include <algorithm>

#include "../packing.h"

namespace dcn4j::cpu::convolution {

/// Adds a span of the addend to stored outputs, and rectifies them.
template <class Element>
void finishSpan(Element* to, Index stride, const Element* addend, Index addendStride, Index count,
                bool rectified) {
    const auto each = [&](Index step, Index addendStep) {
        if (addend != nullptr) {
            for (Index i = 0; i < count; ++i) {
                to[i * step] = narrow<Element>(widen(to[i * step]) + widen(addend[i * addendStep]));
            }
        }
        if (!rectified) return;
        for (Index i = 0; i < count; ++i) {
            const auto value = widen(to[i * step]);
            to[i * step] = value < 0 ? narrow<Element>(ComputeType<Element>{0}) : to[i * step];
        }
    };
    if (stride == 1 && addendStride == 1) {
        each(1, 1);
    } else {
        each(stride, addendStride);
    }
}

/// Finishes a range of stored outputs; `addend`, if present, has its channels.
template <class Element>
void finish(const PixelRange& range, const Tensor<4>& addend, bool rectified) {
    const Tensor<4>& out = range.array;
    const Channels& channels = range.channels;
    for (Index c = channels.first; c < channels.first + channels.count; ++c) {
        for (Index pixel = 0; pixel < range.count;) {
            const Index y = (range.first + pixel) / range.width;
            const Index x = (range.first + pixel) % range.width;
            const Index span = std::min(range.count - pixel, range.width - x);
            Element* to = elementsOf<Element>(out) + out.at(channels.n, c, y, x);
            if (addend.present()) {
                finishSpan(to, out.strides[3],
                           elementsOf<Element>(addend) + addend.at(channels.n, c, y, x),
                           addend.strides[3], span, rectified);
            } else {
                finishSpan<Element>(to, out.strides[3], nullptr, out.strides[3], span, rectified);
            }
            pixel += span;
        }
    }
}

/// Stores a tile of outputs, plus a bias for each channel if there are any, and finishes it. The
/// tile is overwritten.
template <class Element, class Real = ComputeType<Element>>
void finishTile(const MicroKernels<Real>& kernels, const PixelRange& range,
                const PackedRows<Real>& tile, const Real* biases, const Tensor<4>& addend,
                bool rectified) {
    if (biases != nullptr) {
        for (Index i = 0; i < range.count; ++i) {
            Real* row = tile.data + i * tile.ld;
            for (Index c = 0; c < range.channels.count; ++c) row[c] += biases[c];
        }
    }
    storePixels<Element>(kernels, range, {tile.data, tile.ld});
    if (addend.present() || rectified) finish<Element>(range, addend, rectified);
}

}  // namespace dcn4j::cpu::convolution
