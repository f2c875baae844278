// Where the samples of a convolution read: offsets and masks of any type and strides, planned for
// the micro-kernels.
#pragma once

#include <algorithm>
#include <cmath>

#include "../../sampling/conv_taps.h"
#include "../packing.h"
#include "blocking.h"

namespace dcn4j::cpu::convolution {

/// Offsets and masks of a convolution, or their gradients; any may be absent.
struct OffsetsAndMasks {
    const Tensor<4>&offset, &mask;
};

/// Asks for one of `parts` parts of output pixels first .. first + points of an offset group's
/// offsets and masks.
template <class Element, For Use = For::Reading>
void prefetchPoints(const Conv2dGeometry& g, const OffsetsAndMasks& arrays, Index n,
                    Index offsetGroup, Index first, Index points, Index part, Index parts) {
    const Index taps = g.taps(), offsets = 2 * taps, planes = offsets + taps;
    const Index count = std::min(points, g.outPixels() - first);
    for (Index i = planes * part / parts; i < planes * (part + 1) / parts; ++i) {
        const bool isMask = i >= offsets;
        const Tensor<4>& t = isMask ? arrays.mask : arrays.offset;
        const Index channel = isMask ? offsetGroup * taps + i - offsets : offsetGroup * offsets + i;
        if (!t.present()) continue;
        prefetchPlane<Element, Use>({t, g.outWidth, {n, channel, 1}, first, count});
    }
}

template <class Element>
class Positions {
  public:
    using Real = ComputeType<Element>;

    Positions(const MicroKernels<Real>& kernels, const Conv2dGeometry& geometry,
              const DeformableConv2dInputs& inputs, Index pitch)
        : kernels_(kernels), g_(geometry), in_(inputs), pitch_(pitch), exact_(isExact(geometry)) {}

    /// Plans the samples of output pixels first .. first + points of image `n`: [points][taps].
    void plan(Index n, Index offsetGroup, Index first, Index points,
              PlannedSample<Real>* samples) const {
        if (!in_.offset.present() || !exact_) {
            return planEach(n, offsetGroup, first, points, samples);
        }
        Real baseY[Blocking::mostTilePoints], baseX[Blocking::mostTilePoints];
        for (Index i = 0, oy = first / g_.outWidth, ox = first % g_.outWidth; i < points; ++i) {
            baseY[i] = static_cast<Real>(g_.baseRow(oy, 0));
            baseX[i] = static_cast<Real>(g_.baseColumn(ox, 0));
            if (++ox == g_.outWidth) ++oy, ox = 0;
        }
        Real y[Blocking::mostTilePoints], x[Blocking::mostTilePoints];
        Real modulation[Blocking::mostTilePoints];
        if (!in_.mask.present()) std::fill_n(modulation, points, Real{1});
        for (Index tap = 0; tap < g_.taps(); ++tap) {
            const Index k = offsetGroup * g_.taps() + tap;
            TapPositions<Real> at{};
            at.y = pointsOf(in_.offset, n, 2 * k, first, points, y);
            at.x = pointsOf(in_.offset, n, 2 * k + 1, first, points, x);
            at.modulation = in_.mask.present() ? pointsOf(in_.mask, n, k, first, points, modulation)
                                               : modulation;
            at.baseY = baseY;
            at.baseX = baseX;
            at.tapY = static_cast<Real>(tap / g_.kernelW * g_.dilationH);
            at.tapX = static_cast<Real>(tap % g_.kernelW * g_.dilationW);
            at.plane = {g_.height, g_.width, pitch_};
            kernels_.plan(points, at, samples + tap, g_.taps());
        }
    }

    /// Asks for one of `parts` parts of the offsets and masks that `plan` reads.
    void prefetch(Index n, Index offsetGroup, Index first, Index points, Index part,
                  Index parts) const {
        if (!in_.offset.present() || !exact_) return;
        prefetchPoints<Element>(g_, {in_.offset, in_.mask}, n, offsetGroup, first, points, part,
                                parts);
    }

    /// Where, without offsets, the pixels end that output pixels before the one numbered `first`
    /// sample, and two rows more.
    Index reach(Index first) const {
        const Index last = std::min(first, g_.outPixels()) - 1;
        const Index row = g_.baseRow(last / g_.outWidth, g_.kernelH - 1) + 3;
        const Index column = g_.baseColumn(last % g_.outWidth, g_.kernelW - 1);
        // Of a dilation of 2^31 an Index does not hold the product; where a plane ends, a double is
        // exact.
        const double pixel =
            static_cast<double>(row) * static_cast<double>(pitch_) + static_cast<double>(column);
        return static_cast<Index>(std::clamp(pixel, 0.0, static_cast<double>(g_.height * pitch_)));
    }

  private:
    /// Output pixels first .. first + points of one channel: where they lie, or in `room`.
    const Real* pointsOf(const Tensor<4>& t, Index n, Index channel, Index first, Index points,
                         Real* room) const {
        if constexpr (std::is_same_v<Element, Real>) {
            if (isOfRows(t, g_.outWidth)) {
                return elementsOf<Element>(t) + t.at(n, channel, 0, 0) + first;
            }
        }
        loadPlane<Element>(kernels_, {t, g_.outWidth, {n, channel, 1}, first, points}, room);
        return room;
    }

    /// Plans one sample at a time: those of a plain convolution, which are pixels or outside, and
    /// those of planes so large that sums of real numbers would round.
    void planEach(Index n, Index offsetGroup, Index first, Index points,
                  PlannedSample<Real>* samples) const {
        Index oy = first / g_.outWidth, ox = first % g_.outWidth;
        for (Index i = 0; i < points; ++i) {
            for (Index tap = 0; tap < g_.taps(); ++tap) {
                planTap<Element>(g_, pitch_, in_.offset, in_.mask, {n, offsetGroup, tap, oy, ox},
                                 *samples++);
            }
            if (++ox == g_.outWidth) ++oy, ox = 0;
        }
    }

    /// Whether every row and column without its offset, and their parts, are exact as numbers.
    static bool isExact(const Conv2dGeometry& g) {
        const auto reach = [](Index out, Index stride, Index pad, Index kernel, Index dilation) {
            const auto product = [](Index a, Index b) {
                return static_cast<double>(a) * static_cast<double>(b);
            };
            return std::max(product(out, stride), std::fabs(static_cast<double>(pad))) +
                   product(kernel, dilation);
        };
        return std::max(reach(g.outHeight, g.strideH, g.padTop, g.kernelH, g.dilationH),
                        reach(g.outWidth, g.strideW, g.padLeft, g.kernelW, g.dilationW)) <
               (sizeof(Real) == sizeof(float) ? 0x1p24 : 0x1p53);
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
    const DeformableConv2dInputs& in_;
    const Index pitch_;  ///< of the repacked images
    const bool exact_;
};

}  // namespace dcn4j::cpu::convolution
