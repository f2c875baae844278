// Functions of single numbers without libnd4j: what layers do before and after their convolutions.
#pragma once

#include <vector>

#include "tensor.h"

namespace dcn4j {

/// The shape and type of all arrays of a call.
struct PointwiseShape {
    ElementType type;
    Index sizes[4];

    DCN4J_HOST_DEVICE Index count() const { return sizes[0] * sizes[1] * sizes[2] * sizes[3]; }
    /// What a call takes, in multiply-adds that take as long, by and large.
    double multiplyAdds() const { return 16 * static_cast<double>(count()); }
};

/// One implementation. Calls are reentrant, and results depend on the arguments alone. Each number
/// is computed in ComputeType and rounded once.
class PointwiseKernel {
  public:
    virtual ~PointwiseKernel() = default;
    /// Those that this processor runs, for Registry.
    static std::vector<const PointwiseKernel*> implementations();

    virtual const char* name() const = 0;

    /// to = 1 / (1 + exp(-from)): 0 where exp(-from) is infinite in ComputeType, and above that, as
    /// ND4J's own sigmoid has it, numbers below the least normal one.
    virtual void sigmoid(const PointwiseShape& shape, const Tensor<4>& from, const Tensor<4>& to,
                         int threads) const = 0;

    /// to = gradient * (sigmoid * (1 - sigmoid)): the gradient of what `sigmoid` was made of.
    virtual void sigmoidGradient(const PointwiseShape& shape, const Tensor<4>& sigmoid,
                                 const Tensor<4>& gradient, const Tensor<4>& to,
                                 int threads) const = 0;
};

/// The plain loops over the definition, on one thread: slow, and the oracle of the other kernels.
const PointwiseKernel& referencePointwise();

}  // namespace dcn4j
