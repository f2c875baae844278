// The micro-kernels that kernel_benchmark.cpp has no part of a convolution for, each on what fits
// the first two levels of cache, under its own name.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "../src/kernels/cpu/buffer.h"
#include "../src/kernels/cpu/isa.h"
#include "../src/kernels/cpu/simd/pooling.h"
#include "shapes.h"

namespace dcn4j {
namespace {

using benchmark::State;
using cpu::InstructionSet;

constexpr Index points = 144, entries = 9, lanes = 64;

std::vector<float> ones(Index count) {
    return std::vector<float>(static_cast<std::size_t>(count), 1.0f);
}

/// Says how many bytes an iteration reads and writes.
void bytes(State& state, Index count) {
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * count);
}

void transpose(State& state, const InstructionSet& set) {
    const auto from = ones(lanes * points);
    auto to = from;
    for (auto _ : state) {
        set.kernels.forFloat.transpose(lanes, points, from.data(), points, to.data(), lanes);
        benchmark::ClobberMemory();
    }
    bytes(state, 8 * lanes * points);
}

template <class Half>
void widen(State& state, const InstructionSet& set) {
    const std::vector<Half> from(static_cast<std::size_t>(lanes * points));
    auto to = ones(lanes * points);
    for (auto _ : state) {
        set.kernels.forFloat.convert.widen(lanes * points, from.data(), to.data());
        benchmark::ClobberMemory();
    }
    bytes(state, 6 * lanes * points);
}

template <class Half>
void narrow(State& state, const InstructionSet& set) {
    const auto from = ones(lanes * points);
    std::vector<Half> to(from.size());
    for (auto _ : state) {
        set.kernels.forFloat.convert.narrow(lanes * points, from.data(), to.data());
        benchmark::ClobberMemory();
    }
    bytes(state, 6 * lanes * points);
}

/// A depth-wise convolution's products.
struct LaneProblem {
    std::vector<float> gradOutput = ones(points * lanes), column = ones(points * entries * lanes),
                       weights = ones(entries * lanes);
    cpu::LaneTile<float> tile{points, entries, 1, lanes, gradOutput.data(), lanes, entries* lanes};
};

void lanesToColumn(State& state, const InstructionSet& set) {
    LaneProblem p;
    for (auto _ : state) {
        set.kernels.forFloat.lanesToColumn(p.tile, p.weights.data(), p.column.data());
        benchmark::ClobberMemory();
    }
}

void lanesToWeights(State& state, const InstructionSet& set) {
    LaneProblem p;
    for (auto _ : state) {
        set.kernels.forFloat.lanesToWeights(p.tile, p.column.data(), p.weights.data());
        benchmark::ClobberMemory();
    }
}

/// A plain convolution of 3 x 3 taps: a tile of points that see three rows of three pixels.
void gemmSegments(State& state, const InstructionSet& set) {
    constexpr Index rows = 3, depth = 3 * lanes, apart = (points + 2) * lanes;
    const auto& kernels = set.kernels.forFloat;
    const Index width = kernels.panelWidth, columns = cpu::roundUp(lanes, width);
    const auto image = ones(rows * apart), weights = ones(columns * rows * depth);
    auto output = ones(points * columns);
    for (auto _ : state) {
        kernels.gemmSegments(points, columns, {image.data(), lanes, rows, depth, apart},
                             {weights.data(), rows * depth * width, width}, output.data(), columns);
        benchmark::ClobberMemory();
    }
}

void sigmoid(State& state, const InstructionSet& set) {
    auto values = ones(lanes * points);
    for (auto _ : state) {
        set.kernels.forFloat.sigmoid(lanes * points, values.data());
        benchmark::ClobberMemory();
    }
    bytes(state, 8 * lanes * points);
}

/// DCNv3's samples of one group of 16 channels.
struct AggregateProblem {
    static constexpr Index channels = 16, size = 32, samples = points * entries;
    static constexpr Index width = size + 2, pixels = 1 + (size + 3) * width;  // with the border
    static constexpr Index period = entries * 16;  // a multiple of every vector's lanes
    std::vector<float> image = ones(pixels * channels), output = ones(points * channels),
                       location = ones(2 * samples), weight = ones(samples), origin, start,
                       scale = ones(period), sizes, gradImage = image, gradLocation = location,
                       gradWeight = weight;
    std::vector<std::int32_t> base, below;

