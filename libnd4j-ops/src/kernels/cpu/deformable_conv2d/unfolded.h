// A plain convolution of few channels as one of more channels and narrower kernels: blocks of
// channels are padded to whole vectors, which for the three of a photograph is five times the work.
//
//   channels  [C]  to  [C * kW]: for each column of the kernel what it sees, an image of the
//                               output's width
//   kernel    kH x kW  to  kH x 1
#pragma once

#include <algorithm>

#include "../../deformable_conv2d.h"
#include "../buffer.h"
#include "../packing.h"

namespace dcn4j::cpu::convolution {

template <class Element>
class Unfolded {
  public:
    Unfolded(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs, int threads)
        : g_(g),
          geometry_(geometryOf(g)),
          inputs_(inputs),
          image_(geometry_.batch * geometry_.channels * geometry_.pixels()),
          weights_(geometry_.outChannels * geometry_.channels * geometry_.taps()) {
        const Tensor<4> from = inputs.input;
        inputs_.input = tensor(image_, geometry_.channels, geometry_.height, geometry_.width);
        inputs_.weights = tensor(weights_, geometry_.channels, geometry_.kernelH, 1);
        const Index planes = g.batch * geometry_.channels;
        constexpr Index planesOfAThread = 65536;  // elements
        const int some =
            threadsFor(threads, ceilDivide(planes * geometry_.pixels(), planesOfAThread));
#pragma omp parallel for num_threads(some)
        for (Index plane = 0; plane < planes; ++plane) {
            unfold(from, plane / geometry_.channels, plane % geometry_.channels);
        }
        for (Index o = 0; o < g.outChannels; ++o) {
            for (Index c = 0; c < geometry_.channels; ++c) unfoldWeights(inputs.weights, o, c);
        }
    }

    /// Whether it saves more multiplications than the copying takes.
    static bool pays(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs) {
        constexpr Index vector = 16, mostElements = Index{1} << 26;
        const Index before = g.taps() * roundUp(g.channels, vector);
        const Index after = g.kernelH * roundUp(g.channels * g.kernelW, vector);
        return !inputs.offset.present() && !inputs.mask.present() && g.groups == 1 &&
               2 * after <= before && g.outChannels >= 8 &&
               g.batch * g.channels * g.kernelW * g.height * g.outWidth <= mostElements;
    }

    const Conv2dGeometry& geometry() const {
        return geometry_;
    }
    const DeformableConv2dInputs& inputs() const {
        return inputs_;
    }

  private:
    static Conv2dGeometry geometryOf(const Conv2dGeometry& g) {
        Conv2dGeometry u = g;
        u.channels = g.channels * g.kernelW;
        u.width = g.outWidth;
        u.kernelW = u.strideW = u.dilationW = u.offsetGroups = 1;
        u.padLeft = 0;
        return u;
    }

    /// In 'c' order.
    static Tensor<4> tensor(const Buffer<Element>& buffer, Index d1, Index d2, Index d3) {
        Tensor<4> t;
        t.data = buffer.data();
        const Index strides[] = {d1 * d2 * d3, d2 * d3, d3, 1};
        std::copy_n(strides, 4, t.strides);
        return t;
    }

    /// What a column of the kernel sees of a channel; zeros outside the image.
    void unfold(const Tensor<4>& from, Index n, Index c) const {
        const Index firstX = g_.baseColumn(0, c % g_.kernelW);
        // Outputs before `begin` and from `end` on see none of it.
        const Index begin =
            std::min(ceilDivide(std::max<Index>(-firstX, 0), g_.strideW), g_.outWidth);
        const Index end = std::clamp<Index>(
            ceilDivide(std::max<Index>(g_.width - firstX, 0), g_.strideW), begin, g_.outWidth);
        for (Index y = 0; y < g_.height; ++y) {
            Element* to = elementsOf<Element>(inputs_.input) + inputs_.input.at(n, c, y, 0);
            const Element* row = elementsOf<Element>(from) + from.at(n, c / g_.kernelW, y, 0);
            std::fill(to, to + begin, Element{});
            for (Index x = begin; x < end; ++x) {
                to[x] = row[(firstX + x * g_.strideW) * from.strides[3]];
            }
            std::fill(to + end, to + g_.outWidth, Element{});
        }
    }

    void unfoldWeights(const Tensor<4>& from, Index o, Index c) const {
        for (Index ky = 0; ky < g_.kernelH; ++ky) {
            elementsOf<Element>(inputs_.weights)[inputs_.weights.at(o, c, ky, 0)] =
                elementsOf<Element>(from)[from.at(o, c / g_.kernelW, ky, c % g_.kernelW)];
        }
    }

    const Conv2dGeometry& g_;
    const Conv2dGeometry geometry_;
    DeformableConv2dInputs inputs_;
    const Buffer<Element> image_, weights_;
};

}  // namespace dcn4j::cpu::convolution
