// Deformable aggregation, forward and backward, as the definition in ../deformable_aggregation.h
// reads.
//
// One thread an output, or a sample for the gradients of location and weight; for the values'
// gradient one thread a plane, which it walks through sample by sample, so that no two threads add
// to one element. Neighbouring threads have neighbouring channels: they read the same samples.
//
// What bounds it: every channel plans its samples anew; backward, few threads.
#include "../sampling/aggregation_taps.h"
#include "deformable_aggregation.h"
#include "sample_plan.h"
#include "workspace.h"

namespace dcn4j::cuda {
namespace {

/// A level and its arrays, in device memory: there may be any number of levels.
struct DeviceLevel {
    AggregationLevel level;
    Tensor<5> value, gradValue;
};

/// The arrays of one call with their C++ element type.
template <class Element>
struct Pass {
    using Real = ComputeType<Element>;

    AggregationShape g;
    Index levelCount;
    const DeviceLevel* levels;
    Tensor<7> location;
    Tensor<6> weight;
    Tensor<5> output;  ///< or its gradient

    /// A tap of one pixel and group.
    __device__ AggregationTap tapAt(Index n, Index p, Index group, Index level, Index tap) const {
        return {n, p / g.outWidth, p % g.outWidth, group, level, tap};
    }

    __device__ Sample<Real> sample(const AggregationTap& at) const {
        Sample<Real> s;
        planTap<Element>(g, levels[at.level].level, location, weight, at, s);
        return s;
    }

    __device__ void corners(const AggregationTap& at, const Sample<Real>& s, Index c,
                            Real (&value)[Corners]) const {
        const DeviceLevel& l = levels[at.level];
        const Index width = l.level.width;
        for (int i = 0; i < Corners; ++i) {
            value[i] = s.pixel[i] == l.level.pixels()
                           ? Real{0}
                           : load<Element>(l.value, at.n, s.pixel[i] / width, s.pixel[i] % width,
                                           at.group, c);
        }
    }
};

template <class Element>
__global__ void forwardReference(Pass<Element> pass) {
    using Real = ComputeType<Element>;
    const AggregationShape& g = pass.g;
    forEachItem(g.batch * g.points() * g.groups * g.channels, [&](Index i) {
        const Index c = i % g.channels, group = i / g.channels % g.groups;
        const Index p = i / g.channels / g.groups % g.points();
        const Index n = i / g.channels / g.groups / g.points();
        Real sum = 0;
        for (Index level = 0; level < pass.levelCount; ++level)
            for (Index tap = 0; tap < g.taps(); ++tap) {
                const AggregationTap at = pass.tapAt(n, p, group, level, tap);
                const Sample<Real> s = pass.sample(at);
                Real value[Corners];
                pass.corners(at, s, c, value);
                sum += s.modulation * valueOf(s, value);
            }
        store<Element>(pass.output, sum, n, p / g.outWidth, p % g.outWidth, group, c);
    });
}

template <class Element>
__global__ void gradSamplesReference(Pass<Element> pass, Tensor<7> gradLocation,
                                     Tensor<6> gradWeight) {
    using Real = ComputeType<Element>;
    const AggregationShape& g = pass.g;
    const Index taps = g.taps();
    forEachItem(g.batch * g.points() * g.groups * pass.levelCount * taps, [&](Index i) {
        const Index level = i / taps % pass.levelCount, rest = i / taps / pass.levelCount;
        const AggregationTap at =
            pass.tapAt(rest / g.groups / g.points(), rest / g.groups % g.points(), rest % g.groups,
                       level, i % taps);
        const Sample<Real> s = pass.sample(at);
        Real sumX = 0, sumY = 0, sumWeight = 0;
        for (Index c = 0; c < g.channels; ++c) {
            const Real grad = load<Element>(pass.output, at.n, at.oy, at.ox, at.group, c);
            Real value[Corners];
            pass.corners(at, s, c, value);
            sumWeight += grad * valueOf(s, value);
            sumY += grad * s.modulation * slopeY(s, value);
            sumX += grad * s.modulation * slopeX(s, value);
        }
        const AggregationLevel& l = pass.levels[level].level;
        const auto put = [&](const auto& t, Real gradient, auto... last) {
            static_cast<Element*>(t.data)[at.in(t, last...)] = narrow<Element>(gradient);
        };
        put(gradWeight, sumWeight);
        put(gradLocation, sumX * static_cast<Real>(l.scaleX), 0);
        put(gradLocation, sumY * static_cast<Real>(l.scaleY), 1);
    });
}

/// One thread a plane of `level`; `planes` is [batch, groups, channels, pixels], all zero at first.
template <class Element>
__global__ void gradValuesReference(Pass<Element> pass, Index level, ComputeType<Element>* planes) {
    using Real = ComputeType<Element>;
    const AggregationShape& g = pass.g;
    forEachItem(g.batch * g.groups * g.channels, [&](Index plane) {
        const Index c = plane % g.channels, group = plane / g.channels % g.groups;
        const Index n = plane / g.channels / g.groups;
        const DeviceLevel& l = pass.levels[level];
        const Index pixels = l.level.pixels(), width = l.level.width;
        Real* sums = planes + plane * pixels;
        for (Index p = 0; p < g.points(); ++p)
            for (Index tap = 0; tap < g.taps(); ++tap) {
                const AggregationTap at = pass.tapAt(n, p, group, level, tap);
                const Sample<Real> s = pass.sample(at);
                const Real grad = load<Element>(pass.output, n, at.oy, at.ox, group, c);
                for (int i = 0; i < Corners; ++i) {
                    if (s.weight[i] == 0 || s.pixel[i] == pixels) continue;
                    sums[s.pixel[i]] += grad * s.modulation * s.weight[i];
                }
            }
        for (Index p = 0; p < pixels; ++p)
            store<Element>(l.gradValue, sums[p], n, p / width, p % width, group, c);
    });
}

/// The levels in host memory, `gradients` where there are any.
std::vector<DeviceLevel> levelsOf(const AggregationGeometry& g, const AggregationInputs& inputs,
                                  const AggregationGradients* gradients) {
    std::vector<DeviceLevel> levels;
    for (std::size_t l = 0; l < g.levels.size(); ++l) {
        levels.push_back({g.levels[l], inputs.values[l],
                          gradients == nullptr ? Tensor<5>{} : gradients->values[l]});
    }
    return levels;
}

/// Copies the levels to the device. The host's may go when it returns.
template <class Element>
Pass<Element> passOf(const AggregationGeometry& g, const AggregationInputs& inputs,
                     const Tensor<5>& output, const std::vector<DeviceLevel>& levels,
                     DeviceLevel* onDevice, cudaStream_t stream) {
    check(cudaMemcpyAsync(onDevice, levels.data(), levels.size() * sizeof(DeviceLevel),
                          cudaMemcpyHostToDevice, stream),
          "cudaMemcpyAsync");
    return {g, static_cast<Index>(levels.size()), onDevice, inputs.location, inputs.weight, output};
}

}  // namespace

void ReferenceDeformableAggregation::forward(const AggregationGeometry& g,
                                             const AggregationInputs& inputs,
                                             const Tensor<5>& output, int) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        const auto levels = levelsOf(g, inputs, nullptr);
        Workspace workspace(stream_);
        const auto onDevice = workspace.reserve<DeviceLevel>(static_cast<Index>(levels.size()));
        workspace.allocate();
        launch("deformable aggregation", forwardReference<Element>,
               blocksFor(g.batch * g.points() * g.groups * g.channels), 0, stream_,
               passOf<Element>(g, inputs, output, levels, workspace.at(onDevice), stream_));
    });
}

