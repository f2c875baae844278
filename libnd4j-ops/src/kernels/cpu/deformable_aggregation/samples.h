// What both passes of an aggregation share: how the work is cut, packed images, and where a tile's
// samples read. It depends on the geometry alone, never on the number of threads.
//
// A task works on some groups together, as many as its pass says; the rows of a pixel's groups lie
// side by side, and so do the sums of a point's. To the micro-kernels each is a point of its own.
#pragma once

#include <algorithm>
#include <numeric>

#include "../../sampling/aggregation_taps.h"
#include "../buffer.h"
#include "../packing.h"

namespace dcn4j::cpu::aggregation {

/// Some output pixels of one image, and the first of a task's groups.
struct Tile {
    Index n, group, first, points;
};

/// As many groups as a task takes together: a divisor of the groups, at most `most`, so that a
/// point's samples fit a tile; one where samples lie anywhere, so that a task reads little of the
/// values.
inline Index groupsTogether(const AggregationGeometry& g, Index most) {
    constexpr Index pointSamples = 256;
    if (g.x.stride == 0) return 1;
    Index groups = std::clamp<Index>(std::min(most, pointSamples / g.taps()), 1, g.groups);
    while (g.groups % groups != 0) --groups;
    return groups;
}

/// The samples of one call: what all points' have in common, and those of a tile.
template <class Element>
class Samples {
  public:
    using Real = ComputeType<Element>;
    using Pixel = typename AggregateSamples<Real>::Pixel;

    /// `groups` divides the groups.
    Samples(const MicroKernels<Real>& kernels, const AggregationGeometry& geometry, Index groups)
        : kernels_(kernels),
          g_(geometry),
          groups_(groups),
          row_(roundUp(geometry.channels, rowAlignment<Real>)),
          taps_(levels() * geometry.taps()),
          tile_(std::min(std::clamp<Index>(tileSamples / (taps_ * groups), 8, mostTilePoints),
                         geometry.points())) {
        for (const AggregationLevel& level : g_.levels) {
            firstRows_.push_back(rows_);
            rows_ += (level.pixels() + 1) * groups;
        }
        for (Index i = 0; i < period(); ++i) {
            const Index l = i % taps_ / g_.taps(), place = g_.placeOf(i % g_.taps());
            startX_.push_back(static_cast<Real>(g_.x.startOf(place / g_.y.kernel)));
            startY_.push_back(static_cast<Real>(g_.y.startOf(place % g_.y.kernel)));
            scaleX_.push_back(static_cast<Real>(level(l).scaleX));
            scaleY_.push_back(static_cast<Real>(level(l).scaleY));
            height_.push_back(static_cast<Pixel>(level(l).height));
            width_.push_back(static_cast<Pixel>(level(l).width));
            base_.push_back(static_cast<Pixel>(firstRow(l) + i / taps_ % groups));
        }
    }

    Index levels() const { return static_cast<Index>(g_.levels.size()); }
    const AggregationLevel& level(Index l) const { return g_.levels[static_cast<std::size_t>(l)]; }
    Index taps() const { return taps_; }         ///< of all levels
    Index row() const { return row_; }           ///< a group's padded channels
    Index ld() const { return groups_ * row_; }  ///< numbers of a pixel or a point
    Index firstRow(Index l) const { return firstRows_[static_cast<std::size_t>(l)]; }
    Index imageSize() const { return roundUp(rows_ * row_, 16); }  ///< of all levels
    Index tile() const { return tile_; }                           ///< output pixels
    Index tiles() const { return ceilDivide(g_.points(), tile_); }
    Index points(Index tile) const { return std::min(tile_, g_.points() - tile * tile_); }
    /// Samples of a tile, and room for what the longest vector has more.
    Index capacity() const { return roundUp(tile_ * groups_ * taps_, 16); }
    /// Numbers of what `locate` reads of a tile.
    Index numbers() const { return 5 * capacity(); }

    /// Packs a level of one image and a task's groups: [pixels + 1][groups][row], the last zeros.
    void loadLevel(const Tensor<5>& values, Index n, Index group, Index l, Real* image) const {
        const Index pixels = level(l).pixels();
        load(values, level(l).width, {n, group, 0, pixels}, image + firstRow(l) * row_);
        std::fill_n(image + firstRow(l) * row_ + pixels * ld(), ld(), Real{0});
    }

    /// Packs some pixels of a task's groups of an array: [points][groups][row].
    void load(const Tensor<5>& array, Index width, const Tile& t, Real* to) const {
        forEachView(array, t.group, [&](const Tensor<4>& view, Index channels, Index at) {
            loadPixels<Element>(kernels_, {view, width, {t.n, 0, channels}, t.first, t.points},
                                {to + at, ld(), roundUp(channels, rowAlignment<Real>)});
        });
    }
    /// The reverse of load.
    void store(const Tensor<5>& array, Index width, const Tile& t, const Real* from) const {
        forEachView(array, t.group, [&](const Tensor<4>& view, Index channels, Index at) {
            storePixels<Element>(kernels_, {view, width, {t.n, 0, channels}, t.first, t.points},
                                 {from + at, ld()});
        });
    }

