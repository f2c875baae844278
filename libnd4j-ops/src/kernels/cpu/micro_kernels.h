// The inner loops of the CPU kernels, one table of functions per instruction set and real type.
//
// A micro-kernel knows nothing of tensors, element types or threads: it sees packed real numbers,
// pitches and counts. micro_kernels.cpp is compiled once per instruction set; deformable_conv2d.cpp
// plans the work and calls through the table that isa.cpp chose.
#pragma once

#include "../sampling.h"
#include "../tensor.h"

namespace dcn4j::cpu {

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

/// The backward pass over the samples of one tile and one block of channels.
template <class Real>
struct ScatterTile {
    Index points, taps, channels;
    const Sample<Real>* samples;  ///< [points][taps]
    const Real* image;            ///< [pixels + 1][channels], the last row zero
    const Real* gradColumn;       ///< [points][pitch], entries (tap, channel)
    Real* column;                 ///< [points][pitch], written
    Index pitch;
    Real* gradImage;  ///< [pixels + 1][channels], added to; the last row takes what falls outside
    /// [taps][3][gradSamplePitch]: the gradients of dy, dx and the modulation of each point,
    /// written or, if `accumulate`, added to
    Real* gradSamples;
    Index gradSamplePitch;
    bool accumulate;
};

template <class Real>
struct MicroKernels {
    /// Columns of a panel.
    Index panelWidth;
    /// Numbers that `gather` may write past the end of a column's row, and may read past the end of
    /// an image: the pitch and the allocation must have room for them.
    Index slack;

    /// column[point][tap * channels + c] = modulation * sample(image channel c), for each sample.
    void (*gather)(Index points, Index taps, Index channels, const Sample<Real>* samples,
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
};

extern const InstructionSet baselineSet;
#if defined(__x86_64__)
extern const InstructionSet avx2Set, avx512Set;
#endif

}  // namespace dcn4j::cpu
