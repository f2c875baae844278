// What both passes of an aggregation share: how the work is cut, packed values, and where a tile's
// samples read. What sums are cut into depends on the geometry alone, never on the number of
// threads; how many images are at work at a time depends on them, too.
//
// A task works on some groups together; the rows of a pixel's groups lie side by side, and so do
// the sums of a point's. To the micro-kernels each is a point of its own.
#pragma once

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "../../deformable_aggregation.h"
#include "../buffer.h"
#include "../packing.h"
#include "../team.h"

namespace dcn4j::cpu::aggregation {

/// An image and the groups of a task: the first of them, and which of those that are packed at a
/// time it is.
struct Place {
    Index n, group, number;
};

/// Some pixels of a place, from (y, x) on in rows of `width`: of a level's values all, of the
/// output some of a row.
struct Tile : Place {
    Index width, y, x, count;
};

/// Rows of a level, as many as a thread packs, or stores, at a time.
struct Band {
    Index level, first, end;
};

/// As many groups as a task takes together: a divisor of the groups, so that the point's samples
/// are at most 256, if they can be; one where samples lie anywhere, so that a task reads little of
/// the values.
inline Index groupsTogether(const AggregationShape& shape) {
    Index groups = std::clamp<Index>(256 / shape.taps(), 1, shape.x.stride > 0 ? shape.groups : 1);
    while (shape.groups % groups != 0) --groups;
    return groups;
}

// A level is packed with zeros around it: a pixel at the beginning, a row above, two below, and
// after each row two pixels, of which the second is in front of the next row.
inline Index borderedWidth(const AggregationLevel& level) {
    return level.width + 2;
}
inline Index borderedPixels(const AggregationLevel& level) {
    return 1 + (level.height + 3) * borderedWidth(level);
}

/// One call.
template <class Element>
class Pass {
  protected:
    using Real = ComputeType<Element>;
    using Pixel = typename AggregateSamples<Real>::Pixel;

    /// Tasks: one a tile, however many groups there are; as many as balance a processor's threads.
    static constexpr Index unlimited = Index{1} << 62, balanced = 16;

    /// Places are cut into parts so that the images of a call, or some of them, make `tasks`.
    Pass(const InstructionSet& set, const AggregationCall& call, int threads, Index tasks)
        : kernels_(set.kernels.of<Real>()),
          call_(call),
          groups_(groupsTogether(call)),
          chunks_(call.groups / groups_),
          row_(roundUp(call.channels, rowAlignment<Real>)),
          taps_(levels() * call.taps()),
          rowTiles_(ceilDivide(call.outWidth, std::clamp<Index>(tileSamples / (taps_ * groups_), 8,
                                                                mostTilePoints))),
          tile_(ceilDivide(call.outWidth, rowTiles_)),
          capacity_(roundUp(tile_ * groups_ * taps_, mostLanes)),
          firstPixels_(firstPixels()),
          imageSize_(roundUp(firstPixels_.back() * ld(), 16)),
          parts_(std::clamp<Index>(ceilDivide(tasks, cutTogether() * chunks_), 1, tiles())),
          wave_(wave(threads)),
          threads_(threadsFor(threads, places() * parts_)),
          bands_(bands()),
          images_(places() * imageSize_),
          scratch_(threads_, 5 * capacity_ + tile_ * ld()) {
        // A multiple of a point's samples and of every vector's lanes.
        const Index period = std::lcm(groups_ * taps_, mostLanes);
        for (Index i = 0; i < period; ++i) {
            const Index l = i % taps_ / call.taps(), place = call.placeOf(i % call.taps());
            startY_.push_back(static_cast<Real>(call.y.startOf(place % call.y.kernel)));
            startX_.push_back(static_cast<Real>(call.x.startOf(place / call.y.kernel)));
            scaleY_.push_back(static_cast<Real>(level(l).scaleY));
            scaleX_.push_back(static_cast<Real>(level(l).scaleX));
            height_.push_back(static_cast<Real>(level(l).height));
            width_.push_back(static_cast<Real>(level(l).width));
            base_.push_back(static_cast<Pixel>(pixel(l, 0) * ld() + i / taps_ % groups_ * row_));
            below_.push_back(static_cast<Pixel>(borderedWidth(level(l)) * ld()));
        }
    }

