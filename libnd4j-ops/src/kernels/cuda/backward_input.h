// Deformable convolution backward, the input's gradient: pixels gather from the columns' gradient.
//
//   gradInput[pixel][c] = sum over taps, and over the samples of the tap that read the pixel, of
//                         (bilinear weight * mask) * gradColumn[the sample's pixel][tap][c]
//
//   pixel    H * W of a few images, 32 a block; c: 32 packed channels a block
//
// The usual way, gradients of columns added to the pixels that a sample reads, needs atomic
// additions. Here a pixel gathers what is its own from lists (destinations.h), in their order.
// Where the columns are made of some taps at a time (backward_columns.h), the sums so far stay in
// device memory between two launches; they are the same sums, in the same order, as of all taps at
// once.
//
// What bounds it: reading columns from the second-level cache, each from up to four pixels.
#pragma once

#include "backward_columns.h"
#include "destinations.h"

namespace dcn4j::cuda {

template <class Element>
struct BackwardInputArguments {
    PackGeometry pack;
    Divisor channelTiles;
    int outPixels, allTaps, offsetGroups;
    Destinations<ComputeType<Element>> lists;
    ColumnChunk chunk;
    const ComputeType<Element>* columns;
    ComputeType<Element>* sums;  ///< [images of the chunk][pixels][pixelPitch]
    Tensor<4> gradInput;
};

constexpr int gatherPixels = 32;
template <class Element>
constexpr int gatherChannels = blockThreads / gatherPixels* packOf<ComputeType<Element>>;

template <class Element>
__global__ void backwardInputKernel(BackwardInputArguments<Element> a) {
    using Real = ComputeType<Element>;
    constexpr int pack = packOf<Real>, channels = gatherChannels<Element>;
    struct Memory {
        Real tile[gatherPixels][channels + 1];
    };
    auto& tile = shared<Memory>().tile;
    const int thread = static_cast<int>(threadIdx.x);
    const int pitch = a.pack.pixelPitch, imagePixels = a.pack.pixels.divisor();
    const int channelTiles = a.channelTiles.divisor();
    const int pixelTiles = (imagePixels + gatherPixels - 1) / gatherPixels;
    const bool begins = a.chunk.firstTap == 0;
    const bool ends = a.chunk.firstTap + a.chunk.taps == a.allTaps;
    const bool alongPixels = a.gradInput.strides[3] < a.gradInput.strides[1];
    for (Index t = blockIdx.x; t < a.chunk.images * pixelTiles * channelTiles; t += gridDim.x) {
        const Index image = t / channelTiles / pixelTiles;
        const int first = static_cast<int>(t % channelTiles) * channels;
        const int firstPixel =
            static_cast<int>(t / channelTiles - image * pixelTiles) * gatherPixels;
        const int pixel = firstPixel + thread / (channels / pack);
        const int c = first + thread % (channels / pack) * pack;
        Pack<Real, pack> sum{};
        if (pixel < imagePixels && c < pitch) {
            Real* kept = a.sums + (image * imagePixels + pixel) * pitch + c;
            if (!begins) sum = loadPack<pack>(kept);
            int at = c;
            const int group = a.pack.groupPitch.divide(at);
            const int offsetGroup =
                group * a.pack.channelsPerGroup / a.pack.channelsPerOffsetGroup +
                a.pack.segmentPitch.quotient(at);
            // A segment without channels has no group of offsets of its own.
            const int taps = offsetGroup < a.offsetGroups ? a.chunk.taps : 0;
            const Index list = a.chunk.firstImage + image - a.lists.firstImage;
            const unsigned* start =
                a.lists.start +
                ((list * a.offsetGroups + offsetGroup) * a.allTaps + a.chunk.firstTap) *
                    imagePixels +
                pixel;
            const Real* columns = a.columns + image * a.outPixels * a.chunk.taps * pitch + c;
            for (int tap = 0; tap < taps; ++tap) {
                const unsigned end = start[1];
                for (unsigned e = start[0]; e < end; ++e) {
                    const auto entry = a.lists.entries[e];
                    const auto column = loadPack<pack>(columns + static_cast<Index>(entry.pixel) *
                                                                     (a.chunk.taps * pitch));
#pragma unroll
                    for (int i = 0; i < pack; ++i) sum.value[i] += entry.weight * column.value[i];
                }
                start += imagePixels;
                columns += pitch;
            }
            if (!ends) storePack(kept, sum);
        }
        if (!ends) continue;
#pragma unroll
        for (int i = 0; i < pack; ++i) tile[pixel - firstPixel][c - first + i] = sum.value[i];
        __syncthreads();
        for (int i = thread; i < gatherPixels * channels; i += blockThreads) {
            const int p = alongPixels ? i % gatherPixels : i / channels;
            const int which = alongPixels ? i / gatherPixels : i % channels;
            const int channel = a.pack.channelAt(first + which);
            if (channel < 0 || firstPixel + p >= imagePixels) continue;
            int x = firstPixel + p;
            const int y = a.pack.width.divide(x);
            store<Element>(a.gradInput, tile[p][which], a.chunk.firstImage + image, channel, y, x);
        }
        __syncthreads();
    }
}

}  // namespace dcn4j::cuda
