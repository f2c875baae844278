// Deformable position-sensitive ROI pooling of any shape, layout and type, of any corners of rois
// and any `trans`: every kernel that this processor runs gives what the reference gives, and the
// same bits with any number of threads.
#include "../kernels_under_test.h"
#include "../pooling_problem.h"
#include "fuzzing.h"

namespace dcn4j {
namespace {

using pooling::Case;
using pooling::Problem;

Case drawCase(FuzzedDataProvider& data) {
    const fuzz::Integers draw(data);
    Case c{"fuzzed", 1, 1, 1, 1, 1};
    c.n = draw(1, 4);
    c.h = draw(1, 30);
    c.w = draw(1, 30);
    c.rois = draw(1, 12);
    c.classes = draw(1, 5);
    c.outputDim = c.classes * draw(1, 40);
    c.groupSize = draw(1, 4);
    c.pooledSize = draw(1, 8);
    c.partSize = draw(1, 8);
    c.samplePerPart = draw(1, 5);
    c.trans = data.ConsumeBool();
    if (!c.trans) c.classes = 1;
    c.transStd = data.PickValueInArray({0.1, 0.0, 1.0, -0.5, 1e9, 1e300});
    c.spatialScale = data.PickValueInArray({0.25, 1.0, 0.0625, 3.0, -0.5, 1e-9, 1e9, 1e300});
    c.layout = fuzz::drawLayout(data);
    return c;
}

/// Little enough to do for thousands of runs.
bool isWorthwhile(const Case& c) {
    const Index bins = c.rois * c.outputDim * c.pooledSize * c.pooledSize;
    return bins * c.samplePerPart * c.samplePerPart <= 10000 &&
           c.n * c.outputDim * c.groupSize * c.groupSize * c.h * c.w <= 40000;
}

template <class Element, class RoiElement>
void check(FuzzedDataProvider& data, const Case& c) {
    using P = Problem<Element, RoiElement>;
    fuzz::Trial<P, DeformablePsroiPoolingKernel> trial(data, c, poolingKernelsUnderTest());
    // Any corners; the batch index stays, as the op checks it.
    const int disturbed = data.ConsumeIntegralInRange(0, 3);
    for (int i = 0; i < disturbed; ++i) {
        const Index roi = data.ConsumeIntegralInRange<Index>(0, c.rois - 1);
        const Index corner = data.ConsumeIntegralInRange<Index>(1, 4);
        const auto value = static_cast<ComputeType<RoiElement>>(fuzz::drawNumber(data));
        trial.change([&](P& p) { p.rois.at(0, 0, roi, corner) = narrow<RoiElement>(value); });
    }
    trial.disturb(fuzz::drawNumber, &P::trans);
    trial.check(referenceDeformablePsroiPooling(), fuzz::tolerance<Element>());
}

}  // namespace
}  // namespace dcn4j

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace dcn4j;
    FuzzedDataProvider data(bytes, size);
    const int types = data.ConsumeIntegralInRange(0, 4);
    const Case c = drawCase(data);
    if (!isWorthwhile(c)) return 0;
    switch (types) {
        case 0:
            check<float, float>(data, c);
            break;
        case 1:
            check<double, double>(data, c);
            break;
        case 2:
            check<Float16, Float16>(data, c);
            break;
        case 3:
            check<BFloat16, float>(data, c);
            break;
        default:
            check<float, double>(data, c);
    }
    return 0;
}
