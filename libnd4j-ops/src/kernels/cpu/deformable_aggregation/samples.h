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

/// Rows of numbers, `ld` apart; null: there are none.
template <class Real>
struct Rows {
    Real* data;
    Index ld;
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
    Index groups() const { return groups_; }     ///< of a task
    Index taps() const { return taps_; }         ///< of all levels
    Index row() const { return row_; }           ///< a group's padded channels
    Index ld() const { return groups_ * row_; }  ///< numbers of a pixel or a point
    Index firstRow(Index l) const { return firstRows_[static_cast<std::size_t>(l)]; }
    Index rows() const { return rows_; }                           ///< of all levels' groups
    Index imageSize() const { return roundUp(rows_ * row_, 16); }  ///< of all levels
    Index tile() const { return tile_; }                           ///< output pixels
    Index tiles() const { return ceilDivide(g_.points(), tile_); }
    Index points(Index tile) const { return std::min(tile_, g_.points() - tile * tile_); }
    /// Samples of a tile, and room for what the longest vector has more.
    Index capacity() const { return roundUp(tile_ * groups_ * taps_, mostLanes); }
    /// Numbers of what `locate` reads of a tile.
    Index numbers() const { return 5 * capacity(); }

    /// Packs a level of one image and a task's groups: [pixels + 1][groups][row], the last zeros.
    void loadLevel(const Tensor<5>& values, Index n, Index group, Index l, Real* image) const {
        const Index pixels = level(l).pixels();
        load(values, level(l).width, {n, group, 0, pixels}, image + firstRow(l) * row_);
        setZeroRow(l, image);
    }
    /// Writes the zeros after a level's pixels.
    void setZeroRow(Index l, Real* image) const {
        std::fill_n(image + firstRow(l) * row_ + level(l).pixels() * ld(), ld(), Real{0});
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

    /// Where some pixels of a task's groups lie as `load` would pack them, so that it need not.
    Rows<Real> packed(const Tensor<5>& array, Index width, const Tile& t) const {
        const Index* strides = array.strides;
        const bool joined = row_ == g_.channels && strides[4] == 1 &&
                            (groups_ == 1 || (strides[3] == row_ && strides[2] == ld())) &&
                            strides[1] == width * strides[2];
        if (!std::is_same_v<Element, Real> || !joined) return {nullptr, row_};
        return {static_cast<Real*>(array.data) +
                    array.at(t.n, t.first / width, t.first % width, t.group, 0),
                groups_ == 1 ? strides[2] : row_};
    }

    /// Reads where a tile's samples are, [point][group][level][tap].
    AggregateSamples<Real> locate(const AggregationInputs& in, const Tile& t, Real* numbers) const {
        Real *const location = numbers, *const weight = location + 2 * capacity();
        Real *const originY = weight + capacity(), *const originX = originY + capacity();
        const Index count = groups_ * taps_;
        AggregationTap at = firstOf(t);
        for (Index p = 0; p < t.points; ++p) {
            std::fill_n(originY + p * count, count, static_cast<Real>(g_.y.originOf(at.oy)));
            std::fill_n(originX + p * count, count, static_cast<Real>(g_.x.originOf(at.ox)));
            next(at);
        }
        return {t.points * count,
                period(),
                loadSamples(in.location, t, location),
                loadSamples(in.weight, t, weight),
                originY,
                originX,
                startY_.data(),
                startX_.data(),
                scaleY_.data(),
                scaleX_.data(),
                height_.data(),
                width_.data(),
                base_.data(),
                static_cast<Pixel>(groups_)};
    }

    /// Where the numbers of a tile's samples are to be written that `storeSamples` stores: in the
    /// array, if they lie there as in `scratch`.
    template <int Rank>
    Real* samplesOf(const Tensor<Rank>& t, const Tile& tile, Real* scratch) const {
        Real* const there = packedSamples(t, tile);
        return there != nullptr ? there : scratch;
    }
    /// Stores what was written to samplesOf.
    template <int Rank>
    void storeSamples(const Tensor<Rank>& t, const Tile& tile, const Real* from) const {
        if (packedSamples(t, tile) != nullptr) return;
        forEachRow(t, tile, [&](Element* row, Index step, Index count, Index at) {
            storeRow(kernels_, row, step, count, from + at);
        });
    }

  private:
    /// Samples of a tile: what is kept of them while they are summed fills most of a first-level
    /// cache.
    static constexpr Index tileSamples = 512, mostTilePoints = 128;
    /// Of the longest vector.
    static constexpr Index mostLanes = 16;

    /// A multiple of a point's samples and of every vector's lanes.
    Index period() const { return std::lcm(groups_ * taps_, mostLanes); }

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

    AggregationTap firstOf(const Tile& t) const {
        return {t.n, t.first / g_.outWidth, t.first % g_.outWidth, t.group, 0, 0};
    }
    void next(AggregationTap& at) const {
        if (++at.ox == g_.outWidth) ++at.oy, at.ox = 0;
    }

    // Numbers of samples, locations [n][y][x][group][level][tap][(x, y)] or weights, without the
    // last.

    /// Numbers of a sample.
    template <int Rank>
    static constexpr Index each = Rank == 7 ? 2 : 1;

    /// Whether a point's samples of a task's groups are one row.
    template <int Rank>
    bool areRows(const Tensor<Rank>& t) const {
        return t.strides[5] == each<Rank> * t.strides[Rank - 1] &&
               (groups_ == 1 || t.strides[3] == taps_ * t.strides[5]) &&
               (levels() == 1 || t.strides[4] == g_.taps() * t.strides[5]);
    }
    /// Whether an image's are.
    template <int Rank>
    bool isRow(const Tensor<Rank>& t) const {
        return areRows(t) && t.strides[2] == groups_ * taps_ * t.strides[5] &&
               (g_.outHeight == 1 || t.strides[1] == g_.outWidth * t.strides[2]);
    }

    template <int Rank>
    static Element* elementAt(const Tensor<Rank>& t, const AggregationTap& at) {
        Element* const elements = elementsOf<Element>(t);
        if constexpr (Rank == 7) {
            return elements + at.in(t, 0);
        } else {
            return elements + at.in(t);
        }
    }

    /// Calls `action(row, step, count, at)` for the rows of numbers, `step` apart, that a tile's
    /// samples are: `at` counts numbers.
    template <int Rank, class Action>
    void forEachRow(const Tensor<Rank>& t, const Tile& tile, Action action) const {
        constexpr Index numbers = each<Rank>;
        const Index step = t.strides[Rank - 1], count = numbers * groups_ * taps_;
        AggregationTap at = firstOf(tile);
        if (isRow(t)) return action(elementAt(t, at), step, tile.points * count, 0);
        const bool rows = areRows(t);
        for (Index i = 0; i < tile.points * count; next(at)) {
            if (rows) {
                action(elementAt(t, at), step, count, i);
                i += count;
                continue;
            }
            for (at.group = tile.group; at.group < tile.group + groups_; ++at.group) {
                for (at.level = 0; at.level < levels(); ++at.level) {
                    for (at.tap = 0; at.tap < g_.taps(); ++at.tap, i += numbers) {
                        action(elementAt(t, at), step, numbers, i);
                    }
                }
            }
            at.group = tile.group, at.level = at.tap = 0;
        }
    }

    /// A tile's samples where an array has them in a row of numbers of the type that is computed
    /// in.
    template <int Rank>
    Real* packedSamples(const Tensor<Rank>& t, const Tile& tile) const {
        if constexpr (std::is_same_v<Element, Real>) {
            if (t.strides[Rank - 1] == 1 && isRow(t)) return elementAt(t, firstOf(tile));
        }
        return nullptr;
    }

    /// A tile's samples, where they are or in `scratch`.
    template <int Rank>
    const Real* loadSamples(const Tensor<Rank>& t, const Tile& tile, Real* scratch) const {
        const Index following = (g_.points() - tile.first - tile.points) * groups_ * taps_;
        const Real* const there = packedSamples(t, tile);
        if (there != nullptr && following >= mostLanes) return there;
        forEachRow(t, tile, [&](const Element* row, Index step, Index count, Index at) {
            loadRow(kernels_, row, step, count, scratch + at);
        });
        return scratch;
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
