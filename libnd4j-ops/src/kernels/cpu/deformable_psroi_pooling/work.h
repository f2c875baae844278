// What both passes of a pooling work with: the rois at work, their bins' plans, and which chunks of
// the images they sample.
#pragma once

#include <algorithm>

#include "../simd/pooling.h"
#include "bin_plan.h"
#include "blocking.h"
#include "packed_images.h"

namespace dcn4j::cpu::pooling {

/// The micro-kernels of one real type.
template <class Real>
struct Kernels {
    const MicroKernels<Real>& core;
    const PoolingKernels<Real>& pooling;

    explicit Kernels(const PoolingSet& set)
        : core(set.set.kernels.of<Real>()), pooling(set.kernels.of<Real>()) {}
};

/// Some rois that are worked on at once (see Rois).
struct RoiChunk {
    Index first, count;
    Index firstImage;  ///< the first of the images at work
};

/// What both passes work with.
template <class Element>
struct Work {
    using Real = ComputeType<Element>;

    const PsroiPoolingGeometry& g;
    const DeformablePsroiPoolingInputs& inputs;
    const Kernels<Real> kernels;
    const Blocking blocking;
    const Rois<Real> rois;
    const Index roisAtOnce;
    const Index tileBins;  ///< bins whose numbers a thread stages at once
    const BinPlans<Element> plans;
    const SampledChunks sampled;

    /// `keepsGradients`: whether the rois at work have their bins' gradients beside their plans.
    Work(const PoolingSet& set, const PsroiPoolingGeometry& geometry,
         const DeformablePsroiPoolingInputs& in, bool keepsGradients)
        : g(geometry),
          inputs(in),
          kernels(set),
          blocking(Blocking::of<Real>(g)),
          rois(g, in),
          roisAtOnce(mostRois(keepsGradients)),
          tileBins(std::clamp<Index>(tileNumbers / blocking.mostPaddedChannels, 1, g.bins())),
          plans(g, in, roisAtOnce),
          sampled(blocking) {}

    /// The rois at work from roi `first` on; `end` is that after the images' last.
    RoiChunk chunk(Index first, Index end, Index firstImage) const {
        return {first, std::min(roisAtOnce, end - first), firstImage};
    }

    /// Plans the bins of the i-th roi of a chunk for class `k`, and marks what they sample.
    void plan(const RoiChunk& chunk, Index i, Index k) const {
        const auto& entry = rois[chunk.first + i];
        plans.plan(i, entry, k);
        const Bin<Real>* bin = plans.bins(i, k);
        for (Index row = 0; row < g.pooledSize; ++row) {
            for (Index column = 0; column < g.pooledSize; ++column, ++bin) {
                sampled.mark(entry.roi.image - chunk.firstImage, g.cellOf(row, column), *bin);
            }
        }
    }

    /// The bins of the i-th roi of a chunk as the channels of class `k` in a block see them.
    BinChunk<Real> bins(Index i, Index k, const ClassBlock& b) const {
        return {plans.bins(i, k), g.bins(), blocking.channelsOf(k, b).count, b.paddedChannels};
    }

  private:
    /// What is kept of the rois at work, unless the least number of them takes more: with fewer,
    /// many threads would find nothing to do.
    static constexpr Index chunkBytes = Index{1} << 20, leastRois = 8;
    /// Numbers that a thread stages: with what they are transposed to, some of a cache.
    static constexpr Index tileNumbers = 8192;

    Index mostRois(bool keepsGradients) const {
        const Index gradients =
            g.bins() * blocking.paddedChannels * static_cast<Index>(sizeof(Real));
        const Index bytes = BinPlans<Element>::bytesPerRoi(g) + (keepsGradients ? gradients : 0);
        return std::clamp<Index>(g.rois, 1, std::max(chunkBytes / bytes, leastRois));
    }
};

}  // namespace dcn4j::cpu::pooling
