// The backward pass of pooling. Gradient of the input: tasks are (image, block of channels, group
// cell, band of rows); a task owns its pixels and walks the image's rois in order. Gradient of
// `trans`: tasks are (roi, class).
#pragma once

#include <algorithm>

#include "../buffer.h"
#include "../team.h"
#include "work.h"

namespace dcn4j::cpu::pooling {

/// The bins b with cell == b * cells / bins, from `first` to `end` - 1; there may be none.
struct CellBins {
    Index first, end;

    CellBins(Index cell, Index cells, Index bins)
        : first(ceilDivide(cell * bins, cells)), end(ceilDivide((cell + 1) * bins, cells)) {}
};

/// One backward call.
template <class Element>
class Backward {
  public:
    using Real = ComputeType<Element>;

    Backward(const PoolingSet& set, const PsroiPoolingGeometry& g,
             const DeformablePsroiPoolingInputs& inputs, const Tensor<4>& count,
             const Tensor<4>& gradOutput, const DeformablePsroiPoolingGradients& gradients,
             int threads)
        : work_(set, g, inputs, true),
          g_(g),
          blocking_(work_.blocking),
          count_(count),
          gradOutput_(gradOutput),
          gradients_(gradients),
          threads_(threadsFor(threads, g.batch * blocking_.chunks())),
          image_(work_.kernels.core, g, blocking_, gradients.trans.present()),
          gradImage_(work_.kernels.core, g, blocking_, true),
          gradSums_(work_.roisAtOnce * g.bins() * blocking_.paddedChannels),
          zeros_(blocking_.mostPaddedChannels),
          counts_(threads_, work_.tileBins * blocking_.mostPaddedChannels),
          slopes_(threads_, g.bins()),
          // Without trans partSize means nothing, and may be anything.
          parts_(threads_, gradients.trans.present() ? 2 * g.partSize * g.partSize : 0) {}

    void run() const {
        std::fill_n(zeros_.data(), blocking_.mostPaddedChannels, Real{0});
        Team team(threads_);
#pragma omp parallel num_threads(threads_)
        {
            team.join();
            for (Index firstImage = 0; firstImage < g_.batch; firstImage += blocking_.images) {
                const Index images = std::min(blocking_.images, g_.batch - firstImage);
                team.share(work_.sampled.count(), [&](Index i) { work_.sampled.clear(i); });
#pragma omp barrier
                const Index end = work_.rois.start(firstImage + images);
                const Index blocks = blocking_.count(), cells = blocking_.cells;
                for (Index first = work_.rois.start(firstImage); first < end;
                     first += work_.roisAtOnce) {
                    const RoiChunk chunk = work_.chunk(first, end, firstImage);
                    team.share(chunk.count * g_.classes,
                               [&](Index i) { work_.plan(chunk, i / g_.classes, i % g_.classes); });
                    team.share(chunk.count * blocks, [&](Index i) {
                        loadGradSums(chunk, i / blocks, blocking_.block(i % blocks));
                    });
#pragma omp barrier
                    team.share(work_.sampled.count(), [&](Index i) { prepare(chunk, i); });
#pragma omp barrier
                    const Index bands = blocking_.bands;
                    team.share(images * blocks * cells * bands, [&](Index i) {
                        const Index plane = i / bands;
                        scatterGradients(chunk, plane / cells / blocks,
                                         blocking_.block(plane / cells % blocks), plane % cells,
                                         i % bands);
                    });
                    if (gradients_.trans.present()) {
                        team.share(chunk.count * g_.classes, [&](Index i) {
                            writeGradTrans(chunk, i / g_.classes, i % g_.classes);
                        });
                    }
                    // The next chunk's plans take the place of these.
#pragma omp barrier
                }
                const Index pieces = blocking_.cellChunks;
                team.share(images * cells * pieces, [&](Index i) {
                    const Index image = i / pieces / cells;
                    storeGradImage(firstImage + image, image, i / pieces % cells, i % pieces);
                });
#pragma omp barrier
            }
        }
    }

  private:
    /// Clears the gradients of chunk `i` of the images if rois sample it and none before did, and
    /// packs its pixels if `trans` needs them.
    void prepare(const RoiChunk& chunk, Index i) const {
        work_.sampled.ifNew(i, [&](Index image, Index cell, Index pixels) {
            for (const ClassBlock& b : blocking_.blocks) {
                gradImage_.clear(image, b, cell, pixels);
                if (!gradients_.trans.present()) continue;
                image_.load(work_.inputs.input, chunk.firstImage + image, image, b, cell, pixels);
            }
        });
    }

    /// The gradients of the sums of the i-th roi's bins, [bin][channel].
    Real* gradSums(Index i, const ClassBlock& b) const {
        return gradSums_.data() + (i * blocking_.paddedChannels + b.firstRow) * g_.bins();
    }

