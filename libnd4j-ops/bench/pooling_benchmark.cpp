// Deformable PSROI pooling, forward and backward, with every kernel that this processor runs, the
// reference among them.
#include <benchmark/benchmark.h>

#include "../src/kernels/registry.h"
#include "array.h"
#include "shapes.h"

namespace dcn4j {
namespace {

using benchmark::State;

struct Problem {
    PsroiPoolingGeometry g;
    bool hasTrans;
    Array input, rois, trans, output, count, gradOutput, gradInput, gradTrans;

    explicit Problem(const PoolingShape& s)
        : g(s.geometry()),
          hasTrans(s.classes > 0),
          input(g.batch, g.channels(), g.height, g.width),
          rois(1, 1, g.rois, 5),
          trans(g.rois, 2 * g.classes, g.partSize, g.partSize),
          output(g.rois, g.outputDim, g.pooledSize, g.pooledSize),
          count(output),
          gradOutput(output),
          gradInput(input),
          gradTrans(trans) {
        // From an eighth of the image's sides to five eighths.
        std::mt19937 random(2);
        std::uniform_real_distribution<float> uniform(0, 1);
        const float height = static_cast<float>(g.height * 16);
        const float width = static_cast<float>(g.width * 16);
        for (Index r = 0; r < g.rois; ++r) {
            float* roi = rois.numbers.data() + 5 * r;
            const float h = (0.125f + 0.5f * uniform(random)) * height;
            const float w = (0.125f + 0.5f * uniform(random)) * width;
            roi[0] = static_cast<float>(r % g.batch);
            roi[1] = uniform(random) * (width - w);
            roi[2] = uniform(random) * (height - h);
            roi[3] = roi[1] + w;
            roi[4] = roi[2] + h;
        }
    }

    DeformablePsroiPoolingInputs inputs() {
        DeformablePsroiPoolingInputs in;
        in.type = in.roisType = ElementType::Float32;
        in.input = input;
        in.rois.data = rois.numbers.data();
        in.rois.strides[0] = 5;
        in.rois.strides[1] = 1;
        if (hasTrans) in.trans = trans;
        return in;
    }
    DeformablePsroiPoolingGradients gradients() {
        DeformablePsroiPoolingGradients to;
        to.input = gradInput;
        if (hasTrans) to.trans = gradTrans;
        return to;
    }
};

void forward(State& state, const PoolingShape& shape, const DeformablePsroiPoolingKernel& kernel) {
    Problem p(shape);
    for (auto _ : state) kernel.forward(p.g, p.inputs(), p.output, p.count, threads());
}

void backward(State& state, const PoolingShape& shape, const DeformablePsroiPoolingKernel& kernel) {
    Problem p(shape);
    kernel.forward(p.g, p.inputs(), p.output, p.count, threads());
    for (auto _ : state) {
        kernel.backward(p.g, p.inputs(), p.count, p.gradOutput, p.gradients(), threads());
    }
}

}  // namespace

void registerPooling() {
    using Measure = void (*)(State&, const PoolingShape&, const DeformablePsroiPoolingKernel&);
    const std::pair<const char*, Measure> measures[] = {{"pooling/forward", forward},
                                                        {"pooling/backward", backward}};
    for (const PoolingShape& shape : poolingShapes()) {
        for (const auto& [name, measure] : measures) {
            for (const DeformablePsroiPoolingKernel* kernel :
                 Registry<DeformablePsroiPoolingKernel>::all()) {
                benchmark::RegisterBenchmark(
                    (std::string(name) + "/" + shape.name() + "/" + kernel->name()).c_str(),
                    [measure = measure, &shape, kernel](State& state) {
                        measure(state, shape, *kernel);
                    })
                    ->Unit(benchmark::kMillisecond)
                    ->MeasureProcessCPUTime()
                    ->UseRealTime();
            }
        }
    }
}

}  // namespace dcn4j
