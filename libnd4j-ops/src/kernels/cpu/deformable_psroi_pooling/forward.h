// The forward pass of pooling: tasks are (roi, block of channels).
#pragma once

#include <algorithm>

#include "../buffer.h"
#include "../team.h"
#include "work.h"

namespace dcn4j::cpu::pooling {

/// One forward call.
template <class Element>
class Forward {
  public:
    using Real = ComputeType<Element>;

    Forward(const PoolingSet& set, const PsroiPoolingGeometry& g,
            const DeformablePsroiPoolingInputs& inputs, const Tensor<4>& output,
            const Tensor<4>& count, int threads)
        : work_(set, g, inputs, false),
          g_(g),
          blocking_(work_.blocking),
          output_(output),
          count_(count),
          threads_(threadsFor(threads, g.rois * blocking_.count())),
          image_(work_.kernels.core, g, blocking_, true),
          means_(threads_, work_.tileBins * blocking_.mostPaddedChannels),
          counts_(threads_, g.bins()) {}

    void run() const {
        Team team(threads_);
#pragma omp parallel num_threads(threads_)
        {
            team.join();
            for (Index firstImage = 0; firstImage < g_.batch; firstImage += blocking_.images) {
                const Index endImage = std::min(firstImage + blocking_.images, g_.batch);
                team.share(work_.sampled.count(), [&](Index i) { work_.sampled.clear(i); });
#pragma omp barrier
                const Index end = work_.rois.start(endImage);
                for (Index first = work_.rois.start(firstImage); first < end;
                     first += work_.roisAtOnce) {
                    const RoiChunk chunk = work_.chunk(first, end, firstImage);
                    team.share(chunk.count * g_.classes,
                               [&](Index i) { work_.plan(chunk, i / g_.classes, i % g_.classes); });
#pragma omp barrier
                    team.share(work_.sampled.count(), [&](Index i) { pack(chunk, i); });
#pragma omp barrier
                    const Index blocks = blocking_.count();
                    team.share(chunk.count * blocks, [&](Index i) {
                        writeMeans(chunk, i / blocks, blocking_.block(i % blocks));
                        writeCounts(chunk, i / blocks, blocking_.block(i % blocks));
                    });
#pragma omp barrier
                }
            }
        }
    }

  private:
    /// Packs chunk `i` of the images if rois sample it and none before did.
    void pack(const RoiChunk& chunk, Index i) const {
        work_.sampled.ifNew(i, [&](Index image, Index cell, Index pixels) {
            for (const ClassBlock& b : blocking_.blocks) {
                image_.load(work_.inputs.input, chunk.firstImage + image, image, b, cell, pixels);
            }
        });
    }

    void writeMeans(const RoiChunk& chunk, Index i, const ClassBlock& b) const {
        const auto& entry = work_.rois[chunk.first + i];
        const Real* planes = image_.planes(entry.roi.image - chunk.firstImage, b);
        for (Index first = 0; first < g_.bins(); first += work_.tileBins) {
            const Index count = std::min(work_.tileBins, g_.bins() - first);
            for (Index k = b.firstClass; k < b.endClass; ++k) {
                const Index channel = blocking_.channelsOf(k, b).first;
                BinChunk<Real> bins = work_.bins(i, k, b);
                bins.bins += first;
                bins.count = count;
                work_.kernels.pooling.pool(bins, planes + channel, means_.mine() + channel);
            }
            storePixels<Element>(
                work_.kernels.core,
                {output_, g_.pooledSize, {entry.r, b.firstChannel, b.channels}, first, count},
                {means_.mine(), b.paddedChannels});
        }
    }

    void writeCounts(const RoiChunk& chunk, Index i, const ClassBlock& b) const {
        const Index r = work_.rois[chunk.first + i].r;
        for (Index k = b.firstClass; k < b.endClass; ++k) {
            const Bin<Real>* bins = work_.plans.bins(i, k);
            for (Index bin = 0; bin < g_.bins(); ++bin) {
                counts_.mine()[bin] = static_cast<Real>(bins[bin].kept);
            }
            const ClassChannels channels = blocking_.channelsOf(k, b);
            for (Index c = 0; c < channels.count; ++c) {
                const Index o = b.firstChannel + channels.first + c;
                storePlane<Real>(work_.kernels.core,
                                 {count_, g_.pooledSize, {r, o, 1}, 0, g_.bins()}, counts_.mine());
            }
        }
    }

    const Work<Element> work_;
    const PsroiPoolingGeometry& g_;
    const Blocking& blocking_;
    const Tensor<4>&output_, &count_;
    const int threads_;
    const PackedImages<Element> image_;
    const PerThread<Real> means_, counts_;
};

}  // namespace dcn4j::cpu::pooling