    AggregateProblem()
        : sizes(static_cast<std::size_t>(period), size),
          base(sizes.size(), channels * (width + 1)),
          below(sizes.size(), channels * width) {
        std::mt19937 random(1);
        std::normal_distribution<float> normal;
        for (float& number : location) number = normal(random);
        for (Index i = 0; i < samples; ++i)
            origin.push_back(static_cast<float>(i / entries % size));
        for (Index i = 0; i < period; ++i) start.push_back(static_cast<float>(i % entries % 3));
    }
    cpu::AggregateSamples<float> view() const {
        return {samples,
                period,
                location.data(),
                weight.data(),
                {origin.data(), start.data(), scale.data(), sizes.data()},
                {origin.data(), start.data(), scale.data(), sizes.data()},
                base.data(),
                below.data(),
                channels};
    }
};

void aggregate(State& state, const InstructionSet& set) {
    AggregateProblem p;
    for (auto _ : state) {
        set.kernels.forFloat.aggregate({entries, p.channels, p.view(), p.image.data(), p.channels},
                                       p.output.data());
        benchmark::ClobberMemory();
    }
}

void scatterAggregate(State& state, const InstructionSet& set) {
    AggregateProblem p;
    cpu::RowSpan pixels{0, p.pixels};
    for (auto _ : state) {
        set.kernels.forFloat.scatterAggregate(
            {entries, p.channels, p.view(), p.image.data(), p.channels},
            {p.output.data(), p.gradImage.data(), &pixels, p.gradLocation.data(),
             p.gradWeight.data()});
        benchmark::ClobberMemory();
    }
}

/// 49 bins of 3 x 4 pixels each.
struct PoolingProblem {
    static constexpr Index width = 32, count = 49;
    std::vector<float> image = ones(width * width * lanes), gradients = ones(count * lanes);
    std::vector<cpu::AxisWeight<float>> rows, columns;
    std::vector<cpu::Bin<float>> bins;
    std::vector<cpu::Slopes<float>> slopes{static_cast<std::size_t>(count)};

    PoolingProblem() {
        for (Index i = 0; i < 4; ++i) {
            rows.push_back({i * width, 0.5f, 0.25f});
            columns.push_back({i, 0.5f, 0.25f});
        }
        for (Index b = 0; b < count; ++b) {
            bins.push_back(
                {b / 7 * 4 * width + b % 7 * 4, {rows.data(), 3, 4}, {columns.data(), 4, 4}, 16});
        }
    }
    cpu::BinChunk<float> chunk() const { return {bins.data(), count, lanes, lanes}; }
};

/// Measures `action(kernels, problem)`.
template <class Action>
void measurePooling(State& state, const cpu::PoolingSet& set, Action action) {
    PoolingProblem p;
    for (auto _ : state) {
        action(set.kernels.forFloat, p);
        benchmark::ClobberMemory();
    }
}

void pool(State& state, const cpu::PoolingSet& set) {
    measurePooling(state, set, [](const auto& kernels, PoolingProblem& p) {
        kernels.pool(p.chunk(), p.image.data(), p.gradients.data());
    });
}
void divide(State& state, const cpu::PoolingSet& set) {
    const auto counts = ones(PoolingProblem::count * lanes);
    measurePooling(state, set, [&](const auto& kernels, PoolingProblem& p) {
        kernels.divide(PoolingProblem::count * lanes, counts.data(), p.gradients.data());
    });
}
void scatter(State& state, const cpu::PoolingSet& set) {
    measurePooling(state, set, [](const auto& kernels, PoolingProblem& p) {
        kernels.scatter(p.chunk(), p.gradients.data(), 0,
                        PoolingProblem::width * PoolingProblem::width, p.image.data());
    });
}
void addSlopes(State& state, const cpu::PoolingSet& set) {
    measurePooling(state, set, [](const auto& kernels, PoolingProblem& p) {
        kernels.addSlopes(p.chunk(), p.gradients.data(), p.image.data(), p.slopes.data());
    });
}

template <class Set>
void registerKernel(const char* kernel, void (*measure)(State&, const Set&), const Set& set,
                    const char* name) {
    benchmark::RegisterBenchmark((std::string("part/") + kernel + "/" + name).c_str(),
                                 [measure, &set](State& state) { measure(state, set); })
        ->Unit(benchmark::kMicrosecond);
}

}  // namespace

void registerMicroKernels() {
    using Measure = void (*)(State&, const InstructionSet&);
    const std::pair<const char*, Measure> measures[] = {
        {"transpose", transpose},
        {"widenFloat16", widen<Float16>},
        {"widenBFloat16", widen<BFloat16>},
        {"narrowFloat16", narrow<Float16>},
        {"narrowBFloat16", narrow<BFloat16>},
        {"gemmSegments", gemmSegments},
        {"sigmoid", sigmoid},
        {"lanesToColumn", lanesToColumn},
        {"lanesToWeights", lanesToWeights},
        {"aggregate", aggregate},
        {"scatterAggregate", scatterAggregate},
    };
    for (const auto& [kernel, measure] : measures) {
        for (const InstructionSet* set : cpu::runnableInstructionSets()) {
            registerKernel(kernel, measure, *set, set->name);
        }
    }
    using MeasurePooling = void (*)(State&, const cpu::PoolingSet&);
    const std::pair<const char*, MeasurePooling> pooling[] = {{"pooling/pool", pool},
                                                              {"pooling/divide", divide},
                                                              {"pooling/scatter", scatter},
                                                              {"pooling/addSlopes", addSlopes}};
    for (const auto& [kernel, measure] : pooling) {
        for (const cpu::PoolingSet* set : {
#if defined(__x86_64__)
                 &cpu::avx512Pooling, &cpu::avx2Pooling,
#endif
                     &cpu::baselinePooling
             }) {
            if (cpu::runs(set->set)) registerKernel(kernel, measure, *set, set->set.name);
        }
    }
}

}  // namespace dcn4j
