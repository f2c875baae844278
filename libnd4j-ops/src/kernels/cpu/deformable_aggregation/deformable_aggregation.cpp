// Deformable aggregation as weighted sums of rows: a group's values are packed as
// [pixels][channels] for each level, with zeros around it, and the core's micro-kernels sum samples
// over the taps (simd/aggregate.h) or scatter their gradient (simd/scatter_aggregate.h).
#include "deformable_aggregation.h"

#include <limits>

#include "../isa.h"
#include "passes.h"

namespace dcn4j::cpu {
namespace {

/// Whether the micro-kernels can't number what is packed of the values (see AggregateTile), or a
/// float can't number the rows or columns of a level, where what is outside is put.
bool tooManyPixels(const AggregationCall& call) {
    constexpr Index mostExact = Index{1} << 24;
    Index pixels = 0;
    for (const AggregationLevel& level : call.levels) {
        if (level.height > mostExact || level.width > mostExact) return true;
        pixels += aggregation::borderedPixels(level);
    }
    return pixels >= std::numeric_limits<std::int32_t>::max() /
                         (aggregation::groupsTogether(call) * roundUp(call.channels, 4));
}

}  // namespace

void TiledDeformableAggregation::forward(const AggregationCall& call, int threads) const {
    if (tooManyPixels(call)) return referenceDeformableAggregation().forward(call, threads);
    withElementType(call.type, [&](auto element) {
        aggregation::Forward<decltype(element)>(set_, call, threads).run();
    });
}

void TiledDeformableAggregation::backward(const AggregationCall& call, int threads) const {
    if (tooManyPixels(call)) return referenceDeformableAggregation().backward(call, threads);
    withElementType(call.type, [&](auto element) {
        aggregation::Backward<decltype(element)>(set_, call, threads).run();
    });
}

}  // namespace dcn4j::cpu

namespace dcn4j {

std::vector<const DeformableAggregationKernel*> DeformableAggregationKernel::implementations() {
    return cpu::everyKernel<cpu::TiledDeformableAggregation>(referenceDeformableAggregation());
}

}  // namespace dcn4j
