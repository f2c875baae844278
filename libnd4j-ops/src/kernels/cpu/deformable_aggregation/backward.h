// The backward pass: tasks are (image, groups, span of tiles). A task owns the gradients of its
// samples, and gradients of its groups' values that it adds to in the order of the output pixels;
// those of the spans are added up after, in order.
#pragma once

#include "packed_images.h"

namespace dcn4j::cpu::aggregation {

/// One backward call.
template <class Element>
class Backward {
  public:
    using Real = ComputeType<Element>;

    Backward(const MicroKernels<Real>& kernels, const AggregationGeometry& g,
             const AggregationInputs& inputs, const Tensor<5>& gradOutput,
             const AggregationGradients& gradients, int threads)
        : kernels_(kernels),
          g_(g),
          inputs_(inputs),
          gradOutput_(gradOutput),
          gradients_(gradients),
          groups_(groupsTogether(g, g.groups)),
          samples_(kernels, g, groups_),
          chunks_(g.groups / groups_),
          wave_(std::clamp<Index>(ceilDivide(tasks, chunks_), 1, std::max<Index>(g.batch, 1))),
          spans_(std::clamp<Index>(ceilDivide(tasks, wave_ * chunks_), 1, samples_.tiles())),
          threads_(threadsFor(threads, wave_ * chunks_ * spans_)),
          packed_(samples_, inputs, chunks_, wave_),
          gradImages_(wave_ * chunks_ * spans_ * samples_.imageSize()),
          set_(wave_ * chunks_ * spans_),
          numbers_(threads_, samples_.numbers()),
          gradTile_(threads_, samples_.tile() * samples_.ld()),
          gradSamples_(threads_, 3 * samples_.capacity()) {}

    void run() {
#pragma omp parallel num_threads(threads_)
        for (Index first = 0; first < g_.batch; first += wave_) {
            const Index images = std::min(wave_, g_.batch - first);
#pragma omp for schedule(dynamic)
            for (Index task = 0; task < packed_.tasks(images); ++task) {
                packed_.load(task, first, images);
            }
#pragma omp for collapse(3) schedule(dynamic)
            for (Index i = 0; i < images; ++i) {
                for (Index chunk = 0; chunk < chunks_; ++chunk) {
                    for (Index span = 0; span < spans_; ++span) {
                        computeSpan(first + i, i, chunk, span);
                    }
                }
            }
#pragma omp for collapse(3) schedule(dynamic)
            for (Index l = 0; l < samples_.levels(); ++l) {
                for (Index i = 0; i < images; ++i) {
                    for (Index chunk = 0; chunk < chunks_; ++chunk) {
                        storeValues(first + i, i, chunk, l);
                    }
                }
            }
        }
    }

  private:
    /// As many as balance the threads of a processor.
    static constexpr Index tasks = 16;

    Real* gradImage(Index i, Index chunk, Index span) const {
        return gradImages_.data() + ((i * chunks_ + chunk) * spans_ + span) * samples_.imageSize();
    }

    /// The rows of a gradient that are set: by its tiles, and those of zeros.
    RowSpan& set(Index i, Index chunk, Index span) const {
        return set_.data()[(i * chunks_ + chunk) * spans_ + span];
    }

    void computeSpan(Index n, Index i, Index chunk, Index span) const {
        Real* const gradient = gradImage(i, chunk, span);
        // Alone, a span sets all at once; several only what each reaches.
        RowSpan* const reached = spans_ > 1 ? &set(i, chunk, span) : nullptr;
        set(i, chunk, span) = {0, reached == nullptr ? samples_.rows() : 0};
        if (reached == nullptr) std::fill_n(gradient, samples_.imageSize(), Real{0});
        for (Index l = 0; l < samples_.levels(); ++l) samples_.setZeroRow(l, gradient);
        const Index end = samples_.tiles() * (span + 1) / spans_;
        for (Index tile = samples_.tiles() * span / spans_; tile < end; ++tile) {
            computeTile({n, chunk * groups_, tile * samples_.tile(), samples_.points(tile)},
                        packed_.image(i, chunk), gradient, reached);
        }
    }

    void computeTile(const Tile& t, const Real* image, Real* gradImage, RowSpan* set) const {
        Rows<Real> gradOutput = samples_.packed(gradOutput_, g_.outWidth, t);
        if (gradOutput.data == nullptr) {
            gradOutput.data = gradTile_.mine();
            samples_.load(gradOutput_, g_.outWidth, t, gradOutput.data);
        }
        Real* const location = samples_.samplesOf(gradients_.location, t, gradSamples_.mine());
        Real* const weight =
            samples_.samplesOf(gradients_.weight, t, gradSamples_.mine() + 2 * samples_.capacity());
        kernels_.scatterAggregate({t.points * groups_, samples_.taps(), samples_.row(),
                                   samples_.locate(inputs_, t, numbers_.mine()), image,
                                   samples_.row(), gradOutput.data, gradOutput.ld, gradImage, set,
                                   location, weight});
        samples_.storeSamples(gradients_.location, t, location);
        samples_.storeSamples(gradients_.weight, t, weight);
    }

    /// The gradient of one level of a task's groups: over the spans, in their order, each where it
    /// is set.
    void storeValues(Index n, Index i, Index chunk, Index l) const {
        Real* const total = gradImage(i, chunk, 0);
        const AggregationLevel& level = samples_.level(l);
        const Index first = samples_.firstRow(l), end = first + level.pixels() * groups_;
        const auto numbers = [&](Index span) {
            const RowSpan& rows = set(i, chunk, span);
            return RowSpan{std::clamp(rows.first, first, end) * samples_.row(),
                           std::clamp(rows.end, first, end) * samples_.row()};
        };
        const RowSpan own = numbers(0);
        std::fill(total + first * samples_.row(), total + own.first, Real{0});
        std::fill(total + own.end, total + end * samples_.row(), Real{0});
        for (Index span = 1; span < spans_; ++span) {
            const Real* part = gradImage(i, chunk, span);
            const RowSpan its = numbers(span);
            for (Index k = its.first; k < its.end; ++k) total[k] += part[k];
        }
        samples_.store(gradients_.values[static_cast<std::size_t>(l)], level.width,
                       {n, chunk * groups_, 0, level.pixels()}, total + first * samples_.row());
    }

    const MicroKernels<Real>& kernels_;
    const AggregationGeometry& g_;
    const AggregationInputs& inputs_;
    const Tensor<5>& gradOutput_;
    const AggregationGradients& gradients_;
    const Index groups_;  ///< of a task
    const Samples<Element> samples_;
    const Index chunks_;  ///< of the groups
    const Index wave_;    ///< images at work together
    const Index spans_;   ///< of an image's tiles
    const int threads_;
    const PackedImages<Element> packed_;
    const Buffer<Real> gradImages_;
    const Buffer<RowSpan> set_;
    const PerThread<Real> numbers_, gradTile_, gradSamples_;
};

}  // namespace dcn4j::cpu::aggregation
