// How the work of one pooling is cut into blocks of channels, parts of the image and tasks. It
// depends on the geometry alone, never on the number of threads: the same bits come out for any.
#pragma once

#include <algorithm>
#include <vector>

#include "../deformable_psroi_pooling.h"
#include "buffer.h"
#include "pooling_kernels.h"

namespace dcn4j::cpu {

/// Output channels that are worked on together: some classes, or a part of one. Packed, a pixel of
/// one of their group cells, and a bin, has a row of `rowNumbers`.
struct PoolingBlock {
    Index firstChannel, channels;
    Index firstClass, endClass;
    Index rowNumbers;  ///< the channels, and room to read the last class's in whole quads
    Index firstRow;    ///< the numbers of all blocks before this one in a row of all channels
};

/// The channels of one class in a block.
struct ClassChannels {
    Index first;  ///< counted from the block's first
    Index count;
};

struct PoolingCut {
    /// Pixels that are packed together, if any of them is sampled.
    static constexpr Index partPixels = 64;

    std::vector<PoolingBlock> blocks;
    Index rowNumbers = 0;  ///< of all blocks
    Index mostRowNumbers = 0;
    Index cells;      ///< group cells
    Index cellParts;  ///< parts of a plane of pixels
    Index images;     ///< images that are at work at once
    Index bands;      ///< backward, tasks have bands of an image's rows

    template <class Real>
    static PoolingCut of(const PsroiPoolingGeometry& g) {
        return PoolingCut(g, quad<Real>);
    }

    Index count() const { return static_cast<Index>(blocks.size()); }
    const PoolingBlock& block(Index i) const { return blocks[static_cast<std::size_t>(i)]; }
    /// The blocks that have channels of class `k`.
    Index firstBlock(Index k) const { return k / blockClasses_ * classBlocks_; }
    Index endBlock(Index k) const { return firstBlock(k) + classBlocks_; }
    Index parts() const { return cells * cellParts; }

    ClassChannels channelsOf(Index k, const PoolingBlock& b) const {
        const Index first = std::max(k * classChannels_, b.firstChannel);
        const Index end = std::min((k + 1) * classChannels_, b.firstChannel + b.channels);
        return {first - b.firstChannel, end - first};
    }

  private:
    /// Channels of a block, or fewer: whole vectors for every instruction set.
    static constexpr Index blockChannels = 64;

    PoolingCut(const PsroiPoolingGeometry& g, Index quad)
        : cells(g.cells()),
          cellParts(ceilDivide(g.pixels(), partPixels)),
          classChannels_(g.channelsPerClass()),
          blockClasses_(std::max<Index>(blockChannels / classChannels_, 1)),
          classBlocks_(ceilDivide(classChannels_, blockChannels)) {
        const Index most = classBlocks_ == 1
                               ? blockClasses_ * classChannels_
                               : roundUp(ceilDivide(classChannels_, classBlocks_), 16);
        for (Index c = 0; c < g.outputDim;) {
            PoolingBlock b{};
            b.firstChannel = c;
            b.firstClass = c / classChannels_;
            const Index end = (b.firstClass + blockClasses_) * classChannels_;
            b.channels = std::min({most, end - c, g.outputDim - c});
            c += b.channels;
            b.endClass = ceilDivide(c, classChannels_);
            const ClassChannels last = channelsOf(b.endClass - 1, b);
            b.rowNumbers = roundUp(last.first + roundUp(last.count, quad), quad);
            b.firstRow = rowNumbers;
            rowNumbers += b.rowNumbers;
            mostRowNumbers = std::max(mostRowNumbers, b.rowNumbers);
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

}  // namespace dcn4j::cpu
