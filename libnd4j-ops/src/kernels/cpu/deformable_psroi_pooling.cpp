// Deformable position-sensitive ROI pooling as sums over the pixels of a bin.
//
// Some rois are worked on at once: their bins are planned (pooling_plan.h), what they sample of the
// input is packed as [pixel][channels] (pooling_images.h), and then the micro-kernels run over the
// channels of a class. Rois are taken by images, so that the images at work are few.
//
// Forward: tasks are (roi, block of channels). Gradient of the input: tasks are (image, block of
// channels, group cell, band of rows); a task owns its pixels and walks the image's rois in order.
// Gradient of `trans`: tasks are (roi, class). Every element has one owner, whose additions come in
// the order of rois, bins and channels: the same bits come out for any number of threads.
#include "deformable_psroi_pooling.h"

#include <algorithm>
#include <type_traits>

#include "buffer.h"
#include "pooling_cut.h"
#include "pooling_images.h"
#include "pooling_plan.h"

namespace dcn4j::cpu {
namespace {

/// The micro-kernels of one real type.
template <class Real>
struct Kernels {
    const MicroKernels<Real>& rows;
    const PoolingKernels<Real>& pooling;

    static Kernels of(const InstructionSet& set) {
        if constexpr (std::is_same_v<Real, double>) {
            return {set.forDouble, set.pooling.forDouble};
        } else {
            return {set.forFloat, set.pooling.forFloat};
        }
    }
};

/// The bins b with cell == b * cells / bins, from `first` to `end` - 1; there may be none.
struct CellBins {
    Index first, end;

    CellBins(Index cell, Index cells, Index bins)
        : first(ceilDivide(cell * bins, cells)), end(ceilDivide((cell + 1) * bins, cells)) {}
};

/// Some rois that are worked on at once (see Rois).
struct RoiRun {
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
    const PoolingCut cut;
    const Rois<Real> rois;
    const Index roisAtOnce;
    const Index tileBins;  ///< bins whose numbers a thread stages at once
    const BinPlans<Element> plans;
    const SampledParts sampled;

    /// `keepsGradients`: whether the rois at work have their bins' gradients beside their plans.
    Work(const InstructionSet& set, const PsroiPoolingGeometry& geometry,
         const DeformablePsroiPoolingInputs& in, bool keepsGradients)
        : g(geometry),
          inputs(in),
          kernels(Kernels<Real>::of(set)),
          cut(PoolingCut::of<Real>(g)),
          rois(g, in),
          roisAtOnce(mostRois(keepsGradients)),
          tileBins(std::clamp<Index>(tileNumbers / cut.mostRowNumbers, 1, g.bins())),
          plans(g, in, roisAtOnce),
          sampled(cut) {}

    /// Calls `action(run)` for runs of the rois of `images` images; by all threads.
    template <class Action>
    void forEachRun(Index firstImage, Index images, Action action) const {
        const Index end = rois.start(firstImage + images);
        for (Index first = rois.start(firstImage); first < end; first += roisAtOnce) {
            action(RoiRun{first, std::min(roisAtOnce, end - first), firstImage});
        }
    }

    /// Plans a run's bins, and marks what they sample. By all threads, which need not wait for one
    /// another.
    void plan(const RoiRun& run) const {
#pragma omp for collapse(2) schedule(dynamic) nowait
        for (Index i = 0; i < run.count; ++i) {
            for (Index k = 0; k < g.classes; ++k) {
                const auto& entry = rois[run.first + i];
                plans.plan(i, entry, k);
                const Bin<Real>* bin = plans.bins(i, k);
                for (Index row = 0; row < g.pooledSize; ++row) {
                    for (Index column = 0; column < g.pooledSize; ++column, ++bin) {
                        sampled.mark(entry.roi.image - run.firstImage, g.cellOf(row, column), *bin);
                    }
                }
            }
        }
    }

    /// The bins of the i-th roi of a run as the channels of class `k` in a block see them.
    BinRun<Real> bins(Index i, Index k, const PoolingBlock& b) const {
        return {plans.bins(i, k), g.bins(), cut.channelsOf(k, b).count, b.rowNumbers};
    }

  private:
    /// What is kept of the rois at work, unless the least number of them takes more: with fewer,
    /// many threads would find nothing to do.
    static constexpr Index runBytes = Index{1} << 20, leastRois = 8;
    /// Numbers that a thread stages: with what they are transposed to, some of a cache.
    static constexpr Index tileNumbers = 8192;

