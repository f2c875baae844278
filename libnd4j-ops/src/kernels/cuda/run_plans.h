// What planning the samples of a run needs beside its pixels, worked out once per call.
#pragma once

#include <cstdint>
#include <type_traits>

#include "runs.h"
#include "sample_table.h"

namespace dcn4j::cuda {

/// Of one run; a thread adds it to what its pixel says. The offsets and masks are those of the run
/// that comes a tile later, which are loaded when this one's samples are planned.
template <class Real>
struct RunPlan {
    /// As wide as a real number, so that nothing is read that pads.
    using Whole = std::conditional_t<sizeof(Real) == 8, std::int64_t, std::int32_t>;
    /// Together, for one access.
    struct alignas(16) Place {
        Real row, column;  ///< of the tap
        Whole channels;    ///< times -1; 0 in a segment without, and where there is no run
        Whole segment;     ///< elements of a packed pixel from the end of the run a tile before
    } place;
    /// Channels of the arrays, from those of tap 0 of the group's first offset group on.
    struct alignas(16) Channels {
        int y, x, mask;
        int unused;  ///< 0: it is read with the rest
    } arrays;
};

/// Offsets or masks as planning reads them. Where there are none, one number serves all.
struct SampleArray {
    const void* data;
    /// From one channel to the next; deformable_conv2d.cu checks that 32 bits are enough.
    int channelBytes;

    template <class Element>
    static SampleArray of(const Tensor<4>& array) {
        const Index bytes = array.strides[1] * static_cast<Index>(sizeof(Element));
        return {array.data, array.present() ? static_cast<int>(bytes) : 0};
    }
};

/// The plans of a call's runs: a tile of them for what comes before the first, then tile by tile,
/// so that a step's number says where they are; a run of several tiles has as many, of which the
/// first is read. Where groups are not nested, some convolution groups have segments without
/// channels, and each has plans of its own.
template <class Element>
class RunPlans {
    using Real = ComputeType<Element>;

  public:
    RunPlans(const Conv2dGeometry& g, const Segments& s, const Runs& runs)
        : runs_(runs),
          channelsPerGroup_(g.channelsPerGroup()),
          channelsPerOffsetGroup_(g.channelsPerOffsetGroup()),
          kernelW_(g.kernelW),
          dilationH_(g.dilationH),
          dilationW_(g.dilationW),
          taps_(static_cast<int>(g.taps())),
          perGroup_(static_cast<int>(runs.tiles() + 1) * runs.perTile),
          groups_(s.nested ? 1 : static_cast<int>(g.groups)) {}

    Index count() const { return Index{groups_} * perGroup_; }

    /// Those of a convolution group.
    DCN4J_HOST_DEVICE Index first(Index group) const { return groups_ > 1 ? group * perGroup_ : 0; }

    /// Plan `i` of them all.
    DCN4J_HOST_DEVICE RunPlan<Real> at(Index i) const {
        const int group = static_cast<int>(i / perGroup_);
        // A run that shares its tile has no other.
        const int number = static_cast<int>(i % perGroup_) - runs_.perTile;
        const int run = number < 0 ? number : number / runs_.tilesPerRun;
        const int next = run + runs_.perTile;
        const int segment = run < 0 ? 0 : segmentOf(run);
        // Where the tile before has left off.
        const int before = run < runs_.perTile ? 0
                                               : segmentOf(run - runs_.perTile) * runs_.pitch +
                                                     runs_.tilesPerRun * runs_.width;
        const int tap = run < 0 ? 0 : tapOf(run);
        const int segments =
            segmentsWithChannels(group, channelsPerGroup_, channelsPerOffsetGroup_);
        const int nextSegment = segmentOf(next) < segments ? segmentOf(next) : segments - 1;
        const int channel = nextSegment * taps_ + (next < runs_.count ? tapOf(next) : 0);
        return {{static_cast<Real>(tap / kernelW_ * dilationH_),
                 static_cast<Real>(tap % kernelW_ * dilationW_),
                 run >= 0 && run < runs_.count && segment < segments ? -runs_.pitch : 0,
                 segment * runs_.pitch - before},
                {2 * channel, 2 * channel + 1, channel, 0}};
    }

  private:
    DCN4J_HOST_DEVICE int tapOf(int run) const { return runs_.segmentDivisor.quotient(run); }
    DCN4J_HOST_DEVICE int segmentOf(int run) const {
        runs_.segmentDivisor.divide(run);
        return run;
    }

    const Runs runs_;
    const Index channelsPerGroup_, channelsPerOffsetGroup_, kernelW_, dilationH_, dilationW_;
    const int taps_, perGroup_, groups_;
};

}  // namespace dcn4j::cuda
