// Deformable position-sensitive ROI pooling, forward and backward, as the definition reads.
//
//   output[r,o,ph,pw] = mean over the samples kept of
//                       input[image of r, channel of (o,ph,pw)] at (start of the bin + its step)
//
// Dai et al., arXiv 1703.06211, equations 5 and 6. One output at a time, one sample at a time, one
// thread, nothing clever; the faster kernels are tested against this.
#include "../deformable_psroi_pooling.h"

#include <vector>

#include "../elements.h"
#include "../sampling/roi.h"

namespace dcn4j {
namespace {

/// The arrays of one call with their C++ element type.
template <class Element>
class Pass {
  public:
    using Real = ComputeType<Element>;

    Pass(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs)
        : g_(geometry), in_(inputs) {}

    void forward(const Tensor<4>& output, const Tensor<4>& count) const {
        forEachBin([&](Index r, Index o, Index ph, Index pw, const Roi<Real>& roi) {
            const Index c = g_.inputChannel(o, ph, pw);
            Real sum = 0;
            Index kept = 0;
            forEachSample(roi, r, o, ph, pw,
                          [&](const AxisSample<Real>& y, const AxisSample<Real>& x) {
                              const Corners v = corners(roi.image, c, y, x);
                              sum += (1 - y.fraction) * (1 - x.fraction) * v.topLeft +
                                     (1 - y.fraction) * x.fraction * v.topRight +
                                     y.fraction * (1 - x.fraction) * v.bottomLeft +
                                     y.fraction * x.fraction * v.bottomRight;
                              ++kept;
                          });
            store<Element>(output, kept == 0 ? Real{0} : sum / static_cast<Real>(kept), r, o, ph,
                           pw);
            static_cast<Real*>(count.data)[count.at(r, o, ph, pw)] = static_cast<Real>(kept);
        });
    }

    void backward(const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const DeformablePsroiPoolingGradients& gradients) const {
        const Index cells = g_.partSize * g_.partSize;
        std::vector<Real> gradInput(
            static_cast<std::size_t>(g_.batch * g_.channels() * g_.pixels()));
        std::vector<Real> gradTrans(
            static_cast<std::size_t>(in_.trans.present() ? g_.rois * 2 * g_.classes * cells : 0));

        forEachBin([&](Index r, Index o, Index ph, Index pw, const Roi<Real>& roi) {
            const Real kept = static_cast<const Real*>(count.data)[count.at(r, o, ph, pw)];
            if (!(kept > 0)) return;  // a NaN is not
            const Real grad = load<Element>(gradOutput, r, o, ph, pw) / kept;
            const Index c = g_.inputChannel(o, ph, pw);
            Real* plane = gradInput.data() + (roi.image * g_.channels() + c) * g_.pixels();
            Real gradX = 0, gradY = 0;
            bool sampled = false;
            forEachSample(
                roi, r, o, ph, pw, [&](const AxisSample<Real>& y, const AxisSample<Real>& x) {
                    plane[y.floor * g_.width + x.floor] +=
                        (1 - y.fraction) * (1 - x.fraction) * grad;
                    plane[y.floor * g_.width + x.ceil] += (1 - y.fraction) * x.fraction * grad;
                    plane[y.ceil * g_.width + x.floor] += y.fraction * (1 - x.fraction) * grad;
                    plane[y.ceil * g_.width + x.ceil] += y.fraction * x.fraction * grad;
                    if (!in_.trans.present()) return;
                    sampled = true;
                    const Corners v = corners(roi.image, c, y, x);
                    gradX += (1 - y.fraction) * (v.topRight - v.topLeft) +
                             y.fraction * (v.bottomRight - v.bottomLeft);
                    gradY += (1 - x.fraction) * (v.bottomLeft - v.topLeft) +
                             x.fraction * (v.bottomRight - v.topRight);
                });
            // Without a sample the roi may have any size, and zero times it may not be zero.
            if (!sampled) return;
            const Real moved = grad * static_cast<Real>(g_.transStd);
            const Index k = r * g_.classes + o / g_.channelsPerClass();
            Real* cell =
                gradTrans.data() + 2 * k * cells + g_.partOf(ph) * g_.partSize + g_.partOf(pw);
            cell[0] += gradX * moved * roi.x.size;
            cell[cells] += gradY * moved * roi.y.size;
        });

        for (Index n = 0, i = 0; n < g_.batch; ++n)
            for (Index c = 0; c < g_.channels(); ++c)
                for (Index y = 0; y < g_.height; ++y)
                    for (Index x = 0; x < g_.width; ++x, ++i)
                        store<Element>(gradients.input, gradInput[static_cast<std::size_t>(i)], n,
                                       c, y, x);
        if (!in_.trans.present()) return;
        for (Index r = 0, i = 0; r < g_.rois; ++r)
            for (Index k = 0; k < 2 * g_.classes; ++k)
                for (Index y = 0; y < g_.partSize; ++y)
                    for (Index x = 0; x < g_.partSize; ++x, ++i)
                        store<Element>(gradients.trans, gradTrans[static_cast<std::size_t>(i)], r,
                                       k, y, x);
    }

