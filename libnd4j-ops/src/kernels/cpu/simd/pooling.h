// The inner loops of deformable PSROI pooling, one table of functions per instruction set and real
// type, as micro_kernels.h has them for the other ops.
//
// The image and its gradient are packed [pixel][channels], so that vectors lie along the channels
// and a bin's pixels need no gathering.
#pragma once

#include "../../tensor.h"
#include "micro_kernels.h"

namespace dcn4j::cpu {

/// What the samples of a bin along one axis have of one pixel.
template <class Real>
struct AxisWeight {
    Index pixel;  ///< the column, or the first pixel of the row
    Real weight;  ///< the sum of the weights
    Real slope;   ///< the derivative of `weight` with respect to the bin's start
};

/// A bin along one axis.
template <class Real>
struct BinAxisWeights {
    const AxisWeight<Real>* weights;  ///< with ascending pixels
    Index count;
    Index kept;  ///< samples whose coordinate along this axis is in the image
};

/// A bin of one roi and class. Its sum of samples is that over rows y and columns x of
/// weight[y] * weight[x] * pixel firstPixel + y + x.
template <class Real>
struct Bin {
    Index firstPixel;  ///< of its group cell's plane
    BinAxisWeights<Real> rows, columns;
    Index kept;  ///< samples that are kept
};

/// Some bins, and some channels of their pixels and of their gradients. They are read and
/// written padded to `rowAlignment`, with what follows the last channel.
template <class Real>
struct BinChunk {
    const Bin<Real>* bins;
    Index count;
    Index channels;
    Index ld;  ///< numbers from one pixel, and from one bin, to the next
};

/// The derivatives of a sum over samples with respect to the bin's start.
template <class Real>
struct Slopes {
    Real x, y;
};

template <class Real>
struct PoolingKernels {
    /// means[bin][channel] = the mean of the bin's samples, zero without samples. What pads the
    /// channels is overwritten.
    void (*pool)(const BinChunk<Real>& chunk, const Real* image, Real* means);

    /// gradients[i] = counts[i] > 0 ? gradients[i] / counts[i] : 0.
    void (*divide)(Index count, const Real* counts, Real* gradients);

    /// Adds to the pixels of `gradImage` in rows from pixel `first` to pixel `end` of their plane
    /// their weights times the gradients [bin][channel]. To what pads the channels zeros are
    /// added.
    void (*scatter)(const BinChunk<Real>& chunk, const Real* gradients, Index first, Index end,
                    Real* gradImage);

    /// Adds to slopes[bin] the slopes of the bin's sums, times the gradients [bin][channel].
    void (*addSlopes)(const BinChunk<Real>& chunk, const Real* gradients, const Real* image,
                      Slopes<Real>* slopes);
};

/// Pooling's kernels of an instruction set.
struct PoolingSet {
    const InstructionSet& set;
    Tables<PoolingKernels> kernels;
};

extern const PoolingSet baselinePooling;
#if defined(__x86_64__)
extern const PoolingSet avx2Pooling, avx512Pooling;
#endif

}  // namespace dcn4j::cpu
