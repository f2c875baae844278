// The micro-kernels of one instruction set. CMake compiles this file several times, each with its
// own flags and with DCN4J_INSTRUCTION_SET, DCN4J_VECTOR_BYTES and DCN4J_PRODUCT_ROWS set.
//
// Written with GCC's vector extensions, so that one source serves every instruction set. Nothing
// with external linkage may be instantiated here but the table itself: the linker keeps one copy of
// an inline function, and it could be the one that the processor can't run. Hence the unnamed
// namespace, and no standard library.
#include "micro_kernels.h"

#include <utility>

namespace dcn4j::cpu {
namespace {

template <class Number, int Bytes>
struct VectorOf {
    typedef Number Type __attribute__((vector_size(Bytes)));
};

/// The widest vector of the instruction set, and one of 16 bytes for what is left of a row.
template <class Number>
using Vector = typename VectorOf<Number, DCN4J_VECTOR_BYTES>::Type;
template <class Number>
using Quad = typename VectorOf<Number, 16>::Type;

template <class V>
using NumberOf = std::remove_reference_t<decltype(V{}[0])>;
template <class V>
constexpr Index lanesOf = sizeof(V) / sizeof(V{}[0]);

}  // namespace
}  // namespace dcn4j::cpu

namespace dcn4j {
namespace {

// How the sampling rule converts vectors.
template <class To, class From>
struct ConvertLanes {
    static To of(const From& value) { return __builtin_convertvector(value, To); }
};
template <class Number>
using Lanes = cpu::Vector<Number>;
template <>
struct Convert<Lanes<float>, Lanes<std::int32_t>>
    : ConvertLanes<Lanes<float>, Lanes<std::int32_t>> {};
template <>
struct Convert<Lanes<std::int32_t>, Lanes<float>>
    : ConvertLanes<Lanes<std::int32_t>, Lanes<float>> {};
template <>
struct Convert<Lanes<double>, Lanes<std::int64_t>>
    : ConvertLanes<Lanes<double>, Lanes<std::int64_t>> {};
template <>
struct Convert<Lanes<std::int64_t>, Lanes<double>>
    : ConvertLanes<Lanes<std::int64_t>, Lanes<double>> {};

}  // namespace
}  // namespace dcn4j

