// How the fast convolution kernels order channels.
#pragma once

#include "../deformable_conv2d.h"
#include "device.h"

namespace dcn4j::cuda {

/// A segment is the channels that one convolution group and one offset group share. Packed images
/// hold the channels of a pixel side by side, segment by segment, each padded to whole packs of 16
/// bytes with zeros; so every access is one of 16 bytes, and lies in one group of either kind.
///
/// Where the groups are nested and their channels are whole packs, that is the order of the
/// channels in a channels-last array.
struct Segments {
    int perGroup;  ///< of one convolution group; some may be empty
    int pitch;     ///< channels of a segment, with padding
    bool nested;   ///< whether the groups are: then all segments have as many channels

    Segments(const Conv2dGeometry& g, int pack) {
        const Index c = g.channelsPerGroup(), o = g.channelsPerOffsetGroup();
        nested = o % c == 0 || c % o == 0;
        perGroup = static_cast<int>(o % c == 0 ? 1 : c % o == 0 ? c / o : (c - 1) / o + 2);
        pitch = static_cast<int>(roundUp(std::min(c, o), pack));
    }

    /// Of one convolution group: the depth of the matrix product for one tap.
    DCN4J_HOST_DEVICE int groupPitch() const { return perGroup * pitch; }
    /// Of one pixel.
    DCN4J_HOST_DEVICE Index pixelPitch(const Conv2dGeometry& g) const {
        return g.groups * groupPitch();
    }
    DCN4J_HOST_DEVICE Index count(const Conv2dGeometry& g) const { return g.groups * perGroup; }
    /// True if packed channels are the channels themselves.
    bool dense(const Conv2dGeometry& g) const { return pixelPitch(g) == g.channels; }
};

/// How many of a convolution group's segments have channels, with `c` channels in a group and `o`
/// in an offset group.
DCN4J_HOST_DEVICE inline int segmentsWithChannels(Index group, Index c, Index o) {
    return static_cast<int>(((group + 1) * c - 1) / o - group * c / o) + 1;
}

struct Segment {
    Index offsetGroup, firstChannel;
    int channels;  ///< may be 0

    /// Segment `j` of convolution group `group`.
    DCN4J_HOST_DEVICE Segment(const Conv2dGeometry& g, Index group, Index j) {
        const Index c = g.channelsPerGroup(), o = g.channelsPerOffsetGroup();
        offsetGroup = group * c / o + j;
        const Index first = group * c > offsetGroup * o ? group * c : offsetGroup * o;
        const Index end =
            (group + 1) * c < (offsetGroup + 1) * o ? (group + 1) * c : (offsetGroup + 1) * o;
        firstChannel = first;
        channels = end > first ? static_cast<int>(end - first) : 0;
    }
};

}  // namespace dcn4j::cuda
