// Loads and stores between arrays of any element type and memory order and packed real numbers,
// [pixel][channels].
#pragma once

#include <algorithm>

#include "../element.h"
#include "../tensor.h"

namespace dcn4j::cpu {

/// Channels first .. first + count of image n.
struct Channels {
    Index n, first, count;
};

/// MicroKernels::transpose.
template <class Real>
using Transpose = void (*)(Index rows, Index columns, const Real* from, Index fromPitch, Real* to,
                           Index toPitch);

template <class Element, class Real>
void loadRow(const Element* from, Index stride, Index count, Real* to) {
    if (stride == 1) {
        for (Index i = 0; i < count; ++i) to[i] = widen(from[i]);
    } else {
        for (Index i = 0; i < count; ++i) to[i] = widen(from[i * stride]);
    }
}

template <class Element, class Real>
void storeRow(Element* to, Index stride, Index count, const Real* from, Real addend) {
    if (stride == 1) {
        for (Index i = 0; i < count; ++i) to[i] = narrow<Element>(from[i] + addend);
    } else {
        for (Index i = 0; i < count; ++i) to[i * stride] = narrow<Element>(from[i] + addend);
    }
}

/// Calls `action(at, count, pixel)` for pieces of pixels first .. first + count of a plane that
/// lie strides[3] apart: `at` is where the piece begins in the plane, `pixel` counts from 0.
template <class Action>
void forEachPiece(const Tensor<4>& t, Index width, Index first, Index count, Action action) {
    if (t.strides[2] == width * t.strides[3]) return action(first * t.strides[3], count, 0);
    for (Index pixel = 0; pixel < count;) {
        const Index y = (first + pixel) / width, x = (first + pixel) % width;
        const Index piece = std::min(count - pixel, width - x);
        action(y * t.strides[2] + x * t.strides[3], piece, pixel);
        pixel += piece;
    }
}

// Pixels and channels that are transposed together: two lines of a cache each way and more.
inline constexpr Index stagePixels = 32, stageChannels = 64;

/// Loads pixels first .. first + count as [pixel][pitch], zeros after the last channel.
template <class Element, class Real = ComputeType<Element>>
void loadPixels(Transpose<Real> transpose, const Tensor<4>& t, Index width,
                const Channels& channels, Index first, Index count, Real* to, Index pitch) {
    const Element* from =
        static_cast<const Element*>(t.data) + t.at(channels.n, channels.first, 0, 0);
    if (pitch > channels.count) {
        for (Index i = 0; i < count; ++i) {
            std::fill_n(to + i * pitch + channels.count, pitch - channels.count, Real{0});
        }
    }
    if (t.strides[1] == 1) {
        return forEachPiece(t, width, first, count, [&](Index at, Index piece, Index pixel) {
            for (Index i = 0; i < piece; ++i) {
                loadRow(from + at + i * t.strides[3], 1, channels.count, to + (pixel + i) * pitch);
            }
        });
    }
    Real stage[stageChannels * stagePixels];
    for (Index p = 0; p < count; p += stagePixels) {
        const Index pixels = std::min(stagePixels, count - p);
        for (Index c = 0; c < channels.count; c += stageChannels) {
            const Index rows = std::min(stageChannels, channels.count - c);
            forEachPiece(t, width, first + p, pixels, [&](Index at, Index piece, Index pixel) {
                for (Index row = 0; row < rows; ++row) {
                    loadRow(from + (c + row) * t.strides[1] + at, t.strides[3], piece,
                            stage + row * stagePixels + pixel);
                }
            });
            transpose(rows, pixels, stage, stagePixels, to + p * pitch + c, pitch);
        }
    }
}

/// Stores [pixel][pitch], plus one addend for each channel if there are any, as pixels first ..
/// first + count.
template <class Element, class Real = ComputeType<Element>>
void storePixels(Transpose<Real> transpose, const Tensor<4>& t, Index width,
                 const Channels& channels, Index first, Index count, const Real* from, Index pitch,
                 const Real* addends = nullptr) {
    Element* to = static_cast<Element*>(t.data) + t.at(channels.n, channels.first, 0, 0);
    if (t.strides[1] == 1) {
        return forEachPiece(t, width, first, count, [&](Index at, Index piece, Index pixel) {
            for (Index i = 0; i < piece; ++i) {
                Element* out = to + at + i * t.strides[3];
                const Real* in = from + (pixel + i) * pitch;
                for (Index c = 0; c < channels.count; ++c) {
                    out[c] = narrow<Element>(addends == nullptr ? in[c] : in[c] + addends[c]);
                }
            }
        });
    }
    Real stage[stageChannels * stagePixels];
    for (Index c = 0; c < channels.count; c += stageChannels) {
        const Index rows = std::min(stageChannels, channels.count - c);
        for (Index p = 0; p < count; p += stagePixels) {
            const Index pixels = std::min(stagePixels, count - p);
            transpose(pixels, rows, from + p * pitch + c, pitch, stage, stagePixels);
            forEachPiece(t, width, first + p, pixels, [&](Index at, Index piece, Index pixel) {
                for (Index row = 0; row < rows; ++row) {
                    storeRow(to + (c + row) * t.strides[1] + at, t.strides[3], piece,
                             stage + row * stagePixels + pixel,
                             addends == nullptr ? Real{0} : addends[c + row]);
                }
            });
        }
    }
}

}  // namespace dcn4j::cpu