namespace dcn4j::cpu {
namespace {

// Rows start anywhere: vectors are copied from and to memory without asking for alignment.
template <class V>
inline V load(const NumberOf<V>* from) {
    V value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

template <class V>
inline void store(NumberOf<V>* to, const V& value) {
    __builtin_memcpy(to, &value, sizeof value);
}

// Unrolled by order, not by the optimizer's leave: then what is in arrays stays in registers.
#define DCN4J_UNROLL _Pragma("GCC unroll 16")

/// Exchanges the odd blocks of `Step` lanes of `a` with the even ones of `b`.
template <Index Step, class V, std::size_t... Lane>
inline void exchange(V& a, V& b, std::index_sequence<Lane...>) {
    constexpr Index lanes = lanesOf<V>;
    const V even = __builtin_shufflevector(a, b, (Lane & Step ? lanes + Lane - Step : Lane)...);
    b = __builtin_shufflevector(a, b, (Lane & Step ? lanes + Lane : Lane + Step)...);
    a = even;
}

/// Transposes the square that as many vectors as they have lanes are.
template <Index Step, class V, Index Lanes>
inline void transposeSquare(V (&v)[Lanes]) {
    DCN4J_UNROLL for (Index i = 0; i < Lanes; ++i) {
        if (!(i & Step)) exchange<Step>(v[i], v[i + Step], std::make_index_sequence<Lanes>());
    }
    if constexpr (Step > 1) transposeSquare<Step / 2>(v);
}

template <class Real>
void transpose(Index rows, Index columns, const Real* from, Index fromPitch, Real* to,
               Index toPitch) {
    using V = Vector<Real>;
    constexpr Index lanes = lanesOf<V>;
    Index column = 0;
    for (; column + lanes <= columns; column += lanes) {
        Index row = 0;
        for (; row + lanes <= rows; row += lanes) {
            V v[lanes];
            DCN4J_UNROLL for (Index i = 0; i < lanes; ++i) {
                v[i] = load<V>(from + (row + i) * fromPitch + column);
            }
            transposeSquare<lanes / 2>(v);
            DCN4J_UNROLL for (Index i = 0; i < lanes; ++i) {
                store(to + (column + i) * toPitch + row, v[i]);
            }
        }
        for (; row < rows; ++row) {
            for (Index i = column; i < column + lanes; ++i) {
                to[i * toPitch + row] = from[row * fromPitch + i];
            }
        }
    }
    for (; column < columns; ++column) {
        for (Index row = 0; row < rows; ++row) {
            to[column * toPitch + row] = from[row * fromPitch + column];
        }
    }
}

// The registers of a product tile: `Rows` rows of `panelVectors` vectors.
constexpr int productRows = DCN4J_PRODUCT_ROWS;
constexpr int panelVectors = 2;

template <class Real, int Rows>
inline void productTile(Index depth, const Real* a, Index aRowPitch, Index aDepthPitch,
                        const Real* b, Index bRowPitch, Real* c, Index cPitch, bool accumulate) {
    using V = Vector<Real>;
    constexpr Index lanes = lanesOf<V>;
    V total[Rows][panelVectors];
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) { total[row][0] = total[row][1] = V{}; }
    for (Index k = 0; k < depth; ++k) {
        const V b0 = load<V>(b), b1 = load<V>(b + lanes);
        DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
            const Real factor = a[row * aRowPitch];
            total[row][0] += factor * b0;
            total[row][1] += factor * b1;
        }
        a += aDepthPitch;
        b += bRowPitch;
    }
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
        Real* out = c + row * cPitch;
        store(out, accumulate ? load<V>(out) + total[row][0] : total[row][0]);
        store(out + lanes, accumulate ? load<V>(out + lanes) + total[row][1] : total[row][1]);
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
    constexpr Index panelWidth = panelVectors * lanesOf<Vector<Real>>;
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

/// Plans the samples of as many points as a vector has lanes.
template <class Real>
inline void planLanes(const Positions<Real>& at, Index first, PlannedSample<Real>* samples,
                      Index step) {
    using Pixel = decltype(samples->pixel[0] + 0);
    using V = Vector<Real>;
    using P = Vector<Pixel>;
    const auto height = static_cast<Pixel>(at.height), width = static_cast<Pixel>(at.width);
    const auto found = locate<V, P>(load<V>(at.y + first), load<V>(at.x + first), P{} + height,
                                    P{} + width, V{} + static_cast<Real>(height),
                                    V{} + static_cast<Real>(width));
    for (Index i = 0; i < lanesOf<V>; ++i, samples += step) {
        for (int c = 0; c < Corners; ++c) {
            samples->pixel[c] = found.pixel[c][i];
            samples->weight[c] = found.weight[c][i];
        }
        samples->fractionY = found.fractionY[i];
        samples->fractionX = found.fractionX[i];
        samples->modulation = at.modulation[first + i];
        samples->place = found.between[i] ? Place::Between : Place::Outside;
    }
}

template <class Real>
void plan(Index points, const Positions<Real>& at, PlannedSample<Real>* samples, Index step) {
    constexpr Index lanes = lanesOf<Vector<Real>>;
    Index point = 0;
    for (; point + lanes <= points; point += lanes) {
        planLanes(at, point, samples + point * step, step);
    }
    for (; point < points; ++point) {
        locate(at.y[point], at.x[point], at.modulation[point], at.height, at.width,
               samples[point * step]);
    }
}

/// The rows of the four corners of a sample.
template <class Real>
struct CornerRows {
    const Real* row[Corners];

