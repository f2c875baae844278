// Deformable aggregation of any shape, layout, type and content, as DCNv3 and as attention: every
// kernel that this processor runs gives what the reference gives, and the same bits with any number
// of threads.
#include "../aggregation_problem.h"
#include "../kernels_under_test.h"
#include "fuzzing.h"

namespace dcn4j {
namespace {

using aggregation::Case;
using aggregation::Problem;

Case drawCase(FuzzedDataProvider& data) {
    const fuzz::Integers draw(data);
    Case c{"fuzzed", draw(1, 3), draw(1, 6), draw(1, 40), {{draw(1, 20), draw(1, 20)}}};
    c.kH = draw(1, 4);
    c.kW = draw(1, 4);
    c.layout = fuzz::drawLayout(data);
    c.planar = data.ConsumeBool();
    c.apart = data.ConsumeBool() ? draw(1, 3) : 0;
    if (data.ConsumeBool()) {
        c.kH = 1;
        c.queries = draw(1, 40);
        for (Index more = draw(0, 4); more > 0; --more) {
            c.levels.push_back({draw(1, 9), draw(1, 9)});
        }
        return c;
    }
    c.sH = draw(1, 3);
    c.sW = draw(1, 3);
    c.dH = draw(1, 2);
    c.dW = draw(1, 2);
    // At least one output pixel.
    c.pH = draw(0, 2) + c.dH * (c.kH - 1) / 2 + 1;
    c.pW = draw(0, 2) + c.dW * (c.kW - 1) / 2 + 1;
    c.removeCenter = data.ConsumeBool() && c.kH % 2 == 1 && c.kW % 2 == 1 && c.kH * c.kW > 1;
    c.scale = data.PickValueInArray({1.0, 2.0, 0.0, -0.5, 1e9, 1e300});
    return c;
}

/// Little enough to do for thousands of runs.
bool isWorthwhile(const Case& c) {
    const AggregationCall g = c.call();
    const Index samples = g.batch * g.points() * g.groups * g.taps();
    return samples * static_cast<Index>(g.levels.size()) * g.channels <= 60000;
}

constexpr auto check = [](auto element, FuzzedDataProvider& data, const Case& c) {
    using P = Problem<decltype(element)>;
    fuzz::Trial<P, DeformableAggregationKernel> trial(data, c, aggregationKernelsUnderTest());
    trial.disturb(fuzz::drawNumber, &P::location);
    trial.disturb(fuzz::drawValue, &P::weight);
    trial.disturb(fuzz::drawValue, [](P& p) -> Array<decltype(element)>& { return *p.values[0]; });
    trial.disturb(fuzz::drawValue, &P::gradOutput);
    trial.check(referenceDeformableAggregation(), fuzz::tolerance<decltype(element)>());
};

}  // namespace
}  // namespace dcn4j

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    return dcn4j::fuzz::run(bytes, size, dcn4j::drawCase, dcn4j::isWorthwhile, dcn4j::check);
}
