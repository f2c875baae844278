// The backward pass: tasks are (image, groups, span of tiles). A task owns the gradients of its
// samples, and gradients of its groups' values that it adds to in the order of the output pixels;
// those of the spans are added up after, in order.
#pragma once

#include "pass.h"

namespace dcn4j::cpu::aggregation {

/// One backward call.
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
        for (Index l = 0; l < this->levels(); ++l) this->setZeroRow(l, to.image);
        const Index end = this->tiles() * (span + 1) / this->parts_;
        for (Index i = this->tiles() * span / this->parts_; i < end; ++i) {
            const Tile t = this->tileOf(at, i);
            const auto s = this->scratch();
            Real* const grad = this->packed(this->call_.output, t, s.output);
            if (grad == s.output) this->load(this->call_.output, t, grad);
            Real* const location = this->packed(this->call_.gradLocation, t, s.gradLocation);
            Real* const weight = this->packed(this->call_.gradWeight, t, s.gradWeight);
            this->kernels_.scatterAggregate(this->locate(t, s),
                                            {grad, to.image, to.set, location, weight});
            this->storeSamples(this->call_.gradLocation, t, location);
            this->storeSamples(this->call_.gradWeight, t, weight);
        }
    }

    /// The gradient of one level of a place's values: over the spans, in their order, each where it
    /// is set.
    void storeValues(const Place& at, Index l) const {
        const Index row = this->row_, first = this->firstRow(l) * row;
        const Index end = (this->firstRow(l + 1) - this->groups_) * row;
        const auto numbers = [&](const RowSpan& set) -> RowSpan {
            return {std::clamp(set.first * row, first, end), std::clamp(set.end * row, first, end)};
        };
        const Gradient total = gradient(at, 0);
        const RowSpan own = numbers(*total.set);
        std::fill(total.image + first, total.image + own.first, Real{0});
        std::fill(total.image + own.end, total.image + end, Real{0});
        for (Index span = 1; span < this->parts_; ++span) {
            const Gradient other = gradient(at, span);
            const RowSpan its = numbers(*other.set);
            for (Index k = its.first; k < its.end; ++k) total.image[k] += other.image[k];
        }
        this->store(this->level(l).gradValues, this->levelOf(at, l), total.image + first);
    }

    const Buffer<Real> gradImages_;
    const Buffer<RowSpan> set_;
};

}  // namespace dcn4j::cpu::aggregation