    void loadGradSums(const RoiChunk& chunk, Index i, const ClassBlock& b) const {
        const Channels channels{work_.rois[chunk.first + i].r, b.firstChannel, b.channels};
        for (Index first = 0; first < g_.bins(); first += work_.tileBins) {
            const Index count = std::min(work_.tileBins, g_.bins() - first);
            Real* to = gradSums(i, b) + first * b.paddedChannels;
            loadPixels<Element>(work_.kernels.core,
                                {gradOutput_, g_.pooledSize, channels, first, count},
                                {to, b.paddedChannels});
            loadPixels<Real>(work_.kernels.core, {count_, g_.pooledSize, channels, first, count},
                             {counts_.mine(), b.paddedChannels});
            work_.kernels.pooling.divide(count * b.paddedChannels, counts_.mine(), to);
        }
    }

    /// Adds what the chunk's bins in one cell give to a band of an image.
    void scatterGradients(const RoiChunk& chunk, Index image, const ClassBlock& b, Index cell,
                          Index band) const {
        const Index n = chunk.firstImage + image;
        const Index firstRoi = std::max(work_.rois.start(n), chunk.first);
        const Index endRoi = std::min(work_.rois.start(n + 1), chunk.first + chunk.count);
        const Index first = g_.height * band / blocking_.bands * g_.width;
        const Index end = g_.height * (band + 1) / blocking_.bands * g_.width;
        const CellBins rows(cell / g_.groupSize, g_.groupSize, g_.pooledSize);
        const CellBins columns(cell % g_.groupSize, g_.groupSize, g_.pooledSize);
        for (Index i = firstRoi - chunk.first; i < endRoi - chunk.first; ++i) {
            for (Index k = b.firstClass; k < b.endClass; ++k) {
                const Index channel = blocking_.channelsOf(k, b).first;
                BinChunk<Real> bins = work_.bins(i, k, b);
                for (Index row = rows.first; row < rows.end; ++row) {
                    const Index bin = row * g_.pooledSize + columns.first;
                    bins.bins = work_.plans.bins(i, k) + bin;
                    bins.count = columns.end - columns.first;
                    work_.kernels.pooling.scatter(
                        bins, gradSums(i, b) + bin * b.paddedChannels + channel, first, end,
                        gradImage_.planes(image, b) + channel);
                }
            }
        }
    }

    void writeGradTrans(const RoiChunk& chunk, Index i, Index k) const {
        const auto& entry = work_.rois[chunk.first + i];
        Slopes<Real>* slopes = slopes_.mine();
        std::fill_n(slopes, g_.bins(), Slopes<Real>{0, 0});
        for (Index block = blocking_.firstBlock(k); block < blocking_.endBlock(k); ++block) {
            const ClassBlock& b = blocking_.block(block);
            const Index channel = blocking_.channelsOf(k, b).first;
            work_.kernels.pooling.addSlopes(
                work_.bins(i, k, b), gradSums(i, b) + channel,
                image_.planes(entry.roi.image - chunk.firstImage, b) + channel, slopes);
        }
        const Index parts = g_.partSize * g_.partSize;
        Real* gradX = parts_.mine();
        Real* gradY = gradX + parts;
        std::fill_n(gradX, 2 * parts, Real{0});
        const Bin<Real>* bins = work_.plans.bins(i, k);
        const Real transStd = static_cast<Real>(g_.transStd);
        for (Index row = 0, bin = 0; row < g_.pooledSize; ++row) {
            for (Index column = 0; column < g_.pooledSize; ++column, ++bin) {
                // Without a sample the roi may have any size, and zero times it may not be zero.
                if (bins[bin].kept == 0) continue;
                const Index part = g_.partOf(row) * g_.partSize + g_.partOf(column);
                gradX[part] += slopes[bin].x * transStd * entry.roi.x.size;
                gradY[part] += slopes[bin].y * transStd * entry.roi.y.size;
            }
        }
        storePlane<Element>(work_.kernels.core,
                            {gradients_.trans, g_.partSize, {entry.r, 2 * k, 1}, 0, parts}, gradX);
        storePlane<Element>(work_.kernels.core,
                            {gradients_.trans, g_.partSize, {entry.r, 2 * k + 1, 1}, 0, parts},
                            gradY);
    }

    void storeGradImage(Index n, Index image, Index cell, Index pixels) const {
        const bool ready = work_.sampled.ready(image, cell, pixels);
        for (const ClassBlock& b : blocking_.blocks) {
            if (ready) {
                gradImage_.store(gradients_.input, n, image, b, cell, pixels);
            } else {
                gradImage_.storeZeros(gradients_.input, n, b, cell, pixels, zeros_.data());
            }
        }
    }

    const Work<Element> work_;
    const PsroiPoolingGeometry& g_;
    const Blocking& blocking_;
    const Tensor<4>&count_, &gradOutput_;
    const DeformablePsroiPoolingGradients& gradients_;
    const int threads_;
    const PackedImages<Element> image_, gradImage_;
    const Buffer<Real> gradSums_, zeros_;
    const PerThread<Real> counts_;
    const PerThread<Slopes<Real>> slopes_;
    const PerThread<Real> parts_;
};

}  // namespace dcn4j::cpu::pooling
