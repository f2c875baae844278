// The inner loops of the CPU kernels, one table of functions per instruction set and real type.
//
// A micro-kernel knows nothing of tensors, element types or threads: it sees packed real numbers,
// leading dimensions and counts. micro_kernels.cpp is compiled once per instruction set; the ops
// plan the work and call through the table of a set that isa.cpp found to run.
#pragma once

#include <type_traits>

#include "../../element.h"
#include "../../sampling/plane.h"
#include "../../tensor.h"

namespace dcn4j::cpu {

/// Numbers that rows of packed arrays are whole multiples of: 16 bytes, a vector everywhere.
template <class Real>
constexpr Index rowAlignment = 16 / sizeof(Real);

/// A sample as the micro-kernels plan it, with an integer as wide as the real number. So planes of
/// floats have less than 2^31 pixels.
template <class Real>
using PlannedSample =
    Sample<Real, std::conditional_t<sizeof(Real) == 4, std::int32_t, std::int64_t>>;

/// A matrix read at `data[row * rowStride + depth * depthStride]`.
template <class Real>
struct Factor {
    const Real* data;
    Index rowStride, depthStride;
};

/// A matrix whose rows are so many segments of `depth` contiguous numbers each, `stride` apart:
/// what the rows of a kernel see of an image.
template <class Real>
struct Segments {
    const Real* data;
    Index rowStride;
    Index count, depth, stride;
};

/// A matrix in panels of `panelWidth` columns: panel `j` starts at `data + j * panelStride`, and
/// its rows, `rowStride` apart, hold `panelWidth` numbers each, zeros past the matrix's last
/// column.
template <class Real>
struct Panels {
    const Real* data;
    Index panelStride, rowStride;
};

/// Where the samples of one tap are: at `y + (baseY + tapY)`, `x + (baseX + tapX)` of a plane. What
/// is there for each point is numbers [points].
template <class Real>
struct TapPositions {
    const Real *y, *x, *baseY, *baseX;
    Real tapY, tapX;
    const Real* modulation;
    Plane<Index> plane;
};

/// The samples of one tile and one block of channels, as rows of a column. Rows of the image and of
/// the column hold `channels` numbers, a multiple of `rowAlignment`.
template <class Real>
struct GatherTile {
    Index points, taps, channels;
    const PlannedSample<Real>* samples;  ///< [points][taps]
    const Real* image;                   ///< [pixels + 1][imageLd], the last row zero
    Index imageLd;
    Real* column;  ///< [points][columnLd], written: entries [taps][channels]
    Index columnLd;
    Index padding = 0;  ///< the last of the channels that only pad a row: zeros, always
};

/// Sums over the taps of the samples of one tile, for many groups side by side. A group is a lane:
/// its first inputs are `channels` numbers in a row, then come all groups' second inputs, and so
/// on, and its outputs likewise. `channels` is a multiple of `rowAlignment`.
template <class Real>
struct GatherSumTile {
    Index points, taps, channels;
    Index inputs, outputs;               ///< of a group
    const PlannedSample<Real>* samples;  ///< [points][taps]
    const Real* image;                   ///< [pixels + 1][imageLd], the last row zero
    Index imageLd;
    const Real* weights;  ///< [taps][inputs][outputs][channels]
    Real* output;         ///< [points][outputLd], written: entries [outputs][channels]
    Index outputLd;
};

/// One coordinate of samples, origin + (start + location) * scale. What every point's samples have
/// in common is in tables that repeat every `period` samples, a multiple of every vector's lanes.
template <class Real>
struct AggregateAxis {
    const Real* origin;                ///< [count], with room for a vector more
    const Real *start, *scale, *size;  ///< `size` of the sample's level; [period]
};

/// Samples of several groups and levels, each with its weight.
template <class Real>
struct AggregateSamples {
    using Pixel = decltype(PlannedSample<Real>::place);

    Index count, period;
    const Real *location, *weight;  ///< [count][(x, y)], [count]; with room for vectors more
    AggregateAxis<Real> y, x;
    /// Pixel (i, j) of a sample's level begins i * below + j * right + base numbers from an image's
    /// first. A level has zeros around it: a row and a column before it, two after it. [period]
    const Pixel *base, *below;
    Pixel right;
};

/// The samples of a tile of points, [points][taps]. Pixels and points have `channels` numbers,
/// padded to `rowAlignment`; an image of floats has less than 2^31 numbers.
template <class Real>
struct AggregateTile {
    Index taps, channels;
    AggregateSamples<Real> samples;
    const Real* image;
    Index ld;  ///< from one point to the next
};

/// The rows `first` .. `end` of an image.
struct RowSpan {
    Index first, end;
};

/// The gradients of such a tile.
template <class Real>
struct AggregateGradients {
    const Real* output;  ///< rows [points], zeros after the channels
    Real* image;   ///< as the tile's, added to; what is around a level takes what falls outside
    RowSpan* set;  ///< the pixels of it that are set, extended by zeros as far as samples reach
    /// [points][taps][(x, y)], [points][taps], written, with room for vectors more; may be where
    /// the samples' are.
    Real *location, *weight;
};

/// The backward pass over the samples of one tile and one block of channels. Rows of the image and
/// of the column hold `channels` numbers, padded to `rowAlignment`.
template <class Real>
struct ScatterTile {
    Index points, taps, channels;
    const PlannedSample<Real>* samples;  ///< [points][taps]
    const Real* image;                   ///< [pixels + 1][imageLd], the last row zero
    Index imageLd;
    /// [points][columnLd], entries [taps][channels, padded]: the column's gradient, which the
    /// column replaces.
    Real* column;
    Index columnLd;
    /// [pixels + 1][imageLd], added to; the last row takes what falls outside
    Real* gradImage;
    /// [taps][3][points], written: the gradients of dy, dx and the modulation
    Real* gradSamples;
};

/// A tile of groups side by side as lanes, each with inputs that meet its outputs. An entry is an
/// input at a tap; rows have `lanes` numbers, a multiple of `rowAlignment`.
template <class Real>
struct LaneTile {
    Index points, entries, outputs, lanes;
    const Real* gradOutput;  ///< [points][outLd], rows [outputs]
    Index outLd;
    Index columnLd;  ///< of columns, [points][columnLd], rows [entries]
};

/// Half types to the type that is computed in, and back; to no other type.
template <class Real>
struct HalfConversions {};
template <>
struct HalfConversions<float> {
    void (*widenFloat16)(Index count, const Float16* from, float* to);
    void (*widenBFloat16)(Index count, const BFloat16* from, float* to);
    void (*narrowFloat16)(Index count, const float* from, Float16* to);
    void (*narrowBFloat16)(Index count, const float* from, BFloat16* to);

