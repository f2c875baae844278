// The libnd4j ops dcn4j_sigmoid and dcn4j_sigmoid_bp: what makes masks of what a layer predicts.
//
// ND4J's own are several times slower on some of an array's channels, which the predictions are,
// and take three ops for a gradient that is to lie beside others.
#include "checked_op.h"

namespace dcn4j {
namespace {

struct Call {
    PointwiseShape shape;
    std::vector<Index> sizes;
};

class SigmoidOp final : public CheckedOp<Call> {
  public:
    SigmoidOp(const char* name, bool backward) : CheckedOp(name, 1, 0, 0), backward_(backward) {}

  protected:
    Call describe(const OpArguments& arguments) const override {
        refuseNumbers(name(), arguments);
        const std::size_t expected = backward_ ? 2 : 1;
        if (arguments.shapes.size() != expected) {
            refuse(name(), "number of inputs", backward_ ? "2 (sigmoid, gradOutput)" : "1 (input)",
                   std::to_string(arguments.shapes.size()));
        }
        const ArrayShape& shape = arguments.shapes[0];
        checkRank(name(), backward_ ? "sigmoid" : "input", shape, 4, "as activations have");
        checkFloating(name(), backward_ ? "sigmoid" : "input", shape);
        if (backward_) {
            checkSizes(name(), "gradOutput", arguments.shapes[1], shape.sizes(), "as the sigmoid");
            checkType(name(), "gradOutput", arguments.shapes[1], shape.type(), "as the sigmoid");
        }
        return {pointwiseShape(shape), shape.sizes()};
    }

    std::vector<std::string> inputsOf(const Call&) const override {
        if (backward_) return {"sigmoid", "gradOutput"};
        return {"input"};
    }

    std::vector<Output> outputsOf(const Call& call) const override {
        return {{backward_ ? "gradInput" : "output", call.sizes, call.shape.type}};
    }

    void compute(const Call& call, const Execution& execution, const Arrays& in,
                 const Arrays& out) const override {
        if (call.shape.count() == 0) return;
        const auto& kernel = execution.kernel<PointwiseKernel>();
        const int threads = execution.threads(call.shape.multiplyAdds());
        const Tensor<4> first = tensorOf<4>(*in[0]), to = tensorOf<4>(*out[0]);
        if (backward_) {
            kernel.sigmoidGradient(call.shape, first, tensorOf<4>(*in[1]), to, threads);
        } else {
            kernel.sigmoid(call.shape, first, to, threads);
        }
    }

  private:
    const bool backward_;
};

const bool registered =
    registerOps({new SigmoidOp("dcn4j_sigmoid", false), new SigmoidOp("dcn4j_sigmoid_bp", true)});

}  // namespace
}  // namespace dcn4j
