// The forward pass: tasks are (image, group, tile of output pixels).
#pragma once

#include "samples.h"

namespace dcn4j::cpu::aggregation {

/// One forward call.
template <class Element>
class Forward {
  public:
    using Real = ComputeType<Element>;

    Forward(const MicroKernels<Real>& kernels, const AggregationGeometry& g,
            const AggregationInputs& inputs, const Tensor<5>& output, int threads)
        : kernels_(kernels),
          g_(g),
          inputs_(inputs),
          output_(output),
          samples_(kernels, g),
          wave_(std::clamp<Index>(waveNumbers / (samples_.imageSize() * g.groups), 1,
                                  std::max<Index>(g.batch, 1))),
          threads_(threadsFor(threads, wave_ * g.groups * samples_.tiles())),
          images_(wave_ * g.groups * samples_.imageSize()),
          scratch_(threads_, samples_.scratch()),
          result_(threads_, samples_.tile() * samples_.row()),
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
                    for (Index tile = 0; tile < samples_.tiles(); ++tile) {
                        computeTile(
                            {first + i, group, 0, tile * samples_.tile(), samples_.points(tile)},
                            image(i, group));
                    }
                }
            }
        }
    }

  private:
    /// Numbers of images that are packed together: threads wait for one another twice in a wave.
    static constexpr Index waveNumbers = Index{1} << 21;

    Real* image(Index i, Index group) const {
        return images_.data() + (i * g_.groups + group) * samples_.imageSize();
    }

    void computeTile(Tile t, const Real* image) const {
        for (t.level = 0; t.level < samples_.levels(); ++t.level) {
            samples_.plan(inputs_, t, scratch_.mine(), planned_.mine());
            kernels_.gatherSum({t.points, g_.taps(), samples_.row(), 1, 1, planned_.mine(),
                                image + samples_.start(t.level), samples_.row(), nullptr,
                                result_.mine(), samples_.row(), t.level > 0});
        }
        const Tensor<4> to = groupOf<Element>(output_, t.group);
        storePixels<Element>(kernels_, {to, g_.outWidth, {t.n, 0, g_.channels}, t.first, t.points},
                             {result_.mine(), samples_.row()});
    }

    const MicroKernels<Real>& kernels_;
    const AggregationGeometry& g_;
    const AggregationInputs& inputs_;
    const Tensor<5>& output_;
    const Samples<Element> samples_;
    const Index wave_;  ///< images packed together
    const int threads_;
    const Buffer<Real> images_;
    const PerThread<Real> scratch_, result_;
    const PerThread<PlannedSample<Real>> planned_;
};

}  // namespace dcn4j::cpu::aggregation
