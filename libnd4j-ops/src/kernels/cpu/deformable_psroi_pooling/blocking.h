// How the work of one pooling is cut into blocks of channels, chunks of the image and tasks. It
// depends on the geometry alone, never on the number of threads: the same bits come out for any.
#pragma once

#include <algorithm>
#include <vector>

#include "../../deformable_psroi_pooling.h"
#include "../buffer.h"
#include "../simd/pooling.h"

namespace dcn4j::cpu::pooling {

/// Output channels that are worked on together: some classes, or a part of one. Packed, a pixel of
/// one of their group cells, and a bin, has a row of `paddedChannels`.
struct ClassBlock {
    Index firstChannel, channels;
    Index firstClass, endClass;
    Index paddedChannels;  ///< the channels, and room to read the last class's padded
    Index firstRow;        ///< the numbers of all blocks before this one in a row of all channels
};

/// The channels of one class in a block.
struct ClassChannels {
    Index first;  ///< counted from the block's first
    Index count;
};

struct Blocking {
    /// Pixels that are packed together, if any of them is sampled.
    static constexpr Index chunkPixels = 64;

    std::vector<ClassBlock> blocks;
    Index paddedChannels = 0;  ///< of all blocks
    Index mostPaddedChannels = 0;
    Index cells;       ///< group cells
    Index cellChunks;  ///< chunks of a plane of pixels
    Index images;      ///< images that are at work at once
    Index bands;       ///< backward, tasks have bands of an image's rows

    template <class Real>
    static Blocking of(const PsroiPoolingGeometry& g) {
        return Blocking(g, rowAlignment<Real>);
    }

    Index count() const { return static_cast<Index>(blocks.size()); }
    const ClassBlock& block(Index i) const { return blocks[static_cast<std::size_t>(i)]; }
    /// The blocks that have channels of class `k`.
    Index firstBlock(Index k) const { return k / blockClasses_ * classBlocks_; }
    Index endBlock(Index k) const { return firstBlock(k) + classBlocks_; }
    Index chunks() const { return cells * cellChunks; }

    ClassChannels channelsOf(Index k, const ClassBlock& b) const {
        const Index first = std::max(k * classChannels_, b.firstChannel);
        const Index end = std::min((k + 1) * classChannels_, b.firstChannel + b.channels);
        return {first - b.firstChannel, end - first};
    }

  private:
    /// Channels of a block, or fewer: whole vectors for every instruction set.
    static constexpr Index blockChannels = 64;

    Blocking(const PsroiPoolingGeometry& g, Index alignment)
        : cells(g.cells()),
          cellChunks(ceilDivide(g.pixels(), chunkPixels)),
          classChannels_(g.channelsPerClass()),
          blockClasses_(std::max<Index>(blockChannels / classChannels_, 1)),
          classBlocks_(ceilDivide(classChannels_, blockChannels)) {
        const Index most = classBlocks_ == 1
                               ? blockClasses_ * classChannels_
                               : roundUp(ceilDivide(classChannels_, classBlocks_), 16);
        for (Index c = 0; c < g.outputDim;) {
            ClassBlock b{};
            b.firstChannel = c;
            b.firstClass = c / classChannels_;
            const Index end = (b.firstClass + blockClasses_) * classChannels_;
            b.channels = std::min({most, end - c, g.outputDim - c});
            c += b.channels;
            b.endClass = ceilDivide(c, classChannels_);
            const ClassChannels last = channelsOf(b.endClass - 1, b);
            b.paddedChannels = roundUp(last.first + roundUp(last.count, alignment), alignment);
            b.firstRow = paddedChannels;
            paddedChannels += b.paddedChannels;
            mostPaddedChannels = std::max(mostPaddedChannels, b.paddedChannels);
            blocks.push_back(b);
        }
        // Images with few rois: enough of them, and enough bands, that many threads find work.
        const Index batch = std::max<Index>(g.batch, 1);
        images = std::clamp<Index>(ceilDivide(16 * batch, std::max<Index>(g.rois * count(), 1)), 1,
                                   std::min<Index>(batch, 8));
        bands =
            std::clamp<Index>(16 / (images * cells * count()), 1, std::max<Index>(g.height / 8, 1));
    }

    Index classChannels_;
    Index blockClasses_;  ///< classes of a block
    Index classBlocks_;   ///< blocks of a class
};

}  // namespace dcn4j::cpu::pooling
