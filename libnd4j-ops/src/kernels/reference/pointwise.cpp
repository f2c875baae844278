// Functions of single numbers, as their definitions read; the faster kernels are tested against
// this.
#include "../pointwise.h"

#include <cmath>

#include "../elements.h"

namespace dcn4j {
namespace {

/// Calls `action(a, b, c, d)` for every index.
template <class Action>
void forEachIndex(const PointwiseShape& shape, Action action) {
    for (Index a = 0; a < shape.sizes[0]; ++a)
        for (Index b = 0; b < shape.sizes[1]; ++b)
            for (Index c = 0; c < shape.sizes[2]; ++c)
                for (Index d = 0; d < shape.sizes[3]; ++d) action(a, b, c, d);
}

class Reference final : public PointwiseKernel {
  public:
    const char* name() const override { return "reference"; }

    void sigmoid(const PointwiseShape& shape, const Tensor<4>& from, const Tensor<4>& to,
                 int) const override {
        withElementType(shape.type, [&](auto element) {
            using E = decltype(element);
            // exp itself has a version newer than the glibc of ND4J's oldest system.
            forEachIndex(shape, [&](auto... i) {
                store<E>(to, 1 / (2 + std::expm1(-load<E>(from, i...))), i...);
            });
        });
    }

    void sigmoidGradient(const PointwiseShape& shape, const Tensor<4>& sigmoid,
                         const Tensor<4>& gradient, const Tensor<4>& to, int) const override {
        withElementType(shape.type, [&](auto element) {
            using E = decltype(element);
            forEachIndex(shape, [&](auto... i) {
                const auto s = load<E>(sigmoid, i...);
                store<E>(to, load<E>(gradient, i...) * (s * (1 - s)), i...);
            });
        });
    }
};

}  // namespace

const PointwiseKernel& referencePointwise() {
    // Never destroyed: threads may still be at work when the process ends.
    static const Reference& kernel = *new Reference;
    return kernel;
}

}  // namespace dcn4j
