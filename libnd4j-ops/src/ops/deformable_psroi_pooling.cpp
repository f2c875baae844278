// The libnd4j ops deformable_psroi_pooling and deformable_psroi_pooling_bp.
//
// They check the arguments, describe the arrays to the kernels and hand over.
#include "../kernels/deformable_psroi_pooling.h"

#include "checked_op.h"

namespace dcn4j {
namespace {

/// Which input is which, and the geometry they agree on.
struct Call {
    PsroiPoolingGeometry geometry;
    std::vector<ArrayShape> shapes;
    ElementType countType;
    // Places among the inputs; -1 for an absent one.
    int trans = -1, count = -1, gradOutput = -1;

    const ArrayShape& shape(int input) const { return shapes[static_cast<std::size_t>(input)]; }
    bool has(int input) const { return input >= 0; }

    std::vector<Index> outputSizes() const {
        return {geometry.rois, geometry.outputDim, geometry.pooledSize, geometry.pooledSize};
    }
};

void readArguments(const std::string& op, const OpArguments& arguments, PsroiPoolingGeometry& g) {
    const std::vector<int>& integers = arguments.integers;
    if (integers.size() != 5) {
        refuse(op, "integer arguments",
               "5 (outputDim, groupSize, pooledSize, partSize, samplePerPart)",
               std::to_string(integers.size()));
    }
    g.outputDim = readSize(op, "outputDim", integers[0]);
    g.groupSize = readSize(op, "groupSize", integers[1]);
    g.pooledSize = readSize(op, "pooledSize", integers[2]);
    g.partSize = readSize(op, "partSize", integers[3]);
    g.samplePerPart = readSize(op, "samplePerPart", integers[4]);

    if (arguments.floats.size() != 2) {
        refuse(op, "float arguments", "2 (spatialScale, transStd)",
               std::to_string(arguments.floats.size()));
    }
}

/// Finds the inputs by their number.
void assignInputs(const std::string& op, bool backward, Call& call) {
    const int given = static_cast<int>(call.shapes.size());
    const int required = backward ? 4 : 2;
    if (given != required && given != required + 1) {
        refuse(op, "number of inputs",
               backward ? "4 or 5 (input, rois, [trans], count, gradOutput)"
                        : "2 or 3 (input, rois, [trans])",
               std::to_string(given));
    }
    if (given > required) call.trans = 2;
    if (!backward) return;
    call.count = given - 2;
    call.gradOutput = given - 1;
}

/// Checks that the input has outputDim * groupSize^2 channels, whatever their product.
void checkChannels(const std::string& op, const Call& call) {
    const PsroiPoolingGeometry& g = call.geometry;
    const Index channels = call.shape(0).sizes()[1];
    const Index cells = g.groupSize * g.groupSize;
    if (channels % cells == 0 && channels / cells == g.outputDim) return;
    refuse(op, "input",
           "outputDim*groupSize*groupSize = " + std::to_string(g.outputDim) + "*" +
               std::to_string(g.groupSize) + "*" + std::to_string(g.groupSize) + " channels",
           std::to_string(channels) + " in " + toString(call.shape(0).sizes()));
}

Call describeCall(const std::string& op, bool backward, const OpArguments& arguments) {
    Call call{};
    call.shapes = arguments.shapes;
    PsroiPoolingGeometry& g = call.geometry;
    readArguments(op, arguments, g);
    assignInputs(op, backward, call);

    const ArrayShape& input = call.shape(0);
    const ArrayShape& rois = call.shape(1);
    checkRank(op, "input", input, 4, "[N, outputDim*groupSize*groupSize, H, W]");
    checkFloating(op, "input", input);
    g.spatialScale = readFinite(op, "spatialScale", arguments.floats[0], input.type());
    g.transStd = readFinite(op, "transStd", arguments.floats[1], input.type());
    checkChannels(op, call);
    g.batch = input.sizes()[0];
    g.height = input.sizes()[2];
    g.width = input.sizes()[3];

    checkRank(op, "rois", rois, 2, "[R, 5]");
    checkSizes(op, "rois", rois, {rois.sizes()[0], 5}, "batch index, x1, y1, x2, y2");
    const bool ownType = rois.isFloating() && (rois.type() == ElementType::Float32 ||
                                               rois.type() == ElementType::Float64);
    if (!ownType) checkType(op, "rois", rois, input.type(), "as the input, FLOAT or DOUBLE");
    g.rois = rois.sizes()[0];

    if (tooLong(call.outputSizes())) {
        refuse(op, "pooledSize", "at most 2^48 output elements", toString(call.outputSizes()));
    }
    if (tooLong({g.outputDim, g.pooledSize, g.pooledSize, g.samplePerPart})) {
        refuse(op, "samplePerPart", "at most 2^48 rows of samples of a roi",
               std::to_string(g.samplePerPart));
    }

    g.classes = 1;
    if (call.has(call.trans)) {
        const ArrayShape& trans = call.shape(call.trans);
        checkRank(op, "trans", trans, 4, "[R, 2*classes, partSize, partSize]");
        const Index channels = trans.sizes()[1];
        if (channels % 2 != 0) {
            refuse(op, "trans", "2*classes channels", toString(trans.sizes()));
        }
        g.classes = channels / 2;
        checkSizes(op, "trans", trans, {g.rois, channels, g.partSize, g.partSize},
                   "R, 2*classes, partSize, partSize");
        if (g.outputDim % g.classes != 0) {
            refuse(op, "trans",
                   "2*classes channels, classes a divisor of outputDim = " +
                       std::to_string(g.outputDim),
                   std::to_string(channels) + " channels in " + toString(trans.sizes()));
        }
        checkType(op, "trans", trans, input.type());
    }
    call.countType =
        input.type() == ElementType::Float64 ? ElementType::Float64 : ElementType::Float32;
    if (!backward) return call;
    for (const int place : {call.count, call.gradOutput}) {
        const char* name = place == call.count ? "count" : "gradOutput";
        checkRank(op, name, call.shape(place), 4, "[R, outputDim, pooledSize, pooledSize]");
        checkSizes(op, name, call.shape(place), call.outputSizes(), "as the output");
    }
    checkType(op, "count", call.shape(call.count), call.countType,
              "(DOUBLE for a DOUBLE input, FLOAT for others)");
    checkType(op, "gradOutput", call.shape(call.gradOutput), input.type());
    return call;
}

class PsroiPoolingOp final : public CheckedOp<Call> {
  public:
    PsroiPoolingOp(const char* name, bool backward)
        : CheckedOp(name, backward ? -1 : 2, -1), backward_(backward) {}

