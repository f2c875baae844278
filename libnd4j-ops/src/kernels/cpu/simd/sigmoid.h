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
struct Exponential {
    static constexpr bool single = sizeof(Real) == 4;
    using Word = std::conditional_t<single, std::uint32_t, std::uint64_t>;
    static constexpr int powers = single ? 7 : 13, mantissaBits = single ? 23 : 52;
    static constexpr Word half = Word{single ? 126 : 1022} << mantissaBits;  ///< its bits
    /// One and a half times the number from which on a last bit is a one.
    static constexpr Real roundingShift = static_cast<Real>(single ? 0x1.8p23 : 0x1.8p52);
    /// Of few bits: n times it is exact.
    static constexpr Real ln2High = static_cast<Real>(single ? 0.693359375 : 0x1.62e42feep-1);
    static constexpr Real ln2Low =
        static_cast<Real>(single ? -2.121944400546905828e-4 : 0x1.a39ef35793c76p-33);
    /// The logarithm of the largest number, and where 2^(n - 1) is still a normal number or zero.
    static constexpr Real most = static_cast<Real>(single ? 88.72283 : 709.782712893384);
    static constexpr Real least = single ? -87 : -708;
};

/// exp(y) for `least` <= y <= `most`, zero perhaps close to `least`; NaN for NaN.
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
    Vector<typename E::Word> bits;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    // 2^(n - 1): of the largest n, there is no 2^n.
    bits = (bits << E::mantissaBits) + E::half;
    V scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    return sum * scale * 2;
}

/// values[i] = 1 / (1 + exp(-values[i])), in whole vectors; 0 where exp(-values[i]) is infinite.
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
