// The micro-kernels of one instruction set. CMake compiles this file several times, each with its
// own flags and with DCN4J_INSTRUCTION_SET, DCN4J_VECTOR_BYTES and DCN4J_PRODUCT_ROWS set.
//
// Written with GCC's vector extensions, so that one source serves every instruction set. Nothing
// with external linkage may be instantiated here but the table itself: the linker keeps one copy of
// an inline function, and it could be the one that the processor can't run. Hence the unnamed
// namespace, and no standard library.
#include "micro_kernels.h"

namespace dcn4j::cpu {
namespace {

template <class Real>
struct VectorOf {
    static constexpr Index lanes = DCN4J_VECTOR_BYTES / sizeof(Real);
    // Aligned as a single number: rows start anywhere.
    typedef Real Type
        __attribute__((vector_size(DCN4J_VECTOR_BYTES), aligned(alignof(Real)), may_alias));
};

template <class Real>
using Vector = typename VectorOf<Real>::Type;

template <class Real>
inline Vector<Real> load(const Real* from) {
    return *reinterpret_cast<const Vector<Real>*>(from);
}

template <class Real>
inline void store(Real* to, const Vector<Real>& value) {
    *reinterpret_cast<Vector<Real>*>(to) = value;
}

template <class Real>
inline Real sum(const Vector<Real>& v) {
    Real total = 0;
    for (Index lane = 0; lane < VectorOf<Real>::lanes; ++lane) total += v[lane];
    return total;
}

// The registers of a product tile: `Rows` rows of `panelVectors` vectors.
constexpr int productRows = DCN4J_PRODUCT_ROWS;
constexpr int panelVectors = 2;

// Unrolled by order, not by the optimizer's leave: then the totals stay in registers, and nothing
// of them is cleared, spilt or reloaded through memory.
#define DCN4J_UNROLL _Pragma("GCC unroll 16")

template <class Real, int Rows>
inline void productTile(Index depth, const Real* a, Index aRowPitch, Index aDepthPitch,
                        const Real* b, Index bRowPitch, Real* c, Index cPitch, bool accumulate) {
    constexpr Index lanes = VectorOf<Real>::lanes;
    Vector<Real> total[Rows][panelVectors];
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
        total[row][0] = total[row][1] = Vector<Real>{};
    }
    for (Index k = 0; k < depth; ++k) {
        const Vector<Real> b0 = load(b), b1 = load(b + lanes);
        DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
            const Real factor = a[row * aRowPitch];
            total[row][0] += factor * b0;
            total[row][1] += factor * b1;
        }
        a += aDepthPitch;
        b += bRowPitch;
    }
    if (accumulate) {
        DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
            Real* out = c + row * cPitch;
            store<Real>(out, load(out) + total[row][0]);
            store<Real>(out + lanes, load(out + lanes) + total[row][1]);
        }
    } else {
        DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
            Real* out = c + row * cPitch;
            store<Real>(out, total[row][0]);
            store<Real>(out + lanes, total[row][1]);
        }
    }
}

template <class Real, int Rows>
inline void productRest(Index rows, Index depth, const Real* a, Index aRowPitch, Index aDepthPitch,
                        const Real* b, Index bRowPitch, Real* c, Index cPitch, bool accumulate) {
    if constexpr (Rows > 0) {
        if (rows == Rows) {
            productTile<Real, Rows>(depth, a, aRowPitch, aDepthPitch, b, bRowPitch, c, cPitch,
                                    accumulate);
        } else {
            productRest<Real, Rows - 1>(rows, depth, a, aRowPitch, aDepthPitch, b, bRowPitch, c,
                                        cPitch, accumulate);
        }
    }
}

template <class Real>
void product(Index rows, Index columns, Index depth, const Factor<Real>& a, const Panels<Real>& b,
             Real* c, Index cPitch, bool accumulate) {
    constexpr Index panelWidth = panelVectors * VectorOf<Real>::lanes;
    for (Index first = 0, panel = 0; first < columns; first += panelWidth, ++panel) {
        const Real* bPanel = b.data + panel * b.panelPitch;
        Index row = 0;
        for (; row + productRows <= rows; row += productRows) {
            productTile<Real, productRows>(depth, a.data + row * a.rowPitch, a.rowPitch,
                                           a.depthPitch, bPanel, b.rowPitch,
                                           c + row * cPitch + first, cPitch, accumulate);
        }
        productRest<Real, productRows - 1>(rows - row, depth, a.data + row * a.rowPitch, a.rowPitch,
                                           a.depthPitch, bPanel, b.rowPitch,
                                           c + row * cPitch + first, cPitch, accumulate);
    }
}

/// The rows of the four corners of a sample, from channel 0 on.
template <class Real>
struct CornerRows {
    const Real* row[Corners];

    CornerRows(const Sample<Real>& s, const Real* image, Index channels)
        : row{image + s.pixel[TopLeft] * channels, image + s.pixel[TopRight] * channels,
              image + s.pixel[BottomLeft] * channels, image + s.pixel[BottomRight] * channels} {}
};

