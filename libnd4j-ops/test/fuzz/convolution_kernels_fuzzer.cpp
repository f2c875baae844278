// Deformable convolution of any shape, layout, type and content: every kernel that this processor
// runs gives what the reference gives, and the same bits with any number of threads.
#include <numeric>

#include "../convolution_problem.h"
#include "../kernels_under_test.h"
#include "fuzzing.h"

namespace dcn4j {
namespace {

using convolution::Case;
using convolution::Problem;

Case drawCase(FuzzedDataProvider& data) {
    const auto draw = [&](Index least, Index most) {
        return data.ConsumeIntegralInRange<Index>(least, most);
    };
    Case c{"fuzzed", 1, 1, 1, 1, 1};
    c.n = draw(1, 3);
    // Up to as many as make each a lane.
    c.groups = data.ConsumeBool() ? draw(1, 4) : draw(1, 70);
    c.offsetGroups = draw(1, 4);
    c.c = std::lcm(c.groups, c.offsetGroups) * draw(1, 12);
    c.o = c.groups * draw(1, 40);
    c.h = draw(1, 24);
    c.w = draw(1, 24);
    c.kH = draw(1, 7);
    c.kW = draw(1, 7);
    c.sH = draw(1, 5);
    c.sW = draw(1, 5);
    c.pH = draw(-1, 6);
    c.pW = draw(-1, 6);
    c.dH = draw(1, 4);
    c.dW = draw(1, 4);
    c.offset = data.ConsumeIntegralInRange(0, 7) != 0;
    c.mask = c.offset && data.ConsumeBool();
    c.bias = data.ConsumeBool();
    c.layout = data.PickValueInArray(
        {Layout::Contiguous, Layout::ChannelsLast, Layout::Reversed, Layout::Spread});
    return c;
}

/// Whether there is an output, and little enough to do for thousands of runs.
bool isWorthwhile(const Case& c) {
    const Index extentH = c.dH * (c.kH - 1) + 1, extentW = c.dW * (c.kW - 1) + 1;
    if (c.h + 2 * c.pH < extentH || c.w + 2 * c.pW < extentW) return false;
    const Conv2dGeometry g = c.geometry();
    return g.batch * g.outHeight * g.outWidth * g.taps() * g.channels *
               (1 + g.outChannels / g.groups) <=
           40000;
}

template <class Element>
void check(FuzzedDataProvider& data, const Case& c) {
    const unsigned seed = data.ConsumeIntegral<std::uint8_t>();
    const std::vector<const DeformableConv2dKernel*> kernels = convolutionKernelsUnderTest();
    const DeformableConv2dKernel& kernel =
        *kernels[data.ConsumeIntegralInRange<std::size_t>(0, kernels.size() - 1)];
    const int threads = data.ConsumeIntegralInRange(2, 5);

    Problem<Element> expected(c, seed, 0), one(c, seed, 0), many(c, seed, 0);
    fuzz::disturb<Element>(data, fuzz::drawNumber, {&expected.offset, &one.offset, &many.offset});
    fuzz::disturb<Element>(data, fuzz::drawValue, {&expected.input, &one.input, &many.input});
    fuzz::disturb<Element>(data, fuzz::drawValue, {&expected.mask, &one.mask, &many.mask});
    fuzz::disturb<Element>(data, fuzz::drawValue,
                           {&expected.gradOutput, &one.gradOutput, &many.gradOutput});
    fuzz::check<Element>(referenceDeformableConv2d(), kernel, threads, expected, one, many);
}

}  // namespace
}  // namespace dcn4j

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace dcn4j;
    FuzzedDataProvider data(bytes, size);
    const auto type = data.PickValueInArray(
        {ElementType::Float32, ElementType::Float64, ElementType::Float16, ElementType::BFloat16});
    const Case c = drawCase(data);
    if (!isWorthwhile(c)) return 0;
    withElementType(type, [&](auto element) { check<decltype(element)>(data, c); });
    return 0;
}
