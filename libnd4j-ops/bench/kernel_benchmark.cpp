// What each part of the CPU kernels costs: repack, plan, gather, products, scatter, store, and the
// whole, for every instruction set that this processor runs, beside oneDNN's plain convolution
// where that is installed. Pooling and aggregation as wholes are measured too
// (pooling_benchmark.cpp, aggregation_benchmark.cpp). One thread, unless OMP_NUM_THREADS says
// otherwise (the parts are always on one).
//
//   kernel_benchmark --benchmark_filter='forward' --benchmark_repetitions=5
//
// A part is measured on what it does for one image and the first block of channels, so that its
// time is a share of the whole's; `rate` counts the operations of a plain convolution.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <cstdlib>
#include <vector>

#include "../src/kernels/cpu/deformable_conv2d/blocking.h"
#include "../src/kernels/cpu/deformable_conv2d/deformable_conv2d.h"
#include "../src/kernels/cpu/deformable_conv2d/images.h"
#include "../src/kernels/cpu/deformable_conv2d/positions.h"
#include "../src/kernels/cpu/isa.h"
#include "array.h"
#include "shapes.h"
#include "time_calls.h"

namespace dcn4j {

#ifndef DCN4J_PEERS
void registerPeers() {}
#endif

namespace {

using benchmark::Counter;
using benchmark::State;

struct Problem {
    Conv2dGeometry g;
    Array input, weights, offset, mask, output, gradOutput;
    Array gradInput, gradWeights, gradOffset, gradMask;

    explicit Problem(const Shape& s)
        : g(s.geometry()),
          input(g.batch, g.channels, g.height, g.width),
          weights(g.outChannels, g.channelsPerGroup(), 3, 3),
          offset(g.batch, 18 * g.offsetGroups, g.height, g.width),
          mask(g.batch, 9 * g.offsetGroups, g.height, g.width),
          output(g.batch, g.outChannels, g.height, g.width),
          gradOutput(output),
          gradInput(input),
          gradWeights(weights),
          gradOffset(offset),
          gradMask(mask) {}

    DeformableConv2dInputs inputs() {
        DeformableConv2dInputs in;
        in.type = ElementType::Float32;
        in.input = input;
        in.weights = weights;
        in.offset = offset;
        in.mask = mask;
        return in;
    }
    DeformableConv2dGradients gradients() {
        DeformableConv2dGradients to;
        to.input = gradInput;
        to.weights = gradWeights;
        to.offset = gradOffset;
        to.mask = gradMask;
        return to;
    }
};

}  // namespace

int threads() {
    return std::getenv("OMP_NUM_THREADS") == nullptr ? 1 : omp_get_max_threads();
}

namespace {

void rate(State& state, double operations) {
    state.counters["rate"] = Counter(operations, Counter::kIsIterationInvariantRate);
}

void forward(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    const cpu::TiledDeformableConv2d kernel(set);
    Problem p(shape);
    timeCalls(state, [&] { kernel.forward(p.g, p.inputs(), p.output, threads()); });
    rate(state, shape.flops());
}

void backward(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    const cpu::TiledDeformableConv2d kernel(set);
    Problem p(shape);
    timeCalls(state,
              [&] { kernel.backward(p.g, p.inputs(), p.gradOutput, p.gradients(), threads()); });
    rate(state, 2 * shape.flops());
}

/// What the parts work on: one tile and one block.
struct Tile {
    Problem p;
    const DeformableConv2dInputs inputs;
    const cpu::MicroKernels<float>& kernels;
    const cpu::convolution::Blocking blocking;
    const cpu::convolution::Positions<float> positions;
    const cpu::convolution::Block& block;
    float *image, *gradImage;  ///< of `imageNumbers`
    Index imageNumbers;
    std::vector<float> images, column, weights, output, gradWeights, gradSamples;
    std::vector<cpu::PlannedSample<float>> samples;

