// The sampling rule of deformable position-sensitive ROI pooling, written once for every kernel.
//
// A roi is cut into bins, and a bin is sampled on a grid that begins at its start (Dai et al.,
// Deformable Convolutional Networks, arXiv 1703.06211, equations 5 and 6; rounding, borders and
// the least size as the reference implementation has them, which MXNet and the PyTorch ports of
// DCNv2 carry). Where a sample lies is in axis.h.
//
// Everything here has internal linkage, as in bilinear.h.
#pragma once

#include <cmath>

#include "../deformable_psroi_pooling.h"
#include "../element.h"
#include "axis.h"
#include "product.h"

namespace dcn4j {
namespace {

/// True if a roi's batch index is that of an image: an integer in 0 .. batch - 1.
DCN4J_HOST_DEVICE inline bool isImage(double index, Index batch) {
    // A NaN fails every comparison.
    return index >= 0 && index < static_cast<double>(batch) && index == std::floor(index);
}

/// A roi's extent along one axis, in pixels of the feature map. May hold any numbers.
template <class Real>
struct RoiAxis {
    Real start, size;

    DCN4J_HOST_DEVICE RoiAxis(Real first, Real last, Real spatialScale) {
        // std::round rounds halves away from zero.
        start = product(std::round(first), spatialScale) - Real{0.5};
        const Real end = product(std::round(last) + 1, spatialScale) - Real{0.5};
        const Real least = static_cast<Real>(0.1);
        size = end - start;
        if (size < least) size = least;  // NaN stays NaN, and keeps every sample outside
    }
};

template <class Real>
struct Roi {
    Index image;
    RoiAxis<Real> y, x;
};

/// Reads row `r` of the rois, whose batch index is valid.
template <class Real>
DCN4J_HOST_DEVICE inline Roi<Real> readRoi(const PsroiPoolingGeometry& g,
                                           const DeformablePsroiPoolingInputs& in, Index r) {
    Index image = 0;
    Real value[5] = {};
    withElementType(in.roisType, [&](auto element) {
        const auto* from = static_cast<const decltype(element)*>(in.rois.data);
        // Not narrowed first: a FLOAT has no 2^24 + 1.
        image = static_cast<Index>(widen(from[in.rois.at(r, 0)]));
        for (int i = 1; i < 5; ++i) value[i] = static_cast<Real>(widen(from[in.rois.at(r, i)]));
    });
    const Real scale = static_cast<Real>(g.spatialScale);
    return {image, {value[2], value[4], scale}, {value[1], value[3], scale}};
}

/// The positions that a bin samples along one axis: first, first + step, ...
template <class Real>
struct BinAxis {
    Real first, step;

    /// Bin `bin` of a roi, moved by `trans` times `transStd` of the roi's size.
    DCN4J_HOST_DEVICE BinAxis(const PsroiPoolingGeometry& g, const RoiAxis<Real>& roi, Index bin,
                              Real trans) {
        const Real size = roi.size / static_cast<Real>(g.pooledSize);
        first = product(static_cast<Real>(bin), size) + roi.start +
                product(product(trans, static_cast<Real>(g.transStd)), roi.size);
        step = size / static_cast<Real>(g.samplePerPart);
    }

    DCN4J_HOST_DEVICE Real position(Index sample) const {
        return first + product(static_cast<Real>(sample), step);
    }
};

}  // namespace
}  // namespace dcn4j
