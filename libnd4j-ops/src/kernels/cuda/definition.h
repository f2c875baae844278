// A deformable convolution's numbers one by one, as its definition reads.
#pragma once

#include "../deformable_conv2d.h"
#include "sample_plan.h"
#include "sample_table.h"

namespace dcn4j::cuda {

/// Whether masks can be factors of weights: all, but for some that are too large or infinite, or
/// none of some that are not numbers.
enum class Masks { Weigh, TooLarge, NotANumber };

/// The arrays of one call with their C++ element type.
template <class Element>
struct Definition {
    using Real = ComputeType<Element>;

    Conv2dGeometry g;
    DeformableConv2dInputs in;
    Tensor<4> gradOutput;

    __device__ Sample<Real> sample(Index n, Index offsetGroup, Index tap, Index oy,
                                   Index ox) const {
        return sampleAt<Element>(g, {in.offset, in.mask}, n, offsetGroup, tap, oy, ox);
    }

    __device__ void corners(const Sample<Real>& s, Index n, Index c, Real (&value)[Corners]) const {
        for (int i = 0; i < Corners; ++i) {
            value[i] =
                s.pixel[i] == g.pixels()
                    ? Real{0}
                    : load<Element>(in.input, n, c, s.pixel[i] / g.width, s.pixel[i] % g.width);
        }
    }

    __device__ static Real valueOf(const Sample<Real>& s, const Real (&value)[Corners]) {
        if (s.place == Place::Outside) return 0;
        Real sum = 0;
        for (int i = 0; i < Corners; ++i) sum += s.weight[i] * value[i];
        return sum;
    }

    /// The sample of channel `c`, mask and all.
    __device__ Real column(Index n, Index c, Index tap, Index oy, Index ox) const {
        const Sample<Real> s = sample(n, c / g.channelsPerOffsetGroup(), tap, oy, ox);
        Real value[Corners];
        corners(s, n, c, value);
        return s.modulation * valueOf(s, value);
    }

    __device__ Real weight(Index o, Index c, Index tap) const {
        return load<Element>(in.weights, o, c % g.channelsPerGroup(), tap / g.kernelW,
                             tap % g.kernelW);
    }

    __device__ Real output(Index n, Index o, Index oy, Index ox) const {
        const Index first = o / g.outChannelsPerGroup() * g.channelsPerGroup();
        Real sum = 0;
        if (in.bias.present()) sum = load<Element>(in.bias, o);
        for (Index c = first; c < first + g.channelsPerGroup(); ++c)
            for (Index tap = 0; tap < g.taps(); ++tap)
                sum += weight(o, c, tap) * column(n, c, tap, oy, ox);
        return sum;
    }

    /// Those that the outputs of a convolution group read at a pixel; there are masks.
    __device__ Masks masks(Index n, Index group, Index oy, Index ox) const {
        const Index channels = g.channelsPerGroup(), first = group * channels;
        const Index end = ((first + channels - 1) / g.channelsPerOffsetGroup() + 1) * g.taps();
        Masks all = Masks::Weigh;
        for (Index k = first / g.channelsPerOffsetGroup() * g.taps(); k < end; ++k) {
            const Real mask = load<Element>(in.mask, n, k, oy, ox);
            if (mask != mask) return Masks::NotANumber;
            if (!weighs(mask)) all = Masks::TooLarge;
        }
        return all;
    }

    /// The gradient of a column's entry.
    __device__ Real gradColumn(Index n, Index c, Index tap, Index oy, Index ox) const {
        const Index first = c / g.channelsPerGroup() * g.outChannelsPerGroup();
        Real sum = 0;
        for (Index o = first; o < first + g.outChannelsPerGroup(); ++o)
            sum += weight(o, c, tap) * load<Element>(gradOutput, n, o, oy, ox);
        return sum;
    }
};

}  // namespace dcn4j::cuda