    /// Reads where a tile's samples are, [point][group][level][tap].
    AggregateSamples<Real> locate(const AggregationInputs& in, const Tile& t, Real* numbers) const {
        Real *const location = numbers, *const weight = location + 2 * capacity();
        Real *const originY = weight + capacity(), *const originX = originY + capacity();
        const Index count = groups_ * taps_;
        forEachPoint(t, [&](AggregationTap at, Index p) {
            const Index first = p * count;
            std::fill_n(originY + first, count, static_cast<Real>(g_.y.originOf(at.oy)));
            std::fill_n(originX + first, count, static_cast<Real>(g_.x.originOf(at.ox)));
            if (areRows(in.location, in.weight)) {
                loadRow(kernels_, elementsOf<Element>(in.location) + at.in(in.location, 0),
                        in.location.strides[6], 2 * count, location + 2 * first);
                return loadRow(kernels_, elementsOf<Element>(in.weight) + at.in(in.weight),
                               in.weight.strides[5], count, weight + first);
            }
            forEachTap(at, first, [&](Index i) {
                for (Index xy : {0, 1}) {
                    location[2 * i + xy] =
                        widen(elementsOf<Element>(in.location)[at.in(in.location, xy)]);
                }
                weight[i] = widen(elementsOf<Element>(in.weight)[at.in(in.weight)]);
            });
        });
        return {t.points * count, period(),
                location,         weight,
                originY,          originX,
                startY_.data(),   startX_.data(),
                scaleY_.data(),   scaleX_.data(),
                height_.data(),   width_.data(),
                base_.data(),     static_cast<Pixel>(groups_)};
    }

    /// Stores the gradients [level, tap][(y, x, weight)][point][group] of a tile's samples.
    void storeGradients(const AggregationGradients& out, const Tile& t, const Real* gradients,
                        Real* scratch) const {
        const Index count = groups_ * taps_, points = t.points * groups_;
        Real *const location = scratch, *const weight = location + 2 * count;
        forEachPoint(t, [&](AggregationTap at, Index p) {
            for (Index i = 0; i < count; ++i) {
                const Index k = i % taps_;
                const Real* of = gradients + k * 3 * points + p * groups_ + i / taps_;
                location[2 * i] = of[points] * scaleX_[static_cast<std::size_t>(k)];
                location[2 * i + 1] = of[0] * scaleY_[static_cast<std::size_t>(k)];
                weight[i] = of[2 * points];
            }
            if (areRows(out.location, out.weight)) {
                storeRow(kernels_, elementsOf<Element>(out.location) + at.in(out.location, 0),
                         out.location.strides[6], 2 * count, location);
                return storeRow(kernels_, elementsOf<Element>(out.weight) + at.in(out.weight),
                                out.weight.strides[5], count, weight);
            }
            forEachTap(at, 0, [&](Index i) {
                for (Index xy : {0, 1}) {
                    elementsOf<Element>(out.location)[at.in(out.location, xy)] =
                        narrow<Element>(location[2 * i + xy]);
                }
                elementsOf<Element>(out.weight)[at.in(out.weight)] = narrow<Element>(weight[i]);
            });
        });
    }

  private:
    /// Samples of a tile: what is kept of them while they are summed fills most of a first-level
    /// cache.
    static constexpr Index tileSamples = 512, mostTilePoints = 128;

    /// A multiple of a point's samples and of every vector's lanes.
    Index period() const { return std::lcm(groups_ * taps_, Index{16}); }

    /// Calls `action(view, channels, at)` for a task's groups of an array, each or all together
    /// where nothing lies between them: [n][channels][rows][columns], packed from `at` on.
    template <class Action>
    void forEachView(const Tensor<5>& t, Index group, Action action) const {
        const bool joined = row_ == g_.channels && t.strides[3] == g_.channels * t.strides[4];
        const Index together = joined ? groups_ : 1;
        for (Index i = 0; i < groups_; i += together) {
            action(Tensor<4>{elementsOf<Element>(t) + (group + i) * t.strides[3],
                             {t.strides[0], t.strides[4], t.strides[1], t.strides[2]}},
                   together * g_.channels, i * row_);
        }
    }

    /// Calls `action(at, p)` for a tile's points.
    template <class Action>
    void forEachPoint(const Tile& t, Action action) const {
        AggregationTap at{t.n, t.first / g_.outWidth, t.first % g_.outWidth, t.group, 0, 0};
        for (Index p = 0; p < t.points; ++p) {
            action(at, p);
            if (++at.ox == g_.outWidth) ++at.oy, at.ox = 0;
        }
    }

    /// Calls `action(i)` for a point's samples, `at` one after the other.
    template <class Action>
    void forEachTap(AggregationTap& at, Index i, Action action) const {
        for (const Index end = at.group + groups_; at.group < end; ++at.group) {
            for (at.level = 0; at.level < levels(); ++at.level) {
                for (at.tap = 0; at.tap < g_.taps(); ++at.tap) action(i++);
            }
        }
    }

    /// Whether the locations and the weights of a point and a task's groups are each one row of
    /// elements, the same step apart.
    bool areRows(const Tensor<7>& location, const Tensor<6>& weight) const {
        const auto joined = [&](const Index* strides) {  // of groups, levels, taps
            return (groups_ == 1 || strides[0] == taps_ * strides[2]) &&
                   (levels() == 1 || strides[1] == g_.taps() * strides[2]);
        };
        return location.strides[5] == 2 * location.strides[6] && joined(location.strides + 3) &&
               joined(weight.strides + 3);
    }

    const MicroKernels<Real>& kernels_;
    const AggregationGeometry& g_;
    const Index groups_, row_, taps_, tile_;
    Index rows_ = 0;
    std::vector<Index> firstRows_;
    std::vector<Real> startX_, startY_, scaleX_, scaleY_;
    std::vector<Pixel> height_, width_, base_;
};

}  // namespace dcn4j::cpu::aggregation
