// The shapes that the benchmarks measure: 3 x 3 taps, stride 1, padding 1, float.
#pragma once

#include <string>
#include <vector>

#include "../src/kernels/deformable_conv2d.h"

namespace dcn4j {

struct Shape {
    Index batch, channels, size, outChannels, offsetGroups;

    std::string name() const {
        return std::to_string(batch) + "x" + std::to_string(channels) + "x" + std::to_string(size) +
               "x" + std::to_string(size) + ":" + std::to_string(outChannels);
    }
    /// Floating-point operations of a plain convolution of this shape, forward.
    double flops() const {
        return 2.0 * 9 * static_cast<double>(batch * channels * size * size * outChannels);
    }
    Conv2dGeometry geometry() const {
        Conv2dGeometry g{};
        g.batch = batch;
        g.channels = channels;
        g.outChannels = outChannels;
        g.height = g.width = g.outHeight = g.outWidth = size;
        g.kernelH = g.kernelW = 3;
        g.strideH = g.strideW = g.padTop = g.padLeft = g.dilationH = g.dilationW = 1;
        g.offsetGroups = offsetGroups;
        g.groups = 1;
        return g;
    }
};

inline const std::vector<Shape>& shapes() {
    static const std::vector<Shape> all{{2, 64, 128, 64, 2},  {1, 256, 64, 256, 1},
                                        {1, 512, 32, 512, 1}, {8, 64, 56, 64, 1},
                                        {4, 16, 64, 16, 1},   {4, 3, 64, 32, 1}};
    return all;
}

/// Registers the peers' benchmarks, if they were built.
void registerPeers();

}  // namespace dcn4j
