// Deformable aggregation, forward and backward, as the definition in sampling/aggregation_taps.h
// reads. One output, one sample, one plane at a time, one thread; the faster kernels are tested
// against this.
#include "../deformable_aggregation.h"

#include "../sampling/aggregation_taps.h"

namespace dcn4j {
namespace {

class Reference final : public DeformableAggregationKernel {
  public:
    const char* name() const override { return "reference"; }

    void forward(const AggregationGeometry& g, const AggregationInputs& in, const Tensor<5>& output,
                 int) const override {
        const auto planes = planesOf(g, in);
        withElementType(in.type, [&](auto element) {
            const Aggregation<decltype(element)> a{g,
                                                   static_cast<Index>(planes.size()),
                                                   planes.data(),
                                                   in.location,
                                                   {},
                                                   in.weight,
                                                   {},
                                                   output};
            for (Index i = 0; i < a.outputs(); ++i) a.computeOutput(i);
        });
    }

    void backward(const AggregationGeometry& g, const AggregationInputs& in,
                  const Tensor<5>& gradOutput, const AggregationGradients& to, int) const override {
        const auto planes = planesOf(g, in, to);
        withElementType(in.type, [&](auto element) {
            using Element = decltype(element);
            const Aggregation<Element> a{g,
                                         static_cast<Index>(planes.size()),
                                         planes.data(),
                                         in.location,
                                         to.location,
                                         in.weight,
                                         to.weight,
                                         gradOutput};
            for (Index i = 0; i < a.samples(); ++i) a.computeGradSample(i);
            for (Index level = 0; level < a.levels; ++level) {
                std::vector<ComputeType<Element>> sums(static_cast<std::size_t>(
                    a.valuePlanes() * g.levels[static_cast<std::size_t>(level)].pixels()));
                for (Index i = 0; i < a.valuePlanes(); ++i) {
                    a.computeGradValues(level, i, sums.data());
                }
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
