// The libnd4j ops multi_scale_deformable_attention and multi_scale_deformable_attention_bp: an
// aggregation of several levels, at positions that the caller gives.
//
// They check the arguments, describe the arrays to the kernels and hand over.
#include <cstring>

#include "../kernels/deformable_aggregation.h"
#include "../kernels/element.h"
#include "checked_op.h"

namespace dcn4j {
namespace {

struct Call {
    AggregationCall aggregation;  ///< without its levels, whose sizes are contents, and arrays
    Index pixels, levels, queries;
    std::vector<ArrayShape> shapes;
};

Call describeCall(const std::string& op, bool backward, const OpArguments& arguments) {
    refuseNumbers(op, arguments);
    Call call{};
    call.shapes = arguments.shapes;
    const std::size_t inputs = backward ? 5 : 4;
    if (call.shapes.size() != inputs) {
        const std::string all = "(value, spatialShapes, samplingLocations, attentionWeights";
        refuse(op, "number of inputs", backward ? "5 " + all + ", gradOutput)" : "4 " + all + ")",
               std::to_string(call.shapes.size()));
    }
    const ArrayShape& value = call.shapes[0];
    const ArrayShape& sizes = call.shapes[1];
    const ArrayShape& locations = call.shapes[2];
    checkRank(op, "value", value, 4, "[N, S, M, D]");
    checkFloating(op, "value", value);
    checkRank(op, "spatialShapes", sizes, 2, "[L, 2]", First::NotEmpty);
    call.levels = sizes.sizes()[0];
    checkSizes(op, "spatialShapes", sizes, {call.levels, 2}, "L, (H, W)");
    if (sizes.typeName() != "INT" && sizes.typeName() != "LONG") {
        refuse(op, "spatialShapes", "type INT or LONG", sizes.typeName());
    }
    checkRank(op, "samplingLocations", locations, 6, "[N, Q, M, L, P, 2]");
    const Index batch = value.sizes()[0], heads = value.sizes()[2];
    const Index points = locations.sizes()[4];
    call.pixels = value.sizes()[1];
    call.queries = locations.sizes()[1];
    const std::vector<Index> weights{batch, call.queries, heads, call.levels, points};
    checkSizes(op, "samplingLocations", locations,
               {batch, call.queries, heads, call.levels, points, 2}, "N, Q, M, L, P, (x, y)");
    checkType(op, "samplingLocations", locations, value.type(), "as the value");
    checkRank(op, "attentionWeights", call.shapes[3], 5, "[N, Q, M, L, P]");
    checkSizes(op, "attentionWeights", call.shapes[3], weights, "N, Q, M, L, P");
    checkType(op, "attentionWeights", call.shapes[3], value.type(), "as the value");

    AggregationCall& g = call.aggregation;
    g.batch = batch;
    g.groups = heads;
    g.channels = value.sizes()[3];
    g.outHeight = 1;
    g.outWidth = call.queries;
    // Points are taps that all start where their location says; at x = 0 the first pixel begins.
    g.y = {1, 0, 0, 0, -0.5};
    g.x = {points, 0, 0, 0, -0.5};
    const std::vector<Index> output{batch, call.queries, heads * g.channels};
    if (tooLong({batch, call.queries, heads, g.channels})) {
        refuse(op, "samplingLocations", "at most 2^48 output elements", toString(output));
    }
    if (!backward) return call;
    checkRank(op, "gradOutput", call.shapes[4], 3, "[N, Q, M*D]");
    checkSizes(op, "gradOutput", call.shapes[4], output, "as the output");
    checkType(op, "gradOutput", call.shapes[4], value.type(), "as the value");
    return call;
}

/// The numbers of spatialShapes.
std::vector<Index> readSizes(const Execution& execution, sd::NDArray& array,
                             const ArrayShape& shape) {
    const std::size_t bytes = shape.typeName() == "INT" ? 4 : 8;
    const auto* data = static_cast<const unsigned char*>(dataOf(array));
    std::vector<Index> numbers;
    for (Index level = 0; level < shape.sizes()[0]; ++level) {
        for (Index i = 0; i < 2; ++i) {
            const Index at = level * shape.strides()[0] + i * shape.strides()[1];
            std::int32_t narrow = 0;
            std::int64_t wide = 0;
            execution.read(data + at * static_cast<Index>(bytes), bytes,
                           bytes == 4 ? static_cast<void*>(&narrow) : &wide);
            numbers.push_back(bytes == 4 ? narrow : wide);
        }
    }
    return numbers;
}

/// The levels, whose sizes must add up to the pixels of the value.
std::vector<AggregationLevel> levelsOf(const std::string& op, const Call& call,
                                       const std::vector<Index>& numbers) {
    std::vector<AggregationLevel> levels;
    Index sum = 0;
    bool fits = true;
    for (std::size_t i = 0; i < numbers.size(); i += 2) {
        const Index height = numbers[i], width = numbers[i + 1];
        if (height < 1 || width < 1) {
            refuse(op, "spatialShapes", "heights and widths of at least 1",
                   std::to_string(height) + " x " + std::to_string(width) + " in level " +
                       std::to_string(i / 2));
        }
        fits = fits && height <= (call.pixels - sum) / width;
        if (fits) sum += height * width;
        levels.push_back({height, width, static_cast<double>(height), static_cast<double>(width)});
    }
    if (!fits || sum != call.pixels) {
        refuse(op, "spatialShapes",
               "sizes whose products add up to the " + std::to_string(call.pixels) +
                   " rows of the value",
               toString(numbers));
    }
    return levels;
}

class AttentionOp final : public CheckedOp<Call> {
  public:
    AttentionOp(const char* name, bool backward)
        : CheckedOp(name, backward ? 3 : 1, 0, 0), backward_(backward) {}

