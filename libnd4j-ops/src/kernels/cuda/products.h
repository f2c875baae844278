// Which products each element type uses, and which tile a call's shape asks for.
#pragma once

#include "deformable_conv2d.h"
#include "product.h"

namespace dcn4j::cuda {

/// FmaProducts: for FLOAT and DOUBLE, and for half types where there are no tensor cores for them.
/// ByRow: 128 rows, or 64 where there are 256 columns, so that what is sampled for a row serves all
/// of them. Small: for grids that would leave multiprocessors idle. ByColumn: of the weights'
/// gradient.
template <class Real>
struct FmaProducts {
    static constexpr bool byTaps = false;
    template <int Columns>
    using ByRow = FmaProduct<Real, Columns == 256 ? 64 : 128, Columns, 16, Columns == 32 ? 4 : 8,
                             Columns >= 128 ? 8 : 4>;
    using Small = FmaProduct<Real, 64, 64, 16, 4, 4>;
    template <int Rows>
    using ByColumn = FmaProduct<Real, Rows, 128, 16, Rows / 16, 8>;
};
template <>
struct FmaProducts<double> {
    static constexpr bool byTaps = false;
    using Small = FmaProduct<double, 64, 64, 8, 4, 4>;
    template <int>
    using ByRow = Small;
    template <int>
    using ByColumn = Small;
};

/// Products on tensor cores with steps of 128 bytes of depths: half as many barriers, and whole
/// lines of a cache of what is sampled. A block of 128 x 256 has 512 threads, and a multiprocessor
/// for itself.
template <class Operand>
struct DeepProducts {
    template <int Columns>
    using ByRow =
        TensorProduct<Operand, 128, Columns, Written::ByRow, 128, Columns == 256 ? 512 : 256>;
    using Small = TensorProduct<Operand, 64, 64, Written::ByRow, 128>;
};

/// Products on tensor cores. `byTaps`: forward, samples can be planned by taps, where a block may
/// have the memory.
template <class Operand>
struct TensorProducts {
    static constexpr bool byTaps = true;
    using Deep = DeepProducts<Operand>;
    template <int Columns>
    using ByRow = TensorProduct<Operand, Columns == 256 ? 64 : 128, Columns, Written::ByRow>;
    using Small = TensorProduct<Operand, 64, 64, Written::ByRow>;
    template <int Rows>
    using ByColumn = TensorProduct<Operand, Rows, 128, Written::ByColumn>;
};

struct VoltaProducts {
    static constexpr bool byTaps = false;
    template <int Columns>
    using ByRow = VoltaProduct<Columns == 256 ? 64 : 128, Columns, Written::ByRow>;
    using Small = VoltaProduct<64, 64, Written::ByRow>;
    template <int Rows>
    using ByColumn = VoltaProduct<Rows, 128, Written::ByColumn>;
};

/// Calls `action(products)` with the kind of products that the device has for an element type.
template <class Element, class Action>
void withProducts(const Device& device, Action action) {
    if constexpr (std::is_same_v<Element, Float16>) {
        if (device.capability >= 75) return action(TensorProducts<Float16>{});
        if (device.capability >= 70) return action(VoltaProducts{});
    } else if constexpr (std::is_same_v<Element, BFloat16>) {
        if (device.capability >= 80) return action(TensorProducts<BFloat16>{});
    } else if constexpr (std::is_same_v<Element, float>) {
        if (device.tf32 && device.capability >= 80) return action(TensorProducts<Tf32>{});
    }
    action(FmaProducts<ComputeType<Element>>{});
}

template <class Product>
struct Tile {
    using Type = Product;
};

/// Calls `action(Tile<Product>{})` with the product for `rows` rows and `columns` columns of
/// totals, in `parts` parts. Which one it is changes no bit of a result: a total's order of
/// addition is that of its depths in each of them.
template <class Products, class Action>
void withTile(const Device& device, Index rows, Index columns, Index parts, Action action) {
    using Wide = typename Products::template ByRow<256>;
    // Fewer samples are worth a few idle multiprocessors.
    const auto enough = [&](Index tileRows, Index tileColumns) {
        const Index blocks = ceilDivide(rows, tileRows) * ceilDivide(columns, tileColumns) * parts;
        return 4 * blocks >= 3 * device.multiprocessors;
    };
    if (columns > 128 && roundUp(columns, 256) == roundUp(columns, 128) &&
        enough(Wide::rows, 256)) {
        return action(Tile<Wide>{});
    }
    const Index tileColumns = columns > 64 ? 128 : columns > 32 ? 64 : 32;
    if (tileColumns > 32 && !enough(128, tileColumns))
        return action(Tile<typename Products::Small>{});
    if (columns > 64) return action(Tile<typename Products::template ByRow<128>>{});
    if (columns > 32) return action(Tile<typename Products::template ByRow<64>>{});
    action(Tile<typename Products::template ByRow<32>>{});
}

}  // namespace dcn4j::cuda
