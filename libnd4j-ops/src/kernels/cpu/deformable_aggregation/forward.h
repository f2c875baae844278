// The forward pass: tasks are (image, groups, tile of output pixels).
#pragma once

#include "packed_images.h"

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
          groups_(groupsTogether(g, g.groups)),
          samples_(kernels, g, groups_),
          chunks_(g.groups / groups_),
          wave_(std::clamp<Index>(waveNumbers / (samples_.imageSize() * chunks_), 1,
                                  std::max<Index>(g.batch, 1))),
          threads_(threadsFor(threads, wave_ * chunks_ * samples_.tiles())),
          packed_(samples_, inputs, chunks_, wave_),
          numbers_(threads_, samples_.numbers()),
          result_(threads_, samples_.tile() * samples_.ld()),
          weights_(threads_, Corners * samples_.capacity()),
          rows_(threads_, Corners * samples_.capacity()) {}

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
                    for (Index tile = 0; tile < samples_.tiles(); ++tile) {
                        computeTile({first + i, chunk * groups_, tile * samples_.tile(),
                                     samples_.points(tile)},
                                    packed_.image(i, chunk));
                    }
                }
            }
        }
    }

  private:
    /// Numbers of images that are packed together: threads wait for one another twice in a wave.
    static constexpr Index waveNumbers = Index{1} << 21;

    void computeTile(const Tile& t, const Real* image) const {
        Rows<Real> output = samples_.packed(output_, g_.outWidth, t);
        const bool isThere = output.data != nullptr;
        if (!isThere) output.data = result_.mine();
        kernels_.aggregate({t.points * groups_, samples_.taps(), samples_.row(),
                            samples_.locate(inputs_, t, numbers_.mine()), image, samples_.row(),
                            weights_.mine(), rows_.mine(), samples_.capacity(), output.data,
                            output.ld});
        if (!isThere) samples_.store(output_, g_.outWidth, t, result_.mine());
    }

    const MicroKernels<Real>& kernels_;
    const AggregationGeometry& g_;
    const AggregationInputs& inputs_;
    const Tensor<5>& output_;
    const Index groups_;  ///< of a task
    const Samples<Element> samples_;
    const Index chunks_;  ///< of the groups
    const Index wave_;    ///< images packed together
    const int threads_;
    const PackedImages<Element> packed_;
    const PerThread<Real> numbers_, result_, weights_;
    const PerThread<typename Samples<Element>::Pixel> rows_;
};

}  // namespace dcn4j::cpu::aggregation
