// Deformable convolution, forward and backward, as the definition reads.
//
//   output[n,o,p] = bias[o] + sum over (c, k) of weights[o,c,k] * mask[n,g(c),k,p]
//                   * input[n,c] sampled at (base of tap k at pixel p + offset[n,g(c),k,p])
//
// One thread an output, and one thread a plane for the input's gradient, which it walks through
// sample by sample, so that no two threads add to one element. All indices have 64 bits.
//
// What bounds it: nothing is kept, so everything is computed and read again: about
// outChannels * channels * taps * pixels samples forward.
#include "definition.h"
#include "deformable_conv2d.h"
#include "pointwise.h"
#include "workspace.h"

namespace dcn4j::cuda {
namespace {

template <class Element>
__global__ void forwardReference(Definition<Element> pass, Tensor<4> output) {
    const Conv2dGeometry& g = pass.g;
    forEachItem(g.batch * g.outChannels * g.outPixels(), [&](Index i) {
        const Index ox = i % g.outWidth, oy = i / g.outWidth % g.outHeight;
        const Index o = i / g.outPixels() % g.outChannels, n = i / g.outPixels() / g.outChannels;
        store<Element>(output, pass.output(n, o, oy, ox), n, o, oy, ox);
    });
}

/// One thread a plane; `planes` is [batch, channels, pixels], all zero at first.
template <class Element>
__global__ void gradInputReference(Definition<Element> pass, ComputeType<Element>* planes,
                                   Tensor<4> gradInput) {
    const Conv2dGeometry& g = pass.g;
    forEachItem(g.batch * g.channels, [&](Index plane) {
        const Index n = plane / g.channels, c = plane % g.channels;
        ComputeType<Element>* sums = planes + plane * g.pixels();
        for (Index p = 0; p < g.outPixels(); ++p)
            for (Index tap = 0; tap < g.taps(); ++tap) {
                const Index oy = p / g.outWidth, ox = p % g.outWidth;
                const auto s = pass.sample(n, c / g.channelsPerOffsetGroup(), tap, oy, ox);
                const ComputeType<Element> grad = pass.gradColumn(n, c, tap, oy, ox);
                for (int i = 0; i < Corners; ++i) {
                    if (s.weight[i] == 0 || s.pixel[i] == g.pixels()) continue;
                    sums[s.pixel[i]] += grad * s.modulation * s.weight[i];
                }
            }
        for (Index p = 0; p < g.pixels(); ++p)
            store<Element>(gradInput, sums[p], n, c, p / g.width, p % g.width);
    });
}

template <class Element>
__global__ void gradSamplesReference(Definition<Element> pass, Tensor<4> gradOffset,
                                     Tensor<4> gradMask) {
    using Real = ComputeType<Element>;
    const Conv2dGeometry& g = pass.g;
    const Index samples = g.offsetGroups * g.taps();
    forEachItem(g.batch * samples * g.outPixels(), [&](Index i) {
        const Index ox = i % g.outWidth, oy = i / g.outWidth % g.outHeight;
        const Index k = i / g.outPixels() % samples, n = i / g.outPixels() / samples;
        const Index offsetGroup = k / g.taps(), tap = k % g.taps();
        const Sample<Real> s = pass.sample(n, offsetGroup, tap, oy, ox);
        Real sumY = 0, sumX = 0, sumMask = 0;
        const Index first = offsetGroup * g.channelsPerOffsetGroup();
        for (Index c = first; c < first + g.channelsPerOffsetGroup(); ++c) {
            const Real grad = pass.gradColumn(n, c, tap, oy, ox);
            Real value[Corners];
            pass.corners(s, n, c, value);
            sumMask += grad * pass.valueOf(s, value);
            sumY += grad * s.modulation * slopeY(s, value);
            sumX += grad * s.modulation * slopeX(s, value);
        }
        if (gradMask.present()) store<Element>(gradMask, sumMask, n, k, oy, ox);
        if (gradOffset.present()) {
            store<Element>(gradOffset, sumY, n, 2 * k, oy, ox);
            store<Element>(gradOffset, sumX, n, 2 * k + 1, oy, ox);
        }
    });
}

template <class Element>
__global__ void gradWeightsReference(Definition<Element> pass, Tensor<4> gradWeights) {
    const Conv2dGeometry& g = pass.g;
    const Index channels = g.channelsPerGroup();
    forEachItem(g.outChannels * channels * g.taps(), [&](Index i) {
        const Index tap = i % g.taps(), cInGroup = i / g.taps() % channels;
        const Index o = i / g.taps() / channels;
        const Index c = o / g.outChannelsPerGroup() * channels + cInGroup;
        ComputeType<Element> sum = 0;
        for (Index n = 0; n < g.batch; ++n)
            for (Index oy = 0; oy < g.outHeight; ++oy)
                for (Index ox = 0; ox < g.outWidth; ++ox)
                    sum += pass.column(n, c, tap, oy, ox) *
                           load<Element>(pass.gradOutput, n, o, oy, ox);
        store<Element>(gradWeights, sum, o, cInGroup, tap / g.kernelW, tap % g.kernelW);
    });
}

template <class Element>
__global__ void gradBiasReference(Definition<Element> pass, Tensor<1> gradBias) {
    const Conv2dGeometry& g = pass.g;
    forEachItem(g.outChannels, [&](Index o) {
        ComputeType<Element> sum = 0;
        for (Index n = 0; n < g.batch; ++n)
            for (Index oy = 0; oy < g.outHeight; ++oy)
                for (Index ox = 0; ox < g.outWidth; ++ox)
                    sum += load<Element>(pass.gradOutput, n, o, oy, ox);
        store<Element>(gradBias, sum, o);
    });
}

}  // namespace

void ReferenceDeformableConv2d::forward(const Conv2dGeometry& g,
                                        const DeformableConv2dInputs& inputs,
                                        const Tensor<4>& output, int) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        launch("deformable_conv2d, reference", forwardReference<Element>,
               blocksFor(g.batch * g.outChannels * g.outPixels()), 0, stream_,
               Definition<Element>{g, inputs, {}}, output);
    });
}