    Tile(const Shape& shape, const cpu::InstructionSet& set, bool forward)
        : p(shape),
          inputs(p.inputs()),
          kernels(set.kernels.of<float>()),
          blocking(forward ? cpu::convolution::Blocking::forward(p.g, cpu::rowAlignment<float>,
                                                                 kernels.panelWidth)
                           : cpu::convolution::Blocking::backward(p.g, cpu::rowAlignment<float>,
                                                                  kernels.panelWidth)),
          positions(kernels, p.g, inputs, blocking.pitch),
          block(blocking.blocks.front()) {
        const auto room = [](std::vector<float>& v, Index n) {
            v.assign(static_cast<std::size_t>(n), 1.0f);
        };
        imageNumbers = (blocking.planePixels + 1) * block.paddedChannels;
        const Index apart = blocking.gradientAfter(imageNumbers);  // as a pass has them
        room(images, apart + imageNumbers);
        image = images.data();
        gradImage = image + apart;
        room(column, blocking.tile * blocking.columnLd);
        room(weights, blocking.outLd * blocking.columnLd);
        room(gradWeights, blocking.outLd * blocking.columnLd);
        room(output, blocking.tile * std::max(blocking.outLd, block.paddedChannels));
        room(gradSamples, 3 * p.g.taps() * blocking.tile);
        samples.resize(static_cast<std::size_t>(blocking.tile * p.g.taps()));
        packImage();
        positions.plan(0, 0, 0, blocking.tile, samples.data());  // of the largest tile
    }
    void packImage() {
        cpu::convolution::loadBlock<float>(kernels, inputs.input, p.g, blocking, block, 0, image);
    }
    void plan(Index tile) {
        positions.plan(0, 0, blocking.firstPoint(tile), blocking.pointsOf(tile), samples.data());
    }
};

/// Measures `action(tile's number, points)` over the tiles of an image.
template <class Action>
void overTiles(State& state, Tile& t, double operationsAPoint, Action action) {
    for (auto _ : state) {
        for (Index tile = 0; tile < t.blocking.tiles; ++tile) {
            action(tile, t.blocking.pointsOf(tile));
        }
        benchmark::ClobberMemory();
    }
    rate(state, operationsAPoint * static_cast<double>(t.p.g.outPixels()));
}

void repack(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, true);
    for (auto _ : state) t.packImage();
}

void plan(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, true);
    overTiles(state, t, 0, [&](Index tile, Index) { t.plan(tile); });
}

void touched(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, false);
    overTiles(state, t, 0, [&](Index, Index points) {
        benchmark::DoNotOptimize(
            t.kernels.touched(points * t.p.g.taps(), t.samples.data(), t.p.g.pixels()));
    });
}

void gather(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, true);
    overTiles(state, t, 0, [&](Index, Index points) {
        t.kernels.gather({points, t.p.g.taps(), t.block.paddedChannels, t.samples.data(), t.image,
                          t.block.paddedChannels, t.column.data(), t.blocking.columnLd});
    });
}

/// A depth-wise convolution of the block's channels.
void gatherSum(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, true);
    const Index channels = t.block.paddedChannels, taps = t.p.g.taps();
    overTiles(state, t, 2.0 * static_cast<double>(taps * channels), [&](Index, Index points) {
        t.kernels.gatherSum({points, taps, channels, 1, 1, t.samples.data(), t.image, channels,
                             t.weights.data(), t.output.data(), channels});
    });
}

void gemmForward(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, true);
    const Index panel = t.kernels.panelWidth, channels = t.p.g.outChannels;
    overTiles(state, t, 2.0 * static_cast<double>(channels * t.block.depth),
              [&](Index, Index points) {
                  t.kernels.gemm(points, channels, t.block.depth,
                                 {t.column.data(), t.blocking.columnLd, 1},
                                 {t.weights.data(), t.block.depth * panel, panel}, t.output.data(),
                                 t.blocking.outLd, false);
              });
}

