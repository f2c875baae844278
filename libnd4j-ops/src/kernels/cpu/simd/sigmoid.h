// 1 / (1 + exp(-x)) in vectors.
//
// exp(y) = 2^n exp(r), n the integer nearest to y / ln 2, so that |r| <= ln 2 / 2; exp(r) is its
// Taylor series, which leaves out less than a number's last bit: r^8 / 8! < 2^-27 after 7 powers
// for float, r^14 / 14! < 2^-57 after 13 for double.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "vectors.h"

namespace dcn4j::cpu {
namespace {

template <class Real>
struct Exponential;

template <>
struct Exponential<float> {
    using Bits = Vector<std::uint32_t>;
    static constexpr int powers = 7, mantissaBits = 23;
    static constexpr std::uint32_t one = 0x3f800000u;
    static constexpr float roundingShift = 0x1.8p23f;
    static constexpr float ln2High = 0.693359375f;  // of few bits: n times it is exact
    static constexpr float ln2Low = -2.121944400546905828e-4f;
    static constexpr float least = -87, most = 87;  // 2^n stays a normal number
};

template <>
struct Exponential<double> {
    using Bits = Vector<std::uint64_t>;
    static constexpr int powers = 13, mantissaBits = 52;
    static constexpr std::uint64_t one = 0x3ff0000000000000u;
    static constexpr double roundingShift = 0x1.8p52;
    static constexpr double ln2High = 0x1.62e42feep-1;
    static constexpr double ln2Low = 0x1.a39ef35793c76p-33;
    static constexpr double least = -708, most = 708;
};

/// exp(y) for `least` <= y <= `most`; NaN for NaN.
template <class Real>
inline Vector<Real> exponential(const Vector<Real>& y) {
    using V = Vector<Real>;
    using E = Exponential<Real>;
    constexpr Real log2e = static_cast<Real>(0x1.71547652b82fep+0);
    // Adding so large a number rounds to an integer, which the last bits then hold.
    const V shifted = y * log2e + E::roundingShift;
    const V n = shifted - E::roundingShift;
    const V r = (y - n * E::ln2High) - n * E::ln2Low;
    V sum = broadcast<V>(1);
    DCN4J_UNROLL for (int power = E::powers; power > 0; --power) {
        sum = multiplyAdd(sum, r * (1 / static_cast<Real>(power)), broadcast<V>(1));
    }
    typename E::Bits bits;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << E::mantissaBits) + E::one;
    V scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

/// values[i] = 1 / (1 + exp(-values[i])), in whole vectors; 0 where that is no normal number, below
/// -`most`.
template <class Real>
void sigmoid(Index count, Real* values) {
    using V = Vector<Real>;
    using E = Exponential<Real>;
    for (Index i = 0; i < count; i += lanesOf<V>) {
        V y = -load<V>(values + i);
        const auto vanishes = y > V{} + E::most;
        y = y < V{} + E::least ? V{} + E::least : y;
        y = vanishes ? V{} + E::most : y;
        store(values + i, vanishes ? V{} : 1 / (1 + exponential<Real>(y)));
    }
}

}  // namespace
}  // namespace dcn4j::cpu