    /// Packs the values of every place, calls `compute(place, part)` for its parts and, when they
    /// are done, `finish(place, band)`; a wave of images at a time.
    template <class Compute, class Finish>
    void forEachImage(Compute compute, Finish finish) const;

    Index levels() const { return static_cast<Index>(call_.levels.size()); }
    const AggregationLevel& level(Index l) const {
        return call_.levels[static_cast<std::size_t>(l)];
    }
    Index places() const { return wave_ * chunks_; }  ///< packed at a time
    Index tiles() const { return call_.outHeight * rowTiles_; }
    Index ld() const { return groups_ * row_; }  ///< numbers of a pixel or a point
    /// Where a row of a level begins in a packed image, in pixels.
    Index pixel(Index l, Index y) const {
        return firstPixels_[static_cast<std::size_t>(l)] + 1 + (y + 1) * borderedWidth(level(l));
    }

    /// A row of a level.
    Tile rowOf(const Place& at, Index l, Index y) const {
        return {at, level(l).width, y, 0, level(l).width};
    }
    Tile tileOf(const Place& at, Index tile) const {
        const Index width = call_.outWidth, x = tile % rowTiles_ * tile_;
        return {at, width, tile / rowTiles_, x, std::min(tile_, width - x)};
    }

    /// Packs pixels of a task's groups: [pixels][groups][row].
    void load(const Tensor<5>& array, const Tile& t, Real* to) const {
        forEachRange(array, t, [&](const PixelRange& range, Index at) {
            loadPixels<Element>(kernels_, range,
                                {to + at, ld(), roundUp(range.channels.count, rowAlignment<Real>)});
        });
    }
    /// The reverse of load.
    void store(const Tensor<5>& array, const Tile& t, const Real* from) const {
        forEachRange(array, t, [&](const PixelRange& range, Index at) {
            storePixels<Element>(kernels_, range, {from + at, ld()});
        });
    }

    /// A thread's memory for the numbers of a tile.
    struct Scratch {
        /// As AggregateSamples has them; gradients take the place of locations and weights.
        Real *location, *weight, *originY, *originX;
        Real* output;  ///< or its gradient, packed
    };
    Scratch scratch() const {
        Real* const mine = scratch_.mine();
        return {mine, mine + 2 * capacity_, mine + 3 * capacity_, mine + 4 * capacity_,
                mine + 5 * capacity_};
    }

