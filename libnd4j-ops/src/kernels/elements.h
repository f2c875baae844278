// How definitions read and write arrays: one element at a time, of any type and strides.
//
// Everything here has internal linkage, as in sampling/bilinear.h.
#pragma once

#include "element.h"
#include "tensor.h"

namespace dcn4j {
namespace {

template <class Element, int Rank, class... I>
DCN4J_HOST_DEVICE inline ComputeType<Element> load(const Tensor<Rank>& tensor, I... index) {
    return widen(static_cast<const Element*>(tensor.data)[tensor.at(index...)]);
}

template <class Element, int Rank, class... I>
DCN4J_HOST_DEVICE inline void store(const Tensor<Rank>& tensor, ComputeType<Element> value,
                                    I... index) {
    static_cast<Element*>(tensor.data)[tensor.at(index...)] = narrow<Element>(value);
}

}  // namespace
}  // namespace dcn4j
