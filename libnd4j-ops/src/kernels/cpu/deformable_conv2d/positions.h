// Where the samples of a convolution read: offsets and masks of any type and strides, planned for
// the micro-kernels.
#pragma once

#include <algorithm>

#include "../../sampling/conv_taps.h"
#include "../packing.h"
#include "blocking.h"

namespace dcn4j::cpu::convolution {

template <class Element>
class Positions {
  public:
    using Real = ComputeType<Element>;

    Positions(const MicroKernels<Real>& kernels, const Conv2dGeometry& geometry,
              const DeformableConv2dInputs& inputs)
        : kernels_(kernels), g_(geometry), in_(inputs) {}

    /// Plans the samples of output pixels first .. first + points of image `n`: [points][taps].
    void plan(Index n, Index offsetGroup, Index first, Index points,
              PlannedSample<Real>* samples) const {
        if (!in_.offset.present()) return planPixels(n, offsetGroup, first, points, samples);
        Real baseY[Blocking::mostTilePoints], baseX[Blocking::mostTilePoints];
        for (Index i = 0, oy = first / g_.outWidth, ox = first % g_.outWidth; i < points; ++i) {
            baseY[i] = static_cast<Real>(g_.baseRow(oy, 0));
            baseX[i] = static_cast<Real>(g_.baseColumn(ox, 0));
            if (++ox == g_.outWidth) ++oy, ox = 0;
        }
        Real y[Blocking::mostTilePoints], x[Blocking::mostTilePoints];
        Real modulation[Blocking::mostTilePoints];
        for (Index tap = 0; tap < g_.taps(); ++tap) {
            const Index k = offsetGroup * g_.taps() + tap;
            const Real tapY = static_cast<Real>(tap / g_.kernelW * g_.dilationH);
            const Real tapX = static_cast<Real>(tap % g_.kernelW * g_.dilationW);
            loadPoints(in_.offset, n, 2 * k, first, points, y);
            loadPoints(in_.offset, n, 2 * k + 1, first, points, x);
            loadModulation(n, k, first, points, modulation);
            for (Index i = 0; i < points; ++i) {
                y[i] += baseY[i] + tapY;
                x[i] += baseX[i] + tapX;
            }
            kernels_.plan(points, {y, x, modulation, g_.height, g_.width}, samples + tap,
                          g_.taps());
        }
    }

  private:
    /// Output pixels first .. first + points of one channel.
    void loadPoints(const Tensor<4>& t, Index n, Index channel, Index first, Index points,
                    Real* to) const {
        loadPlane<Element>({t, g_.outWidth, {n, channel, 1}, first, points}, to);
    }

    void loadModulation(Index n, Index k, Index first, Index points, Real* to) const {
        if (in_.mask.present()) {
            loadPoints(in_.mask, n, k, first, points, to);
        } else {
            std::fill_n(to, points, Real{1});
        }
    }

    /// Plans a plain convolution: every sample is a pixel or outside.
    void planPixels(Index n, Index offsetGroup, Index first, Index points,
                    PlannedSample<Real>* samples) const {
        Index oy = first / g_.outWidth, ox = first % g_.outWidth;
        for (Index i = 0; i < points; ++i) {
            for (Index tap = 0; tap < g_.taps(); ++tap) {
                planTap<Element>(g_, {}, in_.mask, {n, offsetGroup, tap, oy, ox}, *samples++);
            }
            if (++ox == g_.outWidth) ++oy, ox = 0;
        }
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
    const DeformableConv2dInputs& in_;
};

}  // namespace dcn4j::cpu::convolution
