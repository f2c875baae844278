// Which pixels planned samples touch.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "micro_kernels.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

template <class Real>
RowSpan touched(Index count, const PlannedSample<Real>* samples, Index none) {
    using Pixel = decltype(PlannedSample<Real>::place);
    using P = Vector16<Pixel>;
    // Corners outside are the largest number, and as the least one -1.
    const P outside = broadcast<P>(static_cast<Pixel>(none));
    P least = outside, greatest = P{} - 1;
    for (Index i = 0; i < count; ++i) {
        for (Index c = 0; c < Corners; c += lanesOf<P>) {
            const P pixel = load<P>(samples[i].pixel + c);
            const P inside = pixel | (pixel == outside);
            least = pixel < least ? pixel : least;
            greatest = inside > greatest ? inside : greatest;
        }
    }
    Pixel first = least[0], last = greatest[0];
    for (Index lane = 1; lane < lanesOf<P>; ++lane) {
        first = least[lane] < first ? least[lane] : first;
        last = greatest[lane] > last ? greatest[lane] : last;
    }
    return last < 0 ? RowSpan{0, 0} : RowSpan{first, last + Index{1}};
}

}  // namespace
}  // namespace dcn4j::cpu