void ReferenceDeformableConv2d::backward(const Conv2dGeometry& g,
                                         const DeformableConv2dInputs& inputs,
                                         const Tensor<4>& gradOutput,
                                         const DeformableConv2dGradients& gradients, int) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        using Real = ComputeType<Element>;
        const Definition<Element> pass{g, inputs, gradOutput};
        Workspace workspace(stream_);
        Real* planes = workspace.zeros<Real>(g.batch * g.channels * g.pixels());
        launch("deformable_conv2d_bp, input, reference", gradInputReference<Element>,
               blocksFor(g.batch * g.channels), 0, stream_, pass, planes, gradients.input);
        if (gradients.offset.present() || gradients.mask.present()) {
            launch("deformable_conv2d_bp, offset and mask, reference",
                   gradSamplesReference<Element>,
                   blocksFor(g.batch * g.offsetGroups * g.taps() * g.outPixels()), 0, stream_, pass,
                   gradients.offset, gradients.mask);
        }
        launch("deformable_conv2d_bp, weights, reference", gradWeightsReference<Element>,
               blocksFor(g.outChannels * g.channelsPerGroup() * g.taps()), 0, stream_, pass,
               gradients.weights);
        if (gradients.bias.present()) {
            launch("deformable_conv2d_bp, bias, reference", gradBiasReference<Element>,
                   blocksFor(g.outChannels), 0, stream_, pass, gradients.bias);
        }
    });
    add({inputs.type, {g.batch, g.channels, g.height, g.width}}, inputs.addend, gradients.input,
        stream_);
}

}  // namespace dcn4j::cuda
