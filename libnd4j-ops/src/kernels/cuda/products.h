// Which products each element type uses.
#pragma once

#include "product.h"

namespace dcn4j::cuda {

/// What decides between kernels, beside the arguments' shapes.
struct Device {
    /// Compute capability, times ten.
    int capability;
    /// Whether FLOAT products may use tensor cores, which read 10 bits of mantissa.
    bool tf32;
};

/// FmaProducts: for FLOAT and DOUBLE, and for half types where there are no tensor cores for them.
template <class Real>
struct FmaProducts {
    template <int Columns>
    using ByRow = FmaProduct<Real, 128, Columns, 16, Columns == 32 ? 4 : 8, Columns == 128 ? 8 : 4>;
    using ByColumn = FmaProduct<Real, 64, 128, 16, 4, 8>;
};
template <>
struct FmaProducts<double> {
    template <int>
    using ByRow = FmaProduct<double, 64, 64, 8, 4, 4>;
    using ByColumn = FmaProduct<double, 64, 64, 8, 4, 4>;
};

/// Products on tensor cores; 64 columns are the least.
template <class Operand>
struct TensorProducts {
    template <int Columns>
    using ByRow = TensorProduct < Operand,
          128, Columns<64 ? 64 : Columns, Written::ByRow>;
    using ByColumn = TensorProduct<Operand, 64, 128, Written::ByColumn>;
};

/// Calls `action(products)` with the kind of products that the device has for an element type.
template <class Element, class Action>
void withProducts(const Device& device, Action action) {
    if constexpr (std::is_same_v<Element, Float16>) {
        if (device.capability >= 70) return action(TensorProducts<Float16>{});
    } else if constexpr (std::is_same_v<Element, BFloat16>) {
        if (device.capability >= 80) return action(TensorProducts<BFloat16>{});
    } else if constexpr (std::is_same_v<Element, float>) {
        if (device.tf32 && device.capability >= 80) return action(TensorProducts<Tf32>{});
    }
    action(FmaProducts<ComputeType<Element>>{});
}

}  // namespace dcn4j::cuda
