// The libnd4j ops deformable_conv2d, deformable_conv2d_bp, dcn4j_conv2d and dcn4j_conv2d_bp.
//
// They check the arguments, describe the arrays to the kernels and hand over. The last two are the
// same operation without offset and mask: the plain convolution that predicts a layer's offsets,
// with the reproducibility of the others and independent of the BLAS in use.
#include "../kernels/deformable_conv2d.h"

#include <omp.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "arguments.h"

namespace dcn4j {
namespace {

constexpr Index largestArgument = std::numeric_limits<std::int32_t>::max();

/// The integer arguments, in their order.
struct Config {
    Index kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW;
    bool same, channelsLast;
    Index offsetGroups, groups;
};

Config readConfig(const std::string& op, const std::vector<int>& arguments) {
    static constexpr const char* names[] = {
        "kH", "kW", "sH", "sW", "pH", "pW", "dH", "dW", "paddingMode", "dataFormat",
        "deformableGroups", "groups"};
    if (arguments.size() != std::size(names)) {
        refuse(op, "integer arguments",
               "12 (kH, kW, sH, sW, pH, pW, dH, dW, paddingMode, dataFormat, deformableGroups, "
               "groups)",
               std::to_string(arguments.size()));
    }
    const auto read = [&](std::size_t i, Index least, Index most, const char* range) {
        if (arguments[i] < least || arguments[i] > most) {
            refuse(op, names[i], range, std::to_string(arguments[i]));
        }
        return Index{arguments[i]};
    };
    const auto size = [&](std::size_t i) {
        return read(i, 1, largestArgument, "1 to 2147483647");
    };
    Config c{};
    c.kernelH = size(0);
    c.kernelW = size(1);
    c.strideH = size(2);
    c.strideW = size(3);
    c.same = read(8, 0, 1, "0 (explicit) or 1 (same)") == 1;
    // 'Same' ignores the explicit padding.
    c.padH = c.same ? 0 : read(4, 0, largestArgument, "0 to 2147483647");
    c.padW = c.same ? 0 : read(5, 0, largestArgument, "0 to 2147483647");
    c.dilationH = size(6);
    c.dilationW = size(7);
    c.channelsLast = read(9, 0, 1, "0 (NCHW) or 1 (NHWC)") == 1;
    c.offsetGroups = size(10);
    c.groups = size(11);
    return c;
}

/// Output size and leading padding along one axis.
struct Axis {
    Index out, pad;
};

Axis axisOf(const Config& c, Index size, Index kernel, Index stride, Index pad, Index dilation) {
    const Index extent = dilation * (kernel - 1) + 1;
    if (c.same) {
        const Index out = (size + stride - 1) / stride;
        return {out, ((out - 1) * stride + extent - size) / 2};
    }
    const Index room = size + 2 * pad - extent;
    return {room < 0 ? 0 : room / stride + 1, pad};
}

/// Whether a call has an offset: the plain convolution does not.
enum class Kind { Deformable, Plain };

/// Which input is which, and the geometry they agree on.
struct Call {
    std::string op;
    Kind kind;
    bool backward;
    Config config;
    Conv2dGeometry geometry;
    std::vector<ArrayShape> shapes;
    // Places among the inputs; -1 for an absent one.
    int offset = -1, mask = -1, bias = -1, gradOutput = -1;

    const ArrayShape& shape(int input) const { return shapes[static_cast<std::size_t>(input)]; }
    bool has(int input) const { return input >= 0; }

    /// The sizes of an array with these dimensions in the call's data format.
    std::vector<Index> inFormat(Index n, Index c, Index h, Index w) const {
        if (config.channelsLast) return {n, h, w, c};
        return {n, c, h, w};
    }

