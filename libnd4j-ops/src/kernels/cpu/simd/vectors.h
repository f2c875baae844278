// Vectors of one instruction set's length, for the files that are compiled once per instruction
// set. Everything here has internal linkage, and nothing of the standard library is used: the
// linker keeps one copy of an inline function, and it could be the one that the processor can't
// run.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "../../sampling/plane.h"
#include "../../tensor.h"

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
using Vector16 = typename VectorOf<Number, 16>::Type;

template <class V>
using NumberOf = std::remove_reference_t<decltype(V{}[0])>;
template <class V>
constexpr Index lanesOf = sizeof(V) / sizeof(V{}[0]);

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

/// `x`, which the compiler must have in a register: what is used twice is not loaded twice.
template <class V>
inline V inRegister(V x) {
#if defined(__AVX512F__)
    constexpr int longest = 64;
#elif defined(__AVX__)
    constexpr int longest = 32;
#else
    constexpr int longest = 16;
#endif
    if constexpr (sizeof(V) <= longest) {
#if defined(__x86_64__)
        asm("" : "+v"(x));
#elif defined(__aarch64__)
        asm("" : "+w"(x));
#endif
    }
    return x;
}

/// `x` in every lane. Subtracting zero changes no number, so that the compiler leaves it out.
template <class V>
inline V broadcast(NumberOf<V> x) {
    return x - V{};
}

/// a * b + c, rounded once where the instruction set can. Said explicitly: the compiler is told to
/// fuse nothing by itself (-ffp-contract=off), since that would move positions.
template <class V>
inline V multiplyAdd(const V& a, const V& b, const V& c) {
    return a * b + c;
}
#if defined(__FMA__)
inline Vector16<float> multiplyAdd(const Vector16<float>& a, const Vector16<float>& b,
                                   const Vector16<float>& c) {
    return _mm_fmadd_ps(a, b, c);
}
inline Vector16<double> multiplyAdd(const Vector16<double>& a, const Vector16<double>& b,
                                    const Vector16<double>& c) {
    return _mm_fmadd_pd(a, b, c);
}
inline Vector<float> multiplyAdd(const Vector<float>& a, const Vector<float>& b,
                                 const Vector<float>& c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#else
    return _mm256_fmadd_ps(a, b, c);
#endif
}
inline Vector<double> multiplyAdd(const Vector<double>& a, const Vector<double>& b,
                                  const Vector<double>& c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_pd(a, b, c);
#else
    return _mm256_fmadd_pd(a, b, c);
#endif
}
#elif defined(__aarch64__)
inline Vector16<float> multiplyAdd(const Vector16<float>& a, const Vector16<float>& b,
                                   const Vector16<float>& c) {
    return vfmaq_f32(c, a, b);
}
inline Vector16<double> multiplyAdd(const Vector16<double>& a, const Vector16<double>& b,
                                    const Vector16<double>& c) {
    return vfmaq_f64(c, a, b);
}
#endif

// Unrolled by order, not by the optimizer's leave: then what is in arrays stays in registers.
#define DCN4J_UNROLL _Pragma("GCC unroll 16")

/// The vector's parts of 16 bytes, joined two by two.
template <class V, class Join>
inline auto joinParts(const V& v, Join join) {
    using Q = Vector16<NumberOf<V>>;
    Q part[sizeof(V) / sizeof(Q)];
    __builtin_memcpy(part, &v, sizeof v);
    DCN4J_UNROLL for (std::size_t step = sizeof(V) / sizeof(Q) / 2; step > 0; step /= 2) {
        for (std::size_t i = 0; i < step; ++i) part[i] = join(part[i], part[i + step]);
    }
    return part[0];
}
template <class V>
inline auto horizontalSum(const V& v) {
    return joinParts(v, [](const auto& a, const auto& b) { return a + b; });
}

/// 0, 1, ... in 16 bytes.
template <class Q>
constexpr Q laneNumbers() {
    if constexpr (lanesOf<Q> == 4) {
        return Q{0, 1, 2, 3};
    } else {
        return Q{0, 1};
    }
}

/// Exchanges the odd blocks of `Step` lanes of `a` with the even ones of `b`.
template <Index Step, class V, std::size_t... Lane>
inline void exchange(V& a, V& b, std::index_sequence<Lane...>) {
    constexpr Index lanes = lanesOf<V>;
    const V even = __builtin_shufflevector(a, b, (Lane & Step ? lanes + Lane - Step : Lane)...);
    b = __builtin_shufflevector(a, b, (Lane & Step ? lanes + Lane : Lane + Step)...);
    a = even;
}

/// Transposes four vectors within each 16 bytes, as squares of four floats: as many instructions
/// as results, where two exchanges would take a blend more for each.
template <class V, std::size_t... Lane>
inline void transposeFours(V& v0, V& v1, V& v2, V& v3, std::index_sequence<Lane...>) {
    constexpr std::size_t lanes = lanesOf<V>;
    const auto interleave = [](const V& a, const V& b, auto first) {
        return __builtin_shufflevector(a, b,
                                       (Lane / 4 * 4 + first + Lane % 4 / 2 + Lane % 2 * lanes)...);
    };
    const auto halves = [](const V& a, const V& b, auto first) {
        return __builtin_shufflevector(a, b,
                                       (Lane / 4 * 4 + first + Lane % 2 + Lane % 4 / 2 * lanes)...);
    };
    constexpr std::integral_constant<std::size_t, 0> low;
    constexpr std::integral_constant<std::size_t, 2> high;
    const V a = interleave(v0, v1, low), b = interleave(v0, v1, high);
    const V c = interleave(v2, v3, low), d = interleave(v2, v3, high);
    v0 = halves(a, c, low);
    v1 = halves(a, c, high);
    v2 = halves(b, d, low);
    v3 = halves(b, d, high);
}