void gemmToColumn(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, false);
    const Index panel = t.kernels.panelWidth, channels = t.p.g.outChannels;
    overTiles(
        state, t, 2.0 * static_cast<double>(channels * t.block.depth), [&](Index, Index points) {
            t.kernels.gemm(points, t.block.depth, channels, {t.output.data(), t.blocking.outLd, 1},
                           {t.weights.data(), channels * panel, panel}, t.column.data(),
                           t.blocking.columnLd, false);
        });
}

void scatter(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, false);
    overTiles(state, t, 0, [&](Index, Index points) {
        t.kernels.scatter({points, t.p.g.taps(), t.block.channels, t.samples.data(), t.image,
                           t.block.paddedChannels, t.column.data(), t.blocking.columnLd,
                           t.gradImage, t.gradSamples.data()});
    });
}

void gemmToWeights(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, false);
    const Index panel = t.kernels.panelWidth, channels = t.p.g.outChannels;
    overTiles(
        state, t, 2.0 * static_cast<double>(channels * t.block.depth), [&](Index, Index points) {
            t.kernels.gemm(channels, t.block.depth, points, {t.output.data(), 1, t.blocking.outLd},
                           {t.column.data(), panel, t.blocking.columnLd}, t.gradWeights.data(),
                           t.blocking.columnLd, true);
        });
}

void store(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, true);
    overTiles(state, t, 0, [&](Index tile, Index points) {
        cpu::storePixels<float>(t.kernels,
                                {t.p.output,
                                 t.p.g.outWidth,
                                 {0, 0, t.p.g.outChannels},
                                 t.blocking.firstPoint(tile),
                                 points},
                                {t.output.data(), t.blocking.outLd});
    });
}

/// What a chunk of tiles costs beside its tiles: setting a gradient of the image to zero, and
/// adding it to another.
void zero(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, false);
    for (auto _ : state) {
        std::fill_n(t.gradImage, t.imageNumbers, 0.0f);
        benchmark::ClobberMemory();
    }
}
void addSlot(State& state, const Shape& shape, const cpu::InstructionSet& set) {
    Tile t(shape, set, false);
    for (auto _ : state) {
        for (Index i = 0; i < t.imageNumbers; ++i) t.gradImage[i] += t.image[i];
        benchmark::ClobberMemory();
    }
}

void registerAll() {
    using Measure = void (*)(State&, const Shape&, const cpu::InstructionSet&);
    const std::pair<const char*, Measure> measures[] = {
        {"forward", forward},
        {"backward", backward},
        {"part/repack", repack},
        {"part/plan", plan},
        {"part/touched", touched},
        {"part/gather", gather},
        {"part/gatherSum", gatherSum},
        {"part/gemm", gemmForward},
        {"part/gemmToColumn", gemmToColumn},
        {"part/scatter", scatter},
        {"part/gemmToWeights", gemmToWeights},
        {"part/store", store},
        {"part/zero", zero},
        {"part/addSlot", addSlot},
    };
    for (const Shape& shape : shapes()) {
        for (const auto& [name, measure] : measures) {
            // The parts are those of a dense convolution; part/gatherSum is of both.
            if (shape.depthwise && std::string(name).rfind("part/", 0) == 0) continue;
            for (const cpu::InstructionSet* set : cpu::runnableInstructionSets()) {
                benchmark::RegisterBenchmark(
                    (std::string(name) + "/" + shape.name() + "/" + set->name).c_str(),
                    [measure = measure, &shape, set](State& state) { measure(state, shape, *set); })
                    ->Unit(benchmark::kMillisecond)
                    ->MeasureProcessCPUTime()
                    ->UseRealTime();
            }
        }
    }
}

}  // namespace
}  // namespace dcn4j

int main(int argc, char** argv) {
    omp_set_num_threads(dcn4j::threads());
    dcn4j::registerAll();
    dcn4j::registerPeers();
    dcn4j::registerPooling();
    dcn4j::registerMicroKernels();
    dcn4j::registerAggregation();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
