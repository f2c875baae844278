#include "../../deformable_aggregation.h"

namespace dcn4j {

std::vector<const DeformableAggregationKernel*> DeformableAggregationKernel::implementations() {
    return {&referenceDeformableAggregation()};
}

}  // namespace dcn4j
