// The backward pass: tasks are (image, group, chunk of tiles). A task owns the gradients of its
// samples, and gradients of its group's values that it adds to in the order of the output pixels;
// those of the chunks are added up after, in order.
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
          samples_(kernels, g),
          wave_(std::clamp<Index>(ceilDivide(tasks, g.groups), 1, std::max<Index>(g.batch, 1))),
          chunks_(std::clamp<Index>(ceilDivide(tasks, wave_ * g.groups), 1, samples_.tiles())),
          threads_(threadsFor(threads, wave_ * g.groups * chunks_)),
          images_(wave_ * g.groups * samples_.imageSize()),
          gradImages_(wave_ * g.groups * chunks_ * samples_.imageSize()),
          scratch_(threads_, samples_.scratch()),
          gradTile_(threads_, samples_.tile() * samples_.row()),
          gradSamples_(threads_, samples_.tile() * 3 * g.taps()),
          planned_(threads_, samples_.tile() * g.taps()) {}

    void run() {
#pragma omp parallel num_threads(threads_)
        for (Index first = 0; first < g_.batch; first += wave_) {
            const Index images = std::min(wave_, g_.batch - first);
#pragma omp for collapse(3) schedule(dynamic)
            for (Index l = 0; l < samples_.levels(); ++l) {
                for (Index i = 0; i < images; ++i) {
                    for (Index group = 0; group < g_.groups; ++group) {
                        samples_.load(inputs_.values[static_cast<std::size_t>(l)], first + i, group,
                                      l, image(i, group));
                    }
                }
            }
#pragma omp for collapse(3) schedule(dynamic)
            for (Index i = 0; i < images; ++i) {
                for (Index group = 0; group < g_.groups; ++group) {
                    for (Index chunk = 0; chunk < chunks_; ++chunk) {
                        computeChunk(first + i, group, chunk, image(i, group),
                                     gradImage(i, group, chunk));
                    }
                }
            }
#pragma omp for collapse(3) schedule(dynamic)
            for (Index l = 0; l < samples_.levels(); ++l) {
                for (Index i = 0; i < images; ++i) {
                    for (Index group = 0; group < g_.groups; ++group) {
                        storeValues(first + i, i, group, l);
                    }
                }
            }
        }
    }

  private:
    /// As many as balance the threads of a processor.
    static constexpr Index tasks = 16;

    Real* image(Index i, Index group) const {
        return images_.data() + (i * g_.groups + group) * samples_.imageSize();
    }
    Real* gradImage(Index i, Index group, Index chunk) const {
        return gradImages_.data() +
               ((i * g_.groups + group) * chunks_ + chunk) * samples_.imageSize();
    }

    void computeChunk(Index n, Index group, Index chunk, const Real* image, Real* gradImage) const {
        std::fill_n(gradImage, samples_.imageSize(), Real{0});
        const Index first = samples_.tiles() * chunk / chunks_;
        const Index end = samples_.tiles() * (chunk + 1) / chunks_;
        for (Index tile = first; tile < end; ++tile) {
            computeTile({n, group, 0, tile * samples_.tile(), samples_.points(tile)}, image,
                        gradImage);
        }
    }

    void computeTile(Tile t, const Real* image, Real* gradImage) const {
        const Tensor<4> from = groupOf<Element>(gradOutput_, t.group);
        loadPixels<Element>(kernels_, {from, g_.outWidth, {t.n, 0, g_.channels}, t.first, t.points},
                            {gradTile_.mine(), samples_.row()});
        for (t.level = 0; t.level < samples_.levels(); ++t.level) {
            samples_.plan(inputs_, t, scratch_.mine(), planned_.mine());
            const Index start = samples_.start(t.level);
            // The gradient of a point's sum is that of each of its samples.
            kernels_.scatter({t.points, g_.taps(), g_.channels, planned_.mine(), image + start,
                              samples_.row(), gradTile_.mine(), 0, nullptr, samples_.row(),
                              gradImage + start, gradSamples_.mine()});
            samples_.store(gradients_, t, gradSamples_.mine(), scratch_.mine());
        }
    }

    /// The gradient of one level of a group: over the chunks, in their order.
    void storeValues(Index n, Index i, Index group, Index l) const {
        const AggregationLevel& level = samples_.level(l);
        Real* total = gradImage(i, group, 0) + samples_.start(l);
        for (Index chunk = 1; chunk < chunks_; ++chunk) {
            const Real* part = gradImage(i, group, chunk) + samples_.start(l);
            for (Index k = 0; k < level.pixels() * samples_.row(); ++k) total[k] += part[k];
        }
        const Tensor<4> to =
            groupOf<Element>(gradients_.values[static_cast<std::size_t>(l)], group);
        storePixels<Element>(kernels_, {to, level.width, {n, 0, g_.channels}, 0, level.pixels()},
                             {total, samples_.row()});
    }

    const MicroKernels<Real>& kernels_;
    const AggregationGeometry& g_;
    const AggregationInputs& inputs_;
    const Tensor<5>& gradOutput_;
    const AggregationGradients& gradients_;
    const Samples<Element> samples_;
    const Index wave_;    ///< images at work together
    const Index chunks_;  ///< chunks of an image's tiles
    const int threads_;
    const Buffer<Real> images_, gradImages_;
    const PerThread<Real> scratch_, gradTile_, gradSamples_;
    const PerThread<PlannedSample<Real>> planned_;
};

}  // namespace dcn4j::cpu::aggregation
