// What the ops share: libnd4j's interface, read and checked the same way by each.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "../backend/backend.h"
#include "../kernels/pointwise.h"
#include "arguments.h"

namespace dcn4j {

/// An output: its name for messages, its sizes and its type.
struct Output {
    std::string name;
    std::vector<Index> sizes;
    ElementType type;
};

/// What a call gives besides the contents of its arrays.
struct OpArguments {
    std::vector<ArrayShape> shapes;  ///< of the inputs
    const std::vector<int>& integers;
    const std::vector<double>& floats;
};

/// Refuses integer and floating-point arguments, for an op that has none.
void refuseNumbers(const std::string& op, const OpArguments& arguments);

/// Refuses a caller's output array that can't take the result.
void checkOutput(const std::string& op, const Output& expected, const ArrayShape& shape);

/// An array, and its name for messages.
struct Named {
    std::string name;
    const void* data;
    ArrayShape shape;
};

/// Inputs are never changed, and every result has a place: refuses an output that may have memory
/// that another array has (overlap.h).
void refuseOverlap(const std::string& op, const Named& output, const Named& other);

/// Registers ops, which libnd4j keeps until the process ends. Each op's file has a constant that is
/// initialised by this when the library is loaded.
bool registerOps(std::initializer_list<sd::ops::DeclarableOp*> ops);

/// The shapes of new arrays for the outputs, in 'c' order.
sd::ShapeList* shapesOf(const std::vector<Output>& outputs);

template <int Rank>
Tensor<Rank> tensorOf(sd::NDArray& array) {
    const ArrayShape shape = shapeOf(array);
    Tensor<Rank> t;
    t.data = dataOf(array);
    std::copy_n(shape.strides().begin(), Rank, t.strides);
    return t;
}

/// That of arrays of rank 4.
PointwiseShape pointwiseShape(const ArrayShape& shape);

/// An op that checks its own arguments, and says what is wrong with them. `Call` is what it makes
/// of them.
template <class Call>
class CheckedOp : public sd::ops::DeclarableCustomOp {
  protected:
    // -1 inputs and arguments: the op checks their numbers itself, with a message. So does -1 for
    // `outputs` and `floats`, numbers that differ between calls; but to libnd4j -1 integers are one
    // at least.
    CheckedOp(const char* name, int outputs, int floats, int integers = -1)
        : DeclarableCustomOp(-1, outputs, name, false, floats, integers), op_(name) {}

    const std::string& name() const { return op_; }

    /// Checks everything but the contents of the arrays. Throws std::invalid_argument.
    virtual Call describe(const OpArguments& arguments) const = 0;
    /// The inputs' names for messages, in their order.
    virtual std::vector<std::string> inputsOf(const Call& call) const = 0;
    virtual std::vector<Output> outputsOf(const Call& call) const = 0;
    /// Writes the outputs. Throws before that if the contents of an array don't fit.
    virtual void compute(const Call& call, const Execution& execution, const Arrays& inputs,
                         const Arrays& outputs) const = 0;

    void registerTypes() override {}

    // An empty input still has results: the gradients of what is not empty are zeros.
    samediff::EmptyHandling emptyHandling() override { return samediff::EMPTY_EXECUTE; }

    sd::Status validateAndExecute(sd::graph::Context& context) override {
        Arrays inputs;
        OpArguments arguments{{}, *context.getIArguments(), *context.getTArguments()};
        for (int i = 0; i < static_cast<int>(context.width()); ++i) {
            inputs.push_back(context.array(i));
            arguments.shapes.push_back(shapeOf(*inputs.back()));
        }
        const Call call = describe(arguments);
        std::vector<Named> named;
        for (const std::string& input : inputsOf(call)) {
            const std::size_t i = named.size();
            named.push_back({input, dataOf(*inputs[i]), arguments.shapes[i]});
        }
        Arrays outputs;
        for (const Output& output : outputsOf(call)) {
            sd::NDArray* array = getZ(context, static_cast<int>(outputs.size()));
            Named result{output.name, dataOf(*array), shapeOf(*array)};
            checkOutput(op_, output, result.shape);
            for (const Named& other : named) refuseOverlap(op_, result, other);
            named.push_back(std::move(result));
            outputs.push_back(array);
        }
        Execution execution(context, outputs, inputs);
        compute(call, execution, inputs, outputs);
        execution.completed();
        return sd::Status::OK;
    }

  public:
    // describe() checks the types.
    sd::Status validateDataTypes(sd::graph::Context&) override { return sd::Status::OK; }

    sd::ShapeList* calculateOutputShape(sd::ShapeList* inputs,
                                        sd::graph::Context& context) override {
        OpArguments arguments{{}, *context.getIArguments(), *context.getTArguments()};
        for (int i = 0; i < inputs->size(); ++i) arguments.shapes.emplace_back(inputs->at(i));
        const std::vector<Output> expected = outputsOf(describe(arguments));
        // Here too: libnd4j compares a caller's outputs with these shapes before it executes, and
        // its own message would not say which.
        const Arrays& given = context.fastpath_out();
        if (!given.empty() && given.size() != expected.size()) {
            refuse(op_, "number of outputs", std::to_string(expected.size()),
                   std::to_string(given.size()));
        }
        for (std::size_t i = 0; i < given.size(); ++i) {
            if (given[i] != nullptr) checkOutput(op_, expected[i], shapeOf(*given[i]));
        }
        return shapesOf(expected);
    }

  private:
    const std::string op_;
};

}  // namespace dcn4j
