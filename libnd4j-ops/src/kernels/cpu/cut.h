// How the work of one deformable convolution is cut into blocks of channels, tiles of output pixels
// and tasks. It depends on the geometry alone, never on the number of threads: the same bits come
// out for any.
#pragma once

#include <algorithm>
#include <vector>

#include "../deformable_conv2d.h"
#include "buffer.h"

namespace dcn4j::cpu {

/// Channels of one convolution group and one offset group that are repacked together.
struct Block {
    Index firstChannel, channels;
    Index rowNumbers;  ///< the numbers of a pixel or a tap: the channels in whole quads
    Index group, offsetGroup;
    Index depth;       ///< taps * rowNumbers: its entries of a column
    Index firstDepth;  ///< where they begin within its group's K
    Index imageStart;  ///< where its image begins among the repacked blocks of one image
};

/// Consecutive blocks of one offset group that one backward task takes, one after another.
struct Run {
    Index firstBlock, endBlock;
    Index offsetGroup;
};

struct Cut {
    static constexpr Index mostTilePoints = 144;
    /// Numbers that a tile of every kind may hold together: 448 KiB of floats, most of a small
    /// second-level cache.
    static constexpr Index tileNumbers = 114688;

    std::vector<Block> blocks;
    Index groupDepth = 0;  ///< K of one convolution group, the largest
    Index tile = 0;        ///< output pixels of a tile
    Index tiles = 0;       ///< tiles of one image
    Index maxDepth = 0;
    Index imageSize = 0;  ///< numbers of one repacked image
    Index pitch = 0;      ///< of a column tile
    Index outPanels;      ///< panels of a group's output channels
    Index outPitch;       ///< of an output tile: a group's channels in whole panels
    /// Forward, a task computes this many of the panels, one of `outParts` parts.
    Index partPanels, outParts = 1;

    /// Tiles are the forward pass's tasks: a column tile and an output tile.
    static Cut forward(const Conv2dGeometry& g, Index quad, Index panelWidth) {
        Cut cut(g, forwardBlockChannels(g), quad, panelWidth);
        cut.tile = largestTile(cut.pitch + cut.outPitch);
        cut.tiles = ceilDivide(g.outPixels(), cut.tile);
        // Few tiles: a multiple of 16 in the batch, so that they balance threads, but not so small
        // that reading the weights takes longer than multiplying by them.
        const Index batch = std::max<Index>(g.batch, 1);
        if (batch * cut.tiles < 64) {
            cut.tiles = ceilDivide(roundUp(batch * cut.tiles, 16), batch);
            cut.tile = roundUp(std::max<Index>(ceilDivide(g.outPixels(), cut.tiles), 24), 6);
        }
        cut.cutTiles(g);
        // Still few: parts of the output channels, each of which gathers the column anew.
        const Index leastPanels = ceilDivide(64, panelWidth);
        cut.partPanels = std::max(ceilDivide(cut.outPanels, ceilDivide(16, batch * cut.tiles)),
                                  std::min(leastPanels, cut.outPanels));
        cut.outParts = ceilDivide(cut.outPanels, cut.partPanels);
        return cut;
    }

    /// Blocks are the backward pass's tasks: two column tiles and a tile of the output's gradient.
    static Cut backward(const Conv2dGeometry& g, Index quad, Index panelWidth) {
        Cut cut(g, backwardBlockChannels(g), quad, panelWidth);
        cut.tile = largestTile(2 * cut.pitch + cut.outPitch);
        cut.cutTiles(g);
        return cut;
    }

    Index count() const { return static_cast<Index>(blocks.size()); }
    const Block& block(Index i) const { return blocks[static_cast<std::size_t>(i)]; }
    bool lastOfGroup(Index i) const {
        return i + 1 == count() || block(i + 1).group != block(i).group;
    }

