// The libnd4j ops deformable_conv2d, deformable_conv2d_bp, dcn4j_conv2d and dcn4j_conv2d_bp.
//
// They check the arguments, describe the arrays to the kernels and hand over. The last two are the
// same operation without offset and mask: the plain convolution that predicts a layer's offsets,
// with the reproducibility of the others and independent of the BLAS in use.
#include "../kernels/deformable_conv2d.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "checked_op.h"

namespace dcn4j {
namespace {

constexpr Index largestArgument = std::numeric_limits<std::int32_t>::max();

/// The integer arguments, in their order.
struct Config {
    Index kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW;
    bool same, channelsLast;
    Index offsetGroups, groups;
    bool rectified, adds;  ///< a plain convolution's 13th, if any: forward, and backward
};

/// Whether a call has an offset: the plain convolution does not.
enum class Kind { Deformable, Plain };

Config readConfig(const std::string& op, Kind kind, bool backward,
                  const std::vector<int>& arguments) {
    static constexpr const char* names[] = {"kH",
                                            "kW",
                                            "sH",
                                            "sW",
                                            "pH",
                                            "pW",
                                            "dH",
                                            "dW",
                                            "paddingMode",
                                            "dataFormat",
                                            "deformableGroups",
                                            "groups"};
    constexpr std::size_t required = std::size(names);
    const bool more = kind == Kind::Plain && arguments.size() == required + 1;
    if (arguments.size() != required && !more) {
        refuse(op, "integer arguments",
               "12 (kH, kW, sH, sW, pH, pW, dH, dW, paddingMode, dataFormat, deformableGroups, "
               "groups)",
               std::to_string(arguments.size()));
    }
    const auto read = [&](std::size_t i, Index least, Index most, const char* range) {
        return readInteger(op, names[i], arguments[i], least, most, range);
    };
    const auto size = [&](std::size_t i) { return readSize(op, names[i], arguments[i]); };
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
    if (more && backward) {
        c.adds = readInteger(op, "adds", arguments[required], 0, 1, "0, or 1 with an addend") == 1;
    } else if (more) {
        c.rectified =
            readInteger(op, "rectified", arguments[required], 0, 1, "0, or 1 for max(x, 0)") == 1;
    }
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

/// Which input is which, and the geometry they agree on.
struct Call {
    std::string op;
    Kind kind;
    bool backward;
    Config config;
    Conv2dGeometry geometry;
    std::vector<ArrayShape> shapes;
    // Places among the inputs; -1 for an absent one.
    int offset = -1, mask = -1, bias = -1, addend = -1, gradOutput = -1;

    const ArrayShape& shape(int input) const { return shapes[static_cast<std::size_t>(input)]; }
    bool has(int input) const { return input >= 0; }

    /// The names and places of those that may be absent.
    std::vector<std::pair<const char*, int>> optional() const {
        return {{"offset", offset},
                {"mask", mask},
                {"bias", bias},
                {"addend", addend},
                {"gradOutput", gradOutput}};
    }

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
    const bool plain = call.kind == Kind::Plain, adds = call.config.adds;
    // The forward op's; the gradients' op has one more, or two.
    const int more = call.backward + adds;
    const int forwardInputs = static_cast<int>(call.shapes.size()) - more;
    const int required = plain ? 2 : 3, most = plain ? 3 : 5;
    if (plain && !call.backward && forwardInputs == most + 1) {  // what is added to the output
        call.bias = 2;
        call.addend = 3;
        return;
    }
    if (forwardInputs < required || forwardInputs > most) {
        std::string expected =
            plain ? "input, weights, [bias]" : "input, weights, offset, [mask], [bias]";
        if (call.backward) expected += ", gradOutput";
        if (adds) expected += ", addend";
        refuse(call.op, "number of inputs",
               std::to_string(required + more) + " to " + std::to_string(most + more) + " (" +
                   expected + ")",
               std::to_string(call.shapes.size()));
    }
    if (call.backward) call.gradOutput = forwardInputs;
    // To the gradient of the input.
    if (adds) call.addend = forwardInputs + 1;
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

Call describeCall(const std::string& op, Kind kind, bool backward, const OpArguments& arguments) {
    Call call{};
    call.op = op;
    call.kind = kind;
    call.backward = backward;
    call.shapes = arguments.shapes;
    call.config = readConfig(op, kind, backward, arguments.integers);
    assignInputs(call);
    const Config& c = call.config;

    const char* format = c.channelsLast ? "[N, H, W, C]" : "[N, C, H, W]";
    checkRank(op, "input", call.shape(0), 4, format);
    checkFloating(op, "input", call.shape(0));
    checkRank(op, "weights", call.shape(1), 4, "[O, C/groups, kH, kW]", First::NotEmpty);
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
               {g.outChannels, g.channelsPerGroup(), g.kernelH, g.kernelW}, "O, C/groups, kH, kW");

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

    if (tooLong(call.outputSizes()) || tooLong({g.channels, g.taps(), g.outHeight, g.outWidth})) {
        refuse(op, "pH and pW", "at most 2^48 output elements and samples",
               toString(call.outputSizes()));
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
        checkImage("mask", call.mask, g.offsetGroups * g.taps(), "deformableGroups*kH*kW channels");
    }
    if (call.has(call.bias)) {
        checkRank(op, "bias", call.shape(call.bias), 1, "[O]", First::NotEmpty);
        checkSizes(op, "bias", call.shape(call.bias), {g.outChannels}, "O");
    }
    if (call.has(call.addend) && backward) {
        checkSizes(op, "addend", call.shape(call.addend), call.shape(0).sizes(), "as the input");
    } else if (call.has(call.addend)) {
        checkImage("addend", call.addend, g.outChannels, "as the output");
    }
    if (backward) checkImage("gradOutput", call.gradOutput, g.outChannels, "as the output");

    checkType(op, "weights", call.shape(1), call.shape(0).type());
    for (const auto& [name, place] : call.optional()) {
        if (call.has(place)) checkType(op, name, call.shape(place), call.shape(0).type());
    }
    return call;
}

Tensor<4> imageTensor(sd::NDArray& array, bool channelsLast) {
    Tensor<4> t = tensorOf<4>(array);
    if (channelsLast) std::rotate(t.strides + 1, t.strides + 3, t.strides + 4);
    return t;
}

class ConvolutionOp final : public CheckedOp<Call> {
  public:
    ConvolutionOp(const char* name, Kind kind, bool backward)
        : CheckedOp(name, backward ? -1 : 1, 0), kind_(kind), backward_(backward) {}

  protected:
    Call describe(const OpArguments& arguments) const override {
        return describeCall(name(), kind_, backward_, arguments);
    }

    std::vector<std::string> inputsOf(const Call& call) const override {
        std::vector<std::string> names(call.shapes.size(), "weights");
        names[0] = "input";
        for (const auto& [name, place] : call.optional()) {
            if (call.has(place)) names[static_cast<std::size_t>(place)] = name;
        }
        return names;
    }

    std::vector<Output> outputsOf(const Call& call) const override {
        const ElementType type = call.shape(0).type();
        if (!call.backward) return {{"output", call.outputSizes(), type}};
        std::vector<Output> outputs;
        const auto add = [&](const char* gradient, int place) {
            if (call.has(place)) outputs.push_back({gradient, call.shape(place).sizes(), type});
        };
        add("gradInput", 0);
        add("gradWeights", 1);
        add("gradOffset", call.offset);
        add("gradMask", call.mask);
        add("gradBias", call.bias);
        return outputs;
    }

    void compute(const Call& call, const Execution& execution, const Arrays& in,
                 const Arrays& out) const override {
        const bool channelsLast = call.config.channelsLast;
        const auto image = [&](int place) {
            return call.has(place) ? imageTensor(*in[static_cast<std::size_t>(place)], channelsLast)
                                   : Tensor<4>{};
        };
        DeformableConv2dInputs inputs;
        inputs.type = call.shape(0).type();
        inputs.input = image(0);
        inputs.weights = tensorOf<4>(*in[1]);
        inputs.offset = image(call.offset);
        inputs.mask = image(call.mask);
        inputs.addend = image(call.addend);
        inputs.rectified = call.config.rectified;
        if (call.has(call.bias)) {
            inputs.bias = tensorOf<1>(*in[static_cast<std::size_t>(call.bias)]);
        }

        const auto& kernel = execution.kernel<DeformableConv2dKernel>();
        if (!backward_) {
            if (inputs.hasEpilogue() && !kernel.takesEpilogue()) {
                refuse(name(), "addend and rectified", "none on this backend", "one");
            }
            if (call.geometry.batch == 0) return;
            kernel.forward(call.geometry, inputs, imageTensor(*out[0], channelsLast),
                           execution.threads(call.geometry.multiplyAdds()));
            return;
        }
        DeformableConv2dGradients gradients;
        gradients.input = imageTensor(*out[0], channelsLast);
        gradients.weights = tensorOf<4>(*out[1]);
        std::size_t next = 2;
        if (call.has(call.offset)) gradients.offset = imageTensor(*out[next++], channelsLast);
        if (call.has(call.mask)) gradients.mask = imageTensor(*out[next++], channelsLast);
        if (call.has(call.bias)) gradients.bias = tensorOf<1>(*out[next]);
        kernel.backward(call.geometry, inputs, image(call.gradOutput), gradients,
                        execution.threads(2 * call.geometry.multiplyAdds()));
    }

  private:
    const Kind kind_;
    const bool backward_;
};

const bool registered =
    registerOps({new ConvolutionOp("deformable_conv2d", Kind::Deformable, false),
                 new ConvolutionOp("deformable_conv2d_bp", Kind::Deformable, true),
                 new ConvolutionOp("dcn4j_conv2d", Kind::Plain, false),
                 new ConvolutionOp("dcn4j_conv2d_bp", Kind::Plain, true)});

}  // namespace
}  // namespace dcn4j
