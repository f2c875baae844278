// What dcnv3 and multi_scale_deformable_attention share: they are aggregations, whose arrays they
// describe in their own ways.
#pragma once

#include <string>
#include <vector>

#include "../kernels/deformable_aggregation.h"
#include "checked_op.h"

namespace dcn4j {

struct AggregationArguments {
    AggregationCall aggregation;     ///< without its arrays
    std::vector<ArrayShape> shapes;  ///< of the inputs, of which the values are the first
    std::vector<Index> output;       ///< its sizes
};

/// The inputs whose gradients the backward pass writes.
struct AggregationInput {
    const char* gradient;  ///< its name
    std::size_t place;
};

class AggregationOp : public CheckedOp<AggregationArguments> {
  protected:
    /// `inputs`: of the forward pass. `gradients`: those of values, locations and weights.
    AggregationOp(const char* name, bool backward, const std::vector<std::string>& inputs,
                  const AggregationInput (&gradients)[3], int floats, int integers = -1)
        : CheckedOp(name, backward ? 3 : 1, floats, integers),
          backward_(backward),
          inputNames_(inputs) {
        std::copy_n(gradients, 3, inputs_);
        if (backward) inputNames_.push_back("gradOutput");
    }

    bool isBackward() const { return backward_; }

    /// The call with its levels. Throws std::invalid_argument if the contents of an array don't
    /// fit.
    virtual AggregationCall withLevels(const AggregationArguments& call, const Execution& execution,
                                       const Arrays& inputs) const = 0;
    /// Describes an array of values, or of their gradients, as that of each level.
    virtual void setValues(AggregationCall& g, sd::NDArray& array,
                           Tensor<5> AggregationLevel::*values) const = 0;
    virtual Tensor<7> locations(const AggregationShape& g, sd::NDArray& array) const = 0;
    virtual Tensor<6> weights(const AggregationShape& g, sd::NDArray& array) const = 0;
    virtual Tensor<5> outputs(const AggregationShape& g, sd::NDArray& array) const = 0;

    std::vector<std::string> inputsOf(const AggregationArguments&) const final {
        return inputNames_;
    }

    std::vector<Output> outputsOf(const AggregationArguments& call) const final {
        const ElementType type = call.shapes[0].type();
        if (!backward_) return {{"output", call.output, type}};
        std::vector<Output> gradients;
        for (const AggregationInput& input : inputs_) {
            gradients.push_back({input.gradient, call.shapes[input.place].sizes(), type});
        }
        return gradients;
    }

    void compute(const AggregationArguments& call, const Execution& execution, const Arrays& in,
                 const Arrays& out) const final {
        AggregationCall g = withLevels(call, execution, in);
        // Without images there is nothing to point at either, and nothing to do.
        if (g.batch == 0) return;
        g.type = call.shapes[0].type();
        setValues(g, *in[inputs_[0].place], &AggregationLevel::values);
        g.location = locations(g, *in[inputs_[1].place]);
        g.weight = weights(g, *in[inputs_[2].place]);
        g.output = outputs(g, backward_ ? *in.back() : *out[0]);
        const auto& kernel = execution.kernel<DeformableAggregationKernel>();
        if (!backward_) return kernel.forward(g, execution.threads(g.multiplyAdds()));
        setValues(g, *out[0], &AggregationLevel::gradValues);
        g.gradLocation = locations(g, *out[1]);
        g.gradWeight = weights(g, *out[2]);
        kernel.backward(g, execution.threads(2 * g.multiplyAdds()));
    }

  private:
    const bool backward_;
    std::vector<std::string> inputNames_;
    AggregationInput inputs_[3];  ///< values, locations, weights
};

}  // namespace dcn4j