    /// Reads where a tile's samples are, [point][group][level][tap].
    AggregateTile<Real> locate(const Tile& t, const Scratch& s) const {
        const Index each = groups_ * taps_, count = t.count * each;
        // The last vector reads on.
        const Index rest = roundUp(count, mostLanes) - count;
        std::fill_n(s.originY, count + rest, static_cast<Real>(call_.y.originOf(t.y)));
        for (Index p = 0; p < t.count; ++p) {
            std::fill_n(s.originX + p * each, each + (p + 1 == t.count ? rest : 0),
                        static_cast<Real>(call_.x.originOf(t.x + p)));
        }
        loadSamples(call_.location, t, s.location);
        loadSamples(call_.weight, t, s.weight);
        std::fill_n(s.location + 2 * count, 2 * rest, Real{0});
        std::fill_n(s.weight + count, rest, Real{0});
        const AggregateSamples<Real> samples{
            count,
            static_cast<Index>(base_.size()),
            s.location,
            s.weight,
            {s.originY, startY_.data(), scaleY_.data(), height_.data()},
            {s.originX, startX_.data(), scaleX_.data(), width_.data()},
            base_.data(),
            below_.data(),
            static_cast<Pixel>(ld())};
        return {taps_, row_, samples, image(t), row_};
    }
    /// Asks for what `locate` reads of a tile, and `load`, where it lies in rows.
    void prefetchSamples(const Tile& t) const {
        const auto ask = [](const Element* from, const Row& row, Index) {
            if (row.step == 1) prefetch(from, row.count, 0, 1);
        };
        forEachSampleRow(call_.location, t, ask);
        forEachSampleRow(call_.weight, t, ask);
    }
    void prefetchPoints(const Tensor<5>& array, const Tile& t) const {
        forEachRange(array, t, [](const PixelRange& range, Index) {
            const Tensor<4>& a = range.array;
            if (a.strides[1] != 1) return;
            const Element* from = elementsOf<Element>(a) + a.at(range.channels.n, 0, 0, 0);
            forEachPixelRow(range, range.channels.count, [&](Index at, Index count, Index) {
                prefetch(from + at, count, 0, 1);
            });
        });
    }
    /// Stores what samples have, as loadSamples has it.
    template <int Rank>
    void storeSamples(const Tensor<Rank>& array, const Tile& t, const Real* from) const {
        forEachSampleRow(array, t, [&](Element* to, const Row& row, Index at) {
            storeRow(kernels_, to, row.step, row.count, from + at);
        });
    }

    const MicroKernels<Real>& kernels_;
    const AggregationCall& call_;
    const Index groups_;           ///< of a task
    const Index chunks_;           ///< of the groups
    const Index row_;              ///< a group's padded channels
    const Index taps_;             ///< of all levels
    const Index rowTiles_, tile_;  ///< tiles of a row of the output; output pixels of a tile
    const Index capacity_;         ///< samples of a tile, and what the longest vector has more
    const std::vector<Index> firstPixels_;  ///< of the levels of a packed image, and its end
    const Index imageSize_;                 ///< numbers of a place's packed values
    const Index parts_;                     ///< of a place
    const Index wave_;                      ///< images packed at a time
    const int threads_;

  private:
    /// Samples of a tile: what is kept of them while they are summed fills most of a first-level
    /// cache.
    static constexpr Index tileSamples = 512, mostTilePoints = 128;
    /// Of the longest vector.
    static constexpr Index mostLanes = 16;
    static constexpr Index bandPixels = 1024;

    /// As many images as make a place for each thread, or fill the cache of each; not more than
    /// take 8 MiB of floats, or as give each thread a part.
    Index wave(int threads) const {
        const Index image = imageSize_ * chunks_;
        const Index wanted = std::max(ceilDivide(threads, chunks_), (Index{threads} << 17) / image);
        const Index most =
            std::max((Index{1} << 21) / image, ceilDivide(threads, chunks_ * parts_));
        return std::clamp<Index>(std::min(wanted, most), 1, std::max<Index>(call_.batch, 1));
    }
    /// Images that make `balanced` tasks together, if there are as many.
    Index cutTogether() const {
        return std::clamp<Index>(call_.batch, 1, ceilDivide(balanced, chunks_));
    }

    std::vector<Index> firstPixels() const {
        std::vector<Index> first{0};
        for (const AggregationLevel& level : call_.levels) {
            first.push_back(first.back() + borderedPixels(level));
        }
        return first;
    }

    /// The values of a place, [pixels][groups][row] for each level with its border.
    Real* image(const Place& at) const { return images_.data() + at.number * imageSize_; }
    void packValues(const Place& at, const Band& band) const {
        const Index l = band.level;
        Real* const values = image(at);
        const auto zero = [&](Index first, Index end) {
            std::fill(values + first * ld(), values + end * ld(), Real{0});
        };
        if (band.first == 0) zero(firstPixels_[static_cast<std::size_t>(l)], pixel(l, 0));
        for (Index y = band.first; y < band.end; ++y) {
            load(level(l).values, rowOf(at, l, y), values + pixel(l, y) * ld());
            zero(pixel(l, y) + level(l).width, pixel(l, y + 1));
        }
        if (band.end == level(l).height) {
            zero(pixel(l, band.end), firstPixels_[static_cast<std::size_t>(l + 1)]);
        }
    }

