// Deformable aggregation, forward and backward, as the definition in sampling/aggregation_taps.h
// reads. One output, one sample, one plane at a time, one thread; the faster kernels are tested
// against this.
#include "../deformable_aggregation.h"

#include <algorithm>
#include <vector>

#include "../sampling/aggregation_taps.h"

namespace dcn4j {
namespace {

/// Calls `action` with all images of a call.
template <class Action>
void withAll(const AggregationCall& call, Action action) {
    withElementType(call.type, [&](auto element) {
        action(Aggregation<OneChannel<decltype(element)>>{call, call.levels.data(),
                                                          static_cast<Index>(call.levels.size())});
    });
}

class Reference final : public DeformableAggregationKernel {
  public:
    const char* name() const override { return "reference"; }

    void forward(const AggregationCall& call, int) const override {
        withAll(call, [](const auto& all) {
            for (Index i = 0; i < all.outputs(); ++i) all.computeOutputs(i);
        });
    }

    void backward(const AggregationCall& call, int) const override {
        withAll(call, [&](auto all) {
            Index pixels = 0;  // of the largest level
            for (const AggregationLevel& level : call.levels) {
                pixels = std::max(pixels, level.pixels());
            }
            std::vector<typename decltype(all)::Real> sums(
                static_cast<std::size_t>(all.planes() * pixels));
            all.sums = sums.data();
            for (; all.level < all.levelCount; ++all.level) {
                for (Index i = 0; i < all.samples(); ++i) all.computeGradSample(i);
                for (Index i = 0; i < all.planes(); ++i) all.computeGradValues(i);
            }
        });
    }
};

}  // namespace

const DeformableAggregationKernel& referenceDeformableAggregation() {
    // Never destroyed: threads may still be at work when the process ends.
    static const Reference& kernel = *new Reference;
    return kernel;
}

}  // namespace dcn4j