/// Transposes the square that as many vectors as they have lanes are.
template <Index Step, class V, Index Lanes>
inline void transposeSquare(V (&v)[Lanes]) {
    constexpr auto all = std::make_index_sequence<Lanes>();
    if constexpr (Step == 2 && sizeof(v[0][0]) == 4) {
        DCN4J_UNROLL for (Index i = 0; i < Lanes; i += 4) {
            transposeFours(v[i], v[i + 1], v[i + 2], v[i + 3], all);
        }
    } else {
        DCN4J_UNROLL for (Index i = 0; i < Lanes; ++i) {
            if (!(i & Step)) exchange<Step>(v[i], v[i + Step], all);
        }
        if constexpr (Step > 1) transposeSquare<Step / 2>(v);
    }
}

/// A number for each corner.
template <class Real>
using Quad = typename VectorOf<Real, 4 * sizeof(Real)>::Type;

/// Each of the corners' numbers in every lane.
template <class V>
inline void spread(const NumberOf<V> (&numbers)[Corners], V (&each)[Corners]) {
    for (int c = 0; c < Corners; ++c) each[c] = broadcast<V>(numbers[c]);
}
#if defined(__AVX512F__)
// One load and a shuffle each, in place of four loads: a row of 512 bits waits for loads.
template <int Corner, std::size_t... Lane>
inline Vector<float> cornerOfEach4(const Vector<float>& v, std::index_sequence<Lane...>) {
    return __builtin_shufflevector(v, v, (Lane / 4 * 4 + Corner)...);
}
inline void spread(const float (&numbers)[Corners], Vector<float> (&each)[Corners]) {
    constexpr auto lanes = std::make_index_sequence<16>();
    // With a mask of all: of the form without one GCC 12 warns that it reads what is not set.
    const Vector<float> all = _mm512_maskz_broadcast_f32x4(0xffff, load<Quad<float>>(numbers));
    each[0] = cornerOfEach4<0>(all, lanes);
    each[1] = cornerOfEach4<1>(all, lanes);
    each[2] = cornerOfEach4<2>(all, lanes);
    each[3] = cornerOfEach4<3>(all, lanes);
}
#endif

/// Whether no corner's number is zero.
template <class Real>
inline bool allNonZero(const Real (&numbers)[Corners]) {
#if defined(__x86_64__)
    if constexpr (sizeof(Real) == 4) {
        return _mm_movemask_ps(_mm_cmpeq_ps(load<Quad<Real>>(numbers), _mm_setzero_ps())) == 0;
    }
#endif
    return numbers[0] != 0 && numbers[1] != 0 && numbers[2] != 0 && numbers[3] != 0;
}

/// The lanes of two vectors in blocks of 16 bytes: half of each block is `a`'s, half `b`'s. Of the
/// halves those that are in their places, those that are not, and the even and odd lanes.
template <class V, std::size_t... Lane>
inline V addHalves(const V& a, const V& b, std::index_sequence<Lane...>) {
    constexpr std::size_t lanes = sizeof...(Lane);
    return __builtin_shufflevector(a, b, (Lane & 2 ? lanes + Lane : Lane)...) +
           __builtin_shufflevector(a, b, (Lane & 2 ? lanes + Lane - 2 : Lane + 2)...);
}
template <class V, std::size_t... Lane>
inline V addPairs(const V& a, const V& b, std::index_sequence<Lane...>) {
    constexpr std::size_t lanes = sizeof...(Lane);
    constexpr auto from = [](std::size_t i) { return i / 4 * 4 + i % 2 * 2 + (i & 2 ? lanes : 0); };
    return __builtin_shufflevector(a, b, from(Lane)...) +
           __builtin_shufflevector(a, b, (from(Lane) + 1)...);
}

/// The sums of the lanes of each corner's vector, of any length: of floats with as few shuffles as
/// can be.
template <class V>
inline auto sumsOfLanes(const V (&v)[Corners]) {
    using Q = Vector16<NumberOf<V>>;
    if constexpr (lanesOf<Q> == 4) {
        constexpr auto all = std::make_index_sequence<lanesOf<V>>();
        return horizontalSum(addPairs(addHalves(v[0], v[1], all), addHalves(v[2], v[3], all), all));
    } else {
        const auto sum = [](const V& lanes) {
            const Q two = horizontalSum(lanes);
            return two[0] + two[1];
        };
        return Quad<NumberOf<V>>{sum(v[0]), sum(v[1]), sum(v[2]), sum(v[3])};
    }
}

// The instruction set's name as text, and as the beginning of a name.
#define DCN4J_TEXT(name) #name
#define DCN4J_NAME(name) DCN4J_TEXT(name)
#define DCN4J_JOIN(name, suffix) name##suffix
#define DCN4J_OF_SET(name, suffix) DCN4J_JOIN(name, suffix)

}  // namespace
}  // namespace dcn4j::cpu

// How the sampling rule converts vectors.
namespace dcn4j {
namespace {

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
