// Deformable position-sensitive ROI pooling, forward and backward, as the definition reads.
//
//   output[r,o,ph,pw] = mean over the samples kept of
//                       input[image of r, channel of (o,ph,pw)] at (start of the bin + its step)
//
// One thread an output; for the input's gradient one thread a plane, which walks through the rois
// in order, and for that of `trans` one thread a part, so that no two threads add to one element.
//
// What bounds it: reading single elements, four a sample, and few threads backward.
#include "bins.h"
#include "deformable_psroi_pooling.h"
#include "sample_plan.h"
#include "workspace.h"

namespace dcn4j::cuda {
namespace {

/// The arrays of one call with their C++ element type.
template <class Element>
struct Pass {
    using Real = ComputeType<Element>;

    PsroiPoolingGeometry g;
    DeformablePsroiPoolingInputs in;
    Tensor<4> count, gradOutput;

    __device__ Patch<Real> patch(Index n, Index c, const AxisSample<Real>& y,
                                 const AxisSample<Real>& x) const {
        return {y, x, [&](Index row, Index column) {
                    return load<Element>(in.input, n, c, row, column);
                }};
    }

    /// The gradient of one of a bin's samples; false if the bin has none.
    __device__ bool gradient(Index r, Index o, Index ph, Index pw, Real& grad) const {
        const Real kept = load<Real>(count, r, o, ph, pw);
        if (!(kept > 0)) return false;
        grad = load<Element>(gradOutput, r, o, ph, pw) / kept;
        return true;
    }
};

template <class Element>
__global__ void forwardReference(Pass<Element> pass, Tensor<4> output) {
    using Real = ComputeType<Element>;
    const PsroiPoolingGeometry& g = pass.g;
    const Index size = g.pooledSize;
    forEachItem(g.rois * g.outputDim * size * size, [&](Index i) {
        const Index pw = i % size, ph = i / size % size;
        const Index o = i / size / size % g.outputDim, r = i / size / size / g.outputDim;
        const Roi<Real> roi = readRoi<Real>(g, pass.in, r);
        Real sum = 0;
        Index kept = 0;
        BinSamples<Element>(g, pass.in, roi, r, o / g.channelsPerClass(), ph, pw)
            .forEach(g, [&](const AxisSample<Real>& y, const AxisSample<Real>& x) {
                sum += pass.patch(roi.image, g.inputChannel(o, ph, pw), y, x).value(y, x);
                ++kept;
            });
        store<Element>(output, kept == 0 ? Real{0} : sum / static_cast<Real>(kept), r, o, ph, pw);
        store<Real>(pass.count, static_cast<Real>(kept), r, o, ph, pw);
    });
}

/// One thread a plane; `planes` is [batch, channels, pixels], all zero at first.
template <class Element>
__global__ void gradInputReference(Pass<Element> pass, ComputeType<Element>* planes,
                                   Tensor<4> gradInput) {
    using Real = ComputeType<Element>;
    const PsroiPoolingGeometry& g = pass.g;
    const Index groups = g.groupSize;
    forEachItem(g.batch * g.channels(), [&](Index plane) {
        const Index n = plane / g.channels(), c = plane % g.channels();
        const Index o = c / groups / groups;
        const BinRange rows(c / groups % groups, g.pooledSize, groups);
        const BinRange columns(c % groups, g.pooledSize, groups);
        Real* sums = planes + plane * g.pixels();
        for (Index r = 0; r < g.rois; ++r) {
            const Roi<Real> roi = readRoi<Real>(g, pass.in, r);
            if (roi.image != n) continue;
            for (Index ph = rows.first; ph < rows.first + rows.count; ++ph)
                for (Index pw = columns.first; pw < columns.first + columns.count; ++pw) {
                    Real grad;
                    if (!pass.gradient(r, o, ph, pw, grad)) continue;
                    BinSamples<Element>(g, pass.in, roi, r, o / g.channelsPerClass(), ph, pw)
                        .forEach(g, [&](const AxisSample<Real>& y, const AxisSample<Real>& x) {
                            Real* top = sums + y.floor * g.width;
                            Real* bottom = sums + y.ceil * g.width;
                            top[x.floor] += (1 - y.fraction) * (1 - x.fraction) * grad;
                            top[x.ceil] += (1 - y.fraction) * x.fraction * grad;
                            bottom[x.floor] += y.fraction * (1 - x.fraction) * grad;
                            bottom[x.ceil] += y.fraction * x.fraction * grad;
                        });
                }
        }
        for (Index p = 0; p < g.pixels(); ++p)
            store<Element>(gradInput, sums[p], n, c, p / g.width, p % g.width);
    });
}

/// One thread a part of a roi and class.
template <class Element>
__global__ void gradTransReference(Pass<Element> pass, Tensor<4> gradTrans) {
    using Real = ComputeType<Element>;
    const PsroiPoolingGeometry& g = pass.g;
    forEachItem(g.rois * g.classes * g.partSize * g.partSize, [&](Index i) {
        const Part part(g, i);
        const BinRange &rows = part.rows, &columns = part.columns;
        const Index r = part.r, k = part.k;
        const Roi<Real> roi = readRoi<Real>(g, pass.in, r);
        Real sumX = 0, sumY = 0;
        for (Index o = k * g.channelsPerClass(); o < (k + 1) * g.channelsPerClass(); ++o)
            for (Index ph = rows.first; ph < rows.first + rows.count; ++ph)
                for (Index pw = columns.first; pw < columns.first + columns.count; ++pw) {
                    Real grad;
                    if (!pass.gradient(r, o, ph, pw, grad)) continue;
                    BinSlopes<Real> slopes;
                    BinSamples<Element>(g, pass.in, roi, r, k, ph, pw)
                        .forEach(g, [&](const AxisSample<Real>& y, const AxisSample<Real>& x) {
                            slopes.add(pass.patch(roi.image, g.inputChannel(o, ph, pw), y, x), y,
                                       x);
                        });
                    slopes.addTo(sumX, sumY, g, roi, grad);
                }
        store<Element>(gradTrans, sumX, r, 2 * k, part.py, part.px);
        store<Element>(gradTrans, sumY, r, 2 * k + 1, part.py, part.px);
    });
}

}  // namespace

void ReferenceDeformablePsroiPooling::forward(const PsroiPoolingGeometry& g,
                                              const DeformablePsroiPoolingInputs& inputs,
                                              const Tensor<4>& output, const Tensor<4>& count,
                                              int) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        launch("deformable_psroi_pooling, reference", forwardReference<Element>,
               blocksFor(g.rois * g.outputDim * g.pooledSize * g.pooledSize), 0, stream_,
               Pass<Element>{g, inputs, count, {}}, output);
    });
}

void ReferenceDeformablePsroiPooling::backward(const PsroiPoolingGeometry& g,
                                               const DeformablePsroiPoolingInputs& inputs,
                                               const Tensor<4>& count, const Tensor<4>& gradOutput,
                                               const DeformablePsroiPoolingGradients& gradients,
                                               int) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        using Real = ComputeType<Element>;
        const Pass<Element> pass{g, inputs, count, gradOutput};
        Workspace workspace(stream_);
        Real* planes = workspace.zeros<Real>(g.batch * g.channels() * g.pixels());
        launch("deformable_psroi_pooling_bp, input, reference", gradInputReference<Element>,
               blocksFor(g.batch * g.channels()), 0, stream_, pass, planes, gradients.input);
        if (!gradients.trans.present()) return;
        launch("deformable_psroi_pooling_bp, trans, reference", gradTransReference<Element>,
               blocksFor(g.rois * g.classes * g.partSize * g.partSize), 0, stream_, pass,
               gradients.trans);
    });
}

}  // namespace dcn4j::cuda
