// The rois of one call, and the plans of their bins.
//
// A bin's samples form a grid, and a sample's bilinear weights are products of one weight along
// each axis. So the sum over a bin's samples is a sum over the pixels it touches, with weights
// row[y] * column[x], each summed over the samples of one axis: for 4 x 4 samples in a bin of two
// pixels some 9 loads instead of 64. The slopes that the gradient of `trans` needs are sums of the
// same kind.
#pragma once

#include <algorithm>

#include "../../sampling/roi.h"
#include "../buffer.h"
#include "blocking.h"

namespace dcn4j::cpu::pooling {

/// The rois by their images; those of one image in the order in which they were given.
template <class Real>
class Rois {
  public:
    struct Entry {
        Index r;  ///< its row in the caller's arrays
        Roi<Real> roi;
    };

    Rois(const PsroiPoolingGeometry& g, const DeformablePsroiPoolingInputs& inputs)
        : entries_(g.rois), starts_(g.batch + 2) {
        // While entries are filled in, starts_[n + 1] is where the next of image n goes.
        std::fill_n(starts_.data(), g.batch + 2, Index{0});
        for (Index r = 0; r < g.rois; ++r) ++starts_.data()[readRoi<Real>(g, inputs, r).image + 2];
        for (Index n = 0; n < g.batch; ++n) starts_.data()[n + 2] += starts_.data()[n + 1];
        for (Index r = 0; r < g.rois; ++r) {
            const Roi<Real> roi = readRoi<Real>(g, inputs, r);
            entries_.data()[starts_.data()[roi.image + 1]++] = {r, roi};
        }
    }

    const Entry& operator[](Index i) const { return entries_.data()[i]; }
    /// Where the rois of image `n`, or of the images after the last, begin.
    Index start(Index n) const { return starts_.data()[n]; }

  private:
    Buffer<Entry> entries_;
    Buffer<Index> starts_;
};

/// The bins of some consecutive rois, for each class.
template <class Element>
class BinPlans {
  public:
    using Real = ComputeType<Element>;

    BinPlans(const PsroiPoolingGeometry& g, const DeformablePsroiPoolingInputs& inputs, Index rois)
        : g_(g),
          in_(inputs),
          weightsSize_(mostWeights(g)),
          bins_(rois * g.classes * g.bins()),
          weights_(rois * g.classes * weightsSize_) {}

    /// Bytes of the plans of one roi.
    static Index bytesPerRoi(const PsroiPoolingGeometry& g) {
        return g.classes * (g.bins() * static_cast<Index>(sizeof(Bin<Real>)) +
                            mostWeights(g) * static_cast<Index>(sizeof(AxisWeight<Real>)));
    }

    /// The plans of the i-th roi for class `k`: [pooledSize][pooledSize].
    Bin<Real>* bins(Index i, Index k) const {
        return bins_.data() + (i * g_.classes + k) * g_.bins();
    }

    /// Plans the bins of `entry`, the i-th roi, as the channels of class `k` see them.
    void plan(Index i, const typename Rois<Real>::Entry& entry, Index k) const {
        Bin<Real>* bin = bins(i, k);
        // One after another, without gaps: few bins have as many weights as there is room for.
        AxisWeight<Real>* next = weights_.data() + (i * g_.classes + k) * weightsSize_;
        for (Index row = 0; row < g_.pooledSize; ++row) {
            for (Index column = 0; column < g_.pooledSize; ++column, ++bin) {
                bin->firstPixel = g_.cellOf(row, column) * g_.pixels();
                // Without trans each row and each column of bins is planned once.
                if (in_.trans.present() || column == 0) {
                    bin->rows =
                        weights({g_, entry.roi.y, row, trans(entry.r, 2 * k + 1, row, column)},
                                g_.height, g_.width, next);
                } else {
                    bin->rows = bin[-1].rows;
                }
                if (in_.trans.present() || row == 0) {
                    bin->columns =
                        weights({g_, entry.roi.x, column, trans(entry.r, 2 * k, row, column)},
                                g_.width, 1, next);
                } else {
                    bin->columns = bin[-g_.pooledSize].columns;
                }
                bin->kept = bin->rows.kept * bin->columns.kept;
            }
        }
    }

  private:
    static Index mostWeights(const PsroiPoolingGeometry& g) {
        const Index rows = std::min(2 * g.samplePerPart, g.height);
        const Index columns = std::min(2 * g.samplePerPart, g.width);
        return g.bins() * (rows + columns);
    }

    Real trans(Index r, Index channel, Index row, Index column) const {
        if (!in_.trans.present()) return 0;
        return widen(static_cast<const Element*>(
            in_.trans.data)[in_.trans.at(r, channel, g_.partOf(row), g_.partOf(column))]);
    }

    /// Sums the samples of one axis by pixel, from `next` on. Pixels are `ld` apart.
    BinAxisWeights<Real> weights(const BinAxis<Real>& axis, Index size, Index ld,
                                 AxisWeight<Real>*& next) const {
        AxisWeight<Real>* const first = next;
        AxisWeight<Real>* low = nullptr;  // that of the sample before
        Index kept = 0;
        // Positions never decrease: a pixel met before is that of `low` or of the weight after it.
        for (Index i = 0; i < g_.samplePerPart; ++i) {
            AxisSample<Real> s;
            if (!locate(axis.position(i), size, s)) continue;
            ++kept;
            const Index pixel = s.floor * ld;
            if (low == nullptr || pixel > next[-1].pixel) {
                low = next++;
                *low = {pixel, 0, 0};
            } else if (pixel > low->pixel) {
                ++low;
            }
            low->weight += 1 - s.fraction;
            if (s.ceil == s.floor) continue;  // an integer: one pixel, and no slope
            if (low + 1 == next) *next++ = {pixel + ld, 0, 0};
            low->slope -= 1;
            low[1].weight += s.fraction;
            low[1].slope += 1;
        }
        return {first, next - first, kept};
    }

    const PsroiPoolingGeometry& g_;
    const DeformablePsroiPoolingInputs& in_;
    Index weightsSize_;  ///< weights that there is room for of one roi and class
    Buffer<Bin<Real>> bins_;
    Buffer<AxisWeight<Real>> weights_;
};

}  // namespace dcn4j::cpu::pooling
