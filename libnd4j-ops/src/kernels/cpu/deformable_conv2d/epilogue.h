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
    if (out.strides[1] == 1 && (!addend.present() || addend.strides[1] == 1)) {
        for (Index pixel = range.first; pixel < range.first + range.count; ++pixel) {
            const Index y = pixel / range.width, x = pixel % range.width;
            finishSpan<Element>(
                elementsOf<Element>(out) + out.at(channels.n, channels.first, y, x), 1,
                addend.present()
                    ? elementsOf<Element>(addend) + addend.at(channels.n, channels.first, y, x)
                    : nullptr,
                1, channels.count, rectified);
        }
        return;
    }
    // Planes of rows without gaps are one row.
    const auto isOneRow = [&](const Tensor<4>& t) {
        return !t.present() || t.strides[2] == range.width * t.strides[3];
    };
    const Index width = isOneRow(out) && isOneRow(addend) ? range.first + range.count : range.width;
    for (Index c = channels.first; c < channels.first + channels.count; ++c) {
        for (Index pixel = 0; pixel < range.count;) {
            const Index y = (range.first + pixel) / width;
            const Index x = (range.first + pixel) % width;
            const Index span = std::min(range.count - pixel, width - x);
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
