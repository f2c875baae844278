// Where a convolution's tiles read, in geometries that no integer of 64 bits holds the products of.
#include "../src/kernels/cpu/deformable_conv2d/positions.h"

#include <gtest/gtest.h>

namespace dcn4j::cpu::convolution {
namespace {

TEST(Positions, ReachNoFurtherThanThePlaneHoweverFarTapsAre) {
    Conv2dGeometry g{};
    g.batch = g.channels = g.outChannels = g.strideH = g.strideW = g.groups = g.offsetGroups = 1;
    g.height = 1;
    g.width = 1 << 17;
    g.outHeight = 1;
    g.outWidth = 1 << 17;
    g.kernelH = (1 << 16) + 1;
    g.kernelW = 1;
    g.dilationH = 0x7fffffff;
    g.dilationW = 1;
    const DeformableConv2dInputs inputs{ElementType::Float32, {}, {}, {}, {}, {}};
    const Positions<float> ahead(baselineSet.kernels.of<float>(), g, inputs, g.width);
    EXPECT_EQ(ahead.reach(1), g.pixels());
    // With as many rows of zeros before the first.
    g.padTop = (g.kernelH - 1) * g.dilationH + 1000;
    EXPECT_EQ(ahead.reach(1), 0);
}

}  // namespace
}  // namespace dcn4j::cpu::convolution
