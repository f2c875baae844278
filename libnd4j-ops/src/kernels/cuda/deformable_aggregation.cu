// Deformable aggregation, forward and backward, as the definition in
// ../sampling/aggregation_taps.h reads.
//
// One thread an output, or a sample for the gradients of location and weight; for the values'
// gradient one thread a plane, which it walks through sample by sample, so that no two threads add
// to one element. Neighbouring threads have neighbouring channels: they read the same samples.
//
// What bounds it: every channel plans its samples anew; backward, few threads.
#include "../sampling/aggregation_taps.h"
#include "deformable_aggregation.h"
#include "workspace.h"

namespace dcn4j::cuda {
namespace {

template <class Element>
__global__ void forwardReference(Aggregation<Element> a) {
    forEachItem(a.outputs(), [&](Index i) { a.computeOutput(i); });
}

template <class Element>
__global__ void gradSamplesReference(Aggregation<Element> a) {
    forEachItem(a.samples(), [&](Index i) { a.computeGradSample(i); });
}

template <class Element>
__global__ void gradValuesReference(Aggregation<Element> a, Index level,
                                    ComputeType<Element>* sums) {
    forEachItem(a.valuePlanes(), [&](Index i) { a.computeGradValues(level, i, sums); });
}

/// Copies the planes to the device. The host's may go when it returns.
void copyPlanes(const std::vector<AggregationPlane>& planes, AggregationPlane* to,
                cudaStream_t stream) {
    check(cudaMemcpyAsync(to, planes.data(), planes.size() * sizeof(AggregationPlane),
                          cudaMemcpyHostToDevice, stream),
          "cudaMemcpyAsync");
}

}  // namespace

void ReferenceDeformableAggregation::forward(const AggregationGeometry& g,
                                             const AggregationInputs& in, const Tensor<5>& output,
                                             int) const {
    const auto planes = planesOf(g, in);
    const auto levels = static_cast<Index>(planes.size());
    Workspace workspace(stream_);
    const auto onDevice = workspace.reserve<AggregationPlane>(levels);
    workspace.allocate();
    copyPlanes(planes, workspace.at(onDevice), stream_);
    withElementType(in.type, [&](auto element) {
        using Element = decltype(element);
        const Aggregation<Element> a{g,  levels, workspace.at(onDevice), in.location, {}, in.weight,
                                     {}, output};
        launch("deformable aggregation", forwardReference<Element>, blocksFor(a.outputs()), 0,
               stream_, a);
    });
}

void ReferenceDeformableAggregation::backward(const AggregationGeometry& g,
                                              const AggregationInputs& in,
                                              const Tensor<5>& gradOutput,
                                              const AggregationGradients& to, int) const {
    const auto planes = planesOf(g, in, to);
    const auto levels = static_cast<Index>(planes.size());
    withElementType(in.type, [&](auto element) {
        using Element = decltype(element);
        using Real = ComputeType<Element>;
        Index most = 0;
        for (const AggregationLevel& level : g.levels) most = std::max(most, level.pixels());
        Workspace workspace(stream_);
        const auto onDevice = workspace.reserve<AggregationPlane>(levels);
        const auto sums = workspace.reserve<Real>(g.batch * g.groups * g.channels * most);
        workspace.allocate();
        copyPlanes(planes, workspace.at(onDevice), stream_);
        const Aggregation<Element> a{g,           levels,      workspace.at(onDevice),
                                     in.location, to.location, in.weight,
                                     to.weight,   gradOutput};
        launch("deformable aggregation, location and weight", gradSamplesReference<Element>,
               blocksFor(a.samples()), 0, stream_, a);
        for (Index level = 0; level < levels; ++level) {
            const Index numbers =
                a.valuePlanes() * g.levels[static_cast<std::size_t>(level)].pixels();
            if (numbers == 0) return;
            check(cudaMemsetAsync(workspace.at(sums), 0,
                                  static_cast<std::size_t>(numbers) * sizeof(Real), stream_),
                  "cudaMemsetAsync");
            launch("deformable aggregation, values", gradValuesReference<Element>,
                   blocksFor(a.valuePlanes()), 0, stream_, a, level, workspace.at(sums));
        }
    });
}

}  // namespace dcn4j::cuda
