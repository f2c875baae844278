// Loads and stores between arrays of any element type and memory order and packed real numbers,
// [pixel][channels]: what the CPU kernels of every op know of element types and strides.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../element.h"
#include "../tensor.h"
#include "simd/micro_kernels.h"

namespace dcn4j::cpu {

/// Channels first .. first + count of image n.
struct Channels {
    Index n, first, count;
};

/// Pixels first .. first + count of some channels of an array [n][channels][rows][width].
struct PixelRange {
    const Tensor<4>& array;
    Index width;
    Channels channels;
    Index first, count;
};

/// Packed numbers, [pixel][ld], of which the first `padded` are a range's channels and zeros.
template <class Real>
struct PackedRows {
    Real* data;
    Index ld, padded = ld;
};

template <class Element, int Rank>
Element* elementsOf(const Tensor<Rank>& t) {
    return static_cast<Element*>(t.data);
}

/// Every `step`-th channel of an array, from `first` on.
template <class Element>
Tensor<4> everyChannel(const Tensor<4>& t, Index step, Index first) {
    Tensor<4> view = t;
    view.data = elementsOf<Element>(t) + first * t.strides[1];
    view.strides[1] *= step;
    return view;
}

/// What a line of a cache is asked for.
enum class For { Reading, Writing };

/// Asks for the line of a cache that is at `address`. Without the empty statement GCC takes a
/// function that asks and does nothing else for one without effect, and leaves out its calls.
template <For Use = For::Reading>
inline void prefetch(const void* address) {
    __builtin_prefetch(address, Use == For::Writing);
    asm volatile("");
}

/// Asks for one of `parts` parts of `count` numbers.
template <For Use = For::Reading, class Number>
void prefetch(const Number* from, Index count, Index part, Index parts) {
    constexpr Index line = 64 / sizeof(Number);
    const Index lines = (count + line - 1) / line;
    const Index end = lines * (part + 1) / parts;
    for (Index i = lines * part / parts; i < end; ++i) prefetch<Use>(from + i * line);
}

/// Elements that are gathered, or scattered, before or after they are converted together.
inline constexpr Index convertedTogether = 64;

/// Loads `count` elements that are `stride` apart.
template <class Element, class Real>
void loadRow(const MicroKernels<Real>& kernels, const Element* from, Index stride, Index count,
             Real* to) {
    if constexpr (std::is_same_v<Element, Real>) {
        if (stride == 1) {
            std::copy_n(from, count, to);
        } else {
            for (Index i = 0; i < count; ++i) to[i] = from[i * stride];
        }
    } else {
        if (stride == 1) return kernels.convert.widen(count, from, to);
        Element some[convertedTogether];
        for (Index first = 0; first < count; first += convertedTogether) {
            const Index n = std::min(convertedTogether, count - first);
            for (Index i = 0; i < n; ++i) some[i] = from[(first + i) * stride];
            kernels.convert.widen(n, some, to + first);
        }
    }
}

/// Stores numbers as `count` elements that are `stride` apart.
template <class Element, class Real>
void storeRow(const MicroKernels<Real>& kernels, Element* to, Index stride, Index count,
              const Real* from) {
    if constexpr (std::is_same_v<Element, Real>) {
        if (stride == 1) {
            std::copy_n(from, count, to);
        } else {
            for (Index i = 0; i < count; ++i) to[i * stride] = from[i];
        }
    } else {
        if (stride == 1) return kernels.convert.narrow(count, from, to);
        Element some[convertedTogether];
        for (Index first = 0; first < count; first += convertedTogether) {
            const Index n = std::min(convertedTogether, count - first);
            kernels.convert.narrow(n, from + first, some);
            for (Index i = 0; i < n; ++i) to[(first + i) * stride] = some[i];
        }
    }
}

/// Elements `step` apart.
struct Row {
    Index step, count;
};

/// Whether the elements of a box of an array are one row, then `row`.
inline bool isRow(const Index* strides, const Index* sizes, int rank, Row& row) {
    row = {1, 1};
    for (int d = rank - 1; d >= 0; --d) {
        if (sizes[d] == 1) continue;
        if (row.count == 1) row.step = strides[d];
        if (strides[d] != row.count * row.step) return false;
        row.count *= sizes[d];
    }
    return true;
}

/// Calls `action(from, row, at)` for the rows, as long as can be, that the elements of a box are;
/// `at` of them come before. Returns how many there are.
template <class Element, class Action>
Index forEachRow(Element* from, const Index* strides, const Index* sizes, int rank, Action action,
                 Index at = 0) {
    Row row;
    if (isRow(strides, sizes, rank, row)) {
        action(from, row, at);
        return at + row.count;
    }
    for (Index i = 0; i < sizes[0]; ++i) {
        at = forEachRow(from + i * strides[0], strides + 1, sizes + 1, rank - 1, action, at);
    }
    return at;
}

/// Calls `action(at, count, pixel)` for the spans of pixels first .. first + count of a plane that
/// lie strides[3] apart: `at` is where the span begins in the plane, `pixel` counts from 0.
template <class Action>
void forEachSpan(const Tensor<4>& t, Index width, Index first, Index count, Action action) {
    if (t.strides[2] == width * t.strides[3]) return action(first * t.strides[3], count, 0);
    for (Index pixel = 0; pixel < count;) {
        const Index y = (first + pixel) / width, x = (first + pixel) % width;
        const Index span = std::min(count - pixel, width - x);
        action(y * t.strides[2] + x * t.strides[3], span, pixel);
        pixel += span;
    }
}

/// Calls `action(at, count, pixel)` for rows of numbers that are a range's, where channels lie side
/// by side: `at` is where one is in the plane, `pixel` its first. Pixels that lie `ld` apart, as
/// the packed do, with nothing between them, are one row.
template <class Action>
void forEachPixelRow(const PixelRange& range, Index ld, Action action) {
    const Index step = range.array.strides[3], channels = range.channels.count;
    forEachSpan(range.array, range.width, range.first, range.count,
                [&](Index at, Index span, Index pixel) {
                    if (step == channels && ld == channels) return action(at, span * step, pixel);
                    for (Index i = 0; i < span; ++i) action(at + i * step, channels, pixel + i);
                });
}

/// Whether the pixels of a plane are a row: of the type that is computed in they are transposed
/// from where they lie, and to where they are wanted.
inline bool isOfRows(const Tensor<4>& t, Index width) {
    return t.strides[3] == 1 && t.strides[2] == width;
}

/// Asks for a range of one channel's pixels, if they are a row: some lines in each of many planes,
/// which no processor foresees.
template <class Element, For Use = For::Reading>
void prefetchPlane(const PixelRange& range) {
    const Tensor<4>& t = range.array;
    if (!isOfRows(t, range.width)) return;
    constexpr Index line = 64 / sizeof(Element);
    const Element* from =
        elementsOf<Element>(t) + t.at(range.channels.n, range.channels.first, 0, 0) + range.first;
    for (Index i = 0; i < range.count; i += line) prefetch<Use>(from + i);
}

/// Loads a range of one channel's pixels.
template <class Element, class Real = ComputeType<Element>>
void loadPlane(const MicroKernels<Real>& kernels, const PixelRange& range, Real* to) {
    const Tensor<4>& t = range.array;
    const Element* plane =
        elementsOf<Element>(t) + t.at(range.channels.n, range.channels.first, 0, 0);
    forEachSpan(t, range.width, range.first, range.count, [&](Index at, Index count, Index pixel) {
        loadRow(kernels, plane + at, t.strides[3], count, to + pixel);
    });
}

/// Stores a range of one channel's pixels.
template <class Element, class Real = ComputeType<Element>>
void storePlane(const MicroKernels<Real>& kernels, const PixelRange& range, const Real* from) {
    const Tensor<4>& t = range.array;
    Element* plane = elementsOf<Element>(t) + t.at(range.channels.n, range.channels.first, 0, 0);
    forEachSpan(t, range.width, range.first, range.count, [&](Index at, Index count, Index pixel) {
        storeRow(kernels, plane + at, t.strides[3], count, from + pixel);
    });
}

// Pixels and channels that are transposed together: a line of a cache each way and more.
template <class Element>
constexpr Index stagePixels = sizeof(Element) == 2 ? 64 : 32;
inline constexpr Index stageChannels = 64;

/// Loads a range of pixels, zeros after the last channel of each.
template <class Element, class Real = ComputeType<Element>>
void loadPixels(const MicroKernels<Real>& kernels, const PixelRange& range,
                const PackedRows<Real>& to) {
    const Tensor<4>& t = range.array;
    const Channels& channels = range.channels;
    const Element* from = elementsOf<Element>(t) + t.at(channels.n, channels.first, 0, 0);
    if (to.padded > channels.count) {
        for (Index i = 0; i < range.count; ++i) {
            std::fill_n(to.data + i * to.ld + channels.count, to.padded - channels.count, Real{0});
        }
    }
    if (t.strides[1] == 1) {
        return forEachPixelRow(range, to.ld, [&](Index at, Index count, Index pixel) {
            loadRow(kernels, from + at, 1, count, to.data + pixel * to.ld);
        });
    }
    if constexpr (std::is_same_v<Element, Real>) {
        if (isOfRows(t, range.width)) {
            return kernels.transpose(channels.count, range.count, from + range.first, t.strides[1],
                                     to.data, to.ld);
        }
    }
    Real stage[stageChannels * stagePixels<Element>];
    for (Index p = 0; p < range.count; p += stagePixels<Element>) {
        const Index pixels = std::min(stagePixels<Element>, range.count - p);
        for (Index c = 0; c < channels.count; c += stageChannels) {
            const Index rows = std::min(stageChannels, channels.count - c);
            forEachSpan(t, range.width, range.first + p, pixels,
                        [&](Index at, Index span, Index pixel) {
                            for (Index row = 0; row < rows; ++row) {
                                loadRow(kernels, from + (c + row) * t.strides[1] + at, t.strides[3],
                                        span, stage + row * stagePixels<Element> + pixel);
                            }
                        });
            kernels.transpose(rows, pixels, stage, stagePixels<Element>, to.data + p * to.ld + c,
                              to.ld);
        }
    }
}

/// Stores a range of pixels.
template <class Element, class Real = ComputeType<Element>>
void storePixels(const MicroKernels<Real>& kernels, const PixelRange& range,
                 const PackedRows<const Real>& from) {
    const Tensor<4>& t = range.array;
    const Channels& channels = range.channels;
    Element* to = elementsOf<Element>(t) + t.at(channels.n, channels.first, 0, 0);
    if (t.strides[1] == 1) {
        return forEachPixelRow(range, from.ld, [&](Index at, Index count, Index pixel) {
            storeRow(kernels, to + at, 1, count, from.data + pixel * from.ld);
        });
    }
    if constexpr (std::is_same_v<Element, Real>) {
        if (isOfRows(t, range.width)) {
            return kernels.transpose(range.count, channels.count, from.data, from.ld,
                                     to + range.first, t.strides[1]);
        }
    }
    Real stage[stageChannels * stagePixels<Element>];
    for (Index c = 0; c < channels.count; c += stageChannels) {
        const Index rows = std::min(stageChannels, channels.count - c);
        for (Index p = 0; p < range.count; p += stagePixels<Element>) {
            const Index pixels = std::min(stagePixels<Element>, range.count - p);
            kernels.transpose(pixels, rows, from.data + p * from.ld + c, from.ld, stage,
                              stagePixels<Element>);
            forEachSpan(t, range.width, range.first + p, pixels,
                        [&](Index at, Index span, Index pixel) {
                            for (Index row = 0; row < rows; ++row) {
                                storeRow(kernels, to + (c + row) * t.strides[1] + at, t.strides[3],
                                         span, stage + row * stagePixels<Element> + pixel);
                            }
                        });
        }
    }
}

/// Rows that a task has added to, of which `set` were set; the others are not written.
template <class Real>
struct PartOfRows {
    Real* rows;
    RowSpan set;
};

/// Adds `rows`, of `ld` numbers each, of parts 1 .. count to those of part 0, in order, each where
/// it is set; zeros where none is. Returns part 0.
template <class Real, class PartOf>
Real* addPartsOfRows(const RowSpan& rows, Index ld, Index count, PartOf partOf) {
    const auto numbers = [&](const RowSpan& set) -> RowSpan {
        return {std::clamp(set.first, rows.first, rows.end) * ld,
                std::clamp(set.end, rows.first, rows.end) * ld};
    };
    const PartOfRows<Real> total = partOf(0);
    const RowSpan own = numbers(total.set);
    std::fill(total.rows + rows.first * ld, total.rows + own.first, Real{0});
    std::fill(total.rows + own.end, total.rows + rows.end * ld, Real{0});
    for (Index part = 1; part < count; ++part) {
        const PartOfRows<Real> other = partOf(part);
        const RowSpan its = numbers(other.set);
        for (Index i = its.first; i < its.end; ++i) total.rows[i] += other.rows[i];
    }
    return total.rows;
}

}  // namespace dcn4j::cpu
