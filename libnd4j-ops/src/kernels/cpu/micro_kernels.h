// The inner loops of the CPU kernels, one table of functions per instruction set and real type.
//
// A micro-kernel knows nothing of tensors, element types or threads: it sees packed real numbers,
// pitches and counts. micro_kernels.cpp is compiled once per instruction set; deformable_conv2d.cpp
// plans the work and calls through the table that isa.cpp chose. Pooling's are in
// pooling_kernels.h.
#pragma once

#include <type_traits>

#include "../sampling.h"
#include "../tensor.h"
#include "pooling_kernels.h"

namespace dcn4j::cpu {

/// A sample as the micro-kernels plan it, with an integer as wide as the real number. So planes of
/// floats have less than 2^31 pixels.
template <class Real>
using PlannedSample =
    Sample<Real, std::conditional_t<sizeof(Real) == 4, std::int32_t, std::int64_t>>;

/// A matrix read at `data[row * rowPitch + depth * depthPitch]`.
template <class Real>
struct Factor {
    const Real* data;
    Index rowPitch, depthPitch;
};

/// A matrix in panels of `panelWidth` columns: panel `j` starts at `data + j * panelPitch`, and its
/// rows, `rowPitch` apart, hold `panelWidth` numbers each, zeros past the matrix's last column.
template <class Real>
struct Panels {
    const Real* data;
    Index panelPitch, rowPitch;
};

/// Where the samples of one tap are: numbers [points], and the plane they are in.
template <class Real>
struct Positions {
    const Real *y, *x, *modulation;
    Index height, width;
};

/// The backward pass over the samples of one tile and one block of channels. Rows of the image and
/// of the columns hold `channels` numbers in whole quads.
template <class Real>
struct ScatterTile {
    Index points, taps, channels;
    const PlannedSample<Real>* samples;  ///< [points][taps]
    const Real* image;                   ///< [pixels + 1][channels in quads], the last row zero
    const Real* gradColumn;              ///< [points][pitch], entries (tap, channel in quads)
    Real* column;                        ///< [points][pitch], written
    Index pitch;
    /// [pixels + 1][channels in quads], added to; the last row takes what falls outside
    Real* gradImage;
    /// [taps][3][points], written: the gradients of dy, dx and the modulation
    Real* gradSamples;
};

template <class Real>
struct MicroKernels {
    /// Columns of a panel, a multiple of the quad.
    Index panelWidth;

    /// to[column * toPitch + row] = from[row * fromPitch + column].
    void (*transpose)(Index rows, Index columns, const Real* from, Index fromPitch, Real* to,
                      Index toPitch);

    /// Plans samples[point * step] for the positions of one tap.
    void (*plan)(Index points, const Positions<Real>& at, PlannedSample<Real>* samples, Index step);

    /// column[point][tap * rowNumbers + c] = modulation * sample(image channel c), for each sample;
    /// `rowNumbers`, of a pixel and of a tap, is a multiple of the quad.
    void (*gather)(Index points, Index taps, Index rowNumbers, const PlannedSample<Real>* samples,
                   const Real* image, Real* column, Index pitch);

    /// c[row][column] = (accumulate ? c[row][column] : 0) + sum over depth of a * b. `c` has rows
    /// `cPitch` apart, each with room for whole panels.
    void (*product)(Index rows, Index columns, Index depth, const Factor<Real>& a,
                    const Panels<Real>& b, Real* c, Index cPitch, bool accumulate);

    void (*scatter)(const ScatterTile<Real>& tile);
};

/// One instruction set: its name for DCN4J_KERNEL, and its kernels.
struct InstructionSet {
    const char* name;
    const MicroKernels<float>& forFloat;
    const MicroKernels<double>& forDouble;
    const PoolingSet& pooling;
};

extern const InstructionSet baselineSet;
#if defined(__x86_64__)
extern const InstructionSet avx2Set, avx512Set;
#endif

}  // namespace dcn4j::cpu
