// The bins of ROI pooling: sampling/roi.h, applied to a call's arrays.
#pragma once

#include "../deformable_psroi_pooling.h"
#include "../elements.h"
#include "../sampling/roi.h"
#include "device.h"

namespace dcn4j::cuda {

/// The positions that one bin samples.
template <class Element>
struct BinSamples {
    using Real = ComputeType<Element>;
    BinAxis<Real> rows, columns;

    /// Bin (ph, pw) of a roi, for class `k` of `trans`.
    __device__ BinSamples(const PsroiPoolingGeometry& g, const DeformablePsroiPoolingInputs& in,
                          const Roi<Real>& roi, Index r, Index k, Index ph, Index pw)
        : rows(g, roi.y, ph, shift(g, in, r, 2 * k + 1, ph, pw)),
          columns(g, roi.x, pw, shift(g, in, r, 2 * k, ph, pw)) {}

    /// Calls `action(y, x)` for every sample that is kept.
    template <class Action>
    __device__ void forEach(const PsroiPoolingGeometry& g, Action action) const {
        for (Index i = 0; i < g.samplePerPart; ++i) {
            AxisSample<Real> y;
            if (!locate(rows.position(i), g.height, y)) continue;
            for (Index j = 0; j < g.samplePerPart; ++j) {
                AxisSample<Real> x;
                if (locate(columns.position(j), g.width, x)) action(y, x);
            }
        }
    }

  private:
    __device__ static Real shift(const PsroiPoolingGeometry& g,
                                 const DeformablePsroiPoolingInputs& in, Index r, Index channel,
                                 Index ph, Index pw) {
        if (!in.trans.present()) return 0;
        return load<Element>(in.trans, r, channel, g.partOf(ph), g.partOf(pw));
    }
};

/// The four pixels around a sample.
template <class Real>
struct Patch {
    Real topLeft, topRight, bottomLeft, bottomRight;

    /// `at(y, x)` is the value of a pixel.
    template <class At>
    __device__ Patch(const AxisSample<Real>& y, const AxisSample<Real>& x, At at)
        : topLeft(at(y.floor, x.floor)),
          topRight(at(y.floor, x.ceil)),
          bottomLeft(at(y.ceil, x.floor)),
          bottomRight(at(y.ceil, x.ceil)) {}

    __device__ Real value(const AxisSample<Real>& y, const AxisSample<Real>& x) const {
        return (1 - y.fraction) * (1 - x.fraction) * topLeft +
               (1 - y.fraction) * x.fraction * topRight +
               y.fraction * (1 - x.fraction) * bottomLeft + y.fraction * x.fraction * bottomRight;
    }
    __device__ Real slopeX(const AxisSample<Real>& y) const {
        return (1 - y.fraction) * (topRight - topLeft) + y.fraction * (bottomRight - bottomLeft);
    }
    __device__ Real slopeY(const AxisSample<Real>& x) const {
        return (1 - x.fraction) * (bottomLeft - topLeft) + x.fraction * (bottomRight - topRight);
    }
};

/// The bins first .. first + count - 1 along one axis whose group or part is `which` of `size`.
struct BinRange {
    Index first, count;

    __device__ BinRange(Index which, Index pooledSize, Index size) {
        first = (which * pooledSize + size - 1) / size;
        count = ((which + 1) * pooledSize + size - 1) / size - first;
    }
};

/// Cell (py, px) of `trans`, of roi r and class k, and the bins that it moves.
struct Part {
    Index r, k, py, px;
    BinRange rows, columns;

    /// Cell `i` of all.
    __device__ Part(const PsroiPoolingGeometry& g, Index i)
        : r(i / g.partSize / g.partSize / g.classes),
          k(i / g.partSize / g.partSize % g.classes),
          py(i / g.partSize % g.partSize),
          px(i % g.partSize),
          rows(py, g.pooledSize, g.partSize),
          columns(px, g.pooledSize, g.partSize) {}
};

/// The slopes of some of a bin's samples, added up.
template <class Real>
struct BinSlopes {
    Real x = 0, y = 0;
    bool sampled = false;

    __device__ void add(const Patch<Real>& patch, const AxisSample<Real>& row,
                        const AxisSample<Real>& column) {
        x += patch.slopeX(row);
        y += patch.slopeY(column);
        sampled = true;
    }

    /// Adds to the gradient of `trans` what they bring, where `grad` is the gradient of each
    /// sample.
    __device__ void addTo(Real& gradX, Real& gradY, const PsroiPoolingGeometry& g,
                          const Roi<Real>& roi, Real grad) const {
        // Without a sample the roi may have any size, and zero times it may not be zero.
        if (!sampled) return;
        const Real moved = grad * static_cast<Real>(g.transStd);
        gradX += x * moved * roi.x.size;
        gradY += y * moved * roi.y.size;
    }
};

}  // namespace dcn4j::cuda
