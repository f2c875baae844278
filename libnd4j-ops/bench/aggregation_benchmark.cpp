// DCNv3 and multi-scale deformable attention, forward and backward, with every kernel that this
// processor runs; beside DCNv3 the plain depth-wise convolution of as many channels.
#include <benchmark/benchmark.h>

#include "../src/kernels/deformable_conv2d.h"
#include "../src/kernels/registry.h"
#include "array.h"
#include "shapes.h"
#include "time_calls.h"

namespace dcn4j {
namespace {

using benchmark::State;

/// Arrays of rows [n][point][...]; DCNv3's offsets are normally distributed, attention's locations
/// anywhere in the image.
struct Problem {
    AggregationCall g;
    Array value, location, weight, output, gradValue, gradLocation, gradWeight, gradOutput;

    explicit Problem(const AggregationCase& shape)
        : g(shape.call()),
          value(g.batch, pixels(), g.groups, g.channels),
          location(g.batch, g.points(), g.groups * levels() * g.taps(), 2),
          weight(g.batch, g.points(), g.groups, levels() * g.taps()),
          output(g.batch, g.points(), g.groups, g.channels),
          gradValue(value),
          gradLocation(location),
          gradWeight(weight),
          gradOutput(output) {
        g.location = locations(location);
        g.gradLocation = locations(gradLocation);
        g.weight = weights(weight);
        g.gradWeight = weights(gradWeight);
        Index first = 0;
        const Index column = g.groups * g.channels;
        for (AggregationLevel& level : g.levels) {
            level.values = plane(value, level, first * column);
            level.gradValues = plane(gradValue, level, first * column);
            first += level.pixels();
        }
        if (g.x.stride > 0) return;
        std::mt19937 random(2);
        std::uniform_real_distribution<float> uniform(0, 1);
        for (float& number : location.numbers) number = uniform(random);
    }

    Index levels() const { return static_cast<Index>(g.levels.size()); }
    Index pixels() const {
        Index sum = 0;
        for (const AggregationLevel& level : g.levels) sum += level.pixels();
        return sum;
    }
    Tensor<5> plane(Array& array, const AggregationLevel& level, Index first) const {
        const Index column = g.groups * g.channels;
        return {array.numbers.data() + first,
                {pixels() * column, level.width * column, column, g.channels, 1}};
    }
    Tensor<7> locations(Array& array) const {
        const Index level = 2 * g.taps(), group = levels() * level, point = g.groups * group;
        return {array.numbers.data(),
                {g.points() * point, g.outWidth * point, point, group, level, 2, 1}};
    }
    Tensor<6> weights(Array& array) const {
        const Index group = levels() * g.taps(), point = g.groups * group;
        return {array.numbers.data(),
                {g.points() * point, g.outWidth * point, point, group, g.taps(), 1}};
    }
    Tensor<5> rows(Array& array) const {
        const Index point = g.groups * g.channels;
        return {array.numbers.data(),
                {g.points() * point, g.outWidth * point, point, g.channels, 1}};
    }
};

void forward(State& state, const AggregationCase& shape,
             const DeformableAggregationKernel& kernel) {
    Problem p(shape);
    p.g.output = p.rows(p.output);
    timeCalls(state, [&] { kernel.forward(p.g, threads()); });
}

void backward(State& state, const AggregationCase& shape,
              const DeformableAggregationKernel& kernel) {
    Problem p(shape);
    p.g.output = p.rows(p.gradOutput);
    timeCalls(state, [&] { kernel.backward(p.g, threads()); });
}

/// The plain depth-wise convolution of the same pixels, channels first or last.
void depthwise(State& state, const AggregationCase& shape, bool last, bool isForward) {
    const Index c = shape.groups * shape.channels, size = shape.size;
    Conv2dGeometry g = Shape{shape.batch, c, size, c, 1}.geometry();
    g.groups = c;
    Array input(g.batch, c, size, size), weights(c, 1, 3, 3), output(input), gradient(input);
    const auto inFormat = [&](Array& array) -> Tensor<4> {
        if (!last) return array;
        return {array.numbers.data(), {size * size * c, 1, size * c, c}};
    };
    DeformableConv2dInputs inputs{};
    inputs.type = ElementType::Float32;
    inputs.input = inFormat(input);
    inputs.weights = weights;
    const DeformableConv2dKernel& kernel = *Registry<DeformableConv2dKernel>::all().front();
    DeformableConv2dGradients gradients;
    Array gradWeights(weights);
    gradients.input = inFormat(gradient);
    gradients.weights = gradWeights;
    for (auto _ : state) {
        if (isForward) {
            kernel.forward(g, inputs, inFormat(output), threads());
        } else {
            kernel.backward(g, inputs, inFormat(output), gradients, threads());
        }
    }
}

template <class Measure>
void add(const std::string& name, Measure measure) {
    benchmark::RegisterBenchmark(name.c_str(), measure)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->UseRealTime();
}

}  // namespace

void registerAggregation() {
    for (const AggregationCase& shape : aggregationCases()) {
        for (const DeformableAggregationKernel* kernel :
             Registry<DeformableAggregationKernel>::all()) {
            const std::string name = shape.name() + "/" + kernel->name();
            add("aggregation/forward/" + name,
                [&shape, kernel](State& state) { forward(state, shape, *kernel); });
            add("aggregation/backward/" + name,
                [&shape, kernel](State& state) { backward(state, shape, *kernel); });
        }
        if (shape.queries > 0) continue;
        for (const bool last : {false, true}) {
            const std::string format = std::string("/plain_depthwise/") + (last ? "nhwc" : "nchw");
            add("aggregation/forward/" + shape.name() + format,
                [&shape, last](State& state) { depthwise(state, shape, last, true); });
            add("aggregation/backward/" + shape.name() + format,
                [&shape, last](State& state) { depthwise(state, shape, last, false); });
        }
    }
}

}  // namespace dcn4j
