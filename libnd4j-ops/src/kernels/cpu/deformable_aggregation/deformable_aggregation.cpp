// Deformable aggregation as weighted sums of rows: a group's values are packed as
// [pixels + 1][channels] for each level, and the core's micro-kernels sum samples over the taps
// (simd/aggregate.h) or scatter their gradient (simd/scatter.h).
#include "deformable_aggregation.h"

#include <limits>

#include "../isa.h"
#include "backward.h"
#include "forward.h"

namespace dcn4j::cpu {
namespace {

/// Whether the micro-kernels can number what is packed of the values (see AggregateTile).
bool tooManyPixels(const AggregationGeometry& g) {
    Index rows = 0;
    for (const AggregationLevel& level : g.levels) rows += level.pixels() + 1;
    return rows >= std::numeric_limits<std::int32_t>::max() /
                       (aggregation::groupsTogether(g, g.groups) * roundUp(g.channels, 4));
}

}  // namespace

void TiledDeformableAggregation::forward(const AggregationGeometry& geometry,
                                         const AggregationInputs& inputs, const Tensor<5>& output,
                                         int threads) const {
    if (tooManyPixels(geometry)) {
        return referenceDeformableAggregation().forward(geometry, inputs, output, threads);
    }
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        aggregation::Forward<Element>(set_.kernels.of<ComputeType<Element>>(), geometry, inputs,
                                      output, threads)
            .run();
    });
}

void TiledDeformableAggregation::backward(const AggregationGeometry& geometry,
                                          const AggregationInputs& inputs,
                                          const Tensor<5>& gradOutput,
                                          const AggregationGradients& gradients,
                                          int threads) const {
    if (tooManyPixels(geometry)) {
        return referenceDeformableAggregation().backward(geometry, inputs, gradOutput, gradients,
                                                         threads);
    }
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        aggregation::Backward<Element>(set_.kernels.of<ComputeType<Element>>(), geometry, inputs,
                                       gradOutput, gradients, threads)
            .run();
    });
}

}  // namespace dcn4j::cpu

namespace dcn4j {

std::vector<const DeformableAggregationKernel*> DeformableAggregationKernel::implementations() {
    std::vector<const DeformableAggregationKernel*> all;
    for (const cpu::InstructionSet* set : cpu::runnableInstructionSets()) {
        all.push_back(new cpu::TiledDeformableAggregation(*set));
    }
    all.push_back(&referenceDeformableAggregation());
    return all;
}

}  // namespace dcn4j