    std::vector<Index> outputSizes() const {
        return inFormat(geometry.batch, geometry.outChannels, geometry.outHeight,
                        geometry.outWidth);
    }
};

/// Finds the optional inputs by their number and rank.
void assignInputs(Call& call) {
    const int forwardInputs = static_cast<int>(call.shapes.size()) - (call.backward ? 1 : 0);
    const bool plain = call.kind == Kind::Plain;
    const int required = plain ? 2 : 3, most = plain ? 3 : 5;
    if (forwardInputs < required || forwardInputs > most) {
        std::string expected = plain ? "input, weights, [bias]"
                                     : "input, weights, offset, [mask], [bias]";
        if (call.backward) expected += ", gradOutput";
        refuse(call.op, "number of inputs",
               std::to_string(required + call.backward) + " to " +
                   std::to_string(most + call.backward) + " (" + expected + ")",
               std::to_string(call.shapes.size()));
    }
    if (call.backward) call.gradOutput = forwardInputs;
    if (plain) {
        if (forwardInputs == 3) call.bias = 2;
        return;
    }
    call.offset = 2;
    if (forwardInputs == 5) {
        call.mask = 3;
        call.bias = 4;
    } else if (forwardInputs == 4) {
        const int rank = call.shape(3).rank();
        if (rank != 4 && rank != 1) {
            refuse(call.op, "mask or bias", "rank 4 (a mask) or rank 1 (a bias)",
                   "rank " + std::to_string(rank) + " " + toString(call.shape(3).sizes()));
        }
        (rank == 4 ? call.mask : call.bias) = 3;
    }
}

Call describe(const std::string& op, Kind kind, bool backward,
              const std::vector<int>& arguments, std::vector<ArrayShape> shapes) {
    Call call{};
    call.op = op;
    call.kind = kind;
    call.backward = backward;
    call.shapes = std::move(shapes);
    call.config = readConfig(op, arguments);
    assignInputs(call);
    const Config& c = call.config;

    const char* format = c.channelsLast ? "[N, H, W, C]" : "[N, C, H, W]";
    checkRank(op, "input", call.shape(0), 4, format);
    checkFloating(op, "input", call.shape(0));
    checkRank(op, "weights", call.shape(1), 4, "[O, C/groups, kH, kW]");
    const auto& in = call.shape(0).sizes();
    const auto& weights = call.shape(1).sizes();

    Conv2dGeometry& g = call.geometry;
    g.batch = in[0];
    g.channels = c.channelsLast ? in[3] : in[1];
    g.height = c.channelsLast ? in[1] : in[2];
    g.width = c.channelsLast ? in[2] : in[3];
    g.outChannels = weights[0];
    g.kernelH = c.kernelH;
    g.kernelW = c.kernelW;
    g.strideH = c.strideH;
    g.strideW = c.strideW;
    g.dilationH = c.dilationH;
    g.dilationW = c.dilationW;
    g.offsetGroups = c.offsetGroups;
    g.groups = c.groups;
    const auto checkDivides = [&](const char* name, Index divisor, const char* of, Index number) {
        if (number % divisor != 0) {
            refuse(op, name, std::string("a divisor of the ") + std::to_string(number) + " " + of,
                   std::to_string(divisor));
        }
    };
    checkDivides("groups", g.groups, "input channels", g.channels);
    checkDivides("groups", g.groups, "output channels", g.outChannels);
    checkDivides("deformableGroups", g.offsetGroups, "input channels", g.channels);
    checkSizes(op, "weights", call.shape(1),
               {g.outChannels, g.channelsPerGroup(), g.kernelH, g.kernelW},
               "O, C/groups, kH, kW");

    const Axis rows = axisOf(c, g.height, c.kernelH, c.strideH, c.padH, c.dilationH);
    const Axis columns = axisOf(c, g.width, c.kernelW, c.strideW, c.padW, c.dilationW);
    g.outHeight = rows.out;
    g.outWidth = columns.out;
    g.padTop = rows.pad;
    g.padLeft = columns.pad;
    if (g.outHeight < 1 || g.outWidth < 1) {
        const auto extent = [](Index dilation, Index kernel) {
            return std::to_string(dilation * (kernel - 1) + 1);
        };
        const auto padded = [](Index size, Index pad) { return std::to_string(size + 2 * pad); };
        refuse(op, "input",
               "at least the dilated kernel's " + extent(c.dilationH, c.kernelH) + " x " +
                   extent(c.dilationW, c.kernelW) + " pixels with its padding",
               padded(g.height, c.padH) + " x " + padded(g.width, c.padW));
    }

    const auto checkImage = [&](const char* name, int place, Index channels, const char* note) {
        checkRank(op, name, call.shape(place), 4, format);
        checkSizes(op, name, call.shape(place),
                   call.inFormat(g.batch, channels, g.outHeight, g.outWidth), note);
    };
    if (call.has(call.offset)) {
        checkImage("offset", call.offset, 2 * g.offsetGroups * g.taps(),
                   "2*deformableGroups*kH*kW channels");
    }
    if (call.has(call.mask)) {
        checkImage("mask", call.mask, g.offsetGroups * g.taps(),
                   "deformableGroups*kH*kW channels");
    }
    if (call.has(call.bias)) {
        checkRank(op, "bias", call.shape(call.bias), 1, "[O]");
        checkSizes(op, "bias", call.shape(call.bias), {g.outChannels}, "O");
    }
    if (backward) checkImage("gradOutput", call.gradOutput, g.outChannels, "as the output");

    const auto checkLikeInput = [&](const char* name, int place) {
        if (call.has(place)) checkType(op, name, call.shape(place), call.shape(0));
    };
    checkLikeInput("weights", 1);
    checkLikeInput("offset", call.offset);
    checkLikeInput("mask", call.mask);
    checkLikeInput("bias", call.bias);
    checkLikeInput("gradOutput", call.gradOutput);
    return call;
}

/// An output: its name for messages and its sizes.
struct Output {
    std::string name;
    std::vector<Index> sizes;
};

std::vector<Output> outputsOf(const Call& call) {
    if (!call.backward) return {{"output", call.outputSizes()}};
    std::vector<Output> outputs{{"gradInput", call.shape(0).sizes()},
                                {"gradWeights", call.shape(1).sizes()}};
    if (call.has(call.offset)) outputs.push_back({"gradOffset", call.shape(call.offset).sizes()});
    if (call.has(call.mask)) outputs.push_back({"gradMask", call.shape(call.mask).sizes()});
    if (call.has(call.bias)) outputs.push_back({"gradBias", call.shape(call.bias).sizes()});
    return outputs;
}

/// Refuses a caller's output array that can't take the result.
void checkOutput(const Call& call, const Output& expected, const sd::NDArray& array) {
    const ArrayShape shape(array.platformShapeInfo());
    checkSizes(call.op, expected.name, shape, expected.sizes);
    checkType(call.op, expected.name, shape, call.shape(0));
    if (shape.hasZeroStride()) {
        refuse(call.op, expected.name, "an array whose elements have places of their own",
               "a broadcast view");
    }
}

Tensor<4> imageTensor(sd::NDArray& array, const ArrayShape& shape, bool channelsLast) {
    const auto& s = shape.strides();
    Tensor<4> t;
    t.data = array.bufferWithOffset(0);
    const Index inOrder[] = {s[0], s[1], s[2], s[3]};
    const Index permuted[] = {s[0], s[3], s[1], s[2]};
    std::copy_n(channelsLast ? permuted : inOrder, 4, t.strides);
    return t;
}

Tensor<1> vectorTensor(sd::NDArray& array, const ArrayShape& shape) {
    Tensor<1> t;
    t.data = array.bufferWithOffset(0);
    t.strides[0] = shape.strides()[0];
    return t;
}

/// ND4J's own setting, or OpenMP's where that is lower.
int threadSetting() {
    return std::max(1, std::min(sd::Environment::getInstance().maxThreads(),
                                omp_get_max_threads()));
}

class ConvolutionOp final : public sd::ops::DeclarableCustomOp {
  public:
    // -1 inputs, outputs and arguments: this class checks their numbers itself, with a message.
    ConvolutionOp(const char* name, Kind kind, bool backward)
        : DeclarableCustomOp(-1, backward ? -1 : 1, name, false, 0, -1),
          op_(name),
          kind_(kind),
          backward_(backward) {}