    Index mostRois(bool keepsGradients) const {
        const Index gradients = g.bins() * cut.rowNumbers * static_cast<Index>(sizeof(Real));
        const Index bytes = BinPlans<Element>::bytesPerRoi(g) + (keepsGradients ? gradients : 0);
        return std::clamp<Index>(g.rois, 1, std::max(runBytes / bytes, leastRois));
    }
};

/// One forward call.
template <class Element>
class Forward {
  public:
    using Real = ComputeType<Element>;

    Forward(const InstructionSet& set, const PsroiPoolingGeometry& g,
            const DeformablePsroiPoolingInputs& inputs, const Tensor<4>& output,
            const Tensor<4>& count, int threads)
        : work_(set, g, inputs, false),
          g_(g),
          cut_(work_.cut),
          output_(output),
          count_(count),
          threads_(static_cast<int>(std::clamp<Index>(g.rois * cut_.count(), 1, threads))),
          image_(work_.kernels.rows, g, cut_, true),
          means_(threads_, work_.tileBins * cut_.mostRowNumbers),
          counts_(threads_, g.bins()) {}

    void run() const {
#pragma omp parallel num_threads(threads_)
        for (Index first = 0; first < g_.batch; first += cut_.images) {
            const Index images = std::min(cut_.images, g_.batch - first);
            work_.sampled.clear();
            work_.forEachRun(first, images, [&](const RoiRun& run) { pool(run); });
        }
    }

  private:
    void pool(const RoiRun& run) const {
        work_.plan(run);
#pragma omp barrier
        work_.sampled.forEachNew([&](Index image, Index cell, Index part) {
            for (const PoolingBlock& b : cut_.blocks) {
                image_.load(work_.inputs.input, run.firstImage + image, image, b, cell, part);
            }
        });
#pragma omp for collapse(2) schedule(dynamic)
        for (Index i = 0; i < run.count; ++i) {
            for (Index block = 0; block < cut_.count(); ++block) {
                writeMeans(run, i, cut_.block(block));
                writeCounts(run, i, cut_.block(block));
            }
        }
    }

    void writeMeans(const RoiRun& run, Index i, const PoolingBlock& b) const {
        const auto& entry = work_.rois[run.first + i];
        const Real* planes = image_.planes(entry.roi.image - run.firstImage, b);
        for (Index first = 0; first < g_.bins(); first += work_.tileBins) {
            const Index count = std::min(work_.tileBins, g_.bins() - first);
            for (Index k = b.firstClass; k < b.endClass; ++k) {
                const Index channel = cut_.channelsOf(k, b).first;
                BinRun<Real> bins = work_.bins(i, k, b);
                bins.bins += first;
                bins.count = count;
                work_.kernels.pooling.pool(bins, planes + channel, means_.mine() + channel);
            }
            storePixels<Element>(work_.kernels.rows.transpose, output_, g_.pooledSize,
                                 {entry.r, b.firstChannel, b.channels}, first, count, means_.mine(),
                                 b.rowNumbers);
        }
    }

    void writeCounts(const RoiRun& run, Index i, const PoolingBlock& b) const {
        const Index r = work_.rois[run.first + i].r;
        for (Index k = b.firstClass; k < b.endClass; ++k) {
            const Bin<Real>* bins = work_.plans.bins(i, k);
            for (Index bin = 0; bin < g_.bins(); ++bin) {
                counts_.mine()[bin] = static_cast<Real>(bins[bin].kept);
            }
            const ClassChannels channels = cut_.channelsOf(k, b);
            for (Index c = 0; c < channels.count; ++c) {
                const Index o = b.firstChannel + channels.first + c;
                Real* to = static_cast<Real*>(count_.data) + count_.at(r, o, 0, 0);
                forEachPiece(
                    count_, g_.pooledSize, 0, g_.bins(), [&](Index at, Index count, Index bin) {
                        storeRow(to + at, count_.strides[3], count, counts_.mine() + bin, Real{0});
                    });
            }
        }
    }

    const Work<Element> work_;
    const PsroiPoolingGeometry& g_;
    const PoolingCut& cut_;
    const Tensor<4>&output_, &count_;
    const int threads_;
    const PackedImages<Element> image_;
    const PerThread<Real> means_, counts_;
};

/// One backward call.
template <class Element>
class Backward {
  public:
    using Real = ComputeType<Element>;

