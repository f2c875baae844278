// Functions of single numbers: one thread a number. What bounds it: memory.
#include <cmath>

#include "pointwise.h"
#include "sample_plan.h"

namespace dcn4j::cuda {
namespace {

/// Calls `action(a, b, c, d)` for the indices of this thread's numbers.
template <class Action>
__device__ void forEachIndex(const PointwiseShape& shape, Action action) {
    forEachItem(shape.count(), [&](Index i) {
        const Index d = i % shape.sizes[3], rows = i / shape.sizes[3];
        const Index c = rows % shape.sizes[2], planes = rows / shape.sizes[2];
        action(planes / shape.sizes[1], planes % shape.sizes[1], c, d);
    });
}

template <class Element>
__global__ void sigmoidKernel(PointwiseShape shape, Tensor<4> from, Tensor<4> to) {
    forEachIndex(shape, [&](Index a, Index b, Index c, Index d) {
        const ComputeType<Element> x = load<Element>(from, a, b, c, d);
        store<Element>(to, 1 / (1 + std::exp(-x)), a, b, c, d);
    });
}

template <class Element>
__global__ void sigmoidGradientKernel(PointwiseShape shape, Tensor<4> sigmoid, Tensor<4> gradient,
                                      Tensor<4> to) {
    forEachIndex(shape, [&](Index a, Index b, Index c, Index d) {
        const ComputeType<Element> s = load<Element>(sigmoid, a, b, c, d);
        store<Element>(to, load<Element>(gradient, a, b, c, d) * (s * (1 - s)), a, b, c, d);
    });
}

template <class Element>
__global__ void addKernel(PointwiseShape shape, Tensor<4> addend, Tensor<4> to) {
    forEachIndex(shape, [&](Index a, Index b, Index c, Index d) {
        store<Element>(to, load<Element>(to, a, b, c, d) + load<Element>(addend, a, b, c, d), a, b,
                       c, d);
    });
}

}  // namespace

void Pointwise::sigmoid(const PointwiseShape& shape, const Tensor<4>& from, const Tensor<4>& to,
                        int) const {
    withElementType(shape.type, [&](auto element) {
        launch("sigmoid", sigmoidKernel<decltype(element)>, blocksFor(shape.count()), 0, stream_,
               shape, from, to);
    });
}

void Pointwise::sigmoidGradient(const PointwiseShape& shape, const Tensor<4>& sigmoid,
                                const Tensor<4>& gradient, const Tensor<4>& to, int) const {
    withElementType(shape.type, [&](auto element) {
        launch("sigmoid's gradient", sigmoidGradientKernel<decltype(element)>,
               blocksFor(shape.count()), 0, stream_, shape, sigmoid, gradient, to);
    });
}

void add(const PointwiseShape& shape, const Tensor<4>& addend, const Tensor<4>& to,
         cudaStream_t stream) {
    if (!addend.present()) return;
    withElementType(shape.type, [&](auto element) {
        launch("add", addKernel<decltype(element)>, blocksFor(shape.count()), 0, stream, shape,
               addend, to);
    });
}

}  // namespace dcn4j::cuda
