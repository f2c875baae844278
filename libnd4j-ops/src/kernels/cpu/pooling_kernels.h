// The inner loops of deformable PSROI pooling, one table of functions per instruction set and real
// type, as micro_kernels.h has them for the convolution.
//
// The image and its gradient are packed [pixel][channels], so that vectors lie along the channels
// and a bin's pixels need no gathering.
#pragma once

#include "../tensor.h"

namespace dcn4j::cpu {

/// Numbers that the rows of a packed array are whole multiples of: 16 bytes, a vector everywhere.
template <class Real>
constexpr Index quad = 16 / sizeof(Real);

/// What the samples of a bin along one axis have of one pixel.
template <class Real>
struct Share {
    Index pixel;  ///< the column, or the first pixel of the row
    Real weight;  ///< the sum of the weights
    Real slope;   ///< the derivative of `weight` with respect to the bin's start
};

/// A bin along one axis.
template <class Real>
struct BinShares {
    const Share<Real>* shares;  ///< with ascending pixels
    Index count;
    Index kept;  ///< samples whose coordinate along this axis is in the image
};

/// A bin of one roi and class. Its sum of samples is that over rows y and columns x of
/// weight[y] * weight[x] * pixel firstPixel + y + x.
template <class Real>
struct Bin {
    Index firstPixel;  ///< of its group cell's plane
    BinShares<Real> rows, columns;
    Index kept;  ///< samples that are kept
};

/// Some bins, and some channels of their pixels and of their gradients. Whole quads are read and
/// written, so that up to a quad less one number after the last channel is too.
template <class Real>
struct BinRun {
    const Bin<Real>* bins;
    Index count;
    Index channels;
    Index pitch;  ///< numbers from one pixel, and from one bin, to the next
};

/// The derivatives of a sum over samples with respect to the bin's start.
template <class Real>
struct Slopes {
    Real x, y;
};

template <class Real>
struct PoolingKernels {
    /// means[bin][channel] = the mean of the bin's samples, zero without samples. What follows the
    /// last channel in its quad is overwritten.
    void (*pool)(const BinRun<Real>& run, const Real* image, Real* means);

    /// gradients[i] = counts[i] > 0 ? gradients[i] / counts[i] : 0.
    void (*divide)(Index count, const Real* counts, Real* gradients);

    /// Adds to the pixels of `gradImage` in rows from pixel `first` to pixel `end` of their plane
    /// their weights times the gradients [bin][channel]. To what follows the last channel in its
    /// quad zeros are added.
    void (*spread)(const BinRun<Real>& run, const Real* gradients, Index first, Index end,
                   Real* gradImage);

    /// Adds to slopes[bin] the slopes of the bin's sums, times the gradients [bin][channel].
    void (*addSlopes)(const BinRun<Real>& run, const Real* gradients, const Real* image,
                      Slopes<Real>* slopes);
};

struct PoolingSet {
    const PoolingKernels<float>& forFloat;
    const PoolingKernels<double>& forDouble;
};

}  // namespace dcn4j::cpu
