// The micro-kernels of one instruction set. CMake compiles this file several times, each with its
// own flags and with DCN4J_INSTRUCTION_SET, DCN4J_VECTOR_BYTES and DCN4J_PRODUCT_ROWS set.
//
// Written with GCC's vector extensions, so that one source serves every instruction set. Nothing
// with external linkage may be instantiated here but the table itself: the linker keeps one copy of
// an inline function, and it could be the one that the processor can't run. Hence the unnamed
// namespace, and no standard library.
#include "micro_kernels.h"

#include <utility>

#include "vectors.h"

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
    DCN4J_UNROLL for (int row = 0; row < Rows; ++row) {
        total[row][0] = total[row][1] = V{};
        // The row that the totals are added to, or written: it arrives while they are summed.
        __builtin_prefetch(c + row * cPitch, 1);
    }
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

/// Writes lane i of four vectors next to one another at `to` + i * step.
template <class V, class Number>
inline void storeLanes(V v0, V v1, V v2, V v3, Number* to, Index step) {
    static_assert(sizeof(Number) == sizeof(v0[0]));
    constexpr std::size_t lanes = lanesOf<V>;
    using Q = Quad<NumberOf<V>>;
    if constexpr (lanesOf<Q> == 4) {
        // Squares of 4 x 4 within each quad: then quad q of vector i is lane 4q + i.
        constexpr auto all = std::make_index_sequence<lanes>();
        exchange<2>(v0, v2, all);
        exchange<2>(v1, v3, all);
        exchange<1>(v0, v1, all);
        exchange<1>(v2, v3, all);
        const V v[4] = {v0, v1, v2, v3};
        for (std::size_t q = 0; q < lanes / 4; ++q) {
            for (std::size_t i = 0; i < 4; ++i) {
                __builtin_memcpy(to + static_cast<Index>(4 * q + i) * step,
                                 reinterpret_cast<const Q*>(&v[i]) + q, sizeof(Q));
            }
        }
    } else {
        const V v[4] = {v0, v1, v2, v3};
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            for (std::size_t i = 0; i < 4; ++i) {
                const auto number = v[i][lane];
                __builtin_memcpy(to + static_cast<Index>(lane) * step + i, &number, sizeof number);
            }
        }
    }
}

