// The values of some images, packed for both passes.
#pragma once

#include "samples.h"

namespace dcn4j::cpu::aggregation {

/// `wave` images in chunks of groups that tasks take together, each as Samples packs it.
template <class Element>
class PackedImages {
  public:
    using Real = ComputeType<Element>;

    PackedImages(const Samples<Element>& samples, const AggregationInputs& inputs, Index chunks,
                 Index wave)
        : samples_(samples),
          inputs_(inputs),
          chunks_(chunks),
          numbers_(wave * chunks * samples.imageSize()) {}

    /// Tasks that pack so many images, for any threads.
    Index tasks(Index images) const { return samples_.levels() * images * chunks_; }
    /// One of them, where image `first` is the wave's first.
    void load(Index task, Index first, Index images) const {
        const Index chunk = task % chunks_, i = task / chunks_ % images;
        const Index level = task / chunks_ / images;
        samples_.loadLevel(inputs_.values[static_cast<std::size_t>(level)], first + i,
                           chunk * samples_.groups(), level, image(i, chunk));
    }

    Real* image(Index i, Index chunk) const {
        return numbers_.data() + (i * chunks_ + chunk) * samples_.imageSize();
    }

  private:
    const Samples<Element>& samples_;
    const AggregationInputs& inputs_;
    const Index chunks_;
    const Buffer<Real> numbers_;
};

}  // namespace dcn4j::cpu::aggregation