    void widen(Index count, const Float16* from, float* to) const { widenFloat16(count, from, to); }
    void widen(Index count, const BFloat16* from, float* to) const {
        widenBFloat16(count, from, to);
    }
    void narrow(Index count, const float* from, Float16* to) const {
        narrowFloat16(count, from, to);
    }
    void narrow(Index count, const float* from, BFloat16* to) const {
        narrowBFloat16(count, from, to);
    }
};

template <class Real>
struct MicroKernels {
    /// Columns of a panel, a multiple of `rowAlignment`.
    Index panelWidth;

    /// to[column * ldTo + row] = from[row * ldFrom + column].
    void (*transpose)(Index rows, Index columns, const Real* from, Index ldFrom, Real* to,
                      Index ldTo);

    /// Plans samples[point * step] for the positions of one tap.
    void (*plan)(Index points, const TapPositions<Real>& at, PlannedSample<Real>* samples,
                 Index step);

    /// The pixels from the first to the last that so many samples touch; a corner outside is
    /// numbered `none`.
    RowSpan (*touched)(Index count, const PlannedSample<Real>* samples, Index none);

    /// column[point][tap][c] = modulation * sample(image channel c), for each sample.
    void (*gather)(const GatherTile<Real>& tile);

    /// output[point][output][group] = the sum over taps and inputs of weight * modulation *
    /// sample(image channel [input][group]).
    void (*gatherSum)(const GatherSumTile<Real>& tile);

    /// output[point][c] = the sum over taps of weight * sample(image channel c).
    void (*aggregate)(const AggregateTile<Real>& tile, Real* output);

    /// Adds the gradients of the samples' corners to the image's, and writes those of the samples.
    void (*scatterAggregate)(const AggregateTile<Real>& tile,
                             const AggregateGradients<Real>& gradients);

    /// c[row][column] = (accumulate ? c[row][column] : 0) + sum over depth of a * b. `c` has rows
    /// `ldc` apart, each with room for whole panels.
    void (*gemm)(Index rows, Index columns, Index depth, const Factor<Real>& a,
                 const Panels<Real>& b, Real* c, Index ldc, bool accumulate);

    /// c[row][column] = the sum over all segments of a * b, as `gemm`; the rows of `b` are those of
    /// the segments, one after another.
    void (*gemmSegments)(Index rows, Index columns, const Segments<Real>& a, const Panels<Real>& b,
                         Real* c, Index ldc);

    /// Adds the gradients of the samples' corners to the image's, and writes those of the samples.
    void (*scatter)(const ScatterTile<Real>& tile);

    /// gradColumn[point][entry] = the sum over outputs of weights[entry][output] *
    /// gradOutput[point][output], lane by lane.
    void (*lanesToColumn)(const LaneTile<Real>& tile, const Real* weights, Real* gradColumn);

    /// gradWeights[entry][output] += the sum over points of gradOutput[point][output] *
    /// column[point][entry], lane by lane.
    void (*lanesToWeights)(const LaneTile<Real>& tile, const Real* column, Real* gradWeights);

    /// values[i] = 1 / (1 + exp(-values[i])); `count` is made up to whole vectors.
    void (*sigmoid)(Index count, Real* values);

    HalfConversions<Real> convert;
};

/// What a processor may have, as bits.
enum Feature : unsigned {
    Avx2 = 1 << 0,
    Fma = 1 << 1,
    F16c = 1 << 2,
    Avx512f = 1 << 3,
    Avx512dq = 1 << 4,
    Avx512bw = 1 << 5,
    Avx512vl = 1 << 6,
    Zen4 = 1 << 7,  ///< carries out 512 bits in halves
};

/// A table for each real type.
template <template <class> class Table>
struct Tables {
    const Table<float>& forFloat;
    const Table<double>& forDouble;

    template <class Real>
    const Table<Real>& of() const {
        if constexpr (std::is_same_v<Real, double>) {
            return forDouble;
        } else {
            return forFloat;
        }
    }
};

/// One instruction set: its name for DCN4J_KERNEL, the features that its code was compiled for, and
/// the core's kernels. What only one op needs has a table of its own (pooling.h).
struct InstructionSet {
    const char* name;
    unsigned features;
    Tables<MicroKernels> kernels;
};

extern const InstructionSet baselineSet;
#if defined(__x86_64__)
extern const InstructionSet avx2Set, avx512Set;
/// For Zen 4, which carries out 512 bits in halves: of each kernel the one of AVX2 or AVX-512 that
/// is faster there (zen4.cpp).
const InstructionSet& zen4Set();
#endif

}  // namespace dcn4j::cpu
