// Deformable convolution backward: the sums of what slots of pixels leave for the gradients of
// weights and bias.
//
//   gradWeights[o][c][tap] = sum over slots of the partial sums of backward_weights.h
//   gradBias[o]            = sum over pixels of gradOutput[pixel][o], in slots of 512
//                            and then of those
//
// A block's threads are lines of the slots (or pixels) side by side; each sums its own in order,
// then the lines' sums are added in order. How many lines there are depends on the geometry alone.
//
// What bounds it: memory; all is read once.
#pragma once

#include "backward_weights.h"

namespace dcn4j::cuda {

/// The sum that the threads of one place and all lines have, for line 0.
template <int Lines, class Real>
__device__ Real sumLines(Real sum) {
    constexpr int width = blockThreads / Lines;
    if constexpr (Lines == 1) return sum;
    struct Memory {
        Real sums[Lines][width];
    };
    auto& sums = shared<Memory>().sums;
    const int lane = static_cast<int>(threadIdx.x) % width;
    const int line = static_cast<int>(threadIdx.x) / width;
    sums[line][lane] = sum;
    __syncthreads();
    if (line > 0) return 0;
    for (int i = 1; i < Lines; ++i) sum += sums[i][lane];
    return sum;
}

/// Adds the slots' sums. A block has blockThreads / Lines places, each an output channel and a
/// depth.
template <class Element, int Lines>
__global__ void sumWeightsKernel(PackGeometry p, Runs runs, Divisor runWidth, Divisor depth,
                                 Divisor outPerGroup, Divisor kernelW, Index places, Index slots,
                                 const ComputeType<Element>* partial, Tensor<4> gradWeights) {
    using Real = ComputeType<Element>;
    constexpr int width = blockThreads / Lines;
    const int line = static_cast<int>(threadIdx.x) / width;
    const Index at = static_cast<Index>(blockIdx.x) * width + threadIdx.x % width;
    Real sum = 0;
    if (at < places) {
#pragma unroll 8
        for (Index slot = line; slot < slots; slot += Lines) sum += partial[slot * places + at];
    }
    sum = sumLines<Lines>(sum);
    if (line > 0 || at >= places) return;
    int inTile = static_cast<int>(at);
    const int o = depth.divide(inTile), group = outPerGroup.quotient(o);
    const int tile = runWidth.divide(inTile), which = inTile / runs.channelsPerRun;
    const auto place = runs.place(tile, which, inTile - which * runs.channelsPerRun);
    if (place.channel >= runs.pitch) return;
    const int channel =
        p.channelAt(group * runs.groupPitch + place.segment * runs.pitch + place.channel);
    if (channel < 0) return;
    int kx = place.tap;
    const int ky = kernelW.divide(kx);
    store<Element>(gradWeights, sum, o, channel - group * p.channelsPerGroup, ky, kx);
}

/// `partial` is [slots][outChannels][depth], its depths in the order of `runs`.
template <class Element>
void sumWeights(const Conv2dGeometry& g, const Segments& s, const Runs& runs, Index depth,
                Index slots, const ComputeType<Element>* partial, const Tensor<4>& gradWeights,
                cudaStream_t stream) {
    constexpr int most = 8;
    const Index places = g.outChannels * depth;
    const bool many = slots >= 4 * most;
    launch("deformable_conv2d_bp, sums of weights",
           many ? sumWeightsKernel<Element, most> : sumWeightsKernel<Element, 1>,
           ceilDivide(places, many ? blockThreads / most : blockThreads), 0, stream,
           PackGeometry(g, s), runs, Divisor(runs.width), Divisor(depth),
           Divisor(g.outChannelsPerGroup()), Divisor(g.kernelW), places, slots, partial,
           gradWeights);
}

/// Packs of output channels of a block, lines of its pixels, pixels that it sums.
constexpr int biasPacks = 8, biasLines = blockThreads / biasPacks, biasPixels = 512;

/// partial[slot][at] = the sums of the slot's gradients, for every place of a packed pixel.
template <class Element>
__global__ void biasKernel(const Element* gradients, Index pixels, int pitch, Divisor tiles,
                           ComputeType<Element>* partial) {
    using Real = ComputeType<Element>;
    constexpr int pack = packOf<Element>;
    struct Memory {
        Real sums[biasLines][biasPacks * pack + 1];
    };
    auto& sums = shared<Memory>().sums;
    const int lane = static_cast<int>(threadIdx.x) % biasPacks;
    const int line = static_cast<int>(threadIdx.x) / biasPacks;
    int tile = static_cast<int>(blockIdx.x);
    const Index slot = tiles.divide(tile);
    const int first = tile * biasPacks * pack, c = first + lane * pack;
    const Index firstPixel = slot * biasPixels + line;
    Real sum[pack] = {};
    if (c < pitch) {
#pragma unroll 8
        for (int i = 0; i < biasPixels / biasLines; ++i) {
            const Index pixel = firstPixel + i * biasLines;
            if (pixel >= pixels) continue;
            const auto gradient = loadPack<pack>(gradients + pixel * pitch + c);
#pragma unroll
            for (int j = 0; j < pack; ++j) sum[j] += widen(gradient.get(j));
        }
    }
#pragma unroll
    for (int j = 0; j < pack; ++j) sums[line][lane * pack + j] = sum[j];
    __syncthreads();
    const int at = static_cast<int>(threadIdx.x);
    if (at >= biasPacks * pack || first + at >= pitch) return;
    Real total = 0;
    for (int i = 0; i < biasLines; ++i) total += sums[i][at];
    partial[slot * pitch + first + at] = total;
}

/// Adds the slots' sums.
template <class Element>
__global__ void sumBiasKernel(PackGeometry out, Index slots, const ComputeType<Element>* partial,
                              Tensor<1> gradBias) {
    constexpr int lines = 16, width = blockThreads / lines;
    const int at = static_cast<int>(blockIdx.x * width + threadIdx.x % width);
    const int line = static_cast<int>(threadIdx.x) / width, channel = out.channelAt(at);
    ComputeType<Element> sum = 0;
    if (channel >= 0) {
#pragma unroll 8
        for (Index slot = line; slot < slots; slot += lines)
            sum += partial[slot * out.pixelPitch + at];
    }
    sum = sumLines<lines>(sum);
    if (line == 0 && channel >= 0) store<Element>(gradBias, sum, channel);
}

/// Numbers that sumBias needs to work in; `out` is the convolution's output side.
inline Index biasWorkspace(const Conv2dGeometry& out, const Segments& s) {
    return ceilDivide(out.batch * out.pixels(), biasPixels) * s.pixelPitch(out);
}

/// `gradients` are the packed ones of the output.
template <class Element>
void sumBias(const Conv2dGeometry& out, const Segments& s, const Element* gradients,
             ComputeType<Element>* partial, const Tensor<1>& gradBias, cudaStream_t stream) {
    const PackGeometry p(out, s);
    const Index pixels = out.batch * out.pixels(), slots = ceilDivide(pixels, biasPixels);
    const Index tiles = ceilDivide(p.pixelPitch, biasPacks * packOf<Element>);
    launch("deformable_conv2d_bp, bias", biasKernel<Element>, slots * tiles, 0, stream, gradients,
           pixels, p.pixelPitch, Divisor(tiles), partial);
    launch("deformable_conv2d_bp, sums of bias", sumBiasKernel<Element>,
           ceilDivide(p.pixelPitch, 16), 0, stream, p, slots,
           static_cast<const ComputeType<Element>*>(partial), gradBias);
}

}  // namespace dcn4j::cuda
