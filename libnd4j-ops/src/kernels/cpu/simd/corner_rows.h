// Where a sample's corners lie in a packed image.
//
// Compiled once per instruction set (micro_kernels.cpp); everything has internal linkage.
#pragma once

#include "micro_kernels.h"
#include "vectors.h"

namespace dcn4j::cpu {
namespace {

/// Where the rows of the four corners of a sample begin.
template <class Real>
struct CornerRows {
    Index at[Corners];

    CornerRows(const PlannedSample<Real>& s, Index paddedChannels) {
        for (int c = 0; c < Corners; ++c) at[c] = static_cast<Index>(s.pixel[c]) * paddedChannels;
    }
};

}  // namespace
}  // namespace dcn4j::cpu
