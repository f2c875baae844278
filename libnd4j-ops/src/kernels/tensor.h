// Arrays as the kernels see them: an address, an element type, and one stride per dimension.
#pragma once

#include <cstddef>
#include <cstdint>

#include "host_device.h"

namespace dcn4j {

using Index = std::int64_t;

enum class ElementType { Float32, Float64, Float16, BFloat16 };

/// An array of rank `Rank` in any memory order. Strides count elements and may be zero or negative.
/// `data` is null where an optional array is absent; the element type is the call's.
template <int Rank>
struct Tensor {
    void* data = nullptr;
    Index strides[Rank] = {};

    DCN4J_HOST_DEVICE bool present() const { return data != nullptr; }

    /// The position, in elements from `data`, of the element at `index`.
    template <class... I>
    DCN4J_HOST_DEVICE Index at(I... index) const {
        static_assert(sizeof...(I) == Rank);
        const Index where[Rank] = {static_cast<Index>(index)...};
        Index position = 0;
        for (int d = 0; d < Rank; ++d) position += where[d] * strides[d];
        return position;
    }
};

}  // namespace dcn4j
