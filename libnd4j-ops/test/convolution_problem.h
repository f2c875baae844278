// One deformable convolution for the tests: its shape and its arrays.
#pragma once

#include <ostream>
#include <random>
#include <vector>

#include "../src/kernels/deformable_conv2d.h"
#include "result.h"

namespace dcn4j::convolution {

struct Case {
    const char* name;
    Index n, c, h, w, o;
    Index kH = 3, kW = 3;
    Index sH = 1, sW = 1, pH = 1, pW = 1, dH = 1, dW = 1;
    Index offsetGroups = 1, groups = 1;
    bool offset = true, mask = true, bias = true;
    Layout layout = Layout::Contiguous;

    Conv2dGeometry geometry() const {
        const Index oH = (h + 2 * pH - dH * (kH - 1) - 1) / sH + 1;
        const Index oW = (w + 2 * pW - dW * (kW - 1) - 1) / sW + 1;
        return {n, c, h, w, o, oH, oW, kH, kW, sH, sW, pH, pW, dH, dW, offsetGroups, groups};
    }
};

/// The case, with arrays that lie otherwise.
inline Case laidOut(Layout layout, Case c) {
    c.layout = layout;
    return c;
}

inline std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.name;
}

/// The arrays of one case, filled at random; offsets keep positions off integers.
template <class Element>
struct Problem {
    Problem(const Case& c, unsigned seed, Around around = Around::Guards)
        : g(c.geometry()),
          input({g.batch, g.channels, g.height, g.width}, c.layout, around),
          weights({g.outChannels, g.channelsPerGroup(), g.kernelH, g.kernelW}, c.layout, around),
          offset({g.batch, 2 * g.offsetGroups * g.taps(), g.outHeight, g.outWidth}, c.layout,
                 around),
          mask({g.batch, g.offsetGroups * g.taps(), g.outHeight, g.outWidth}, c.layout, around),
          bias({1, 1, 1, g.outChannels}, c.layout, around),
          output({g.batch, g.outChannels, g.outHeight, g.outWidth}, c.layout, around),
          gradOutput({g.batch, g.outChannels, g.outHeight, g.outWidth}, c.layout, around),
          gradInput({g.batch, g.channels, g.height, g.width}, c.layout, around),
          gradWeights({g.outChannels, g.channelsPerGroup(), g.kernelH, g.kernelW}, c.layout,
                      around),
          gradOffset({g.batch, 2 * g.offsetGroups * g.taps(), g.outHeight, g.outWidth}, c.layout,
                     around),
          gradMask({g.batch, g.offsetGroups * g.taps(), g.outHeight, g.outWidth}, c.layout, around),
          gradBias({1, 1, 1, g.outChannels}, c.layout, around) {
        std::mt19937 random(seed);
        for (auto* array : {&input, &weights, &mask, &bias, &gradOutput}) fill(*array, random);
        offset.forEach(
            [&](Element& e) { e = narrow<Element>(ComputeType<Element>(offInteger(random))); });
        inputs.type = typeOf<Element>();
        inputs.input = input.tensor();
        inputs.weights = weights.tensor();
        if (c.offset) inputs.offset = offset.tensor();
        if (c.mask) inputs.mask = mask.tensor();
        if (c.bias) inputs.bias = vector(bias);
        gradients.input = gradInput.tensor();
        gradients.weights = gradWeights.tensor();
        if (c.offset) gradients.offset = gradOffset.tensor();
        if (c.mask) gradients.mask = gradMask.tensor();
        if (c.bias) gradients.bias = vector(gradBias);
    }

    static Tensor<1> vector(const Array<Element>& array) {
        Tensor<1> t;
        t.data = array.tensor().data;
        t.strides[0] = array.tensor().strides[3];
        return t;
    }

    void forward(const DeformableConv2dKernel& kernel, int threads = 2) {
        kernel.forward(g, inputs, output.tensor(), threads);
    }

    void backward(const DeformableConv2dKernel& kernel, int threads = 2) {
        kernel.backward(g, inputs, gradOutput.tensor(), gradients, threads);
    }

    /// What forward and backward wrote, by name.
    std::vector<Result> results() {
        std::vector<Result> all{resultOf("output", output), resultOf("gradInput", gradInput),
                                resultOf("gradWeights", gradWeights)};
        if (gradients.offset.present()) all.push_back(resultOf("gradOffset", gradOffset));
        if (gradients.mask.present()) all.push_back(resultOf("gradMask", gradMask));
        if (gradients.bias.present()) all.push_back(resultOf("gradBias", gradBias));
        return all;
    }

    Conv2dGeometry g;
    Array<Element> input, weights, offset, mask, bias, output, gradOutput;
    Array<Element> gradInput, gradWeights, gradOffset, gradMask, gradBias;
    DeformableConv2dInputs inputs;
    DeformableConv2dGradients gradients;
};

}  // namespace dcn4j::convolution