/// Plans the samples of as many points as a vector has lanes.
template <class Real>
inline void planLanes(const Positions<Real>& at, Index first, PlannedSample<Real>* samples,
                      Index step) {
    using Pixel = std::remove_reference_t<decltype(samples->place)>;
    using V = Vector<Real>;
    using P = Vector<Pixel>;
    const auto height = static_cast<Pixel>(at.height), width = static_cast<Pixel>(at.width);
    const auto found = locate<V, P>(
        load<V>(at.y + first), load<V>(at.x + first), broadcast<P>(height), broadcast<P>(width),
        broadcast<V>(static_cast<Real>(height)), broadcast<V>(static_cast<Real>(width)));
    const P place = found.between ? broadcast<P>(Between) : broadcast<P>(Outside);
    V placeBits;
    __builtin_memcpy(&placeBits, &place, sizeof place);
    // A sample is three rows of four numbers of one size.
    static_assert(sizeof *samples == 12 * sizeof(Real));
    const Index numbers = step * 12;
    storeLanes(found.pixel[0], found.pixel[1], found.pixel[2], found.pixel[3], samples->pixel,
               numbers);
    storeLanes(found.weight[0], found.weight[1], found.weight[2], found.weight[3], samples->weight,
               numbers);
    storeLanes(found.fractionY, found.fractionX, load<V>(at.modulation + first), placeBits,
               &samples->fractionY, numbers);
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

/// Where the rows of the four corners of a sample begin.
template <class Real>
struct CornerRows {
    Index at[Corners];

    CornerRows(const PlannedSample<Real>& s, Index rowNumbers) {
        for (int c = 0; c < Corners; ++c) at[c] = static_cast<Index>(s.pixel[c]) * rowNumbers;
    }
};

/// The sample's values from number `i` of its rows on, as far as vectors of this width go.
template <class V, class Real>
inline Index gatherRow(const PlannedSample<Real>& s, const Real* image, Real* out, Index i,
                       Index rowNumbers) {
    const CornerRows<Real> rows(s, rowNumbers);
    const Real* const topLeft = image + rows.at[TopLeft];
    if (s.place == Between) {
        const Real* const topRight = image + rows.at[TopRight];
        const Real* const bottomLeft = image + rows.at[BottomLeft];
        const Real* const bottomRight = image + rows.at[BottomRight];
        const V w0 = broadcast<V>(s.weight[TopLeft]), w1 = broadcast<V>(s.weight[TopRight]);
        const V w2 = broadcast<V>(s.weight[BottomLeft]), w3 = broadcast<V>(s.weight[BottomRight]);
        const V modulation = broadcast<V>(s.modulation);
        for (; i + lanesOf<V> <= rowNumbers; i += lanesOf<V>) {
            V value = w0 * load<V>(topLeft + i);
            value += w1 * load<V>(topRight + i);
            value += w2 * load<V>(bottomLeft + i);
            value += w3 * load<V>(bottomRight + i);
            store<V>(out + i, value * modulation);
        }
    } else if (s.place == AtPixel) {
        const V modulation = broadcast<V>(s.modulation);
        for (; i + lanesOf<V> <= rowNumbers; i += lanesOf<V>) {
            store<V>(out + i, load<V>(topLeft + i) * modulation);
        }
    } else {
        const V outside = V{} * s.modulation;  // NaN if the modulation is
        for (; i + lanesOf<V> <= rowNumbers; i += lanesOf<V>) store<V>(out + i, outside);
    }
    return i;
}

template <class Real>
void gather(Index points, Index taps, Index rowNumbers, const PlannedSample<Real>* samples,
            const Real* image, Real* column, Index pitch) {
    const Index whole = rowNumbers / lanesOf<Vector<Real>> * lanesOf<Vector<Real>>;
    for (Index point = 0; point < points; ++point) {
        Real* out = column + point * pitch;
        for (Index tap = 0; tap < taps; ++tap, ++samples, out += rowNumbers) {
            if (whole > 0) gatherRow<Vector<Real>>(*samples, image, out, 0, rowNumbers);
            if (whole < rowNumbers) {
                gatherRow<Quad<Real>>(*samples, image, out, whole, rowNumbers);
            }
        }
    }
}

/// The sums of the lanes of four quads.
inline void sums(const Quad<float> (&v)[Corners], float (&to)[Corners]) {
    Quad<float> w[Corners] = {v[0], v[1], v[2], v[3]};
    transposeSquare<2>(w);
    store<Quad<float>>(to, (w[0] + w[1]) + (w[2] + w[3]));
}
inline void sums(const Quad<double> (&v)[Corners], double (&to)[Corners]) {
    for (int i = 0; i < Corners; ++i) to[i] = v[i][0] + v[i][1];
}

/// Which corners of a sample may have a weight.
enum class Weighted { All, Some, TopLeftOnly };

/// The backward pass over the numbers `i` .. `end` of a sample's row, in vectors of one width.
template <Weighted Which, class V, class Real>
inline Index scatterRow(const ScatterTile<Real>& t, const PlannedSample<Real>& s, Index rowNumbers,
                        Index i, Index end, const Real* gradColumn, Real* column,
                        V (&dot)[Corners]) {
    constexpr int corners = Which == Weighted::TopLeftOnly ? 1 : Corners;
    const CornerRows<Real> rows(s, rowNumbers);
    const Real* from[corners];
    Real* to[corners];
    V weight[corners];
    for (int c = 0; c < corners; ++c) {
        from[c] = t.image + rows.at[c];
        to[c] = t.gradImage + rows.at[c];
        weight[c] = broadcast<V>(s.weight[c]);
    }
    const V modulation = broadcast<V>(s.modulation);
    for (; i < end; i += lanesOf<V>) {
        V grad = load<V>(gradColumn + i);
        if constexpr (sizeof(V) == 16) {
            // What fills up the last quad is no channel's gradient.
            grad = laneNumbers<V>() < broadcast<V>(static_cast<Real>(t.channels - i)) ? grad : V{};
        }
        V value{};
        DCN4J_UNROLL for (int c = 0; c < corners; ++c) {
            const V pixel = load<V>(from[c] + i);
            dot[c] += grad * pixel;
            value += weight[c] * pixel;
        }
        if (Which == Weighted::Some && s.place == Outside) value = V{};
        store<V>(column + i, value * modulation);
        const V modulated = grad * modulation;
        DCN4J_UNROLL for (int c = 0; c < corners; ++c) {
            // A corner of weight zero is no part of the sum: an infinite gradient must not reach
            // it.
            if (Which == Weighted::Some && s.weight[c] == 0) continue;
            store<V>(to[c] + i, load<V>(to[c] + i) + weight[c] * modulated);
        }
    }
    return i;
}

/// The backward pass over one sample: its column, the gradients of its corners, and the dot
/// products of the column's gradient with each corner's row.
template <Weighted Which, class Real>
inline void scatterSample(const ScatterTile<Real>& t, const PlannedSample<Real>& s,
                          Index rowNumbers, const Real* gradColumn, Real* column,
                          Real (&dot)[Corners]) {
    using V = Vector<Real>;
    Quad<Real> dots[Corners] = {};
    Index i = 0;
    if (t.channels >= lanesOf<V>) {
        V wide[Corners] = {};
        i = scatterRow<Which>(t, s, rowNumbers, 0, t.channels / lanesOf<V> * lanesOf<V>, gradColumn,
                              column, wide);
        for (int c = 0; c < Corners; ++c) dots[c] = folded(wide[c]);
    }
    if (i < t.channels)
        scatterRow<Which>(t, s, rowNumbers, i, t.channels, gradColumn, column, dots);
    sums(dots, dot);
}

template <class Real>
void scatter(const ScatterTile<Real>& t) {
    const Index rowNumbers = (t.channels + quad<Real> - 1) / quad<Real> * quad<Real>;
    const PlannedSample<Real>* sample = t.samples;
    for (Index point = 0; point < t.points; ++point) {
        const Real* gradColumn = t.gradColumn + point * t.pitch;
        Real* column = t.column + point * t.pitch;
        for (Index tap = 0; tap < t.taps; ++tap, ++sample) {
            const PlannedSample<Real>& s = *sample;
            Real dot[Corners];
            if (s.place == AtPixel) {
                scatterSample<Weighted::TopLeftOnly>(t, s, rowNumbers, gradColumn, column, dot);
            } else if (s.weight[TopLeft] != 0 && s.weight[TopRight] != 0 &&
                       s.weight[BottomLeft] != 0 && s.weight[BottomRight] != 0) {
                scatterSample<Weighted::All>(t, s, rowNumbers, gradColumn, column, dot);
            } else {
                scatterSample<Weighted::Some>(t, s, rowNumbers, gradColumn, column, dot);
            }
            Real gradModulation = 0;
            if (s.place != Outside) {
                for (int c = 0; c < Corners; ++c) gradModulation += s.weight[c] * dot[c];
            }
            Real* out = t.gradSamples + tap * 3 * t.points + point;
            out[0] = s.modulation * slopeY(s, dot);
            out[t.points] = s.modulation * slopeX(s, dot);
            out[2 * t.points] = gradModulation;
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

}  // namespace

extern const PoolingSet DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Pooling);
extern const InstructionSet DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Set);
const InstructionSet DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Set) = {
    DCN4J_NAME(DCN4J_INSTRUCTION_SET), kernels<float>, kernels<double>,
    DCN4J_OF_SET(DCN4J_INSTRUCTION_SET, Pooling)};

}  // namespace dcn4j::cpu
