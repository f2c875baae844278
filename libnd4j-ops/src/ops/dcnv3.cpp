// The libnd4j ops dcnv3 and dcnv3_bp: an aggregation of one level, by a kernel that slides.
//
// They check the arguments, describe the arrays to the kernels and hand over.
#include <limits>

#include "aggregation_op.h"

namespace dcn4j {
namespace {

AggregationAxis axisOf(Index kernel, Index stride, Index pad, Index dilation) {
    const Index center = dilation * (kernel - 1) / 2;
    return {kernel, stride, dilation, center, static_cast<double>(center - pad)};
}

/// The integer arguments, as axes; checks that there is a float argument.
void readArguments(const std::string& op, const OpArguments& arguments, AggregationCall& g,
                   Index (&pads)[2]) {
    const std::vector<int>& integers = arguments.integers;
    if (integers.size() != 10) {
        refuse(op, "integer arguments", "10 (kH, kW, sH, sW, pH, pW, dH, dW, groups, removeCenter)",
               std::to_string(integers.size()));
    }
    const auto pad = [&](const char* name, int value) {
        return readInteger(op, name, value, 0, std::numeric_limits<std::int32_t>::max(),
                           "0 to 2147483647");
    };
    const Index kernelH = readSize(op, "kH", integers[0]),
                kernelW = readSize(op, "kW", integers[1]);
    const Index strideH = readSize(op, "sH", integers[2]),
                strideW = readSize(op, "sW", integers[3]);
    pads[0] = pad("pH", integers[4]);
    pads[1] = pad("pW", integers[5]);
    g.y = axisOf(kernelH, strideH, pads[0], readSize(op, "dH", integers[6]));
    g.x = axisOf(kernelW, strideW, pads[1], readSize(op, "dW", integers[7]));
    g.groups = readSize(op, "groups", integers[8]);
    g.removeCenter = readInteger(op, "removeCenter", integers[9], 0, 1, "0 or 1") == 1;
    if (g.removeCenter && (kernelH % 2 == 0 || kernelW % 2 == 0 || kernelH * kernelW == 1)) {
        refuse(op, "removeCenter",
               "0 unless kH and kW are odd and there are taps besides the one in the center",
               "1 with a kernel of " + std::to_string(kernelH) + " x " + std::to_string(kernelW));
    }
    const std::vector<double>& floats = arguments.floats;
    if (floats.size() != 1) {
        refuse(op, "float arguments", "1 (offsetScale)", std::to_string(floats.size()));
    }
}

/// How many times the kernel fits along one axis.
Index outSize(const std::string& op, const char* dimension, Index size, Index pad,
              const AggregationAxis& axis) {
    const Index extent = axis.dilation * (axis.kernel - 1) + 1, room = size + 2 * pad - extent;
    if (room < 0) {
        refuse(op, "input",
               "a " + std::string(dimension) + " of at least the dilated kernel's " +
                   std::to_string(extent) + " pixels with its padding",
               std::to_string(size + 2 * pad));
    }
    return room / axis.stride + 1;
}

AggregationArguments describeCall(const std::string& op, bool backward,
                                  const OpArguments& arguments) {
    AggregationArguments call{};
    call.shapes = arguments.shapes;
    AggregationCall& g = call.aggregation;
    Index pads[2];
    readArguments(op, arguments, g, pads);
    const std::size_t inputs = backward ? 4 : 3;
    if (call.shapes.size() != inputs) {
        refuse(op, "number of inputs",
               backward ? "4 (input, offset, mask, gradOutput)" : "3 (input, offset, mask)",
               std::to_string(call.shapes.size()));
    }
    const ArrayShape& input = call.shapes[0];
    checkRank(op, "input", input, 4, "[N, H, W, C]");
    checkFloating(op, "input", input);
    const Index channels = input.sizes()[3];
    if (channels % g.groups != 0) {
        refuse(op, "groups", "a divisor of the " + std::to_string(channels) + " input channels",
               std::to_string(g.groups));
    }
    g.batch = input.sizes()[0];
    g.channels = channels / g.groups;
    const double scale = readFinite(op, "offsetScale", arguments.floats[0], input.type());
    g.levels = {{input.sizes()[1], input.sizes()[2], scale, scale}};
    const AggregationLevel& level = g.levels[0];
    g.outHeight = outSize(op, "height", level.height, pads[0], g.y);
    g.outWidth = outSize(op, "width", level.width, pads[1], g.x);
    call.output = {g.batch, g.outHeight, g.outWidth, channels};
    if (tooLong(call.output) ||
        tooLong({g.outHeight, g.outWidth, g.groups, g.y.kernel, g.x.kernel, 2})) {
        refuse(op, "pH and pW", "at most 2^48 output elements and offsets", toString(call.output));
    }
    const auto check = [&](const char* name, std::size_t place, Index last, const char* note) {
        checkRank(op, name, call.shapes[place], 4, "[N, oH, oW, channels]");
        checkSizes(op, name, call.shapes[place], {g.batch, g.outHeight, g.outWidth, last}, note);
        checkType(op, name, call.shapes[place], input.type());
    };
    check("offset", 1, g.groups * g.taps() * 2, "groups*K*2 channels, K taps");
    check("mask", 2, g.groups * g.taps(), "groups*K channels, K taps");
    if (backward) check("gradOutput", 3, channels, "as the output");
    return call;
}

class Dcnv3Op final : public AggregationOp {
  public:
    Dcnv3Op(const char* name, bool backward)
        : AggregationOp(name, backward, {"input", "offset", "mask"},
                        {{"gradInput", 0}, {"gradOffset", 1}, {"gradMask", 2}}, -1) {}

  protected:
    AggregationArguments describe(const OpArguments& arguments) const override {
        return describeCall(name(), isBackward(), arguments);
    }

    AggregationCall withLevels(const AggregationArguments& call, const Execution&,
                               const Arrays&) const override {
        return call.aggregation;
    }

    void setValues(AggregationCall& g, sd::NDArray& array,
                   Tensor<5> AggregationLevel::*values) const override {
        g.levels[0].*values = outputs(g, array);
    }

    // There is one level: its stride is of no account.
    Tensor<7> locations(const AggregationShape& g, sd::NDArray& array) const override {
        const Tensor<4> t = tensorOf<4>(array);
        return {t.data,
                {t.strides[0], t.strides[1], t.strides[2], 2 * g.taps() * t.strides[3], 0,
                 2 * t.strides[3], t.strides[3]}};
    }
    Tensor<6> weights(const AggregationShape& g, sd::NDArray& array) const override {
        const Tensor<4> t = tensorOf<4>(array);
        return {
            t.data,
            {t.strides[0], t.strides[1], t.strides[2], g.taps() * t.strides[3], 0, t.strides[3]}};
    }

    /// [N, H, W, C] as [N, H, W, groups, C/groups].
    Tensor<5> outputs(const AggregationShape& g, sd::NDArray& array) const override {
        const Tensor<4> t = tensorOf<4>(array);
        return {
            t.data,
            {t.strides[0], t.strides[1], t.strides[2], g.channels * t.strides[3], t.strides[3]}};
    }
};

const bool registered = registerOps({new Dcnv3Op("dcnv3", false), new Dcnv3Op("dcnv3_bp", true)});

}  // namespace
}  // namespace dcn4j