  protected:
    Call describe(const OpArguments& arguments) const override {
        return describeCall(name(), backward_, arguments);
    }

    std::vector<std::string> inputsOf(const Call& call) const override {
        std::vector<std::string> names{"input", "rois"};
        if (call.has(call.trans)) names.push_back("trans");
        if (backward_) names.insert(names.end(), {"count", "gradOutput"});
        return names;
    }

    std::vector<Output> outputsOf(const Call& call) const override {
        const ElementType type = call.shape(0).type();
        if (!backward_) {
            return {{"output", call.outputSizes(), type},
                    {"count", call.outputSizes(), call.countType}};
        }
        std::vector<Output> outputs{{"gradInput", call.shape(0).sizes(), type}};
        if (call.has(call.trans)) {
            outputs.push_back({"gradTrans", call.shape(call.trans).sizes(), type});
        }
        return outputs;
    }

    void compute(const Call& call, const Execution& execution, const Arrays& in,
                 const Arrays& out) const override {
        const auto image = [&](int place) {
            return call.has(place) ? tensorOf<4>(*in[static_cast<std::size_t>(place)])
                                   : Tensor<4>{};
        };
        DeformablePsroiPoolingInputs inputs;
        inputs.type = call.shape(0).type();
        inputs.roisType = call.shape(1).type();
        inputs.input = image(0);
        inputs.rois = tensorOf<2>(*in[1]);
        inputs.trans = image(call.trans);
        const auto& kernel = execution.kernel<DeformablePsroiPoolingKernel>();
        if (const auto bad = kernel.findBadRoi(call.geometry, inputs)) {
            refuse(name(), "rois",
                   "batch indices that are integers, at least 0 and less than N = " +
                       std::to_string(call.geometry.batch),
                   std::to_string(bad->batchIndex) + " in roi " + std::to_string(bad->row));
        }

        if (!backward_) {
            kernel.forward(call.geometry, inputs, tensorOf<4>(*out[0]), tensorOf<4>(*out[1]),
                           execution.threads(call.geometry.multiplyAdds()));
            return;
        }
        DeformablePsroiPoolingGradients gradients;
        gradients.input = tensorOf<4>(*out[0]);
        if (call.has(call.trans)) gradients.trans = tensorOf<4>(*out[1]);
        kernel.backward(call.geometry, inputs, image(call.count), image(call.gradOutput), gradients,
                        execution.threads(2 * call.geometry.multiplyAdds()));
    }

  private:
    const bool backward_;
};

const bool registered = registerOps({new PsroiPoolingOp("deformable_psroi_pooling", false),
                                     new PsroiPoolingOp("deformable_psroi_pooling_bp", true)});

}  // namespace
}  // namespace dcn4j
