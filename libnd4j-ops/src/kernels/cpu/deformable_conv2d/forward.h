// The forward pass: tasks are (image, tile of output pixels, chunk of the output channels).
#pragma once

#include <algorithm>

#include "../buffer.h"
#include "../packing.h"
#include "../team.h"
#include "blocking.h"
#include "epilogue.h"
#include "images.h"
#include "positions.h"
#include "weights.h"

namespace dcn4j::cpu::convolution {

/// One forward call.
template <class Element>
class Forward {
  public:
    using Real = ComputeType<Element>;

    Forward(const MicroKernels<Real>& kernels, const Conv2dGeometry& g,
            const DeformableConv2dInputs& inputs, const Tensor<4>& output, int threads)
        : kernels_(kernels),
          g_(g),
          inputs_(inputs),
          blocking_(Blocking::forward(g, rowAlignment<Real>, kernels.panelWidth)),
          positions_(kernels, g, inputs, blocking_.pitch),
          packing_(kernels, g),
          output_(output),
          panel_(kernels.panelWidth),
          wave_(std::clamp<Index>(std::max(waveNumbers / blocking_.imageSize,
                                           std::min(ceilDivide(64, blocking_.tiles),
                                                    mostWaveNumbers / blocking_.imageSize)),
                                  1, std::max<Index>(g.batch, 1))),
          threads_(threadsFor(threads, std::min(wave_ * blocking_.tiles * blocking_.panelChunks,
                                                threadsWorthWaking(g)))),
          hasBias_(inputs.bias.present()),
          isPointwise_(!inputs.offset.present() && !inputs.mask.present() && g.taps() == 1 &&
                       g.strideH == 1 && g.strideW == 1 && g.padTop == 0 && g.padLeft == 0 &&
                       g.outPixels() == g.pixels() && !blocking_.groupsAreLanes),
          outputs_(g.outChannelsPerGroup()),
          weights_(blocking_.groupsAreLanes
                       ? blocking_.count() * blocking_.maxDepth * outputs_
                       : g.groups * blocking_.groupDepth * blocking_.outPanels * panel_),
          images_(wave_ * blocking_.imageSize),
          bias_(g.outChannels),
          samples_(threads_, blocking_.tile * g.taps()),
          column_(threads_, blocking_.groupsAreLanes ? 0 : blocking_.tile * blocking_.columnLd),
          result_(threads_, blocking_.tile * blocking_.outLd),
          weightRows_(threads_, (panel_ + 1) * blocking_.maxDepth) {}

    void run() {
        if (hasBias_) {
            packing_.loadBias(inputs_.bias, blocking_.groupsAreLanes ? outputs_ : 1, bias_.data());
        }
        const Index blocks = blocking_.count(), panels = blocking_.outPanels;
        const Index tiles = blocking_.tiles, chunks = blocking_.panelChunks;
        Team team(threads_);
#pragma omp parallel num_threads(threads_)
        {
            team.join();
            // Blocks inside: an output channel's weights for them are neighbours.
            team.share(blocks * panels, [&](Index i) { packWeights(i % blocks, i / blocks); });
            for (Index first = 0; first < g_.batch; first += wave_) {
                const Index images = std::min(wave_, g_.batch - first);
                // The next images take the place of those before.
                if (first > 0) {
#pragma omp barrier
                }
                loadImages<Element>(team, kernels_, inputs_.input, g_, blocking_, first, images,
                                    images_.data());
#pragma omp barrier
                team.share(images * tiles * chunks, [&](Index i) {
                    const Index at = i / chunks / tiles, tile = i / chunks % tiles;
                    computeTile({first + at, at, tile, i % chunks});
                });
            }
        }
    }

  private:
    /// Numbers of images that are repacked together at most, however few tiles an image has: 256
    /// MiB of floats.
    static constexpr Index mostWaveNumbers = Index{1} << 26;

    /// A group's panel of output channels, [K][panel].
    Real* panelOf(Index group, Index p) const {
        return weights_.data() + (group * blocking_.outPanels + p) * blocking_.groupDepth * panel_;
    }

    Real* image(Index i, const Block& b) const {
        return images_.data() + i * blocking_.imageSize + b.imageStart;
    }

    /// The weights of a block whose lanes are groups.
    Real* laneWeights(Index block) const {
        return weights_.data() + block * blocking_.maxDepth * outputs_;
    }

    void packWeights(Index block, Index p) const {
        const Block& b = blocking_.block(block);
        if (blocking_.groupsAreLanes) {
            return packing_.loadLanes(inputs_.weights, b, laneWeights(block));
        }
        Real* scratch = weightRows_.mine();
        Real* rows = scratch + blocking_.maxDepth;
        for (Index i = 0; i < panel_; ++i) {
            const Index o = p * panel_ + i;
            if (o < outputs_) {
                packing_.load(inputs_.weights, b, o, scratch, rows + i * b.depth);
            } else {
                std::fill_n(rows + i * b.depth, b.depth, Real{0});
            }
        }
        kernels_.transpose(panel_, b.depth, rows, b.depth,
                           panelOf(b.group, p) + b.firstDepth * panel_, panel_);
    }

