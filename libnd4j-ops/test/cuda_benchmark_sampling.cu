// Times deformable aggregation (attention, DCNv3) and position-sensitive pooling.
#include <cstdio>

#include "../src/kernels/cuda/deformable_aggregation.h"
#include "../src/kernels/cuda/deformable_psroi_pooling.h"
#include "cuda_benchmark.h"

namespace dcn4j {
namespace {

void print(const char* name, const char* type, const char* pass, const Times& times) {
    std::printf("sampling,%s,%s,%s,%.4f,%.4f,%.4f\n", name, type, pass,
                static_cast<double>(times.median), static_cast<double>(times.least),
                static_cast<double>(times.most));
    std::fflush(stdout);
}

template <class Element>
void benchmarkAggregation(const char* name, const char* type, AggregationCall g, float center,
                          float scale) {
    const auto levels = static_cast<Index>(g.levels.size());
    Index pixels = 0;
    for (const AggregationLevel& level : g.levels) pixels += level.pixels();
    const Index samples = g.batch * g.points() * g.groups * levels * g.taps();
    const Index values = g.batch * pixels * g.groups * g.channels;
    const Index outputs = g.batch * g.points() * g.groups * g.channels;
    const Memory<Element> value(values, 1), gradValue(values, 2);
    const Memory<Element> location(2 * samples, 3, scale, center), gradLocation(2 * samples, 4);
    const Memory<Element> weight(samples, 5), gradWeight(samples, 6);
    const Memory<Element> output(outputs, 7);
    g.type = elementTypeOf<Element>;
    Index first = 0;
    for (AggregationLevel& level : g.levels) {
        for (auto [memory, tensor] :
             {std::pair(&value, &level.values), {&gradValue, &level.gradValues}}) {
            *tensor = memory->array(g.batch, level.height, level.width, g.groups, g.channels);
            tensor->strides[0] = pixels * g.groups * g.channels;
            tensor->data = memory->data() + first * g.groups * g.channels;
        }
        first += level.pixels();
    }
    const auto ofSamples = [&](const Memory<Element>& memory, auto... last) {
        return memory.array(g.batch, g.outHeight, g.outWidth, g.groups, levels, g.taps(), last...);
    };
    g.location = ofSamples(location, 2);
    g.weight = ofSamples(weight);
    g.gradLocation = ofSamples(gradLocation, 2);
    g.gradWeight = ofSamples(gradWeight);
    g.output = output.array(g.batch, g.outHeight, g.outWidth, g.groups, g.channels);
    const cuda::DeformableAggregation kernel(nullptr, true);
    print(name, type, "forward", measure([&] { kernel.forward(g, 0); }));
    print(name, type, "backward", measure([&] { kernel.backward(g, 0); }));
}

/// An encoder's layer of Deformable DETR: two images, four levels, all pixels as queries.
AggregationCall attention() {
    AggregationCall g{};
    g.batch = 2;
    g.groups = 8;
    g.channels = 32;
    g.outHeight = 1;
    g.y = {1, 0, 0, 0, -0.5};
    g.x = {4, 0, 0, 0, -0.5};
    for (Index size : {64, 32, 16, 8}) {
        const auto scale = static_cast<double>(size);
        g.levels.push_back({size, size, scale, scale});
        g.outWidth += size * size;
    }
    return g;
}

AggregationCall dcnv3() {
    AggregationCall g{};
    g.batch = 8;
    g.groups = 4;
    g.channels = 16;
    g.outHeight = g.outWidth = 56;
    g.y = g.x = {3, 1, 1, 1, 0};
    g.levels = {{56, 56, 1, 1}};
    return g;
}

/// Deformable R-FCN's head without position-sensitivity: 256 channels at 50 x 50, 300 rois of 7
/// x 7.
template <class Element>
void benchmarkPooling(const char* type) {
    const PsroiPoolingGeometry g{1, 50, 50, 300, 256, 1, 7, 7, 4, 1, 1.0 / 16, 0.1};
    const Index numbers = g.rois * g.outputDim * g.bins(), trans = g.rois * 2 * 49;
    const Memory<Element> input(g.channels() * g.pixels(), 1), gradInput(g.channels() * 2500, 2);
    const Memory<Element> moves(trans, 3), gradMoves(trans, 4), output(numbers, 5);
    const Memory<float> count(numbers, 6), rois(g.rois * 5, 7);
    std::vector<float> corners;
    for (Index r = 0; r < g.rois; ++r) {
        const auto x = static_cast<float>(r % 20 * 25), y = static_cast<float>(r / 20 * 30);
        for (float c : {0.0f, x, y, x + 250, y + 200}) corners.push_back(c);
    }
    cuda::check(cudaMemcpy(rois.data(), corners.data(), corners.size() * sizeof(float),
                           cudaMemcpyHostToDevice),
                "cudaMemcpy");
    const auto image = [&](const Memory<Element>& memory) {
        return memory.array(g.batch, g.channels(), g.height, g.width);
    };
    const auto bins = [&](const auto& memory) {
        return memory.array(g.rois, g.outputDim, g.pooledSize, g.pooledSize);
    };
    const auto parts = [&](const Memory<Element>& memory) {
        return memory.array(g.rois, 2, g.partSize, g.partSize);
    };
    const DeformablePsroiPoolingInputs in{elementTypeOf<Element>, ElementType::Float32,
                                          image(input), rois.array(g.rois, 5), parts(moves)};
    const DeformablePsroiPoolingGradients to{image(gradInput), parts(gradMoves)};
    const cuda::TiledDeformablePsroiPooling kernel(nullptr);
    print("psroi_pooling", type, "forward",
          measure([&] { kernel.forward(g, in, bins(output), bins(count), 0); }));
    print("psroi_pooling", type, "backward",
          measure([&] { kernel.backward(g, in, bins(count), bins(output), to, 0); }));
}

template <class Element>
void benchmarkAll(const char* type) {
    benchmarkAggregation<Element>("attention", type, attention(), 0.5f, 0.5f);
    benchmarkAggregation<Element>("dcnv3", type, dcnv3(), 0, 2);
    benchmarkPooling<Element>(type);
}

}  // namespace

void benchmarkSampling() {
    benchmarkAll<float>("float");
    benchmarkAll<Float16>("half");
}

}  // namespace dcn4j
