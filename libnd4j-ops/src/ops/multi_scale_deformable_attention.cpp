// The libnd4j ops multi_scale_deformable_attention and multi_scale_deformable_attention_bp: an
// aggregation of several levels, at positions that the caller gives.
//
// They check the arguments, describe the arrays to the kernels and hand over.
#include <cstring>

#include "../kernels/element.h"
#include "aggregation_op.h"

namespace dcn4j {
namespace {

AggregationArguments describeCall(const std::string& op, bool backward,
                                  const OpArguments& arguments) {
    refuseNumbers(op, arguments);
    AggregationArguments call{};
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
    const Index levels = sizes.sizes()[0];
    checkSizes(op, "spatialShapes", sizes, {levels, 2}, "L, (H, W)");
    if (sizes.typeName() != "INT" && sizes.typeName() != "LONG") {
        refuse(op, "spatialShapes", "type INT or LONG", sizes.typeName());
    }
    checkRank(op, "samplingLocations", locations, 6, "[N, Q, M, L, P, 2]");
    const Index batch = value.sizes()[0], heads = value.sizes()[2];
    const Index points = locations.sizes()[4];
    const Index queries = locations.sizes()[1];
    const std::vector<Index> weights{batch, queries, heads, levels, points};
    checkSizes(op, "samplingLocations", locations, {batch, queries, heads, levels, points, 2},
               "N, Q, M, L, P, (x, y)");
    checkType(op, "samplingLocations", locations, value.type(), "as the value");
    checkRank(op, "attentionWeights", call.shapes[3], 5, "[N, Q, M, L, P]");
    checkSizes(op, "attentionWeights", call.shapes[3], weights, "N, Q, M, L, P");
    checkType(op, "attentionWeights", call.shapes[3], value.type(), "as the value");

    AggregationCall& g = call.aggregation;
    g.batch = batch;
    g.groups = heads;
    g.channels = value.sizes()[3];
    g.outHeight = 1;
    g.outWidth = queries;
    // Points are taps that all start where their location says; at x = 0 the first pixel begins.
    g.y = {1, 0, 0, 0, -0.5};
    g.x = {points, 0, 0, 0, -0.5};
    call.output = {batch, queries, heads * g.channels};
    if (tooLong(call.output)) {
        refuse(op, "samplingLocations", "at most 2^48 output elements", toString(call.output));
    }
    if (!backward) return call;
    checkRank(op, "gradOutput", call.shapes[4], 3, "[N, Q, M*D]");
    checkSizes(op, "gradOutput", call.shapes[4], call.output, "as the output");
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
std::vector<AggregationLevel> levelsOf(const std::string& op, Index pixels,
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
        fits = fits && height <= (pixels - sum) / width;
        if (fits) sum += height * width;
        levels.push_back({height, width, static_cast<double>(height), static_cast<double>(width)});
    }
    if (!fits || sum != pixels) {
        refuse(
            op, "spatialShapes",
            "sizes whose products add up to the " + std::to_string(pixels) + " rows of the value",
            toString(numbers));
    }
    return levels;
}

class AttentionOp final : public AggregationOp {
  public:
    AttentionOp(const char* name, bool backward)
        : AggregationOp(
              name, backward, {"value", "spatialShapes", "samplingLocations", "attentionWeights"},
              {{"gradValue", 0}, {"gradSamplingLocations", 2}, {"gradAttentionWeights", 3}}, 0, 0) {
    }

  protected:
    AggregationArguments describe(const OpArguments& arguments) const override {
        return describeCall(name(), isBackward(), arguments);
    }

    AggregationCall withLevels(const AggregationArguments& call, const Execution& execution,
                               const Arrays& in) const override {
        AggregationCall g = call.aggregation;
        g.levels = levelsOf(name(), call.shapes[0].sizes()[1],
                            readSizes(execution, *in[1], call.shapes[1]));
        return g;
    }

    /// [N, S, M, D] as a plane for each level.
    void setValues(AggregationCall& g, sd::NDArray& array,
                   Tensor<5> AggregationLevel::*values) const override {
        const Tensor<4> t = tensorOf<4>(array);
        Index first = 0;
        for (AggregationLevel& level : g.levels) {
            void* data = t.data;
            withElementType(g.type, [&](auto element) {
                data = static_cast<decltype(element)*>(t.data) + first * t.strides[1];
            });
            level.*values = {data,
                             {t.strides[0], level.width * t.strides[1], t.strides[1], t.strides[2],
                              t.strides[3]}};
            first += level.pixels();
        }
    }

    // Queries are the columns of one row.
    Tensor<7> locations(const AggregationShape&, sd::NDArray& array) const override {
        const Tensor<6> t = tensorOf<6>(array);
        return {t.data,
                {t.strides[0], 0, t.strides[1], t.strides[2], t.strides[3], t.strides[4],
                 t.strides[5]}};
    }
    Tensor<6> weights(const AggregationShape&, sd::NDArray& array) const override {
        const Tensor<5> t = tensorOf<5>(array);
        return {t.data, {t.strides[0], 0, t.strides[1], t.strides[2], t.strides[3], t.strides[4]}};
    }
    Tensor<5> outputs(const AggregationShape& g, sd::NDArray& array) const override {
        const Tensor<3> t = tensorOf<3>(array);
        return {t.data, {t.strides[0], 0, t.strides[1], g.channels * t.strides[2], t.strides[2]}};
    }
};

const bool registered = registerOps({new AttentionOp("multi_scale_deformable_attention", false),
                                     new AttentionOp("multi_scale_deformable_attention_bp", true)});

}  // namespace
}  // namespace dcn4j
