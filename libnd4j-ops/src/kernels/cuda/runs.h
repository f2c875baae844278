// In what order a product takes taps and channels.
#pragma once

#include "divisor.h"
#include "segments.h"

namespace dcn4j::cuda {

/// A run is one tap of one segment's channels. Runs follow one another tap by tap, and within a tap
/// segment by segment. A tile of `width` channels is a part of one run, or holds `perTile` runs
/// side by side (a power of two), each of `width / perTile` channels; what is beyond a segment's
/// own channels is padding. So a tile's samples are those of few runs, and are planned once for all
/// channels.
///
/// With `tapsAtATime`, so many taps of a segment are together: each of its tiles of channels comes
/// for all of them before the next does, so that what neighbouring taps sample is in a first-level
/// cache. What is beyond the last tap is padding, too.
struct Runs {
    int count, width, pitch, groupPitch;
    int perTile, tilesPerRun;
    int channelsPerRun;  ///< of one tile
    Divisor tileDivisor, segmentDivisor, tapsAtATime;

    Runs(const Conv2dGeometry& g, const Segments& s, int tileWidth, int mostPerTile,
         Index mostTapsAtATime = 1)
        : count(static_cast<int>(g.taps()) * s.perGroup),
          width(tileWidth),
          pitch(s.pitch),
          groupPitch(s.groupPitch()),
          perTile(runsPerTile(s.pitch, tileWidth, mostPerTile)),
          tilesPerRun(static_cast<int>(ceilDivide(s.pitch, tileWidth))),
          channelsPerRun(width / perTile),
          tileDivisor(tilesPerRun),
          segmentDivisor(s.perGroup),
          tapsAtATime(evenShare(g.taps(), mostTapsAtATime)) {}

    Index tiles() const {
        const Index taps = roundUp(count / segmentDivisor.divisor(), tapsAtATime.divisor());
        return ceilDivide(taps * segmentDivisor.divisor(), perTile) * tilesPerRun;
    }

    /// Where a channel of a tile comes from.
    struct Place {
        int tap, segment;  ///< the segment within its convolution group
        int channel;       ///< of the segment; `pitch` or more: padding
    };
    /// Of the channel that is number `inRun` in run `which` of a tile.
    DCN4J_HOST_DEVICE Place place(int tile, int which, int inRun) const {
        const int run = tileDivisor.divide(tile) * perTile + which;
        Place p{0, run, run < count ? tile * width + inRun : pitch};
        p.tap = segmentDivisor.divide(p.segment);
        return p;
    }

    /// The tile and place of channel `channel` of a tap and segment.
    DCN4J_HOST_DEVICE Index numberOf(int tap, int segment, int channel) const {
        if (tapsAtATime.divisor() > 1) {
            const int together = tapsAtATime.quotient(tap), tile = channel / width;
            const int run = together * segmentDivisor.divisor() + segment;
            return (Index{run * tilesPerRun + tile} * tapsAtATime.divisor() + tap -
                    together * tapsAtATime.divisor()) *
                       width +
                   channel - tile * width;
        }
        const int run = tap * segmentDivisor.divisor() + segment;
        if (perTile > 1) {
            return Index{run / perTile} * width + run % perTile * channelsPerRun + channel;
        }
        return Index{run} * tilesPerRun * width + channel;
    }

  private:
    /// Of `all`, in as few parts of at most `most` as will do, as even as they can be.
    static Index evenShare(Index all, Index most) {
        return all == 0 ? 1 : ceilDivide(all, ceilDivide(all, most));
    }
    static int runsPerTile(int channels, int tileWidth, int most) {
        int runs = 1;
        while (2 * runs <= most && tileWidth / (2 * runs) >= channels) runs *= 2;
        return runs;
    }
};

}  // namespace dcn4j::cuda
