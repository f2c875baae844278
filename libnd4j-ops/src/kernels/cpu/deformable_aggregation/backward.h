// The backward pass: tasks are (image, groups, span of tiles). A task owns the gradients of its
// samples, and gradients of its groups' values that it adds to in the order of the output pixels;
// those of the spans are added up after, in order.
#pragma once

#include "samples.h"

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
          // As many images and groups apart as make the tasks; then spans of tiles, each of which
          // has gradients of its own to set to zero and to add up.
          groups_(groupsTogether(g, std::max<Index>(g.batch * g.groups / tasks, 1))),
          samples_(kernels, g, groups_),
          chunks_(g.groups / groups_),
          wave_(std::clamp<Index>(ceilDivide(tasks, chunks_), 1, std::max<Index>(g.batch, 1))),
          spans_(std::clamp<Index>(ceilDivide(tasks, wave_ * chunks_), 1, samples_.tiles())),
          threads_(threadsFor(threads, wave_ * chunks_ * spans_)),
          images_(wave_ * chunks_ * samples_.imageSize()),
          gradImages_(wave_ * chunks_ * spans_ * samples_.imageSize()),
          numbers_(threads_, samples_.numbers()),
          gradTile_(threads_, samples_.tile() * samples_.ld()),
          gradSamples_(threads_, 3 * samples_.capacity()),
          planned_(threads_, samples_.capacity()) {}

    void run() {
#pragma omp parallel num_threads(threads_)
        for (Index first = 0; first < g_.batch; first += wave_) {
            const Index images = std::min(wave_, g_.batch - first);
#pragma omp for collapse(3) schedule(dynamic)
            for (Index l = 0; l < samples_.levels(); ++l) {
                for (Index i = 0; i < images; ++i) {
                    for (Index chunk = 0; chunk < chunks_; ++chunk) {
                        samples_.loadLevel(inputs_.values[static_cast<std::size_t>(l)], first + i,
                                           chunk * groups_, l, image(i, chunk));
                    }
                }
            }
#pragma omp for collapse(3) schedule(dynamic)
            for (Index i = 0; i < images; ++i) {
                for (Index chunk = 0; chunk < chunks_; ++chunk) {
                    for (Index span = 0; span < spans_; ++span) {
                        computeSpan(first + i, chunk, span, image(i, chunk),
                                    gradImage(i, chunk, span));
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

    Real* image(Index i, Index chunk) const {
        return images_.data() + (i * chunks_ + chunk) * samples_.imageSize();
    }
    Real* gradImage(Index i, Index chunk, Index span) const {
        return gradImages_.data() + ((i * chunks_ + chunk) * spans_ + span) * samples_.imageSize();
    }

    void computeSpan(Index n, Index chunk, Index span, const Real* image, Real* gradImage) const {
        std::fill_n(gradImage, samples_.imageSize(), Real{0});
        const Index end = samples_.tiles() * (span + 1) / spans_;
        for (Index tile = samples_.tiles() * span / spans_; tile < end; ++tile) {
            computeTile({n, chunk * groups_, tile * samples_.tile(), samples_.points(tile)}, image,
                        gradImage);
        }
    }

    void computeTile(const Tile& t, const Real* image, Real* gradImage) const {
        samples_.load(gradOutput_, g_.outWidth, t, gradTile_.mine());
        kernels_.planAggregate(samples_.locate(inputs_, t, numbers_.mine()), planned_.mine());
        // The gradient of a point's sum is that of each of its samples.
        kernels_.scatter({t.points * groups_, samples_.taps(), g_.channels, planned_.mine(), image,
                          samples_.row(), gradTile_.mine(), 0, nullptr, samples_.row(), gradImage,
                          gradSamples_.mine()});
        samples_.storeGradients(gradients_, t, gradSamples_.mine(), numbers_.mine());
    }

    /// The gradient of one level of a task's groups: over the spans, in their order.
    void storeValues(Index n, Index i, Index chunk, Index l) const {
        Real* const total = gradImage(i, chunk, 0);
        const AggregationLevel& level = samples_.level(l);
        const Index first = samples_.firstRow(l) * samples_.row();
        const Index end = first + level.pixels() * samples_.ld();
        for (Index span = 1; span < spans_; ++span) {
            const Real* part = gradImage(i, chunk, span);
            for (Index k = first; k < end; ++k) total[k] += part[k];
        }
        samples_.store(gradients_.values[static_cast<std::size_t>(l)], level.width,
                       {n, chunk * groups_, 0, level.pixels()}, total + first);
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
    const Buffer<Real> images_, gradImages_;
    const PerThread<Real> numbers_, gradTile_, gradSamples_;
    const PerThread<PlannedSample<Real>> planned_;
};

}  // namespace dcn4j::cpu::aggregation