void ReferenceDeformableAggregation::backward(const AggregationGeometry& g,
                                              const AggregationInputs& inputs,
                                              const Tensor<5>& gradOutput,
                                              const AggregationGradients& gradients, int) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        using Real = ComputeType<Element>;
        const auto levels = levelsOf(g, inputs, &gradients);
        const Index planes = g.batch * g.groups * g.channels;
        Index most = 0;
        for (const AggregationLevel& level : g.levels) most = std::max(most, level.pixels());
        Workspace workspace(stream_);
        const auto onDevice = workspace.reserve<DeviceLevel>(static_cast<Index>(levels.size()));
        const auto sums = workspace.reserve<Real>(planes * most);
        workspace.allocate();
        const auto pass =
            passOf<Element>(g, inputs, gradOutput, levels, workspace.at(onDevice), stream_);
        launch("deformable aggregation, location and weight", gradSamplesReference<Element>,
               blocksFor(g.batch * g.points() * g.groups * pass.levelCount * g.taps()), 0, stream_,
               pass, gradients.location, gradients.weight);
        for (Index level = 0; level < pass.levelCount; ++level) {
            const Index numbers = planes * g.levels[static_cast<std::size_t>(level)].pixels();
            if (numbers == 0) return;
            check(cudaMemsetAsync(workspace.at(sums), 0,
                                  static_cast<std::size_t>(numbers) * sizeof(Real), stream_),
                  "cudaMemsetAsync");
            launch("deformable aggregation, values", gradValuesReference<Element>,
                   blocksFor(planes), 0, stream_, pass, level, workspace.at(sums));
        }
    });
}

}  // namespace dcn4j::cuda