  private:
    /// The four pixels around a sample.
    struct Corners {
        Real topLeft, topRight, bottomLeft, bottomRight;
    };

    Corners corners(Index n, Index c, const AxisSample<Real>& y, const AxisSample<Real>& x) const {
        return {load<Element>(in_.input, n, c, y.floor, x.floor),
                load<Element>(in_.input, n, c, y.floor, x.ceil),
                load<Element>(in_.input, n, c, y.ceil, x.floor),
                load<Element>(in_.input, n, c, y.ceil, x.ceil)};
    }

    /// Calls `action(r, o, ph, pw, roi)` for every output.
    template <class Action>
    void forEachBin(Action action) const {
        for (Index r = 0; r < g_.rois; ++r) {
            const Roi<Real> roi = readRoi<Real>(g_, in_, r);
            for (Index o = 0; o < g_.outputDim; ++o)
                for (Index ph = 0; ph < g_.pooledSize; ++ph)
                    for (Index pw = 0; pw < g_.pooledSize; ++pw) action(r, o, ph, pw, roi);
        }
    }

    /// Calls `action(y, x)` for every sample that is kept of bin (ph, pw).
    template <class Action>
    void forEachSample(const Roi<Real>& roi, Index r, Index o, Index ph, Index pw,
                       Action action) const {
        Real transX = 0, transY = 0;
        if (in_.trans.present()) {
            const Index k = 2 * (o / g_.channelsPerClass());
            transX = load<Element>(in_.trans, r, k, g_.partOf(ph), g_.partOf(pw));
            transY = load<Element>(in_.trans, r, k + 1, g_.partOf(ph), g_.partOf(pw));
        }
        const BinAxis<Real> rows(g_, roi.y, ph, transY), columns(g_, roi.x, pw, transX);
        for (Index i = 0; i < g_.samplePerPart; ++i)
            for (Index j = 0; j < g_.samplePerPart; ++j) {
                AxisSample<Real> y, x;
                if (locate(rows.position(i), g_.height, y) &&
                    locate(columns.position(j), g_.width, x)) {
                    action(y, x);
                }
            }
    }

    const PsroiPoolingGeometry& g_;
    const DeformablePsroiPoolingInputs& in_;
};

class Reference final : public DeformablePsroiPoolingKernel {
  public:
    const char* name() const override { return "reference"; }

    std::optional<BadRoi> findBadRoi(const PsroiPoolingGeometry& geometry,
                                     const DeformablePsroiPoolingInputs& inputs) const override {
        return findBadRoiInMemory(geometry, inputs);
    }

    void forward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                 const Tensor<4>& output, const Tensor<4>& count, int) const override {
        withElementType(inputs.type, [&](auto element) {
            Pass<decltype(element)>(geometry, inputs).forward(output, count);
        });
    }

    void backward(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs,
                  const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const DeformablePsroiPoolingGradients& gradients, int) const override {
        withElementType(inputs.type, [&](auto element) {
            Pass<decltype(element)>(geometry, inputs).backward(count, gradOutput, gradients);
        });
    }
};

}  // namespace

std::optional<BadRoi> findBadRoiInMemory(const PsroiPoolingGeometry& g,
                                         const DeformablePsroiPoolingInputs& inputs) {
    std::optional<BadRoi> bad;
    withElementType(inputs.roisType, [&](auto element) {
        const auto* values = static_cast<const decltype(element)*>(inputs.rois.data);
        for (Index r = 0; r < g.rois && !bad; ++r) {
            const double index = widen(values[inputs.rois.at(r, 0)]);
            if (!isImage(index, g.batch)) bad = BadRoi{r, index};
        }
    });
    return bad;
}

const DeformablePsroiPoolingKernel& referenceDeformablePsroiPooling() {
    // Never destroyed: threads may still be at work when the process ends.
    static const Reference& kernel = *new Reference;
    return kernel;
}

}  // namespace dcn4j
