// How the work of one deformable convolution is cut into blocks of channels, tiles of output pixels
// and tasks. It depends on the geometry alone, never on the number of threads: the same bits come
// out for any.
#pragma once

#include <algorithm>
#include <vector>

#include "../../deformable_conv2d.h"
#include "../buffer.h"
#include "../packing.h"

namespace dcn4j::cpu::convolution {

/// Channels of one offset group that are repacked together: of one convolution group, or, where
/// these are small, of several, whose channels then lie group by group: first the first channel of
/// each, then the second.
struct Block {
    Index inputs;              ///< 1, or a group's channels, each a row of lanes
    Index firstLane, lanes;    ///< channels, or groups
    Index paddedLanes;         ///< the lanes, padded
    Index channels;            ///< inputs * lanes
    Index paddedChannels;      ///< inputs * paddedLanes: the numbers of a pixel or a tap
    Index group, offsetGroup;  ///< the first group
    Index depth;               ///< taps * paddedChannels: its entries of a column
    Index firstDepth;          ///< where they begin within its group's K
    Index imageStart;          ///< where its image begins among the repacked blocks of one image

    /// The lanes as channels of `everyChannel(input, inputs, ...)`.
    Channels of(Index n) const { return {n, firstLane, lanes}; }
};

/// Consecutive blocks of one offset group that one backward task takes, one after another.
struct BlockChunk {
    Index firstBlock, endBlock;
    Index offsetGroup;
};

struct Blocking {
    static constexpr Index mostTilePoints = 144;
    /// Output pixels of an image, of which an Index holds the product of turns and tiles.
    static constexpr Index mostOutPixels = Index{1} << 35;
    /// Rows of a product that every instruction set multiplies in whole turns.
    static constexpr Index rowsTogether = 12;
    /// Points that a tile has where an image has few: of fewer, reading the weights takes longer
    /// than multiplying by them.
    static constexpr Index fewPoints = 24;
    /// Numbers that a tile of every kind may hold together: 448 KiB of floats, most of a small
    /// second-level cache.
    static constexpr Index tileNumbers = 114688;
    /// A backward task of a chunk of an image's tiles must be worth the gradients that it writes to
    /// be added up after: with four tiles they cost 3 to 10 % of the time of one thread (Zen 4),
    /// with eight up to 2 %, and 5 % where an image is small.
    static constexpr Index leastChunkTiles = 8;

    std::vector<Block> blocks;
    /// Blocks span groups; a group is a lane, in which its inputs meet its outputs (gather_sum.h).
    bool groupsAreLanes;
    Index groupDepth = 0;  ///< K of one convolution group, the largest
    Index tile = 0;        ///< output pixels of the largest tile
    Index tiles = 0;       ///< tiles of one image
    Index maxDepth = 0;
    Index pitch;          ///< pixels from one row of a repacked image to the next
    Index planePixels;    ///< of all rows
    Index imageSize = 0;  ///< numbers of one repacked image
    Index apartFrom;      ///< numbers between where images and their gradients begin in a page
    Index outPixels;      ///< of one image
    Index columnLd = 0;   ///< leading dimension of a column tile
    Index outPanels;      ///< panels of a group's output channels
    Index outLd;          ///< of an output tile: a group's channels in whole panels, or rows of
                          ///< lanes
    /// Forward, a task computes one of `panelChunks` chunks of so many panels.
    Index chunkPanels, panelChunks = 1;