    CornerRows(const PlannedSample<Real>& s, const Real* image, Index rowNumbers) {
        for (int c = 0; c < Corners; ++c) {
            row[c] = image + static_cast<Index>(s.pixel[c]) * rowNumbers;
        }
    }
};

/// The sample's values from number `i` of its rows on, as far as vectors of this width go.
template <class V, class Real>
inline Index gatherRow(const PlannedSample<Real>& s, const CornerRows<Real>& from, Real* out,
                       Index i, Index rowNumbers) {
    for (; i + lanesOf<V> <= rowNumbers; i += lanesOf<V>) {
        V value = {};
        if (s.place == Place::Between) {
            value = s.weight[TopLeft] * load<V>(from.row[TopLeft] + i);
            value += s.weight[TopRight] * load<V>(from.row[TopRight] + i);
            value += s.weight[BottomLeft] * load<V>(from.row[BottomLeft] + i);
            value += s.weight[BottomRight] * load<V>(from.row[BottomRight] + i);
        } else if (s.place == Place::AtPixel) {
            value = load<V>(from.row[TopLeft] + i);
        }
        store(out + i, value * s.modulation);
    }
    return i;
}

template <class Real>
void gather(Index points, Index taps, Index rowNumbers, const PlannedSample<Real>* samples,
            const Real* image, Real* column, Index pitch) {
    for (Index point = 0; point < points; ++point) {
        Real* out = column + point * pitch;
        for (Index tap = 0; tap < taps; ++tap, ++samples, out += rowNumbers) {
            const PlannedSample<Real>& s = *samples;
            const CornerRows<Real> from(s, image, rowNumbers);
            const Index i = gatherRow<Vector<Real>>(s, from, out, 0, rowNumbers);
            gatherRow<Quad<Real>>(s, from, out, i, rowNumbers);
        }
    }
}

/// The sums of the lanes of four quads.
inline void sums(const Quad<float> (&v)[4], float (&to)[4]) {
    Quad<float> w[4] = {v[0], v[1], v[2], v[3]};
    transposeSquare<2>(w);
    store(to, (w[0] + w[1]) + (w[2] + w[3]));
}
inline void sums(const Quad<double> (&v)[4], double (&to)[4]) {
    for (int i = 0; i < 4; ++i) to[i] = v[i][0] + v[i][1];
}

/// The vector's quads added up.
template <class V>
inline auto folded(const V& v) {
    using Q = Quad<NumberOf<V>>;
    Q part[sizeof(V) / sizeof(Q)];
    __builtin_memcpy(part, &v, sizeof v);
    for (std::size_t step = sizeof(V) / sizeof(Q) / 2; step > 0; step /= 2) {
        for (std::size_t i = 0; i < step; ++i) part[i] += part[i + step];
    }
    return part[0];
}

/// One vector of the backward pass over a sample.
template <class V, class Real>
inline void scatterStep(const PlannedSample<Real>& s, const CornerRows<Real>& from,
                        Real* const (&to)[Corners], Index i, const V& grad, Real* column,
                        V (&dot)[Corners]) {
    V value = {};
    for (int corner = 0; corner < Corners; ++corner) {
        const V pixel = load<V>(from.row[corner] + i);
        dot[corner] += grad * pixel;
        value += s.weight[corner] * pixel;
    }
    store(column + i, (s.place == Place::Outside ? V{} : value) * s.modulation);
    const V modulated = grad * s.modulation;
    for (int corner = 0; corner < Corners; ++corner) {
        // A corner of weight zero is no part of the sum: an infinite gradient must not reach it.
        if (s.weight[corner] == 0) continue;
        store(to[corner] + i, load<V>(to[corner] + i) + s.weight[corner] * modulated);
    }
}

template <class Real>
void scatter(const ScatterTile<Real>& t) {
    using V = Vector<Real>;
    using Q = Quad<Real>;
    constexpr Index quadLanes = lanesOf<Q>;
    const Index rowNumbers = (t.channels + quadLanes - 1) / quadLanes * quadLanes;
    const PlannedSample<Real>* samples = t.samples;
    for (Index point = 0; point < t.points; ++point) {
        const Real* gradColumn = t.gradColumn + point * t.pitch;
        Real* column = t.column + point * t.pitch;
        for (Index tap = 0; tap < t.taps; ++tap, ++samples) {
            const PlannedSample<Real>& s = *samples;
            const CornerRows<Real> from(s, t.image, rowNumbers);
            Real* const to[Corners] = {
                t.gradImage + (from.row[0] - t.image), t.gradImage + (from.row[1] - t.image),
                t.gradImage + (from.row[2] - t.image), t.gradImage + (from.row[3] - t.image)};
            V wide[Corners] = {};
            Index i = 0;
            for (; i + lanesOf<V> <= t.channels; i += lanesOf<V>) {
                scatterStep(s, from, to, i, load<V>(gradColumn + i), column, wide);
            }
            Q dots[Corners];
            for (int corner = 0; corner < Corners; ++corner) dots[corner] = folded(wide[corner]);
            for (; i < t.channels; i += quadLanes) {
                Q grad = load<Q>(gradColumn + i);
                // What fills up the last quad is no channel's gradient.
                for (Index lane = t.channels - i; lane < quadLanes; ++lane) grad[lane] = 0;
                scatterStep(s, from, to, i, grad, column, dots);
            }
            Real dot[Corners];
            sums(dots, dot);
            Real gradModulation = 0;
            if (s.place != Place::Outside) {
                for (int corner = 0; corner < Corners; ++corner) {
                    gradModulation += s.weight[corner] * dot[corner];
                }
            }
            const Real gradients[] = {s.modulation * slopeY(s, dot), s.modulation * slopeX(s, dot),
                                      gradModulation};
            Real* out = t.gradSamples + tap * 3 * t.gradSamplePitch + point;
            for (const Real gradient : gradients) {
                *out = t.accumulate ? *out + gradient : gradient;
                out += t.gradSamplePitch;
            }
            gradColumn += rowNumbers;
            column += rowNumbers;
        }
    }
}

template <class Real>
constexpr MicroKernels<Real> kernels = {
    panelVectors* lanesOf<Vector<Real>>,
    transpose<Real>,
    plan<Real>,
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
