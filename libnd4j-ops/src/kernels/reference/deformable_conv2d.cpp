// Deformable convolution, forward and backward, as the definition reads.
//
//   output[n,o,p] = bias[o] + sum over (c, k) of weights[o,c,k] * mask[n,g(c),k,p]
//                   * input[n,c] sampled at (base of tap k at pixel p + offset[n,g(c),k,p])
//
// Dai et al., arXiv 1703.06211, equation 2; Zhu et al., arXiv 1811.11168, equation 1. One output
// pixel at a time: its column holds the modulated samples of every channel and tap, and all that
// follows is sums over that column. One thread, no blocking, nothing clever; the faster kernels
// are tested against this.
#include "../deformable_conv2d.h"

#include <algorithm>
#include <vector>

#include "../elements.h"
#include "../sampling/conv_taps.h"

namespace dcn4j {
namespace {

/// The arrays of one call with their C++ element type.
template <class Element>
class Pass {
  public:
    using Real = ComputeType<Element>;

    Pass(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs)
        : g_(geometry),
          in_(inputs),
          samples_(static_cast<std::size_t>(g_.offsetGroups * g_.taps())),
          column_(static_cast<std::size_t>(g_.channels * g_.taps())),
          gradColumn_(column_.size()) {}

    void forward(const Tensor<4>& output) {
        forEachOutputPixel([&](Index n, Index oy, Index ox) {
            for (Index o = 0; o < g_.outChannels; ++o) {
                Real sum = in_.bias.present() ? load<Element>(in_.bias, o) : Real{0};
                forEachWeight(o, [&](Index c, Index cInGroup, Index ky, Index kx, Index tap) {
                    sum += load<Element>(in_.weights, o, cInGroup, ky, kx) * column_[at(c, tap)];
                });
                store<Element>(output, sum, n, o, oy, ox);
                if (in_.addend.present()) {
                    store<Element>(output,
                                   load<Element>(output, n, o, oy, ox) +
                                       load<Element>(in_.addend, n, o, oy, ox),
                                   n, o, oy, ox);
                }
                if (in_.rectified && load<Element>(output, n, o, oy, ox) < 0) {
                    store<Element>(output, Real{0}, n, o, oy, ox);
                }
            }
        });
    }

    void backward(const Tensor<4>& gradOutput, const DeformableConv2dGradients& gradients) {
        const Index inputSize = g_.batch * g_.channels * g_.pixels();
        std::vector<Real> gradInput(static_cast<std::size_t>(inputSize));
        std::vector<Real> gradWeights(
            static_cast<std::size_t>(g_.outChannels * g_.channelsPerGroup() * g_.taps()));
        std::vector<Real> gradBias(static_cast<std::size_t>(g_.outChannels));
        const auto weightAt = [&](Index o, Index cInGroup, Index tap) {
            return static_cast<std::size_t>((o * g_.channelsPerGroup() + cInGroup) * g_.taps() +
                                            tap);
        };

        forEachOutputPixel([&](Index n, Index oy, Index ox) {
            std::fill(gradColumn_.begin(), gradColumn_.end(), Real{0});
            for (Index o = 0; o < g_.outChannels; ++o) {
                const Real grad = load<Element>(gradOutput, n, o, oy, ox);
                gradBias[static_cast<std::size_t>(o)] += grad;
                forEachWeight(o, [&](Index c, Index cInGroup, Index ky, Index kx, Index tap) {
                    gradColumn_[at(c, tap)] +=
                        load<Element>(in_.weights, o, cInGroup, ky, kx) * grad;
                    gradWeights[weightAt(o, cInGroup, tap)] += column_[at(c, tap)] * grad;
                });
            }
            for (Index group = 0; group < g_.offsetGroups; ++group) {
                for (Index tap = 0; tap < g_.taps(); ++tap) {
                    const Index k = group * g_.taps() + tap;
                    const Sample<Real>& s = samples_[static_cast<std::size_t>(k)];
                    Real gradY = 0, gradX = 0, gradMask = 0;
                    for (Index i = 0; i < g_.channelsPerOffsetGroup(); ++i) {
                        const Index c = group * g_.channelsPerOffsetGroup() + i;
                        const Real grad = gradColumn_[at(c, tap)];
                        Real value[Corners];
                        corners(s, n, c, value);
                        gradMask += grad * valueOf(s, value);
                        gradY += grad * s.modulation * slopeY(s, value);
                        gradX += grad * s.modulation * slopeX(s, value);
                        for (int corner = 0; corner < Corners; ++corner) {
                            if (s.weight[corner] == 0 || s.pixel[corner] == g_.pixels()) continue;
                            gradInput[static_cast<std::size_t>((n * g_.channels + c) * g_.pixels() +
                                                               s.pixel[corner])] +=
                                grad * s.modulation * s.weight[corner];
                        }
                    }
                    if (gradients.mask.present())
                        store<Element>(gradients.mask, gradMask, n, k, oy, ox);
                    if (gradients.offset.present()) {
                        store<Element>(gradients.offset, gradY, n, 2 * k, oy, ox);
                        store<Element>(gradients.offset, gradX, n, 2 * k + 1, oy, ox);
                    }
                }
            }
        });

        for (Index n = 0; n < g_.batch; ++n)
            for (Index c = 0; c < g_.channels; ++c)
                for (Index y = 0; y < g_.height; ++y)
                    for (Index x = 0; x < g_.width; ++x) {
                        const Index pixel = y * g_.width + x;
                        store<Element>(gradients.input,
                                       gradInput[static_cast<std::size_t>(
                                           (n * g_.channels + c) * g_.pixels() + pixel)],
                                       n, c, y, x);
                        if (in_.addend.present()) {
                            store<Element>(gradients.input,
                                           load<Element>(gradients.input, n, c, y, x) +
                                               load<Element>(in_.addend, n, c, y, x),
                                           n, c, y, x);
                        }
                    }
        for (Index o = 0; o < g_.outChannels; ++o) {
            forEachWeight(o, [&](Index, Index cInGroup, Index ky, Index kx, Index tap) {
                store<Element>(gradients.weights, gradWeights[weightAt(o, cInGroup, tap)], o,
                               cInGroup, ky, kx);
            });
            if (gradients.bias.present())
                store<Element>(gradients.bias, gradBias[static_cast<std::size_t>(o)], o);
        }
    }