    /// Tiles are the forward pass's tasks: a column tile and an output tile.
    static Blocking forward(const Conv2dGeometry& g, Index alignment, Index panelWidth) {
        Blocking blocking(g, forwardBlockChannels(g), alignment, panelWidth, false);
        Index tiles = ceilDivide(g.outPixels(), largestTile(blocking.columnLd + blocking.outLd));
        // Few tiles: a multiple of 16 in the batch, so that they balance threads, or an even number
        // of some `fewPoints` each.
        const Index batch = std::max<Index>(g.batch, 1);
        if (batch * tiles < 64) {
            const Index most = (g.outPixels() + fewPoints / 2) / fewPoints / 2 * 2;
            tiles = std::max(tiles, std::min(ceilDivide(roundUp(batch * tiles, 16), batch), most));
        }
        blocking.cut(tiles);
        // Still few: chunks of the output channels, each of which gathers the column anew.
        const Index leastPanels = ceilDivide(64, panelWidth);
        blocking.chunkPanels =
            std::max(ceilDivide(blocking.outPanels, ceilDivide(16, batch * blocking.tiles)),
                     std::min(leastPanels, blocking.outPanels));
        blocking.panelChunks = ceilDivide(blocking.outPanels, blocking.chunkPanels);
        return blocking;
    }

    /// Blocks are the backward pass's tasks: a column tile and a tile of the output's gradient, and
    /// the same cache holds the rows of two images that the tile's samples touch. With 72 to 144
    /// points a tile, calls take equally long (Zen 4).
    static Blocking backward(const Conv2dGeometry& g, Index alignment, Index panelWidth) {
        Blocking blocking(g, backwardBlockChannels(g), alignment, panelWidth, true);
        Index tiles =
            ceilDivide(g.outPixels(), largestTile(2 * blocking.columnLd + blocking.outLd));
        // Chunks of them are tasks (BackwardPartition), as even as the tiles are.
        if (tiles >= 2 * leastChunkTiles) tiles = roundUp(tiles, 2);
        blocking.cut(tiles);
        return blocking;
    }

    Index count() const { return static_cast<Index>(blocks.size()); }
    /// The output pixel that a tile begins with. Tiles differ by `rowsTogether` pixels at most, so
    /// that threads with the same number of tiles finish at once.
    Index firstPoint(Index index) const {
        return std::min(ceilDivide(outPixels, rowsTogether) * index / tiles * rowsTogether,
                        outPixels);
    }
    Index pointsOf(Index index) const { return firstPoint(index + 1) - firstPoint(index); }
    /// Numbers from an image of so many to its gradient behind it, which begins half a page apart.
    Index gradientAfter(Index numbers) const { return roundUp(numbers, 2 * apartFrom) + apartFrom; }
    const Block& block(Index i) const { return blocks[static_cast<std::size_t>(i)]; }
    bool lastOfGroup(Index i) const {
        return i + 1 == count() || block(i + 1).group != block(i).group;
    }

    /// A leading dimension of an odd number of cache lines (of 16 floats): columns of a tile then
    /// spread over the cache's sets instead of falling into a few.
    static Index oddLines(Index numbers) { return (ceilDivide(numbers, 16) | 1) * 16; }