  protected:
    void registerTypes() override {}

    // An empty batch still has weight gradients: zeros.
    samediff::EmptyHandling emptyHandling() override { return samediff::EMPTY_EXECUTE; }

    sd::Status validateAndExecute(sd::graph::Context& context) override {
        std::vector<sd::NDArray*> in;
        std::vector<ArrayShape> shapes;
        for (int i = 0; i < static_cast<int>(context.width()); ++i) {
            in.push_back(context.array(i));
            shapes.emplace_back(in.back()->platformShapeInfo());
        }
        const Call call = describe(op_, kind_, backward_, *context.getIArguments(), shapes);
        const std::vector<Output> expected = outputsOf(call);
        std::vector<sd::NDArray*> out;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            out.push_back(getZ(context, static_cast<int>(i)));
            checkOutput(call, expected[i], *out.back());
            for (const sd::NDArray* input : in) refuseAlias(expected[i], *out[i], *input);
        }

        const auto image = [&](int place) {
            return call.has(place) ? imageTensor(*in[static_cast<std::size_t>(place)],
                                                 call.shape(place), call.config.channelsLast)
                                   : Tensor<4>{};
        };
        DeformableConv2dInputs inputs;
        inputs.type = call.shape(0).type();
        inputs.input = image(0);
        inputs.weights = imageTensor(*in[1], call.shape(1), false);
        inputs.offset = image(call.offset);
        inputs.mask = image(call.mask);
        if (call.has(call.bias)) {
            inputs.bias =
                vectorTensor(*in[static_cast<std::size_t>(call.bias)], call.shape(call.bias));
        }

