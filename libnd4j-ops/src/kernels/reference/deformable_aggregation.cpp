// Deformable aggregation, forward and backward, as the definition in deformable_aggregation.h
// reads. One sample at a time, one thread, nothing clever; the faster kernels are tested against
// this.
#include "../deformable_aggregation.h"

#include "../sampling/aggregation_taps.h"

namespace dcn4j {
namespace {

/// The arrays of one call with their C++ element type.
template <class Element>
class Pass {
  public:
    using Real = ComputeType<Element>;

    Pass(const AggregationGeometry& geometry, const AggregationInputs& inputs)
        : g_(geometry), in_(inputs) {}

    void forward(const Tensor<5>& output) const {
        std::vector<Real> sums(static_cast<std::size_t>(g_.channels));
        forEachGroup([&](Index n, Index oy, Index ox, Index m) {
            std::fill(sums.begin(), sums.end(), Real{0});
            forEachSample(n, oy, ox, m, [&](const AggregationTap& at, const Sample<Real>& s) {
                for (Index c = 0; c < g_.channels; ++c) {
                    Real value[Corners];
                    corners(at, s, c, value);
                    sums[static_cast<std::size_t>(c)] += s.modulation * valueOf(s, value);
                }
            });
            for (Index c = 0; c < g_.channels; ++c) {
                store(output, sums[static_cast<std::size_t>(c)], n, oy, ox, m, c);
            }
        });
    }

    void backward(const Tensor<5>& gradOutput, const AggregationGradients& gradients) const {
        std::vector<std::vector<Real>> gradValues;  // [level][batch][pixels][groups][channels]
        for (const AggregationLevel& level : g_.levels) {
            gradValues.emplace_back(
                static_cast<std::size_t>(g_.batch * level.pixels() * g_.groups * g_.channels));
        }
        forEachGroup([&](Index n, Index oy, Index ox, Index m) {
            forEachSample(n, oy, ox, m, [&](const AggregationTap& at, const Sample<Real>& s) {
                const AggregationLevel& level = g_.levels[static_cast<std::size_t>(at.level)];
                auto& gradValue = gradValues[static_cast<std::size_t>(at.level)];
                Real gradX = 0, gradY = 0, gradWeight = 0;
                for (Index c = 0; c < g_.channels; ++c) {
                    const Real grad = load(gradOutput, n, oy, ox, m, c);
                    Real value[Corners];
                    corners(at, s, c, value);
                    gradWeight += grad * valueOf(s, value);
                    gradY += grad * s.modulation * slopeY(s, value);
                    gradX += grad * s.modulation * slopeX(s, value);
                    for (int i = 0; i < Corners; ++i) {
                        if (s.weight[i] == 0 || s.pixel[i] == level.pixels()) continue;
                        const Index row = (n * level.pixels() + s.pixel[i]) * g_.groups + m;
                        gradValue[static_cast<std::size_t>(row * g_.channels + c)] +=
                            grad * s.modulation * s.weight[i];
                    }
                }
                const auto put = [&](const auto& t, Real gradient, auto... last) {
                    static_cast<Element*>(t.data)[at.in(t, last...)] = narrow<Element>(gradient);
                };
                put(gradients.weight, gradWeight);
                put(gradients.location, gradX * static_cast<Real>(level.scaleX), 0);
                put(gradients.location, gradY * static_cast<Real>(level.scaleY), 1);
            });
        });
        for (std::size_t l = 0; l < g_.levels.size(); ++l) {
            std::size_t i = 0;
            for (Index n = 0; n < g_.batch; ++n)
                for (Index y = 0; y < g_.levels[l].height; ++y)
                    for (Index x = 0; x < g_.levels[l].width; ++x)
                        for (Index m = 0; m < g_.groups; ++m)
                            for (Index c = 0; c < g_.channels; ++c)
                                store(gradients.values[l], gradValues[l][i++], n, y, x, m, c);
        }
    }

  private:
    template <int Rank, class... I>
    static Real load(const Tensor<Rank>& tensor, I... index) {
        return widen(static_cast<const Element*>(tensor.data)[tensor.at(index...)]);
    }

    template <int Rank, class... I>
    static void store(const Tensor<Rank>& tensor, Real value, I... index) {
        static_cast<Element*>(tensor.data)[tensor.at(index...)] = narrow<Element>(value);
    }

    void corners(const AggregationTap& at, const Sample<Real>& s, Index c,
                 Real (&value)[Corners]) const {
        const auto level = static_cast<std::size_t>(at.level);
        const Index width = g_.levels[level].width;
        for (int i = 0; i < Corners; ++i) {
            value[i] = s.pixel[i] == g_.levels[level].pixels()
                           ? Real{0}
                           : load(in_.values[level], at.n, s.pixel[i] / width, s.pixel[i] % width,
                                  at.group, c);
        }
    }

    /// Calls `action(n, oy, ox, group)` for every output pixel and group.
    template <class Action>
    void forEachGroup(Action action) const {
        for (Index n = 0; n < g_.batch; ++n)
            for (Index oy = 0; oy < g_.outHeight; ++oy)
                for (Index ox = 0; ox < g_.outWidth; ++ox)
                    for (Index m = 0; m < g_.groups; ++m) action(n, oy, ox, m);
    }

    /// Calls `action(at, sample)` for every level and tap.
    template <class Action>
    void forEachSample(Index n, Index oy, Index ox, Index m, Action action) const {
        for (Index level = 0; level < static_cast<Index>(g_.levels.size()); ++level)
            for (Index tap = 0; tap < g_.taps(); ++tap) {
                const AggregationTap at{n, oy, ox, m, level, tap};
                Sample<Real> s;
                planTap<Element>(g_, g_.levels[static_cast<std::size_t>(level)], in_.location,
                                 in_.weight, at, s);
                action(at, s);
            }
    }

    const AggregationGeometry& g_;
    const AggregationInputs& in_;
};

class Reference final : public DeformableAggregationKernel {
  public:
    const char* name() const override { return "reference"; }

    void forward(const AggregationGeometry& geometry, const AggregationInputs& inputs,
                 const Tensor<5>& output, int) const override {
        withElementType(inputs.type, [&](auto element) {
            Pass<decltype(element)>(geometry, inputs).forward(output);
        });
    }

    void backward(const AggregationGeometry& geometry, const AggregationInputs& inputs,
                  const Tensor<5>& gradOutput, const AggregationGradients& gradients,
                  int) const override {
        withElementType(inputs.type, [&](auto element) {
            Pass<decltype(element)>(geometry, inputs).backward(gradOutput, gradients);
        });
    }
};

}  // namespace

const DeformableAggregationKernel& referenceDeformableAggregation() {
    // Never destroyed: threads may still be at work when the process ends.
    static const Reference& kernel = *new Reference;
    return kernel;
}

}  // namespace dcn4j