  protected:
    Call describe(const OpArguments& arguments) const override {
        return describeCall(name(), backward_, arguments);
    }

    std::vector<Output> outputsOf(const Call& call) const override {
        const AggregationCall& g = call.aggregation;
        const ElementType type = call.shapes[0].type();
        if (!backward_) return {{"output", {g.batch, call.queries, g.groups * g.channels}, type}};
        return {{"gradValue", call.shapes[0].sizes(), type},
                {"gradSamplingLocations", call.shapes[2].sizes(), type},
                {"gradAttentionWeights", call.shapes[3].sizes(), type}};
    }

    void compute(const Call& call, const Execution& execution, const Arrays& in,
                 const Arrays& out) const override {
        AggregationCall g = call.aggregation;
        g.levels = levelsOf(name(), call, readSizes(execution, *in[1], call.shapes[1]));
        g.type = call.shapes[0].type();
        // Without images there is nothing to point at either, and nothing to do.
        if (g.batch == 0) return;
        setLevels(g, *in[0], &AggregationLevel::values);
        g.location = locations(*in[2]);
        g.weight = weights(*in[3]);
        g.output = rows(g, backward_ ? *in[4] : *out[0]);
        const auto& kernel = execution.kernel<DeformableAggregationKernel>();
        if (!backward_) return kernel.forward(g, execution.threads(g.multiplyAdds()));
        setLevels(g, *out[0], &AggregationLevel::gradValues);
        g.gradLocation = locations(*out[1]);
        g.gradWeight = weights(*out[2]);
        kernel.backward(g, execution.threads(2 * g.multiplyAdds()));
    }

  private:
    /// [N, S, M, D] as a plane for each level.
    static void setLevels(AggregationCall& g, sd::NDArray& array,
                          Tensor<5> AggregationLevel::*plane) {
        const Tensor<4> t = tensorOf<4>(array);
        Index first = 0;
        for (AggregationLevel& level : g.levels) {
            void* data = t.data;
            withElementType(g.type, [&](auto element) {
                data = static_cast<decltype(element)*>(t.data) + first * t.strides[1];
            });
            level.*plane = {data,
                            {t.strides[0], level.width * t.strides[1], t.strides[1], t.strides[2],
                             t.strides[3]}};
            first += level.pixels();
        }
    }

    // Queries are the columns of one row.
    static Tensor<7> locations(sd::NDArray& array) {
        const Tensor<6> t = tensorOf<6>(array);
        return {t.data,
                {t.strides[0], 0, t.strides[1], t.strides[2], t.strides[3], t.strides[4],
                 t.strides[5]}};
    }
    static Tensor<6> weights(sd::NDArray& array) {
        const Tensor<5> t = tensorOf<5>(array);
        return {t.data, {t.strides[0], 0, t.strides[1], t.strides[2], t.strides[3], t.strides[4]}};
    }
    static Tensor<5> rows(const AggregationShape& g, sd::NDArray& array) {
        const Tensor<3> t = tensorOf<3>(array);
        return {t.data, {t.strides[0], 0, t.strides[1], g.channels * t.strides[2], t.strides[2]}};
    }

    const bool backward_;
};

const bool registered = registerOps({new AttentionOp("multi_scale_deformable_attention", false),
                                     new AttentionOp("multi_scale_deformable_attention_bp", true)});

}  // namespace
}  // namespace dcn4j
