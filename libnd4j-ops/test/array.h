// Arrays for the kernel tests.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <new>
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

/// What lies around an array: guard elements, which must not change; nothing, so that a sanitizer
/// sees the array's ends; before or after it memory that ends the process when it is read.
enum class Around { Guards, Nothing, NoReadingBefore, NoReadingAfter };

/// Lets a vector's elements begin or end where a page does that can't be read.
template <class Element>
struct AtPages {
    using value_type = Element;
    Around around;

    Element* allocate(std::size_t count) const {
        if (!isAtPages()) return std::allocator<Element>().allocate(count);
        const std::size_t used = roundedUp(count);
        void* all = mmap(nullptr, used + 2 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) throw std::bad_alloc();
        char* first = static_cast<char*>(all) + page();
        if (mprotect(first, used, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
        return reinterpret_cast<Element*>(first + beforeElements(count));
    }
    void deallocate(Element* elements, std::size_t count) const {
        if (!isAtPages()) return std::allocator<Element>().deallocate(elements, count);
        munmap(reinterpret_cast<char*>(elements) - beforeElements(count) - page(),
               roundedUp(count) + 2 * page());
    }

  private:
    bool isAtPages() const {
        return around == Around::NoReadingBefore || around == Around::NoReadingAfter;
    }
    std::size_t beforeElements(std::size_t count) const {
        return around == Around::NoReadingAfter ? roundedUp(count) - count * sizeof(Element) : 0;
    }
    static std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
    static std::size_t roundedUp(std::size_t count) {
        return (count * sizeof(Element) + page() - 1) / page() * page();
    }
};

/// An array of rank 4 in some memory order. Without guards it is not shifted.
template <class Element>
class Array {
  public:
    Array(const Index (&sizes)[4], Layout layout, Around around = Around::Guards)
        : memory_(AtPages<Element>{around}) {
        const Index order[][4] = {{0, 1, 2, 3}, {0, 2, 3, 1}, {3, 2, 1, 0}, {0, 1, 2, 3},
                                  {2, 3, 1, 0}, {0, 1, 2, 3}, {0, 1, 2, 3}, {0, 2, 3, 1}};
        const Index shift = layout >= Layout::Shifted ? 1 : 0;
        const Index guard = around == Around::Guards ? 64 + shift : 0;
        const Index spacing = layout == Layout::Spread ? 3 : 1;
        const Index gap = layout == Layout::RowsApart ? 2 : 0;
        Index stride = spacing, last = 0;
        for (int i = 3; i >= 0; --i) {
            const Index d = order[static_cast<int>(layout)][i];
            tensor_.strides[d] = stride;
            last += (sizes[d] - 1) * stride;
            stride = stride * sizes[d] + gap;
            sizes_[d] = sizes[d];
        }
        memory_.assign(static_cast<std::size_t>(std::max<Index>(last + 1, 0) + 2 * guard),
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
        std::vector<Element> rest(memory_.begin(), memory_.end());
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
    std::vector<Element, AtPages<Element>> memory_;
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
