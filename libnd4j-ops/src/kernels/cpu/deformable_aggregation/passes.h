// The two passes.
#pragma once

#include "pass.h"

namespace dcn4j::cpu::aggregation {

/// One forward call: tasks are (image, groups, tile of output pixels).
template <class Element>
class Forward : Pass<Element> {
    using Base = Pass<Element>;

  public:
    Forward(const InstructionSet& set, const AggregationCall& call, int threads)
        : Base(set, call, threads, Base::unlimited) {}

    void run() {
        this->forEachImage(
            [&](const Place& at, Index i) {
                const Tile t = this->tileOf(at, i);
                const auto s = this->scratch();
                const auto samples = this->locate(t, s);
                if (i + 1 < this->tiles()) this->prefetchSamples(this->tileOf(at, i + 1));
                this->kernels_.aggregate(samples, s.output);
                this->store(this->call_.output, t, s.output);
            },
            nullptr);
    }
};

/// One backward call: tasks are (image, groups, span of tiles). A task owns the gradients of its
/// samples, and gradients of its groups' values that it adds to in the order of the output pixels;
/// those of the spans are added up after, in order.
template <class Element>
class Backward : Pass<Element> {
    using Base = Pass<Element>;
    using typename Base::Real;

  public:
    Backward(const InstructionSet& set, const AggregationCall& call, int threads)
        : Base(set, call, threads, Base::balanced),
          gradImages_(this->places() * this->parts_ * this->imageSize_),
          set_(this->places() * this->parts_) {}

    void run() {
        this->forEachImage([&](const Place& at, Index span) { computeSpan(at, span); },
                           [&](const Place& at, const Band& band) { storeValues(at, band); });
    }

  private:
    /// A span's gradient of a place's values, and the pixels of it that are set.
    struct Gradient {
        Real* image;
        RowSpan* set;
    };
    Gradient gradient(const Place& at, Index span) const {
        const Index number = at.number * this->parts_ + span;
        return {gradImages_.data() + number * this->imageSize_, set_.data() + number};
    }

    void computeSpan(const Place& at, Index span) const {
        const Gradient to = gradient(at, span);
        *to.set = {0, 0};
        const Index end = this->tiles() * (span + 1) / this->parts_;
        for (Index i = this->tiles() * span / this->parts_; i < end; ++i) {
            const Tile t = this->tileOf(at, i);
            const auto s = this->scratch();
            this->load(this->call_.output, t, s.output);
            const auto samples = this->locate(t, s);
            if (i + 1 < end) {
                const Tile next = this->tileOf(at, i + 1);
                this->prefetchSamples(next);
                this->prefetchPoints(this->call_.output, next);
            }
            this->kernels_.scatterAggregate(samples,
                                            {s.output, to.image, to.set, s.location, s.weight});
            this->storeSamples(this->call_.gradLocation, t, s.location);
            this->storeSamples(this->call_.gradWeight, t, s.weight);
        }
    }

    /// The gradient of a band of a place's values: over the spans, in their order, each where it is
    /// set.
    void storeValues(const Place& at, const Band& band) const {
        const Index l = band.level;
        const RowSpan pixels{this->pixel(l, band.first), this->pixel(l, band.end)};
        const Real* total = addPartsOfRows<Real>(pixels, this->ld(), this->parts_, [&](Index span) {
            const Gradient part = gradient(at, span);
            return PartOfRows<Real>{part.image, *part.set};
        });
        for (Index y = band.first; y < band.end; ++y) {
            this->store(this->level(l).gradValues, this->rowOf(at, l, y),
                        total + this->pixel(l, y) * this->ld());
        }
    }

    const Buffer<Real> gradImages_;
    const Buffer<RowSpan> set_;
};

}  // namespace dcn4j::cpu::aggregation