  private:
    Cut(const Conv2dGeometry& g, Index blockChannels, Index quad, Index panelWidth)
        : outPanels(ceilDivide(g.outChannelsPerGroup(), panelWidth)),
          outPitch(oddLines(outPanels * panelWidth)) {
        Index depth = 0;
        for (Index c = 0; c < g.channels;) {
            Block b{};
            b.firstChannel = c;
            b.group = c / g.channelsPerGroup();
            b.offsetGroup = c / g.channelsPerOffsetGroup();
            const Index end = std::min((b.group + 1) * g.channelsPerGroup(),
                                       (b.offsetGroup + 1) * g.channelsPerOffsetGroup());
            b.channels = std::min(blockChannels, end - c);
            b.rowNumbers = roundUp(b.channels, quad);
            b.depth = g.taps() * b.rowNumbers;
            if (c % g.channelsPerGroup() == 0) depth = 0;
            b.firstDepth = depth;
            depth += b.depth;
            groupDepth = std::max(groupDepth, depth);
            b.imageStart = imageSize;
            imageSize += roundUp((g.pixels() + 1) * b.rowNumbers, 16);
            maxDepth = std::max(maxDepth, b.depth);
            blocks.push_back(b);
            c += b.channels;
        }
        // Whole panels of columns for the product that writes a column tile.
        pitch = oddLines(roundUp(maxDepth, panelWidth));
    }

    /// Channels of a block: whole vectors for every instruction set, fewer where the kernel is
    /// large, so that a tile's columns keep to their cache.
    static Index forwardBlockChannels(const Conv2dGeometry& g) {
        return g.taps() <= 9 ? 64 : g.taps() <= 25 ? 32 : 16;
    }

    /// In the backward pass blocks are tasks too: narrower where images and channels are few.
    static Index backwardBlockChannels(const Conv2dGeometry& g) {
        const Index most = forwardBlockChannels(g);
        return g.batch * g.channels >= 8 * most ? most : std::max<Index>(most / 2, 16);
    }

    /// A pitch of an odd number of cache lines (of 16 floats): columns of a tile then spread over
    /// the cache's sets instead of falling into a few.
    static Index oddLines(Index numbers) { return (ceilDivide(numbers, 16) | 1) * 16; }

    static Index largestTile(Index numbersAPoint) {
        return std::clamp<Index>(tileNumbers / numbersAPoint / 12 * 12, 12, mostTilePoints);
    }

    void cutTiles(const Conv2dGeometry& g) {
        tile = std::min(tile, g.outPixels());
        tiles = ceilDivide(g.outPixels(), tile);
    }
};

/// How the backward pass is shared out: tasks are (image slot, piece of the output, run of blocks).
class BackwardShares {
  public:
    Index slots;   ///< images at work at once, each with weight gradients of its own
    Index pieces;  ///< consecutive parts of an image's tiles, each with all gradients of its own

    BackwardShares(const Cut& cut, Index batch) : tiles_(cut.tiles) {
        cutRuns(cut);
        slots = std::clamp<Index>(ceilDivide(16, runCount()), 1, std::max<Index>(batch, 1));
        // A piece must be worth the gradients that it sets to zero and adds up.
        pieces = std::clamp<Index>(8 / (slots * runCount()), 1, std::max<Index>(tiles_ / 8, 1));
    }

    Index runCount() const { return static_cast<Index>(runs_.size()); }
    const Run& run(Index i) const { return runs_[static_cast<std::size_t>(i)]; }
    Index firstTile(Index piece) const { return tiles_ * piece / pieces; }

  private:
    /// At most 16 runs for each offset group, so that their partial sums stay few where blocks are
    /// many (a depth-wise convolution has one for each channel).
    void cutRuns(const Cut& cut) {
        for (Index first = 0; first < cut.count();) {
            const Index offsetGroup = cut.block(first).offsetGroup;
            Index end = first;
            while (end < cut.count() && cut.block(end).offsetGroup == offsetGroup) ++end;
            const Index length = ceilDivide(end - first, 16);
            for (; first < end; first += length) {
                runs_.push_back({first, std::min(first + length, end), offsetGroup});
            }
            first = end;
        }
    }

    Index tiles_;
    std::vector<Run> runs_;
};

}  // namespace dcn4j::cpu
