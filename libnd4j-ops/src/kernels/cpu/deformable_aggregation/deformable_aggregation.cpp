// Deformable aggregation as weighted sums of rows: a group's values are packed as
// [pixels + 1][channels] for each level, a tile's samples are planned, and what the core has for a
// depth-wise convolution sums them over the taps (simd/gather_sum.h, simd/scatter.h).
#include "deformable_aggregation.h"

#include <limits>

#include "../isa.h"
#include "backward.h"
#include "forward.h"

namespace dcn4j::cpu {
namespace {

/// Whether the micro-kernels can number a plane's pixels (see PlannedSample).
bool tooManyPixels(const AggregationGeometry& g) {
    return std::any_of(g.levels.begin(), g.levels.end(), [](const AggregationLevel& level) {
        return level.pixels() >= std::numeric_limits<std::int32_t>::max();
    });
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
    for (const cpu::InstructionSet* set : {
#if defined(__x86_64__)
             &cpu::avx512Set, &cpu::avx2Set,
#endif
                 &cpu::baselineSet
         }) {
        if (cpu::runs(*set)) all.push_back(new cpu::TiledDeformableAggregation(*set));
    }
    all.push_back(&referenceDeformableAggregation());
    return all;
}

}  // namespace dcn4j