  private:
    /// Blocks whose images are read and added to at once must lie `apart` (`pageBytes`).
    Blocking(const Conv2dGeometry& g, Index blockChannels, Index alignment, Index panelWidth,
             bool apart)
        : groupsAreLanes(isOfSmallGroups(g)),
          outPixels(g.outPixels()),
          outPanels(groupsAreLanes ? 1 : ceilDivide(g.outChannelsPerGroup(), panelWidth)) {
        const Index perGroup = g.channelsPerGroup();
        const Index inputs = groupsAreLanes ? perGroup : 1;
        // Groups as lanes fill whole vectors of every instruction set.
        const Index lanes =
            groupsAreLanes ? std::max<Index>(blockChannels / inputs / 16 * 16, 16) : blockChannels;
        Index depth = 0, mostLanes = 0;
        for (Index c = 0; c < g.channels;) {
            Block b{};
            b.group = c / perGroup;
            b.offsetGroup = c / g.channelsPerOffsetGroup();
            const Index endOfOffsetGroup = (b.offsetGroup + 1) * g.channelsPerOffsetGroup();
            const Index end = groupsAreLanes ? endOfOffsetGroup
                                             : std::min((b.group + 1) * perGroup, endOfOffsetGroup);
            b.inputs = inputs;
            b.firstLane = c / inputs;
            b.lanes = std::min(lanes, (end - c) / inputs);
            b.paddedLanes = roundUp(b.lanes, alignment);
            b.channels = inputs * b.lanes;
            b.paddedChannels = inputs * b.paddedLanes;
            b.depth = g.taps() * b.paddedChannels;
            if (c % perGroup == 0) depth = 0;
            b.firstDepth = depth;
            depth += b.depth;
            groupDepth = std::max(groupDepth, depth);
            maxDepth = std::max(maxDepth, b.depth);
            mostLanes = std::max(mostLanes, b.paddedLanes);
            blocks.push_back(b);
            c += b.channels;
        }
        const Index page = pageBytes * alignment / 16;  // in numbers, as alignment is of 16 bytes
        pitch = g.width + (apart ? rowGap(g, maxDepth / g.taps(), page) : 0);
        planePixels = g.height * pitch;
        for (Block& b : blocks) {
            b.imageStart = imageSize;
            imageSize += roundUp((planePixels + 1) * b.paddedChannels, apart ? page : 16);
        }
        apartFrom = page / 2;
        // Whole panels of columns for the product that writes a column tile.
        columnLd = oddLines(roundUp(maxDepth, panelWidth));
        outLd =
            oddLines(groupsAreLanes ? g.outChannelsPerGroup() * mostLanes : outPanels * panelWidth);
    }

    /// A processor finds out by the lowest 12 bits of addresses whether what it loads has just been
    /// stored, and waits if they are the same: a scatter took a fifth longer where rows of pixels
    /// lay whole pages apart (Zen 4), up to half longer where its two images did.
    static constexpr Index pageBytes = 4096;

    /// Pixels of so many numbers between two rows of an image, so that no row lies within an eighth
    /// of a page of where the one above does. At most an eighth of a row: of what a row shorter
    /// than two pages lacks of whole ones, that can be too little, and where it would only bring
    /// rows nearer to one another there is none.
    static Index rowGap(const Conv2dGeometry& g, Index channels, Index page) {
        const auto apart = [&](Index pixels) {
            const Index at = pixels * channels % page;
            return std::min(at, page - at);
        };
        const Index own = apart(g.width);
        if (g.height < 2 || g.pixels() > mostPaddedPixels || own >= page / 8) return 0;
        const Index gap = std::min(ceilDivide(page / 4, channels), g.width / 8);
        return apart(g.width + gap) > own ? gap : 0;
    }
    /// Planes of so many pixels with gaps between rows still have less than 2^31.
    static constexpr Index mostPaddedPixels = Index{1} << 30;

    /// Whether groups are so small that a product of one group alone would leave vectors nearly
    /// empty: panels of its outputs, and rows of its channels.
    static bool isOfSmallGroups(const Conv2dGeometry& g) {
        constexpr Index small = 8;
        return g.groups > 1 && g.channelsPerGroup() <= small && g.outChannelsPerGroup() <= small &&
               g.channelsPerOffsetGroup() % g.channelsPerGroup() == 0;
    }

    /// Channels of a block: whole vectors for every instruction set, fewer where the kernel is
    /// large, so that a tile's columns keep to their cache, but enough for a product.
    static Index forwardBlockChannels(const Conv2dGeometry& g) {
        return g.taps() == 1 ? 256 : g.taps() <= 9 ? 64 : g.taps() <= 25 ? 32 : 16;
    }

    /// In the backward pass blocks are tasks too: narrower where images and channels are few, and
    /// where outputs are so many that the second-level cache would not hold a block's weights and
    /// their gradient (Zen 4: 3 to 7 % of a pass of 256 or 512 channels).
    static Index backwardBlockChannels(const Conv2dGeometry& g) {
        const Index most = std::min<Index>(forwardBlockChannels(g), 64);
        if (isOfSmallGroups(g)) return most;
        const bool isWide = g.batch * g.channels >= 8 * most &&
                            g.outChannelsPerGroup() * g.taps() * most <= tileNumbers;
        return isWide ? most : std::max<Index>(most / 2, 16);
    }