    Backward(const InstructionSet& set, const PsroiPoolingGeometry& g,
             const DeformablePsroiPoolingInputs& inputs, const Tensor<4>& count,
             const Tensor<4>& gradOutput, const DeformablePsroiPoolingGradients& gradients,
             int threads)
        : work_(set, g, inputs, true),
          g_(g),
          cut_(work_.cut),
          count_(count),
          gradOutput_(gradOutput),
          gradients_(gradients),
          threads_(static_cast<int>(std::clamp<Index>(g.batch * cut_.parts(), 1, threads))),
          image_(work_.kernels.rows, g, cut_, gradients.trans.present()),
          gradImage_(work_.kernels.rows, g, cut_, true),
          gradSums_(work_.roisAtOnce * g.bins() * cut_.rowNumbers),
          zeros_(cut_.mostRowNumbers),
          counts_(threads_, work_.tileBins * cut_.mostRowNumbers),
          slopes_(threads_, g.bins()),
          // Without trans partSize means nothing, and may be anything.
          parts_(threads_, gradients.trans.present() ? 2 * g.partSize * g.partSize : 0) {}

    void run() const {
        std::fill_n(zeros_.data(), cut_.mostRowNumbers, Real{0});
#pragma omp parallel num_threads(threads_)
        for (Index first = 0; first < g_.batch; first += cut_.images) {
            const Index images = std::min(cut_.images, g_.batch - first);
            work_.sampled.clear();
            work_.forEachRun(first, images, [&](const RoiRun& run) { addGradients(run, images); });
            storeGradImages(first, images);
        }
    }

  private:
    void addGradients(const RoiRun& run, Index images) const {
        work_.plan(run);
#pragma omp for collapse(2) schedule(dynamic)
        for (Index i = 0; i < run.count; ++i) {
            for (Index block = 0; block < cut_.count(); ++block) {
                loadGradSums(run, i, cut_.block(block));
            }
        }
        work_.sampled.forEachNew([&](Index image, Index cell, Index part) {
            for (const PoolingBlock& b : cut_.blocks) {
                gradImage_.clear(image, b, cell, part);
                if (!gradients_.trans.present()) continue;
                image_.load(work_.inputs.input, run.firstImage + image, image, b, cell, part);
            }
        });
#pragma omp for collapse(4) schedule(dynamic) nowait
        for (Index image = 0; image < images; ++image) {
            for (Index block = 0; block < cut_.count(); ++block) {
                for (Index cell = 0; cell < cut_.cells; ++cell) {
                    for (Index band = 0; band < cut_.bands; ++band) {
                        spreadGradients(run, image, cut_.block(block), cell, band);
                    }
                }
            }
        }
        if (gradients_.trans.present()) {
#pragma omp for collapse(2) schedule(dynamic) nowait
            for (Index i = 0; i < run.count; ++i) {
                for (Index k = 0; k < g_.classes; ++k) writeGradTrans(run, i, k);
            }
        }
        // The next run's plans take the place of these.
#pragma omp barrier
    }

    /// The gradients of the sums of the i-th roi's bins, [bin][channel].
    Real* gradSums(Index i, const PoolingBlock& b) const {
        return gradSums_.data() + (i * cut_.rowNumbers + b.firstRow) * g_.bins();
    }

    void loadGradSums(const RoiRun& run, Index i, const PoolingBlock& b) const {
        const Channels channels{work_.rois[run.first + i].r, b.firstChannel, b.channels};
        for (Index first = 0; first < g_.bins(); first += work_.tileBins) {
            const Index count = std::min(work_.tileBins, g_.bins() - first);
            Real* to = gradSums(i, b) + first * b.rowNumbers;
            loadPixels<Element>(work_.kernels.rows.transpose, gradOutput_, g_.pooledSize, channels,
                                first, count, to, b.rowNumbers);
            loadPixels<Real>(work_.kernels.rows.transpose, count_, g_.pooledSize, channels, first,
                             count, counts_.mine(), b.rowNumbers);
            work_.kernels.pooling.divide(count * b.rowNumbers, counts_.mine(), to);
        }
    }

