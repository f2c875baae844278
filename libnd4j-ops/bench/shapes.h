// The shapes that the benchmarks measure: 3 x 3 taps, stride 1, padding 1, float.
#pragma once

#include <string>
#include <vector>

#include "../src/kernels/deformable_aggregation.h"
#include "../src/kernels/deformable_conv2d.h"
#include "../src/kernels/deformable_psroi_pooling.h"

namespace dcn4j {

struct Shape {
    Index batch, channels, size, outChannels, offsetGroups;
    bool depthwise = false;

    std::string name() const {
        return std::to_string(batch) + "x" + std::to_string(channels) + "x" + std::to_string(size) +
               "x" + std::to_string(size) + ":" + std::to_string(outChannels) +
               (depthwise ? ":depthwise" : "");
    }
    Index groups() const { return depthwise ? channels : 1; }
    /// Floating-point operations of a plain convolution of this shape, forward.
    double flops() const {
        return 2.0 * 9 *
               static_cast<double>(batch * channels / groups() * size * size * outChannels);
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
        g.groups = groups();
        return g;
    }
};

inline const std::vector<Shape>& shapes() {
    static const std::vector<Shape> all{
        {2, 64, 128, 64, 2}, {1, 256, 64, 256, 1}, {1, 512, 32, 512, 1},      {8, 64, 56, 64, 1},
        {4, 16, 64, 16, 1},  {4, 3, 64, 32, 1},    {1, 256, 64, 256, 1, true}};
    return all;
}

/// Pooling to 7 x 7 bins of 4 x 4 samples, float; as many parts as bins where `classes` is not 0,
/// no `trans` where it is.
struct PoolingShape {
    Index batch, outputDim, groupSize, height, width, rois, classes;

    std::string name() const {
        return std::to_string(batch) + "x" + std::to_string(outputDim * groupSize * groupSize) +
               "x" + std::to_string(height) + "x" + std::to_string(width) + ":" +
               std::to_string(rois) + "rois:" + std::to_string(groupSize) +
               "groups:" + std::to_string(classes) + "classes";
    }
    PsroiPoolingGeometry geometry() const {
        const Index trans = classes == 0 ? 1 : classes;
        return {batch, height, width, rois, outputDim, groupSize, 7, 7, 4, trans, 1.0 / 16, 0.1};
    }
};

inline const std::vector<PoolingShape>& poolingShapes() {
    static const std::vector<PoolingShape> all{
        {2, 32, 1, 64, 64, 20, 1},    // few channels
        {1, 256, 1, 50, 50, 300, 1},  // the head of a two-stage detector
        {1, 256, 1, 50, 50, 300, 0},  // its first pooling, which gives `trans`
        {1, 10, 7, 50, 50, 300, 1},   // position-sensitive: 490 channels
        {1, 42, 7, 50, 50, 300, 21},  // two channels for each class
        {1, 21, 1, 50, 50, 300, 21},  // one
        {1, 256, 1, 200, 200, 2, 1},  // little of a large image
        {8, 256, 1, 32, 32, 64, 1},   // several images
    };
    return all;
}

/// DCNv3 of 3 x 3 taps, stride 1, padding 1, on `size` x `size` pixels; or attention, where there
/// are queries, to four points of each of four levels, each half as high and wide as the last.
struct AggregationCase {
    Index batch, groups, channels, size, queries;

    std::string name() const {
        return std::string(queries > 0 ? "attention/" : "dcnv3/") + std::to_string(batch) + "x" +
               std::to_string(groups) + "x" + std::to_string(channels) + ":" + std::to_string(size);
    }
    AggregationCall call() const {
        AggregationCall g{};
        g.type = ElementType::Float32;
        g.batch = batch;
        g.groups = groups;
        g.channels = channels;
        if (queries == 0) {
            g.outHeight = g.outWidth = size;
            g.y = g.x = {3, 1, 1, 1, 0};
            g.levels = {{size, size, 1, 1}};
            return g;
        }
        g.outHeight = 1;
        g.outWidth = queries;
        g.y = {1, 0, 0, 0, -0.5};
        g.x = {4, 0, 0, 0, -0.5};
        for (Index side = size, l = 0; l < 4; ++l, side /= 2) {
            g.levels.push_back({side, side, static_cast<double>(side), static_cast<double>(side)});
        }
        return g;
    }
};

inline const std::vector<AggregationCase>& aggregationCases() {
    static const std::vector<AggregationCase> all{
        {2, 8, 32, 64, 5440},  // Deformable DETR's encoder
        {8, 4, 16, 56, 0},     // InternImage's first stage
        {1, 4, 16, 56, 0}};
    return all;
}

/// Registers the benchmarks of deformable aggregation.
void registerAggregation();

/// Registers the peers' benchmarks, if they were built.
void registerPeers();

/// Registers the benchmarks of deformable PSROI pooling.
void registerPooling();

/// Registers those of the micro-kernels that are no part of a convolution of these shapes.
void registerMicroKernels();

/// Threads that the benchmarks run on.
int threads();

}  // namespace dcn4j
