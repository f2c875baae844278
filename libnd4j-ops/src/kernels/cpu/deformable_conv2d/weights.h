// Weights and biases of a convolution, of any type and strides, and their gradients.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../deformable_conv2d.h"
#include "../packing.h"
#include "blocking.h"

namespace dcn4j::cpu::convolution {

template <class Element>
class Weights {
  public:
    using Real = ComputeType<Element>;

    Weights(const MicroKernels<Real>& kernels, const Conv2dGeometry& geometry)
        : kernels_(kernels), g_(geometry) {}

    /// The weights of block `b` for output channel `o` of its group, as a column has its entries:
    /// [taps][paddedChannels]. `scratch` has room for as many numbers.
    void load(const Tensor<4>& t, const Block& b, Index o, Real* scratch, Real* row) const {
        prefetch<For::Reading>(t, b, o + 2);
        const Real* from = inPlace(t, b, o);
        if (from == nullptr) {
            forEachSpanOf(t, b, o, [&](Element* span, Index count, Index at) {
                loadRow(kernels_, span, t.strides[3], count, scratch + at);
            });
            from = scratch;
        }
        if (b.paddedChannels > b.channels) std::fill_n(row, b.depth, Real{0});
        kernels_.transpose(b.channels, g_.taps(), from, g_.taps(), row, b.paddedChannels);
    }

    /// The reverse of load.
    void store(const Tensor<4>& t, const Block& b, Index o, Real* scratch, const Real* row) const {
        prefetch<For::Writing>(t, b, o + 2);
        Real* const place = inPlace(t, b, o);
        Real* const to = place == nullptr ? scratch : place;
        kernels_.transpose(g_.taps(), b.channels, row, b.paddedChannels, to, g_.taps());
        if (place != nullptr) return;
        forEachSpanOf(t, b, o, [&](Element* span, Index count, Index at) {
            storeRow(kernels_, span, t.strides[3], count, scratch + at);
        });
    }

    /// The weights of a block whose lanes are groups: [taps][inputs][outputs][paddedLanes].
    void loadLanes(const Tensor<4>& t, const Block& b, Real* rows) const {
        forEachLaneRow(t, b, [&](Element* elements, Index stride, Index row) {
            Real* to = rows + row * b.paddedLanes;
            loadRow(kernels_, elements, stride, b.lanes, to);
            std::fill_n(to + b.lanes, b.paddedLanes - b.lanes, Real{0});
        });
    }

    /// The reverse of loadLanes.
    void storeLanes(const Tensor<4>& t, const Block& b, const Real* rows) const {
        forEachLaneRow(t, b, [&](Element* elements, Index stride, Index row) {
            storeRow(kernels_, elements, stride, b.lanes, rows + row * b.paddedLanes);
        });
    }

    /// The biases of every `step`-th output channel, from each of the first `step` on.
    void loadBias(const Tensor<1>& t, Index step, Real* bias) const {
        for (Index first = 0; first < step; ++first, bias += g_.outChannels / step) {
            loadRow(kernels_, elementsOf<Element>(t) + t.at(first), step * t.strides[0],
                    g_.outChannels / step, bias);
        }
    }

    /// Stores the gradients of all biases.
    void storeBias(const Tensor<1>& t, const Real* gradients) const {
        storeRow(kernels_, elementsOf<Element>(t) + t.at(0), t.strides[0], g_.outChannels,
                 gradients);
    }

  private:
    /// Calls `action(elements, stride, row)` for the rows of weights of a block whose lanes are
    /// groups.
    template <class Action>
    void forEachLaneRow(const Tensor<4>& t, const Block& b, Action action) const {
        const Index outputs = g_.outChannelsPerGroup();
        Index row = 0;
        for (Index tap = 0; tap < g_.taps(); ++tap) {
            for (Index input = 0; input < b.inputs; ++input) {
                for (Index o = 0; o < outputs; ++o, ++row) {
                    const Index at =
                        t.at(b.group * outputs + o, input, tap / g_.kernelW, tap % g_.kernelW);
                    action(elementsOf<Element>(t) + at, outputs * t.strides[0], row);
                }
            }
        }
    }

    /// Where the weights of output channel `o` of a block's group for the block's channels begin.
    Element* weightsOf(const Tensor<4>& t, const Block& b, Index o) const {
        const Index channel = b.firstLane - b.group * g_.channelsPerGroup();
        return elementsOf<Element>(t) + t.at(b.group * g_.outChannelsPerGroup() + o, channel, 0, 0);
    }
    /// Whether an output channel's weights lie strides[3] apart.
    bool isOneSpan(const Tensor<4>& t) const {
        return t.strides[2] == g_.kernelW * t.strides[3] &&
               t.strides[1] == g_.taps() * t.strides[3];
    }
    /// Whether they lie side by side.
    bool isSideBySide(const Tensor<4>& t) const { return isOneSpan(t) && t.strides[3] == 1; }
    /// Where they are [channels][taps], side by side, of the type that is computed in; null
    /// elsewhere.
    Real* inPlace(const Tensor<4>& t, const Block& b, Index o) const {
        if constexpr (std::is_same_v<Element, Real>) {
            if (isSideBySide(t)) return weightsOf(t, b, o);
        }
        return nullptr;
    }

    /// Asks for the weights of an output channel, if they lie side by side. From one channel's to
    /// the next one's it is so far that a processor doesn't foresee them.
    template <For Use>
    void prefetch(const Tensor<4>& t, const Block& b, Index o) const {
        if (o >= g_.outChannelsPerGroup() || !isSideBySide(t)) return;
        cpu::prefetch<Use>(weightsOf(t, b, o), b.channels * g_.taps(), 0, 1);
    }

    /// Calls `action(span, count, at)` for the spans, strides[3] apart, of the weights of output
    /// channel `o` for a block's channels; `at` counts [channels][taps].
    template <class Action>
    void forEachSpanOf(const Tensor<4>& t, const Block& b, Index o, Action action) const {
        Element* from = weightsOf(t, b, o);
        if (isOneSpan(t)) return action(from, b.channels * g_.taps(), 0);
        const bool rowsJoin = t.strides[2] == g_.kernelW * t.strides[3];
        const Index span = rowsJoin ? g_.taps() : g_.kernelW;
        for (Index c = 0; c < b.channels; ++c) {
            for (Index tap = 0; tap < g_.taps(); tap += span) {
                action(from + c * t.strides[1] + tap / g_.kernelW * t.strides[2], span,
                       c * g_.taps() + tap);
            }
        }
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
};

}  // namespace dcn4j::cpu::convolution
