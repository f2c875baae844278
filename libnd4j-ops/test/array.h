// Arrays for the kernel tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <type_traits>
#include <vector>

#include "../src/kernels/element.h"

namespace dcn4j {

template <class Element>
ElementType typeOf() {
    return std::is_same_v<Element, float>     ? ElementType::Float32
           : std::is_same_v<Element, double>  ? ElementType::Float64
           : std::is_same_v<Element, Float16> ? ElementType::Float16
                                              : ElementType::BFloat16;
}

/// Memory orders that arrays come in; shifted ones begin one element beyond a multiple of 16 bytes.
/// RowsFirst is how TensorFlow keeps weights: [kH][kW][C][O]. Of RowsApart elements of a row are
/// neighbours, with gaps between rows, and others between planes.
enum class Layout {
    Contiguous,
    ChannelsLast,
    Reversed,
    Spread,
    RowsFirst,
    RowsApart,
    Shifted,
    ShiftedChannelsLast
};

/// An array of rank 4 in some memory order, surrounded by guard elements that must not change. With
/// none a sanitizer sees the array's ends.
template <class Element>
class Array {
  public:
    Array(const Index (&sizes)[4], Layout layout, Index guard = 64) {
        const Index order[][4] = {{0, 1, 2, 3}, {0, 2, 3, 1}, {3, 2, 1, 0}, {0, 1, 2, 3},
                                  {2, 3, 1, 0}, {0, 1, 2, 3}, {0, 1, 2, 3}, {0, 2, 3, 1}};
        if (layout >= Layout::Shifted) ++guard;
        const Index spacing = layout == Layout::Spread ? 3 : 1;
        const Index gap = layout == Layout::RowsApart ? 2 : 0;
        Index stride = spacing;
        for (int i = 3; i >= 0; --i) {
            const Index d = order[static_cast<int>(layout)][i];
            tensor_.strides[d] = stride;
            stride = stride * sizes[d] + gap;
            sizes_[d] = sizes[d];
        }
        memory_.assign(static_cast<std::size_t>(stride + 2 * guard),
                       narrow<Element>(ComputeType<Element>(guardValue)));
        tensor_.data = memory_.data() + guard;
        if (layout == Layout::Reversed) {  // negative strides along the first dimension
            tensor_.data = memory_.data() + guard + (sizes[0] - 1) * tensor_.strides[0];
            tensor_.strides[0] = -tensor_.strides[0];
        }
    }

    const Tensor<4>& tensor() const { return tensor_; }

    Element& at(Index a, Index b, Index c, Index d) {
        return static_cast<Element*>(tensor_.data)[tensor_.at(a, b, c, d)];
    }

    void forEach(const std::function<void(Element&)>& action) {
        for (Index a = 0; a < sizes_[0]; ++a)
            for (Index b = 0; b < sizes_[1]; ++b)
                for (Index c = 0; c < sizes_[2]; ++c)
                    for (Index d = 0; d < sizes_[3]; ++d) action(at(a, b, c, d));
    }

    std::vector<double> values() {
        std::vector<double> all;
        forEach([&](Element& e) { all.push_back(static_cast<double>(widen(e))); });
        return all;
    }

    /// Elements that no index reaches still hold what they held.
    bool guardsIntact() {
        std::vector<Element> rest = memory_;
        for (Index a = 0; a < sizes_[0]; ++a)
            for (Index b = 0; b < sizes_[1]; ++b)
                for (Index c = 0; c < sizes_[2]; ++c)
                    for (Index d = 0; d < sizes_[3]; ++d)
                        rest[static_cast<std::size_t>(
                            &at(a, b, c, d) - static_cast<const Element*>(memory_.data()))] =
                            narrow<Element>(ComputeType<Element>(guardValue));
        for (const Element& e : rest) {
            if (widen(e) != ComputeType<Element>(guardValue)) return false;
        }
        return true;
    }

  private:
    static constexpr double guardValue = 1024;
    Index sizes_[4];
    Tensor<4> tensor_;
    std::vector<Element> memory_;
};

/// Random values between -1 and 1.
template <class Element>
void fill(Array<Element>& array, std::mt19937& random) {
    using Real = ComputeType<Element>;
    std::uniform_real_distribution<double> uniform(-1, 1);
    array.forEach([&](Element& e) { e = narrow<Element>(Real(uniform(random))); });
}

/// A random distance of up to 3 pixels, at least a tenth from every integer.
inline double offInteger(std::mt19937& random) {
    const int whole = std::uniform_int_distribution<int>(-2, 2)(random);
    return whole + std::uniform_real_distribution<double>(0.1, 0.9)(random);
}

inline double largest(const std::vector<double>& values) {
    double most = 1e-30;
    for (double v : values) most = std::max(most, std::fabs(v));
    return most;
}

}  // namespace dcn4j
