// What both passes of an aggregation share: how the work is cut, packed images, and where a tile's
// samples read. It depends on the geometry alone, never on the number of threads.
#pragma once

#include <algorithm>

#include "../../sampling/aggregation_taps.h"
#include "../buffer.h"
#include "../packing.h"

namespace dcn4j::cpu::aggregation {

/// Some output pixels of one image and group, and a level that they sample.
struct Tile {
    Index n, group, level, first, points;
};

/// Arrays of rows [n][row][column][group] as packing.h sees those of a group.
template <class Element>
Tensor<4> groupOf(const Tensor<5>& t, Index group) {
    return {elementsOf<Element>(t) + group * t.strides[3],
            {t.strides[0], t.strides[4], t.strides[1], t.strides[2]}};
}

template <class Element>
class Samples {
  public:
    using Real = ComputeType<Element>;

    Samples(const MicroKernels<Real>& kernels, const AggregationGeometry& geometry)
        : kernels_(kernels),
          g_(geometry),
          row_(roundUp(geometry.channels, rowAlignment<Real>)),
          tile_(std::min(std::clamp<Index>(tileSamples / geometry.taps(), 8, mostTilePoints),
                         geometry.points())) {
        for (const AggregationLevel& level : g_.levels) {
            starts_.push_back(imageSize_);
            imageSize_ += roundUp((level.pixels() + 1) * row_, 16);
        }
        for (Index tap = 0; tap < g_.taps(); ++tap) {
            const Index place = g_.placeOf(tap);
            tapX_.push_back(g_.x.startOf(place / g_.y.kernel));
            tapY_.push_back(g_.y.startOf(place % g_.y.kernel));
        }
    }

    Index levels() const { return static_cast<Index>(g_.levels.size()); }
    const AggregationLevel& level(Index l) const { return g_.levels[static_cast<std::size_t>(l)]; }
    Index row() const { return row_; }              ///< numbers of a pixel: its padded channels
    Index imageSize() const { return imageSize_; }  ///< of a group, all levels
    Index start(Index l) const { return starts_[static_cast<std::size_t>(l)]; }
    Index tile() const { return tile_; }  ///< output pixels
    Index tiles() const { return ceilDivide(g_.points(), tile_); }
    Index points(Index tile) const { return std::min(tile_, g_.points() - tile * tile_); }
    /// Numbers that `plan` works in.
    Index scratch() const { return (3 * tile_ + 3) * g_.taps(); }

    /// Packs a level of one image and group: [pixels + 1][row], the last row zeros.
    void load(const Tensor<5>& values, Index n, Index group, Index l, Real* image) const {
        loadImage<Element>(kernels_, groupOf<Element>(values, group), level(l).width,
                           {n, 0, g_.channels}, level(l).pixels(), {image + start(l), row_});
    }

    /// Plans the samples of a tile: [points][taps].
    void plan(const AggregationInputs& in, const Tile& t, Real* scratch,
              PlannedSample<Real>* samples) const {
        const Index taps = g_.taps(), count = t.points * taps;
        Real *x = scratch, *y = x + count, *weight = y + count, *row = weight + count;
        const AggregationLevel& l = level(t.level);
        for (Index p = 0; p < t.points; ++p, x += taps, y += taps, weight += taps) {
            const AggregationTap at = pointOf(t, p);
            loadRow(kernels_, elementsOf<Element>(in.weight) + at.in(in.weight),
                    in.weight.strides[5], taps, weight);
            forEachRow(in.location, at, [&](Element* from, Index stride, Index count2, Index to) {
                loadRow(kernels_, from, stride, count2, row + to);
            });
            const bool pairs = arePairs(in.location);
            const Index step = pairs ? 2 : 1;
            const Real* rowY = row + (pairs ? 1 : taps);
            const double originX = g_.x.originOf(at.ox), originY = g_.y.originOf(at.oy);
            for (Index tap = 0; tap < taps; ++tap) {
                x[tap] = positionOf(originX, tapX_[static_cast<std::size_t>(tap)], row[tap * step],
                                    l.scaleX);
                y[tap] = positionOf(originY, tapY_[static_cast<std::size_t>(tap)], rowY[tap * step],
                                    l.scaleY);
            }
        }
        kernels_.plan(count, {scratch + count, scratch, scratch + 2 * count, l.height, l.width},
                      samples, 1);
    }

    /// Stores the gradients [taps][3][points] of a tile's samples.
    void store(const AggregationGradients& out, const Tile& t, const Real* gradients,
               Real* scratch) const {
        const Index taps = g_.taps();
        const bool pairs = arePairs(out.location);
        const Index step = pairs ? 2 : 1;
        Real *row = scratch, *rowY = row + (pairs ? 1 : taps), *weight = row + 2 * taps;
        const auto scaleX = static_cast<Real>(level(t.level).scaleX);
        const auto scaleY = static_cast<Real>(level(t.level).scaleY);
        for (Index p = 0; p < t.points; ++p) {
            for (Index tap = 0; tap < taps; ++tap) {
                const Real* of = gradients + tap * 3 * t.points + p;
                rowY[tap * step] = of[0] * scaleY;
                row[tap * step] = of[t.points] * scaleX;
                weight[tap] = of[2 * t.points];
            }
            const AggregationTap at = pointOf(t, p);
            storeRow(kernels_, elementsOf<Element>(out.weight) + at.in(out.weight),
                     out.weight.strides[5], taps, weight);
            forEachRow(out.location, at, [&](Element* to, Index stride, Index count, Index from) {
                storeRow(kernels_, to, stride, count, row + from);
            });
        }
    }

  private:
    /// 24 KiB of planned floats, most of a first-level cache.
    static constexpr Index tileSamples = 512, mostTilePoints = 128;

    AggregationTap pointOf(const Tile& t, Index p) const {
        const Index point = t.first + p;
        return {t.n, point / g_.outWidth, point % g_.outWidth, t.group, t.level, 0};
    }

    /// Whether the x and y of all taps of a point are one row of elements, the same step apart.
    static bool arePairs(const Tensor<7>& t) { return t.strides[5] == 2 * t.strides[6]; }

    /// Calls `action(elements, stride, count, place)` for the rows that a point's locations are:
    /// (x, y) of all taps, or all x and then all y.
    template <class Action>
    void forEachRow(const Tensor<7>& t, const AggregationTap& at, Action action) const {
        Element* first = elementsOf<Element>(t) + at.in(t, 0);
        const Index taps = g_.taps();
        if (arePairs(t)) return action(first, t.strides[6], 2 * taps, 0);
        action(first, t.strides[5], taps, 0);
        action(first + t.strides[6], t.strides[5], taps, taps);
    }

    const MicroKernels<Real>& kernels_;
    const AggregationGeometry& g_;
    const Index row_, tile_;
    Index imageSize_ = 0;
    std::vector<Index> starts_, tapX_, tapY_;
};

}  // namespace dcn4j::cpu::aggregation