template <class Real>
void gather(Index points, Index taps, Index channels, const Sample<Real>* samples,
            const Real* image, Real* column, Index pitch) {
    constexpr Index lanes = VectorOf<Real>::lanes;
    // Points outside, taps inside: what a row's last vector writes too far is overwritten by the
    // next tap of the same point, and after the last tap falls into the slack.
    for (Index point = 0; point < points; ++point) {
        Real* out = column + point * pitch;
        for (Index tap = 0; tap < taps; ++tap, ++samples, out += channels) {
            const Sample<Real>& s = *samples;
            if (s.place == Place::Outside) {
                const Vector<Real> outside = Vector<Real>{} * s.modulation;  // NaN if that is
                for (Index i = 0; i < channels; i += lanes) store(out + i, outside);
                continue;
            }
            const CornerRows<Real> from(s, image, channels);
            if (s.place == Place::AtPixel) {
                for (Index i = 0; i < channels; i += lanes) {
                    store<Real>(out + i, load(from.row[TopLeft] + i) * s.modulation);
                }
                continue;
            }
            for (Index i = 0; i < channels; i += lanes) {
                Vector<Real> value = s.weight[TopLeft] * load(from.row[TopLeft] + i);
                value += s.weight[TopRight] * load(from.row[TopRight] + i);
                value += s.weight[BottomLeft] * load(from.row[BottomLeft] + i);
                value += s.weight[BottomRight] * load(from.row[BottomRight] + i);
                store(out + i, value * s.modulation);
            }
        }
    }
}

/// One vector, or at the end of a row one number, of the backward pass over a sample.
template <class Real, class Value>
inline void scatterStep(const Sample<Real>& s, const CornerRows<Real>& from, Real* gradImage,
                        Index channels, Index i, const Real* gradColumn, Real* column,
                        Value (&dot)[Corners]) {
    const auto read = [](const Real* p) { return *reinterpret_cast<const Value*>(p); };
    const auto write = [](Real* p, const Value& value) { *reinterpret_cast<Value*>(p) = value; };
    const Value grad = read(gradColumn + i);
    Value value = {};
    for (int corner = 0; corner < Corners; ++corner) {
        const Value pixel = read(from.row[corner] + i);
        dot[corner] += grad * pixel;
        value += s.weight[corner] * pixel;
    }
    write(column + i, (s.place == Place::Outside ? Value{} : value) * s.modulation);
    const Value modulated = grad * s.modulation;
    for (int corner = 0; corner < Corners; ++corner) {
        // A corner of weight zero is no part of the sum: an infinite gradient must not reach it.
        if (s.weight[corner] == 0) continue;
        Real* to = gradImage + s.pixel[corner] * channels + i;
        write(to, read(to) + s.weight[corner] * modulated);
    }
}

template <class Real>
void scatter(const ScatterTile<Real>& t) {
    constexpr Index lanes = VectorOf<Real>::lanes;
    const Index whole = t.channels / lanes * lanes;
    const Sample<Real>* samples = t.samples;
    for (Index point = 0; point < t.points; ++point) {
        const Real* gradColumn = t.gradColumn + point * t.pitch;
        Real* column = t.column + point * t.pitch;
        for (Index tap = 0; tap < t.taps; ++tap, ++samples) {
            const Sample<Real>& s = *samples;
            const CornerRows<Real> from(s, t.image, t.channels);
            Vector<Real> dots[Corners] = {};
            Real dot[Corners] = {};
            Index i = 0;
            for (; i < whole; i += lanes) {
                scatterStep(s, from, t.gradImage, t.channels, i, gradColumn, column, dots);
            }
            for (; i < t.channels; ++i) {
                scatterStep(s, from, t.gradImage, t.channels, i, gradColumn, column, dot);
            }
            for (int corner = 0; corner < Corners; ++corner) {
                dot[corner] += sum<Real>(dots[corner]);
            }
            Real gradModulation = 0;
            if (s.place != Place::Outside) {
                for (int corner = 0; corner < Corners; ++corner) {
                    gradModulation += s.weight[corner] * dot[corner];
                }
            }
            const Real gradients[] = {s.modulation * slopeY(s, dot), s.modulation * slopeX(s, dot),
                                      gradModulation};
            Real* to = t.gradSamples + tap * 3 * t.gradSamplePitch + point;
            for (const Real gradient : gradients) {
                *to = t.accumulate ? *to + gradient : gradient;
                to += t.gradSamplePitch;
            }
            gradColumn += t.channels;
            column += t.channels;
        }
    }
}

template <class Real>
constexpr MicroKernels<Real> kernels = {
    panelVectors* VectorOf<Real>::lanes,
    VectorOf<Real>::lanes,
    gather<Real>,
    product<Real>,
    scatter<Real>,
};

#define DCN4J_TEXT(name) #name
#define DCN4J_NAME(name) DCN4J_TEXT(name)
#define DCN4J_JOIN(name, suffix) name##suffix
#define DCN4J_SET(name) DCN4J_JOIN(name, Set)

}  // namespace

extern const InstructionSet DCN4J_SET(DCN4J_INSTRUCTION_SET);
const InstructionSet DCN4J_SET(DCN4J_INSTRUCTION_SET) = {DCN4J_NAME(DCN4J_INSTRUCTION_SET),
                                                         kernels<float>, kernels<double>};

}  // namespace dcn4j::cpu