  private:
    std::size_t at(Index c, Index tap) const {
        return static_cast<std::size_t>(c * g_.taps() + tap);
    }

    void corners(const Sample<Real>& s, Index n, Index c, Real (&value)[Corners]) const {
        for (int i = 0; i < Corners; ++i) {
            value[i] =
                s.pixel[i] == g_.pixels()
                    ? Real{0}
                    : load<Element>(in_.input, n, c, s.pixel[i] / g_.width, s.pixel[i] % g_.width);
        }
    }

    /// Calls `action(c, c within its group, ky, kx, tap)` for every weight of output channel `o`.
    template <class Action>
    void forEachWeight(Index o, Action action) const {
        const Index firstChannel = o / g_.outChannelsPerGroup() * g_.channelsPerGroup();
        for (Index i = 0; i < g_.channelsPerGroup(); ++i)
            for (Index ky = 0; ky < g_.kernelH; ++ky)
                for (Index kx = 0; kx < g_.kernelW; ++kx)
                    action(firstChannel + i, i, ky, kx, ky * g_.kernelW + kx);
    }

    /// Calls `action(n, oy, ox)` for every output pixel, its samples and its column prepared.
    template <class Action>
    void forEachOutputPixel(Action action) {
        for (Index n = 0; n < g_.batch; ++n)
            for (Index oy = 0; oy < g_.outHeight; ++oy)
                for (Index ox = 0; ox < g_.outWidth; ++ox) {
                    prepare(n, oy, ox);
                    action(n, oy, ox);
                }
    }

    void prepare(Index n, Index oy, Index ox) {
        for (Index group = 0; group < g_.offsetGroups; ++group)
            for (Index tap = 0; tap < g_.taps(); ++tap) {
                const Index k = group * g_.taps() + tap;
                planTap<Element>(g_, g_.width, in_.offset, in_.mask, {n, group, tap, oy, ox},
                                 samples_[static_cast<std::size_t>(k)]);
            }
        for (Index c = 0; c < g_.channels; ++c)
            for (Index tap = 0; tap < g_.taps(); ++tap) {
                const Sample<Real>& s = samples_[static_cast<std::size_t>(
                    c / g_.channelsPerOffsetGroup() * g_.taps() + tap)];
                Real value[Corners];
                corners(s, n, c, value);
                column_[at(c, tap)] = s.modulation * valueOf(s, value);
            }
    }

    const Conv2dGeometry& g_;
    const DeformableConv2dInputs& in_;
    std::vector<Sample<Real>> samples_;
    std::vector<Real> column_, gradColumn_;
};

class Reference final : public DeformableConv2dKernel {
  public:
    const char* name() const override { return "reference"; }
    bool takesEpilogue() const override { return true; }

    void forward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                 const Tensor<4>& output, int) const override {
        withElementType(inputs.type, [&](auto element) {
            Pass<decltype(element)>(geometry, inputs).forward(output);
        });
    }

    void backward(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs,
                  const Tensor<4>& gradOutput, const DeformableConv2dGradients& gradients,
                  int) const override {
        withElementType(inputs.type, [&](auto element) {
            Pass<decltype(element)>(geometry, inputs).backward(gradOutput, gradients);
        });
    }
};

}  // namespace

const DeformableConv2dKernel& referenceDeformableConv2d() {
    // Never destroyed: threads may still be at work when the process ends.
    static const Reference& kernel = *new Reference;
    return kernel;
}

}  // namespace dcn4j
