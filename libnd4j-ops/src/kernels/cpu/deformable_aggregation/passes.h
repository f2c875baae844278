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
        : Base(set, call, threads, waveNumbers, Base::unlimited) {}

    void run() {
        this->forEachImage(
            [&](const Place& at, Index i) {
                const Tile t = this->tileOf(at, i);
                const auto s = this->scratch();
                this->kernels_.aggregate(this->locate(t, s), s.output);
                this->store(this->call_.output, t, s.output);
            },
            nullptr);
    }

  private:
    /// Threads wait for one another in every wave of images.
    static constexpr Index waveNumbers = Index{1} << 21;
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
        : Base(set, call, threads, Base::unlimited, Base::balanced),
          gradImages_(this->places() * this->parts_ * this->imageSize_),
          set_(this->places() * this->parts_) {}

    void run() {
        this->forEachImage([&](const Place& at, Index span) { computeSpan(at, span); },
                           [&](const Place& at, Index level) { storeValues(at, level); });
    }

  private:
    /// A span's gradient of a place's values, and the rows of it that are set.
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
            this->kernels_.scatterAggregate(this->locate(t, s),
                                            {s.output, to.image, to.set, s.location, s.weight});
            this->storeSamples(this->call_.gradLocation, t, s.location);
            this->storeSamples(this->call_.gradWeight, t, s.weight);
        }
    }

    /// The gradient of one level of a place's values: over the spans, in their order, each where it
    /// is set.
    void storeValues(const Place& at, Index l) const {
        const RowSpan rows{this->firstRow(l), this->firstRow(l + 1) - this->groups_};
        const Real* total = addPartsOfRows<Real>(rows, this->row_, this->parts_, [&](Index span) {
            const Gradient part = gradient(at, span);
            return PartOfRows<Real>{part.image, *part.set};
        });
        this->store(this->level(l).gradValues, this->levelOf(at, l),
                    total + rows.first * this->row_);
    }

    const Buffer<Real> gradImages_;
    const Buffer<RowSpan> set_;
};

}  // namespace dcn4j::cpu::aggregation
