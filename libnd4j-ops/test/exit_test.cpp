// Kernels may be called while the process ends, as by a daemon thread of a Java program: after all
// that was made since the start has been destroyed, every one of them still computes.
#include <cstdio>
#include <cstdlib>

#include "../src/kernels/registry.h"
#include "aggregation_problem.h"
#include "convolution_problem.h"
#include "pooling_problem.h"

namespace dcn4j {
namespace {

/// An op's kernels, and what they are tried on.
template <class Kernel, class Problem, class Case>
class Kernels {
  public:
    explicit Kernels(const Case& shape) : shape_(shape) {}

    void use() const {
        const std::vector<const Kernel*>& all = Registry<Kernel>::all();
        for (const Kernel* kernel : all) {
            Problem actual(shape_, 1), expected(shape_, 1);
            actual.forward(*kernel, 1);
            actual.backward(*kernel, 1);
            expected.forward(*all.back(), 1);
            if (std::fabs(actual.output.values()[0] - expected.output.values()[0]) < 1e-5) continue;
            std::fprintf(stderr, "%s: not what the reference gives\n", kernel->name());
            std::_Exit(1);
        }
    }

  private:
    const Case shape_;
};
using Convolutions =
    Kernels<DeformableConv2dKernel, convolution::Problem<float>, convolution::Case>;
using Poolings = Kernels<DeformablePsroiPoolingKernel, pooling::Problem<float>, pooling::Case>;
using Aggregations =
    Kernels<DeformableAggregationKernel, aggregation::Problem<float>, aggregation::Case>;

const Convolutions* convolutions;
const Poolings* poolings;
const Aggregations* aggregations;

void useAll() {
    convolutions->use();
    poolings->use();
    aggregations->use();
}

}  // namespace
}  // namespace dcn4j

int main() {
    using namespace dcn4j;
    // Runs after the destructors of whatever the calls below make.
    if (std::atexit(useAll) != 0) return 1;
    convolutions = new Convolutions({"small", 1, 3, 5, 5, 4});
    poolings = new Poolings({"small", 1, 5, 5, 2, 3});
    aggregations = new Aggregations({"small", 1, 2, 3, {{5, 5}}});
    useAll();
    return 0;
}
