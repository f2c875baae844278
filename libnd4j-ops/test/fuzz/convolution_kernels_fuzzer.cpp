// Deformable convolution of any shape, layout, type and content: every kernel that this processor
// runs gives what the reference gives, and the same bits with any number of threads.
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "../convolution_problem.h"
#include "../kernels_under_test.h"
#include "fuzzing.h"

namespace dcn4j {
namespace {

/// A convolution, and what follows it.
struct Case : convolution::Case {
    bool addend = false, rectified = false;
};

/// Adds to the output, and to the input's gradient, what lies otherwise than they do in some cases.
template <class Element>
struct Problem : convolution::Problem<Element> {
    using Base = convolution::Problem<Element>;

    Problem(const Case& c, unsigned seed, Around around)
        : Base(c, seed, around),
          rectified(c.rectified),
          addend({this->g.batch, this->g.outChannels, this->g.outHeight, this->g.outWidth},
                 seed % 2 == 0 ? c.layout : Layout::Contiguous, around),
          gradAddend({this->g.batch, this->g.channels, this->g.height, this->g.width},
                     seed % 2 == 0 ? c.layout : Layout::Contiguous, around) {
        std::mt19937 random(seed + 1);
        for (auto* array : {&addend, &gradAddend}) fill(*array, random);
        if (!c.addend) return;
        added = addend.tensor();
        gradAdded = gradAddend.tensor();
    }

    /// Rectified, one kernel's infinity is 0 where another has no number: what is rectified is
    /// compared with the same kernel's output.
    void forward(const DeformableConv2dKernel& kernel, int threads) {
        this->inputs.addend = added;
        Base::forward(kernel, threads);
        if (!rectified) return;
        std::vector<double> want = this->output.values();
        for (double& value : want) value = value < 0 ? 0 : value;
        this->inputs.rectified = true;
        Base::forward(kernel, threads);
        this->inputs.rectified = false;
        fuzz::expectSame(std::string(kernel.name()) + " rectified", this->output.values(), want);
    }

    void backward(const DeformableConv2dKernel& kernel, int threads) {
        this->inputs.addend = gradAdded;
        Base::backward(kernel, threads);
    }

    bool rectified;
    Array<Element> addend, gradAddend;
    Tensor<4> added, gradAdded;
};

Case drawCase(FuzzedDataProvider& data) {
    const fuzz::Integers draw(data);
    Case c{{"fuzzed", 1, 1, 1, 1, 1}};
    c.n = draw(1, 3);
    // Up to as many as make each a lane.
    c.groups = data.ConsumeBool() ? draw(1, 4) : draw(1, 70);
    c.offsetGroups = draw(1, 4);
    c.c = std::lcm(c.groups, c.offsetGroups) * draw(1, 12);
    c.o = c.groups * draw(1, 40);
    c.h = draw(1, 24);
    c.w = draw(1, 72);  // so wide that backward leaves gaps between some rows
    c.kH = draw(1, 7);
    c.kW = draw(1, 7);
    c.sH = draw(1, 5);
    c.sW = draw(1, 5);
    c.pH = draw(-1, 6);
    c.pW = draw(-1, 6);
    c.dH = draw(1, 4);
    c.dW = draw(1, 4);
    c.offset = data.ConsumeIntegralInRange(0, 7) != 0;
    c.mask = data.ConsumeBool();
    c.bias = data.ConsumeBool();
    c.addend = data.ConsumeBool();
    c.rectified = data.ConsumeBool();
    c.layout = fuzz::drawLayout(data);
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

constexpr auto check = [](auto element, FuzzedDataProvider& data, const Case& c) {
    using P = Problem<decltype(element)>;
    fuzz::Trial<P, DeformableConv2dKernel> trial(data, c, convolutionKernelsUnderTest());
    trial.disturb(fuzz::drawNumber, &P::offset);
    trial.disturb(fuzz::drawValue, &P::input);
    trial.disturb(fuzz::drawValue, &P::weights);
    trial.disturb(fuzz::drawValue, &P::mask);
    trial.disturb(fuzz::drawValue, &P::bias);
    trial.disturb(fuzz::drawValue, &P::addend);
    trial.disturb(fuzz::drawValue, &P::gradAddend);
    trial.disturb(fuzz::drawValue, &P::gradOutput);
    trial.check(referenceDeformableConv2d(), fuzz::tolerance<decltype(element)>());
};

}  // namespace
}  // namespace dcn4j

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    return dcn4j::fuzz::run(bytes, size, dcn4j::drawCase, dcn4j::isWorthwhile, dcn4j::check);
}