    static Index largestTile(Index numbersAPoint) {
        return std::clamp<Index>(tileNumbers / numbersAPoint / rowsTogether * rowsTogether,
                                 rowsTogether, mostTilePoints);
    }

    /// Cuts an image into so many tiles, none of them empty.
    void cut(Index wanted) {
        const Index turns = ceilDivide(outPixels, rowsTogether);
        tiles = std::min(wanted, turns);
        tile = std::min(ceilDivide(turns, tiles) * rowsTogether, outPixels);
    }
};

/// Threads that have enough to compute in a forward pass: to wake one takes as long as half of so
/// many products.
inline Index threadsWorthWaking(const Conv2dGeometry& g) {
    constexpr Index productsOfAThread = Index{1} << 21;
    const Index products =
        g.batch * g.outPixels() * g.outChannels * g.channelsPerGroup() * g.taps();
    return ceilDivide(products, productsOfAThread);
}

/// Numbers of images that a forward pass repacks together in any case: threads wait for one another
/// twice in a wave of images.
inline constexpr Index waveNumbers = Index{1} << 20;

/// Calls `multiply(row, rows)` for the rows of a product, and `ask(part, parts)` for what will be
/// wanted after it. A product leaves memory idle, but a processor waits for few lines at a time: so
/// they take turns, where the other factor has so few numbers that it stays in a cache.
template <class Multiply, class Ask>
void productInParts(Index rows, Index numbers, Multiply multiply, Ask ask) {
    constexpr Index fewNumbers = 65536;
    const Index together =
        numbers <= fewNumbers ? Blocking::rowsTogether : std::max<Index>(rows, 1);
    const Index parts = ceilDivide(rows, together);
    for (Index part = 0; part < parts; ++part) {
        const Index row = part * together;
        multiply(row, std::min(together, rows - row));
        ask(part, parts);
    }
}

/// How the backward pass is partitioned: tasks are (image, chunk of tiles, chunk of blocks).
class BackwardPartition {
  public:
    Index slots;       ///< of gradients of the weights, each of every slots-th image
    Index tileChunks;  ///< chunks of an image's tiles, each with all gradients of its own

    BackwardPartition(const Blocking& blocking, Index batch) : tiles_(blocking.tiles) {
        setChunks(blocking);
        slots = std::clamp<Index>(ceilDivide(16, blockChunkCount()), 1, std::max<Index>(batch, 1));
        // An even number of chunks, of which two threads take as many.
        constexpr Index tasks = 64;
        const Index wanted = ceilDivide(tasks, slots * blockChunkCount());
        const Index most = tiles_ / Blocking::leastChunkTiles;
        tileChunks = wanted == 1 || most < 2 ? 1 : std::min(roundUp(wanted, 2), most / 2 * 2);
    }

    Index blockChunkCount() const { return static_cast<Index>(blockChunks_.size()); }
    const BlockChunk& blockChunk(Index i) const {
        return blockChunks_[static_cast<std::size_t>(i)];
    }
    Index firstTile(Index tileChunk) const { return tiles_ * tileChunk / tileChunks; }

  private:
    /// At most 16 chunks for each offset group, so that their partial sums stay few where blocks
    /// are many, as groups are.
    void setChunks(const Blocking& blocking) {
        for (Index first = 0; first < blocking.count();) {
            const Index offsetGroup = blocking.block(first).offsetGroup;
            Index end = first;
            while (end < blocking.count() && blocking.block(end).offsetGroup == offsetGroup) ++end;
            const Index length = ceilDivide(end - first, 16);
            for (; first < end; first += length) {
                blockChunks_.push_back({first, std::min(first + length, end), offsetGroup});
            }
            first = end;
        }
    }

    Index tiles_;
    std::vector<BlockChunk> blockChunks_;
};

}  // namespace dcn4j::cpu::convolution
