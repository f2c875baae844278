// The sampling rule (sampling/plane.h) for as many points at once as a vector has lanes.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "../../sampling/plane.h"
#include "micro_kernels.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

/// Writes lane i of four vectors next to one another at `to` + i * step.
template <class V, class Number>
inline void storeLanes(V v0, V v1, V v2, V v3, Number* to, Index step) {
    static_assert(sizeof(Number) == sizeof(v0[0]));
    constexpr std::size_t lanes = lanesOf<V>;
    using Q = Vector16<NumberOf<V>>;
    if constexpr (lanesOf<Q> == 4) {
        // Squares of 4 x 4 within each 16 bytes: then quarter q of vector i is lane 4q + i.
        transposeFours(v0, v1, v2, v3, std::make_index_sequence<lanes>());
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

/// Writes samples[lane * step] for the lanes of a location.
template <class V, class P, class Real>
inline void storeLocation(const Location<V, P>& found, const V& modulation,
                          PlannedSample<Real>* samples, Index step) {
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
    storeLanes(found.fractionY, found.fractionX, modulation, placeBits, &samples->fractionY,
               numbers);
}

/// Plans the samples of as many points as a vector has lanes.
template <class Real>
inline void planLanes(const TapPositions<Real>& at, Index first, PlannedSample<Real>* samples,
                      Index step) {
    using Pixel = std::remove_reference_t<decltype(samples->place)>;
    using V = Vector<Real>;
    using P = Vector<Pixel>;
    const auto number = [](Index n) { return broadcast<P>(static_cast<Pixel>(n)); };
    const auto real = [](Index n) { return broadcast<V>(static_cast<Real>(n)); };
    const Plane<P> plane{number(at.plane.height), number(at.plane.width), number(at.plane.pitch)};
    const V y = load<V>(at.y + first) + (load<V>(at.baseY + first) + broadcast<V>(at.tapY));
    const V x = load<V>(at.x + first) + (load<V>(at.baseX + first) + broadcast<V>(at.tapX));
    const auto found = locate<V, P>(y, x, plane, real(at.plane.height), real(at.plane.width));
    storeLocation(found, load<V>(at.modulation + first), samples, step);
}

template <class Real>
void plan(Index points, const TapPositions<Real>& positions, PlannedSample<Real>* samples,
          Index step) {
    // A copy: for all the compiler knows, stores to the samples could change the caller's.
    const TapPositions<Real> at = positions;
    constexpr Index lanes = lanesOf<Vector<Real>>;
    Index point = 0;
    for (; point + lanes <= points; point += lanes) {
        planLanes(at, point, samples + point * step, step);
    }
    for (; point < points; ++point) {
        locate(at.y[point] + (at.baseY[point] + at.tapY), at.x[point] + (at.baseX[point] + at.tapX),
               at.modulation[point], at.plane, samples[point * step]);
    }
}

}  // namespace
}  // namespace dcn4j::cpu