    std::vector<Band> bands() const {
        std::vector<Band> all;
        for (Index l = 0; l < levels(); ++l) {
            const Index height = level(l).height;
            const Index count = std::min(height, ceilDivide(level(l).pixels(), bandPixels));
            for (Index i = 0; i < count; ++i) {
                all.push_back({l, height * i / count, height * (i + 1) / count});
            }
        }
        return all;
    }

    /// Calls `action(range, at)` for the groups of a tile, each or all together where nothing lies
    /// between them, packed from `at` on.
    template <class Action>
    void forEachRange(const Tensor<5>& array, const Tile& t, Action action) const {
        const Index* strides = array.strides;
        const bool joined = row_ == call_.channels && strides[3] == row_ * strides[4];
        const Index together = joined ? groups_ : 1;
        for (Index i = 0; i < groups_; i += together) {
            const Tensor<4> view{elementsOf<Element>(array) + (t.group + i) * strides[3],
                                 {strides[0], strides[4], strides[1], strides[2]}};
            const Channels channels{t.n, 0, together * call_.channels};
            action({view, t.width, channels, t.y * t.width + t.x, t.count}, i * row_);
        }
    }

    /// Calls `action(first, row, at)` for the rows that a tile's samples are in an array of
    /// locations, [n][y][x][group][level][tap][(x, y)], or of weights, without the last.
    template <int Rank, class Action>
    void forEachSampleRow(const Tensor<Rank>& array, const Tile& t, Action action) const {
        const Index* strides = array.strides;
        const Index sizes[] = {1, 1, t.count, groups_, levels(), call_.taps(), 2};
        forEachRow(elementsOf<Element>(array) + t.n * strides[0] + t.y * strides[1] +
                       t.x * strides[2] + t.group * strides[3],
                   strides, sizes, Rank, action);
    }
    template <int Rank>
    void loadSamples(const Tensor<Rank>& array, const Tile& t, Real* to) const {
        forEachSampleRow(array, t, [&](const Element* from, const Row& row, Index at) {
            loadRow(kernels_, from, row.step, row.count, to + at);
        });
    }

    const std::vector<Band> bands_;
    const Buffer<Real> images_;
    const PerThread<Real> scratch_;
    std::vector<Real> startY_, startX_, scaleY_, scaleX_, height_, width_;
    std::vector<Pixel> base_, below_;
};

template <class Element>
template <class Compute, class Finish>
void Pass<Element>::forEachImage(Compute compute, Finish finish) const {
    Team team(threads_);
#pragma omp parallel num_threads(threads_)
    {
        team.join();
        for (Index first = 0; first < call_.batch; first += wave_) {
            const Index count = std::min(wave_, call_.batch - first) * chunks_;
            const auto place = [&](Index i) -> Place {
                return {first + i / chunks_, i % chunks_ * groups_, i};
            };
            const auto bands = static_cast<Index>(bands_.size());
            const auto band = [&](Index i) { return bands_[static_cast<std::size_t>(i % bands)]; };
            team.share(count * bands, [&](Index i) { packValues(place(i / bands), band(i)); });
#pragma omp barrier
            team.share(count * parts_, [&](Index i) { compute(place(i / parts_), i % parts_); });
#pragma omp barrier
            if constexpr (!std::is_null_pointer_v<Finish>) {
                team.share(count * bands, [&](Index i) { finish(place(i / bands), band(i)); });
            }
        }
    }
}

}  // namespace dcn4j::cpu::aggregation
