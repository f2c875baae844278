// How the reference kernels read and write arrays: one element at a time, of any type and strides.
#pragma once

#include "../element.h"
#include "../tensor.h"

namespace dcn4j {

template <class Element>
struct Elements {
    using Real = ComputeType<Element>;

    template <int Rank, class... I>
    static Real load(const Tensor<Rank>& tensor, I... index) {
        return widen(static_cast<const Element*>(tensor.data)[tensor.at(index...)]);
    }

    template <int Rank, class... I>
    static void store(const Tensor<Rank>& tensor, Real value, I... index) {
        static_cast<Element*>(tensor.data)[tensor.at(index...)] = narrow<Element>(value);
    }
};

}  // namespace dcn4j
