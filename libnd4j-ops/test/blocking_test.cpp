// How a convolution is cut into tiles and tasks, and its repacked images lie in memory.
#include "../src/kernels/cpu/deformable_conv2d/blocking.h"

#include <gtest/gtest.h>

namespace dcn4j::cpu::convolution {
namespace {

constexpr Index page = 4096 / sizeof(float), panel = 16, alignment = 4;
constexpr Index turn = 12;  // of a product's rows

Conv2dGeometry geometry(Index batch, Index channels, Index height, Index width) {
    Conv2dGeometry g{};
    g.batch = batch;
    g.channels = g.outChannels = channels;
    g.height = g.outHeight = height;
    g.width = g.outWidth = width;
    g.kernelH = g.kernelW = 3;
    g.strideH = g.strideW = g.dilationH = g.dilationW = g.groups = g.offsetGroups = 1;
    g.padTop = g.padLeft = 1;
    return g;
}

/// How far from a whole number of pages.
Index fromPage(Index numbers) {
    return std::min(numbers % page, page - numbers % page);
}

TEST(Blocking, LeavesGapsBetweenRowsOfWholePagesOfABackwardPass) {
    for (const Index width : {16, 32, 64, 127, 128, 129, 256, 512}) {
        const Conv2dGeometry g = geometry(16, 64, 48, width);
        const Blocking blocking = Blocking::backward(g, alignment, panel);
        ASSERT_EQ(blocking.block(0).paddedChannels, 64);
        EXPECT_GE(fromPage(blocking.pitch * 64), page / 8) << width;
        EXPECT_GT(blocking.pitch, width) << width;
        EXPECT_LE(blocking.pitch, width + width / 8) << width;
        EXPECT_EQ(blocking.planePixels, 48 * blocking.pitch) << width;
        EXPECT_EQ(Blocking::forward(g, alignment, panel).pitch, width);
    }
}

TEST(Blocking, BringsNoRowsNearerToOneAnotherByGaps) {
    for (const Index channels : {4, 16, 24, 32, 64, 100}) {
        for (Index width = 1; width < 520; ++width) {
            const Blocking blocking =
                Blocking::backward(geometry(16, channels, 8, width), alignment, panel);
            const Index numbers = blocking.block(0).paddedChannels;
            if (blocking.pitch == width) continue;
            ASSERT_GT(fromPage(blocking.pitch * numbers), fromPage(width * numbers))
                << channels << " " << width;
        }
    }
}

TEST(Blocking, LeavesNoGapsWhereRowsLieApartAnyway) {
    const auto pitch = [](Index channels, Index height, Index width) {
        return Blocking::backward(geometry(16, channels, height, width), alignment, panel).pitch;
    };
    EXPECT_EQ(pitch(64, 48, 56), 56);
    EXPECT_EQ(pitch(64, 48, 8), 8);
    EXPECT_EQ(pitch(64, 1, 64), 64);
    EXPECT_EQ(pitch(4, 7, 1), 1);
    // Its pixels would be more than an integer of 32 bits numbers.
    EXPECT_EQ(pitch(1, (Index{1} << 21) - 1, 1024), 1024);
}

TEST(Blocking, CutsTheLargestOutputIntoTiles) {
    Conv2dGeometry g = geometry(1, 1, 1, 1);
    g.outWidth = Index{1} << 20;
    g.outHeight = Blocking::mostOutPixels / g.outWidth;
    // So many outputs that tiles are the smallest.
    g.outChannels = 1 << 13;
    for (const Blocking& blocking :
         {Blocking::forward(g, alignment, panel), Blocking::backward(g, alignment, panel)}) {
        EXPECT_EQ(blocking.tile, turn);
        const Index last = blocking.tiles - 1;
        EXPECT_EQ(blocking.firstPoint(last), last * turn);
        EXPECT_EQ(blocking.pointsOf(last), g.outPixels() - last * turn);
    }
}

TEST(Blocking, PutsImagesWhereNoGradientOfOneIs) {
    const Blocking blocking = Blocking::backward(geometry(2, 100, 9, 7), alignment, panel);
    ASSERT_GT(blocking.count(), 1);
    for (const Block& b : blocking.blocks) EXPECT_EQ(b.imageStart % page, 0);
    EXPECT_EQ(blocking.imageSize % page, 0);
    EXPECT_EQ(blocking.apartFrom, page / 2);
}

TEST(Blocking, KeepsABlocksWeightsAndTheirGradientInASecondLevelCacheBackward) {
    for (const Index channels : {32, 64, 128, 256, 512}) {
        for (const Index batch : {1, 2, 8, 64}) {
            const Conv2dGeometry g = geometry(batch, channels, 9, 7);
            const Blocking blocking = Blocking::backward(g, alignment, panel);
            const Index weights = g.outChannels * blocking.maxDepth;
            EXPECT_TRUE(weights <= Blocking::tileNumbers || blocking.maxDepth == 9 * 32)
                << channels << " " << batch << ": " << weights;
        }
    }
    EXPECT_EQ(Blocking::backward(geometry(8, 128, 9, 7), alignment, panel).maxDepth, 9 * 64);
    EXPECT_EQ(Blocking::backward(geometry(8, 256, 9, 7), alignment, panel).maxDepth, 9 * 32);
}

/// Tiles follow one another and none is empty; all but the last are whole turns of a product's
/// rows, and differ by one turn at most.
void expectEvenTiles(const Blocking& blocking, Index points) {
    Index least = points, most = 0, next = 0;
    for (Index tile = 0; tile < blocking.tiles; ++tile) {
        ASSERT_EQ(blocking.firstPoint(tile), next) << points << " " << tile;
        const Index count = blocking.pointsOf(tile);
        ASSERT_GT(count, 0) << points << " " << tile;
        ASSERT_LE(count, blocking.tile) << points << " " << tile;
        next += count;
        if (tile + 1 < blocking.tiles) {
            ASSERT_EQ(count % turn, 0) << points << " " << tile;
        }
        least = std::min(least, roundUp(count, turn));
        most = std::max(most, roundUp(count, turn));
    }
    EXPECT_EQ(next, points);
    EXPECT_LE(most - least, turn) << points;
    EXPECT_LE(blocking.tile, Blocking::mostTilePoints);
}

/// Whether a tile of so many numbers a point keeps to its part of the cache, if it has any choice.
void expectFewNumbers(const Blocking& blocking, Index numbersAPoint) {
    EXPECT_LE(blocking.tile, std::max(turn, Blocking::tileNumbers / numbersAPoint));
}

TEST(Blocking, CutsAnImageIntoEvenTiles) {
    // Of 20,000 channels a tile has as few pixels as a product's rows.
    for (const Index channels : {3, 64, 256, 512, 5000, 20000}) {
        for (Index points = 1; points < 5000; points += 1 + points / 50) {
            const Conv2dGeometry g = geometry(1, channels, 1, points);
            const Blocking forward = Blocking::forward(g, alignment, panel);
            expectEvenTiles(forward, points);
            expectFewNumbers(forward, forward.columnLd + forward.outLd);
            const Blocking backward = Blocking::backward(g, alignment, panel);
            expectEvenTiles(backward, points);
            expectFewNumbers(backward, 2 * backward.columnLd + backward.outLd);
        }
    }
}

/// Expects the first half of all tiles to have half of the pixels, but for a turn of the product's
/// rows or half of one of many tiles.
void expectHalves(const Blocking& blocking, Index points) {
    EXPECT_NEAR(static_cast<double>(blocking.firstPoint(blocking.tiles / 2)),
                static_cast<double>(points) / 2,
                std::max(static_cast<double>(turn), .015 * static_cast<double>(points)))
        << blocking.tiles << " tiles";
}

TEST(Blocking, GivesTwoThreadsAsMuchOfAnImage) {
    for (const Index side : {6, 7, 14, 16, 24, 28, 32, 56, 64, 100, 128}) {
        for (const Index channels : {64, 256, 512}) {
            const Conv2dGeometry g = geometry(1, channels, side, side);
            expectHalves(Blocking::forward(g, alignment, panel), side * side);
            const Blocking backward = Blocking::backward(g, alignment, panel);
            const BackwardPartition partition(backward, 1);
            if (partition.tileChunks == 1) continue;
            EXPECT_EQ(partition.tileChunks % 2, 0) << channels << " " << side;
            EXPECT_EQ(partition.firstTile(partition.tileChunks / 2), backward.tiles / 2);
            expectHalves(backward, side * side);
        }
    }
}

}  // namespace
}  // namespace dcn4j::cpu::convolution