    /// One task: a tile of image `n`, the i-th of its wave, for one chunk of each group's panels.
    struct Task {
        Index n, i, tile, panelChunk;
    };

    void computeTile(const Task& task) const {
        const Index first = blocking_.firstPoint(task.tile);
        const Index points = blocking_.pointsOf(task.tile);
        const Index firstPanel = task.panelChunk * blocking_.chunkPanels;
        const Index firstOut = firstPanel * panel_;
        const Index channels = std::min(blocking_.chunkPanels * panel_, outputs_ - firstOut);
        Index planned = -1;
        for (Index block = 0; block < blocking_.count(); ++block) {
            const Block& b = blocking_.block(block);
            if (!isPointwise_ && b.offsetGroup != planned) {
                positions_.plan(task.n, b.offsetGroup, first, points, samples_.mine());
                planned = b.offsetGroup;
            }
            if (blocking_.groupsAreLanes) {
                sumLanes(task, block, first, points);
                continue;
            }
            const PackedRows<const Real> column = loadColumn(task, b, first, points);
            productInParts(
                points, channels * b.depth,
                [&](Index row, Index rows) {
                    kernels_.gemm(
                        rows, channels, b.depth, {column.data + row * column.ld, column.ld, 1},
                        {panelOf(b.group, firstPanel) + b.firstDepth * panel_,
                         blocking_.groupDepth * panel_, panel_},
                        result_.mine() + row * blocking_.outLd, blocking_.outLd, b.firstDepth > 0);
                },
                [&](Index part, Index parts) { prefetch(task, b, task.tile + 1, part, parts); });
            if (blocking_.lastOfGroup(block)) {
                const Channels out{task.n, b.group * outputs_ + firstOut, channels};
                store({output_, g_.outWidth, out, first, points}, inputs_.addend, result_.mine(),
                      bias_.data() + out.first);
            }
        }
    }

    /// Asks for one of `parts` parts of what a tile reads: its offsets and masks, and the pixels
    /// that no tile before it came to.
    void prefetch(const Task& task, const Block& b, Index tile, Index part, Index parts) const {
        if (tile == blocking_.tiles) return;
        const Index first = blocking_.firstPoint(tile), points = blocking_.pointsOf(tile);
        positions_.prefetch(task.n, b.offsetGroup, first, points, part, parts);
        const Index from = positions_.reach(first), end = positions_.reach(first + points);
        cpu::prefetch(image(task.i, b) + from * b.paddedChannels, (end - from) * b.paddedChannels,
                      part, parts);
    }

    /// The column tile of a block; where every sample is its own pixel, the image itself.
    PackedRows<const Real> loadColumn(const Task& task, const Block& b, Index first,
                                      Index points) const {
        const Real* packed = image(task.i, b);
        if (isPointwise_) return {packed + first * b.paddedChannels, b.paddedChannels};
        kernels_.gather({points, g_.taps(), b.paddedChannels, samples_.mine(), packed,
                         b.paddedChannels, column_.mine(), blocking_.columnLd,
                         b.paddedChannels - b.channels});
        return {column_.mine(), blocking_.columnLd};
    }

    /// The outputs of a block whose lanes are groups.
    void sumLanes(const Task& task, Index block, Index first, Index points) const {
        const Block& b = blocking_.block(block);
        kernels_.gatherSum({points, g_.taps(), b.paddedLanes, b.inputs, outputs_, samples_.mine(),
                            image(task.i, b), b.paddedChannels, laneWeights(block), result_.mine(),
                            blocking_.outLd});
        for (Index o = 0; o < outputs_; ++o) {
            const Tensor<4> view = everyChannel<Element>(output_, outputs_, o);
            const Tensor<4> addend = inputs_.addend.present()
                                         ? everyChannel<Element>(inputs_.addend, outputs_, o)
                                         : Tensor<4>{};
            store({view, g_.outWidth, b.of(task.n), first, points}, addend,
                  result_.mine() + o * b.paddedLanes, bias_.data() + o * g_.groups + b.firstLane);
        }
    }

    /// Stores rows of a tile, which it changes.
    void store(const PixelRange& range, const Tensor<4>& addend, Real* tile,
               const Real* biases) const {
        finishTile<Element>(kernels_, range, {tile, blocking_.outLd}, hasBias_ ? biases : nullptr,
                            addend, inputs_.rectified);
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
    const DeformableConv2dInputs& inputs_;
    const Blocking blocking_;
    const Positions<Element> positions_;
    const Weights<Element> packing_;
    const Tensor<4>& output_;
    const Index panel_;
    const Index wave_;  ///< images repacked together: enough that their tiles occupy many threads
    const int threads_;
    const bool hasBias_;
    const bool isPointwise_;  ///< every output pixel samples the one at its place
    const Index outputs_;     ///< of a group
    const Buffer<Real> weights_, images_, bias_;
    const PerThread<PlannedSample<Real>> samples_;
    const PerThread<Real> column_, result_, weightRows_;
};

}  // namespace dcn4j::cpu::convolution
