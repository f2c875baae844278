// Where the samples of a few images lie, in device memory: worked out once a call, by the pass that
// makes the columns' gradient, and read by that of the weights' gradient, whose blocks plan each
// sample anew for every tile of output channels and of channels.
#pragma once

#include <cstdint>
#include <type_traits>

#include "sample_table.h"

namespace dcn4j::cuda {

/// One sample's, read in accesses of 16 bytes. Of a place of zeros, no corner is on the plane.
template <class Real>
struct alignas(16) StoredPlace {
    /// As wide as a real number, so that nothing is read that pads.
    using Whole = std::conditional_t<sizeof(Real) == 8, std::int64_t, std::int32_t>;
    static constexpr std::uint32_t zero = 0x80000000u;  ///< below all pixels

    Real y, x, modulation;
    Whole image;  ///< its first pixel, counted from `zero` on

    StoredPlace() = default;
    DCN4J_HOST_DEVICE StoredPlace(const SamplePlace<Real>& at, int firstPixel)
        : y(at.y),
          x(at.x),
          modulation(at.modulation),
          image(static_cast<std::int32_t>(static_cast<std::uint32_t>(firstPixel) - zero)) {}

    DCN4J_HOST_DEVICE int firstPixel() const {
        return static_cast<int>(static_cast<std::uint32_t>(image) + zero);
    }
};

/// Those of the images from `firstImage` on.
template <class Real>
struct SamplePlaces {
    StoredPlace<Real>* data;  ///< [offset group][tap][pixel of the images]
    Index firstImage;
    int pixels;  ///< output pixels of the images

    /// Those of a tap and offset group.
    __device__ StoredPlace<Real>* of(const PlanGeometry& p, int offsetGroup, int tap) const {
        return data + (Index{offsetGroup} * p.taps + tap) * pixels;
    }
};

}  // namespace dcn4j::cuda