    /// Adds what the run's bins in one cell give to a band of an image.
    void spreadGradients(const RoiRun& run, Index image, const PoolingBlock& b, Index cell,
                         Index band) const {
        const Index n = run.firstImage + image;
        const Index firstRoi = std::max(work_.rois.start(n), run.first);
        const Index endRoi = std::min(work_.rois.start(n + 1), run.first + run.count);
        const Index first = g_.height * band / cut_.bands * g_.width;
        const Index end = g_.height * (band + 1) / cut_.bands * g_.width;
        const CellBins rows(cell / g_.groupSize, g_.groupSize, g_.pooledSize);
        const CellBins columns(cell % g_.groupSize, g_.groupSize, g_.pooledSize);
        for (Index i = firstRoi - run.first; i < endRoi - run.first; ++i) {
            for (Index k = b.firstClass; k < b.endClass; ++k) {
                const Index channel = cut_.channelsOf(k, b).first;
                BinRun<Real> bins = work_.bins(i, k, b);
                for (Index row = rows.first; row < rows.end; ++row) {
                    const Index bin = row * g_.pooledSize + columns.first;
                    bins.bins = work_.plans.bins(i, k) + bin;
                    bins.count = columns.end - columns.first;
                    work_.kernels.pooling.spread(bins,
                                                 gradSums(i, b) + bin * b.rowNumbers + channel,
                                                 first, end, gradImage_.planes(image, b) + channel);
                }
            }
        }
    }

    void writeGradTrans(const RoiRun& run, Index i, Index k) const {
        const auto& entry = work_.rois[run.first + i];
        Slopes<Real>* slopes = slopes_.mine();
        std::fill_n(slopes, g_.bins(), Slopes<Real>{0, 0});
        for (Index block = cut_.firstBlock(k); block < cut_.endBlock(k); ++block) {
            const PoolingBlock& b = cut_.block(block);
            const Index channel = cut_.channelsOf(k, b).first;
            work_.kernels.pooling.addSlopes(
                work_.bins(i, k, b), gradSums(i, b) + channel,
                image_.planes(entry.roi.image - run.firstImage, b) + channel, slopes);
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
        storePixels<Element>(work_.kernels.rows.transpose, gradients_.trans, g_.partSize,
                             {entry.r, 2 * k, 1}, 0, parts, gradX, 1);
        storePixels<Element>(work_.kernels.rows.transpose, gradients_.trans, g_.partSize,
                             {entry.r, 2 * k + 1, 1}, 0, parts, gradY, 1);
    }

    void storeGradImages(Index first, Index images) const {
#pragma omp for collapse(3) schedule(dynamic, 4)
        for (Index image = 0; image < images; ++image) {
            for (Index cell = 0; cell < cut_.cells; ++cell) {
                for (Index part = 0; part < cut_.cellParts; ++part) {
                    const bool ready = work_.sampled.ready(image, cell, part);
                    for (const PoolingBlock& b : cut_.blocks) {
                        if (ready) {
                            gradImage_.store(gradients_.input, first + image, image, b, cell, part);
                        } else {
                            gradImage_.storeZeros(gradients_.input, first + image, b, cell, part,
                                                  zeros_.data());
                        }
                    }
                }
            }
        }
    }

    const Work<Element> work_;
    const PsroiPoolingGeometry& g_;
    const PoolingCut& cut_;
    const Tensor<4>&count_, &gradOutput_;
    const DeformablePsroiPoolingGradients& gradients_;
    const int threads_;
    const PackedImages<Element> image_, gradImage_;
    const Buffer<Real> gradSums_, zeros_;
    const PerThread<Real> counts_;
    const PerThread<Slopes<Real>> slopes_;
    const PerThread<Real> parts_;
};

}  // namespace

void SeparableDeformablePsroiPooling::forward(const PsroiPoolingGeometry& geometry,
                                              const DeformablePsroiPoolingInputs& inputs,
                                              const Tensor<4>& output, const Tensor<4>& count,
                                              int threads) const {
    withElementType(inputs.type, [&](auto element) {
        Forward<decltype(element)>(set_, geometry, inputs, output, count, threads).run();
    });
}

void SeparableDeformablePsroiPooling::backward(const PsroiPoolingGeometry& geometry,
                                               const DeformablePsroiPoolingInputs& inputs,
                                               const Tensor<4>& count, const Tensor<4>& gradOutput,
                                               const DeformablePsroiPoolingGradients& gradients,
                                               int threads) const {
    withElementType(inputs.type, [&](auto element) {
        Backward<decltype(element)>(set_, geometry, inputs, count, gradOutput, gradients, threads)
            .run();
    });
}

}  // namespace dcn4j::cpu
