// Half types to float and back, rounding to the nearest value, ties to even. F16C and NEON have
// instructions for HALF; the rest is shifts of the bits, in vectors.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "micro_kernels.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

using Floats = Vector<float>;
using Bits = Vector<std::uint32_t>;
/// As many numbers of 16 bits.
using Halves = VectorOf<std::uint16_t, DCN4J_VECTOR_BYTES / 2>::Type;

template <class To, class From>
inline To bitsAs(const From& from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

inline Floats widenVector(const Halves& half, BFloat16) {
    return bitsAs<Floats>(__builtin_convertvector(half, Bits) << 16);
}

inline Halves narrowVector(const Floats& value, BFloat16) {
    const Bits bits = bitsAs<Bits>(value);
    const Bits rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    // NaN stays NaN: rounding could carry it to infinity.
    const Bits half = (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded;
    return __builtin_convertvector(half, Halves);
}

#if defined(__F16C__) && defined(__AVX512F__)
// The forms without a mask make GCC 12 warn of its own headers; the instructions are the same.
constexpr __mmask16 everyLane = 0xffff;
inline Floats widenVector(const Halves& half, Float16) {
    return _mm512_maskz_cvtph_ps(everyLane, bitsAs<__m256i>(half));
}
inline Halves narrowVector(const Floats& value, Float16) {
    return bitsAs<Halves>(
        _mm512_maskz_cvtps_ph(everyLane, value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#elif defined(__F16C__)
inline Floats widenVector(const Halves& half, Float16) {
    return _mm256_cvtph_ps(bitsAs<__m128i>(half));
}
inline Halves narrowVector(const Floats& value, Float16) {
    return bitsAs<Halves>(_mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#elif defined(__aarch64__) && DCN4J_VECTOR_BYTES == 16
inline Floats widenVector(const Halves& half, Float16) {
    return vcvt_f32_f16(bitsAs<float16x4_t>(half));
}
inline Halves narrowVector(const Floats& value, Float16) {
    return bitsAs<Halves>(vcvt_f16_f32(value));
}
#else
// As widen and narrow of element.h have it, with the reasons.
inline Floats widenVector(const Halves& half, Float16) {
    const Bits bits = __builtin_convertvector(half, Bits);
    const Bits magnitude = bits & 0x7fffu;
    const Bits finite = bitsAs<Bits>(bitsAs<Floats>(magnitude << 13) * 0x1p112f);
    const Bits special = 0x7f800000u | (magnitude << 13);
    return bitsAs<Floats>((bits & 0x8000u) << 16 | (magnitude >= 0x7c00u ? special : finite));
}
inline Halves narrowVector(const Floats& value, Float16) {
    const Bits bits = bitsAs<Bits>(value), magnitude = bits & 0x7fffffffu;
    const Bits subnormal = bitsAs<Bits>(bitsAs<Floats>(magnitude) + 0.5f) - 0x3f000000u;
    const Bits normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    const Bits small = magnitude < 0x38800000u ? subnormal : normal;
    const Bits finite = magnitude >= 0x477ff000u ? Bits{} + 0x7c00u : small;
    const Bits half = magnitude > 0x7f800000u ? Bits{} + 0x7e00u : finite;
    return __builtin_convertvector(half | (bits >> 16 & 0x8000u), Halves);
}
#endif

/// Calls `action(from, to)` for as many numbers at a time as a vector has; the last ones, if they
/// are fewer, in memory of their own.
template <class From, class To, class Action>
inline void inVectors(Index count, const From* from, To* to, Action action) {
    constexpr Index lanes = lanesOf<Floats>;
    Index i = 0;
    for (; i + lanes <= count; i += lanes) action(from + i, to + i);
    if (i == count) return;
    From some[lanes] = {};
    To converted[lanes];
    __builtin_memcpy(some, from + i, static_cast<std::size_t>(count - i) * sizeof(From));
    action(some, converted);
    __builtin_memcpy(to + i, converted, static_cast<std::size_t>(count - i) * sizeof(To));
}

template <class Element>
void widenRow(Index count, const Element* from, float* to) {
    inVectors(count, from, to, [](const Element* some, float* wide) {
        Halves half;
        __builtin_memcpy(&half, some, sizeof half);
        store<Floats>(wide, widenVector(half, Element{}));
    });
}

template <class Element>
void narrowRow(Index count, const float* from, Element* to) {
    inVectors(count, from, to, [](const float* some, Element* narrow) {
        const Halves half = narrowVector(load<Floats>(some), Element{});
        __builtin_memcpy(narrow, &half, sizeof half);
    });
}

template <class Real>
constexpr HalfConversions<Real> conversions = {};
template <>
constexpr HalfConversions<float> conversions<float> = {widenRow<Float16>, widenRow<BFloat16>,
                                                       narrowRow<Float16>, narrowRow<BFloat16>};

}  // namespace
}  // namespace dcn4j::cpu
