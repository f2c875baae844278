// Deformable aggregation without libnd4j, the function that DCNv3 and multi-scale deformable
// attention share: every channel of a group is a weighted sum of its samples.
//
//   output[n,p,m,c] = sum over (level, tap) of weight[n,p,m,level,tap]
//                     * value of the level [n,m,c] sampled at the position of the tap
//   position        = origin(p) + (start(tap) + location[n,p,m,level,tap]) * scale(level)
//
// DCNv3 (arXiv 2211.05778, equation 2; as InternImage's PyTorch core computes it) has one level,
// whose scale is offsetScale. Attention (arXiv 2010.04159, equation 3) has levels of sizes of their
// own, which are their scales; its origin is half a pixel above and left of the first.
#pragma once

#include <vector>

#include "tensor.h"

namespace dcn4j {

/// Where taps lie along one axis, before what their locations add.
struct AggregationAxis {
    Index kernel;            ///< taps along it
    Index stride;            ///< from one output pixel to the next
    Index dilation, center;  ///< tap k starts at k * dilation - center
    double origin;           ///< of the first output pixel

    DCN4J_HOST_DEVICE double originOf(Index out) const {
        return static_cast<double>(out * stride) + origin;
    }
    DCN4J_HOST_DEVICE Index startOf(Index k) const { return k * dilation - center; }
};

/// A plane of values.
struct AggregationLevel {
    Index height, width;
    double scaleY, scaleX;             ///< finite
    Tensor<5> values{}, gradValues{};  ///< [batch, height, width, groups, channels]

    DCN4J_HOST_DEVICE Index pixels() const { return height * width; }
};

/// One aggregation but for its levels. All sizes are at least 1, `batch` at least 0. Dimensions of
/// arrays are in the order given, whatever the memory layout. Gradients are shaped as what they
/// belong to; the backward pass alone has them.
struct AggregationShape {
    Index batch, groups, channels;  ///< channels of a group
    Index outHeight, outWidth;
    AggregationAxis y, x;
    bool removeCenter;  ///< there is no tap in the middle of a kernel of odd sizes
    /// [batch, outHeight, outWidth, groups, levels, taps, (x, y)]
    Tensor<7> location, gradLocation;
    Tensor<6> weight, gradWeight;  ///< [batch, outHeight, outWidth, groups, levels, taps]
    Tensor<5> output;  ///< or its gradient: [batch, outHeight, outWidth, groups, channels]

    DCN4J_HOST_DEVICE Index points() const { return outHeight * outWidth; }
    /// Of each level. The column is the outer index of a tap, the row the inner.
    DCN4J_HOST_DEVICE Index taps() const { return y.kernel * x.kernel - (removeCenter ? 1 : 0); }
    /// The place of a tap in the kernel.
    DCN4J_HOST_DEVICE Index placeOf(Index tap) const {
        return removeCenter && tap >= y.kernel * x.kernel / 2 ? tap + 1 : tap;
    }
};

/// One aggregation.
struct AggregationCall : AggregationShape {
    ElementType type;
    std::vector<AggregationLevel> levels;

    /// What a forward pass takes, in multiply-adds that take as long, by and large: eight for each
    /// number that is sampled, and as many as 16 numbers for planning a sample.
    double multiplyAdds() const {
        return 8 * static_cast<double>(batch * points()) *
               static_cast<double>(groups * static_cast<Index>(levels.size()) * taps()) *
               static_cast<double>(channels + 16);
    }
};

/// One implementation. Calls are reentrant, and results depend on the arguments alone: the same
/// bits come out for every number of threads.
class DeformableAggregationKernel {
  public:
    virtual ~DeformableAggregationKernel() = default;
    /// Those that this processor runs, for Registry.
    static std::vector<const DeformableAggregationKernel*> implementations();

    virtual const char* name() const = 0;

    /// Writes `output`.
    /// Throws std::bad_alloc before anything is written when there is no memory to work in.
    virtual void forward(const AggregationCall& call, int threads) const = 0;

    /// Writes every gradient, from that of the output.
    /// Throws std::bad_alloc before anything is written when there is no memory to work in.
    virtual void backward(const AggregationCall& call, int threads) const = 0;
};

/// The plain loops over the definition, on one thread: slow, and the oracle of the other kernels.
const DeformableAggregationKernel& referenceDeformableAggregation();

}  // namespace dcn4j