        const DeformableConv2dKernel& kernel = deformableConv2d();
        const auto outImage = [&](std::size_t i, bool channelsLast) {
            return imageTensor(*out[i], ArrayShape(out[i]->platformShapeInfo()), channelsLast);
        };
        const bool channelsLast = call.config.channelsLast;
        if (!backward_) {
            if (call.geometry.batch == 0) return sd::Status::OK;
            kernel.forward(call.geometry, inputs, outImage(0, channelsLast), threadSetting());
            return sd::Status::OK;
        }
        DeformableConv2dGradients gradients;
        gradients.input = outImage(0, channelsLast);
        gradients.weights = outImage(1, false);
        std::size_t next = 2;
        if (call.has(call.offset)) gradients.offset = outImage(next++, channelsLast);
        if (call.has(call.mask)) gradients.mask = outImage(next++, channelsLast);
        if (call.has(call.bias)) {
            gradients.bias =
                vectorTensor(*out[next], ArrayShape(out[next]->platformShapeInfo()));
        }
        kernel.backward(call.geometry, inputs, image(call.gradOutput), gradients,
                        threadSetting());
        return sd::Status::OK;
    }

  public:
    // describe() checks the types.
    sd::Status validateDataTypes(sd::graph::Context&) override { return sd::Status::OK; }

    sd::ShapeList* calculateOutputShape(sd::ShapeList* inputs,
                                        sd::graph::Context& context) override {
        std::vector<ArrayShape> shapes;
        for (int i = 0; i < inputs->size(); ++i) shapes.emplace_back(inputs->at(i));
        const Call call = describe(op_, kind_, backward_, *context.getIArguments(), shapes);
        const std::vector<Output> expected = outputsOf(call);
        // Here too: libnd4j compares a caller's outputs with these shapes before it executes, and
        // its own message would not say which.
        const auto& given = context.fastpath_out();
        if (!given.empty() && given.size() != expected.size()) {
            refuse(op_, "number of outputs", std::to_string(expected.size()),
                   std::to_string(given.size()));
        }
        for (std::size_t i = 0; i < given.size(); ++i) {
            if (given[i] != nullptr) checkOutput(call, expected[i], *given[i]);
        }
        std::vector<const sd::LongType*> infos;
        for (const Output& output : expected) {
            const std::vector<sd::LongType> sizes(output.sizes.begin(), output.sizes.end());
            infos.push_back(sd::ConstantShapeHelper::getInstance().createShapeInfo(
                toDataType(call.shape(0).type()), 'c', static_cast<int>(sizes.size()),
                sizes.data()));
        }
        return new sd::ShapeList(infos);
    }

  private:
    /// Inputs are never changed: an output must not begin where an input does.
    void refuseAlias(const Output& output, sd::NDArray& array, const sd::NDArray& input) const {
        const void* data = array.bufferWithOffset(0);
        if (data != nullptr && data == const_cast<sd::NDArray&>(input).bufferWithOffset(0)) {
            refuse(op_, output.name, "memory of its own", "the memory of an input");
        }
    }

    const std::string op_;
    const Kind kind_;
    const bool backward_;
};

/// Registers the ops when the library is loaded. libnd4j keeps them until the process ends.
const bool registered = [] {
    auto& registrator = sd::ops::OpRegistrator::getInstance();
    registrator.registerOperation(
        new ConvolutionOp("deformable_conv2d", Kind::Deformable, false));
    registrator.registerOperation(
        new ConvolutionOp("deformable_conv2d_bp", Kind::Deformable, true));
    registrator.registerOperation(new ConvolutionOp("dcn4j_conv2d", Kind::Plain, false));
    registrator.registerOperation(new ConvolutionOp("dcn4j_conv2d_bp", Kind::Plain, true));
    return true;
}();

}  // namespace
}  // namespace dcn4j
