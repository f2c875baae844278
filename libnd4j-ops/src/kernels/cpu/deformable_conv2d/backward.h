// The backward pass: tasks are (image, chunk of tiles, chunk of blocks); a task owns its
// chunk's part of the input's and the weights' gradient of its blocks and walks the pixels in
// order. Where several tasks add to one result (offsets and masks over chunks of blocks, weights
// over slots and chunks of tiles, the input over chunks of tiles), they leave partial sums that are
// added in a fixed order.
#pragma once

#include <algorithm>

#include "../buffer.h"
#include "../packing.h"
#include "../simd/set_rows.h"
#include "../team.h"
#include "blocking.h"
#include "images.h"
#include "positions.h"
#include "weights.h"

namespace dcn4j::cpu::convolution {

/// One backward call.
template <class Element>
class Backward {
  public:
    using Real = ComputeType<Element>;

    Backward(const MicroKernels<Real>& kernels, const Conv2dGeometry& g,
             const DeformableConv2dInputs& inputs, const Tensor<4>& gradOutput,
             const DeformableConv2dGradients& gradients, int threads)
        : kernels_(kernels),
          g_(g),
          inputs_(inputs),
          blocking_(Blocking::backward(g, rowAlignment<Real>, kernels.panelWidth)),
          positions_(kernels, g, inputs, blocking_.pitch),
          packing_(kernels, g),
          gradOutput_(gradOutput),
          gradients_(gradients),
          partition_(blocking_, g.batch),
          threads_(threadsFor(
              threads, partition_.slots * partition_.tileChunks * partition_.blockChunkCount())),
          sharesGradSamples_(blocking_.count() > g.offsetGroups),
          sharesGradOutput_(blocking_.count() > mostThatRepack * g.groups &&
                            !blocking_.groupsAreLanes),
          sharesImages_(partition_.tileChunks > 1),
          wave_(imagesAtWork()),
          panel_(kernels.panelWidth),
          outputs_(g.outChannelsPerGroup()),
          blockSize_(outputs_ * blocking_.columnLd),
          weightsSize_(blocking_.count() * blockSize_),
          gradSamplesSize_(3 * g.taps() * g.outPixels()),
          weights_(weightsSize_),
          gradWeights_(partition_.slots * partition_.tileChunks * weightsSize_),
          gradSamples_(sharesGradSamples_ ? wave_ * partition_.blockChunkCount() * gradSamplesSize_
                                          : 0),
          gradBias_(gradients.bias.present() ? partition_.slots * blocking_.tiles * g.outChannels
                                             : 0),
          gradTiles_(sharesGradOutput_ ? wave_ * g.groups * g.outPixels() * blocking_.outLd : 0),
          images_(sharesImages_ ? wave_ * (1 + partition_.tileChunks) * blocking_.imageSize +
                                      blocking_.apartFrom
                                : 0),
          written_(sharesImages_ ? wave_ * partition_.tileChunks * blocking_.count() : 0),
          samples_(threads_, blocking_.tile * g.taps()),
          tileGradSamples_(threads_, 3 * g.taps() * blocking_.tile),
          weightRows_(threads_, 2 * blocking_.columnLd),
          column_(threads_, blocking_.tile * blocking_.columnLd),
          gradTile_(threads_, sharesGradOutput_ ? 0 : blocking_.tile * blocking_.outLd),
          image_(threads_, sharesImages_ ? 0 : 2 * imageRoom()) {}

    void run() {
        const Index blocks = blocking_.count(), blockChunks = partition_.blockChunkCount();
        const Index tiles = blocking_.tiles, tileChunks = partition_.tileChunks;
        const Index parts = imageParts(g_, blocking_);
        Team team(threads_);
#pragma omp parallel num_threads(threads_)
        {
            team.join();
            team.share(blocks, [&](Index block) { packWeights(block); });
            for (Index first = 0; first < g_.batch; first += wave_) {
                const Index images = std::min(wave_, g_.batch - first);
                if (sharesGradOutput_) {
                    team.share(images * g_.groups * tiles, [&](Index i) {
                        const Index at = i / tiles / g_.groups, group = i / tiles % g_.groups;
                        loadGradOutput(first + at, group, i % tiles, gradTile(at, group, i % tiles),
                                       true);
                    });
                }
                if (sharesImages_) {
                    loadImages<Element>(team, kernels_, inputs_.input, g_, blocking_, first, images,
                                        images_.data());
                }
#pragma omp barrier
                team.share(images * tileChunks * blockChunks, [&](Index i) {
                    const Index at = i / blockChunks / tileChunks;
                    compute({first + at, at, i / blockChunks % tileChunks, i % blockChunks});
                });
#pragma omp barrier
                if (sharesImages_) {
                    team.share(images * parts * blocks, [&](Index i) {
                        const Index at = i / blocks / parts, part = i / blocks % parts;
                        storeGradImage(first + at, at, i % blocks, part);
                    });
                }
                if (sharesGradSamples_) {
                    team.share(images * g_.offsetGroups * tiles, [&](Index i) {
                        const Index at = i / g_.offsetGroups / tiles;
                        storeGradSamples(first + at, at, i % g_.offsetGroups,
                                         i / g_.offsetGroups % tiles);
                    });
                }
            }
            if (blocking_.groupsAreLanes) {
                team.share(blocks, [&](Index block) { storeLanesOfGradWeights(block); });
            } else {
                team.share(blocks * outputs_,
                           [&](Index i) { storeGradWeights(i / outputs_, i % outputs_); });
            }
        }
        if (gradients_.bias.present()) storeGradBias();
    }

  private:
    /// At most so many blocks of a group each repack a tile of the output's gradient: it stays in
    /// their cache, where that of an image goes through memory.
    static constexpr Index mostThatRepack = 2;

    /// A block's weights, [panel of depth][o][panel].
    void packWeights(Index block) const {
        const Block& b = blocking_.block(block);
        if (blocking_.groupsAreLanes) {
            return packing_.loadLanes(inputs_.weights, b, weights_.data() + block * blockSize_);
        }
        Real* scratch = weightRows_.mine();
        Real* row = scratch + blocking_.columnLd;
        std::fill_n(row, blocking_.columnLd, Real{0});
        for (Index o = 0; o < outputs_; ++o) {
            packing_.load(inputs_.weights, b, o, scratch, row);
            Real* to = weights_.data() + block * blockSize_ + o * panel_;
            for (Index k = 0; k < b.depth; k += panel_, to += outputs_ * panel_) {
                std::copy_n(row + k, panel_, to);
            }
        }
    }

    /// Images at work at once: so few that what is repacked of them and their gradients, which are
    /// some three times as much, stay in a last-level cache, but tasks enough for the threads.
    Index imagesAtWork() const {
        constexpr Index fewNumbers = Index{1} << 20, tasksOfAThread = 2;
        const Index numbers =
            (sharesImages_ ? 3 * blocking_.imageSize : 0) +
            (sharesGradOutput_ ? g_.groups * g_.outPixels() * blocking_.outLd : 0);
        const Index tasks = threads_ == 1 ? 1 : tasksOfAThread * threads_;
        const Index images =
            std::max(ceilDivide(tasks, partition_.tileChunks * partition_.blockChunkCount()),
                     fewNumbers / std::max<Index>(numbers, 1));
        return std::min(images, partition_.slots);
    }

    /// Each slot takes every slots-th image.
    Index slotOf(Index n) const {
        return n % partition_.slots;
    }

    /// A block's gradient of the weights, [o][ld] or as its rows of lanes, as one slot and chunk of
    /// tiles have it.
    Real* gradWeights(Index slot, Index tileChunk, Index block) const {
        return gradWeights_.data() + (slot * partition_.tileChunks + tileChunk) * weightsSize_ +
               block * blockSize_;
    }
    /// The gradients of a tile's samples, [taps][3][points], as one chunk of blocks has them.
    Real* gradSamples(Index at, Index blockChunk, Index tile) const {
        return gradSamples_.data() +
               (at * partition_.blockChunkCount() + blockChunk) * gradSamplesSize_ +
               blocking_.firstPoint(tile) * 3 * g_.taps();
    }
    Real* gradImage(Index at, Index tileChunk, const Block& b) const {
        const Index image = wave_ + at * partition_.tileChunks + tileChunk;
        return images_.data() + image * blocking_.imageSize + blocking_.apartFrom + b.imageStart;
    }
    Real* image(Index at, const Block& b) const {
        return images_.data() + at * blocking_.imageSize + b.imageStart;
    }
    Real* gradTile(Index at, Index group, Index tile) const {
        return gradTiles_.data() +
               ((at * g_.groups + group) * g_.outPixels() + blocking_.firstPoint(tile)) *
                   blocking_.outLd;
    }

    /// The pixels of a gradient image that a chunk of tiles has set to zero and may have added to;
    /// the others are not written.
    RowSpan& written(Index at, Index tileChunk, Index block) const {
        return written_
            .data()[(at * partition_.tileChunks + tileChunk) * blocking_.count() + block];
    }

    /// Numbers from a block's image to its gradient.
    Index imageRoom() const {
        return blocking_.gradientAfter((blocking_.planePixels + 1) *
                                       (blocking_.maxDepth / g_.taps()));
    }

    /// One task: image `n`, the at-th of its wave, one chunk of its tiles and one of the blocks.
    struct Task {
        Index n, at, tileChunk, blockChunk;
    };

    void compute(const Task& task) const {
        const BlockChunk& blocks = partition_.blockChunk(task.blockChunk);
        for (Index block = blocks.firstBlock; block < blocks.endBlock; ++block) {
            const Block& b = blocking_.block(block);
            const Index row = b.paddedChannels;
            Work work{block, nullptr, nullptr, nullptr, {0, 0}};
            if (sharesImages_) {
                work.image = image(task.at, b);
                work.gradImage = gradImage(task.at, task.tileChunk, b);
                std::fill_n(work.gradImage + blocking_.planePixels * row, row, Real{0});
            } else {
                loadBlock<Element>(kernels_, inputs_.input, g_, blocking_, b, task.n,
                                   image_.mine());
                work.image = image_.mine();
                work.gradImage = image_.mine() + imageRoom();
                std::fill_n(work.gradImage, (blocking_.planePixels + 1) * row, Real{0});
            }
            // Blocks of a chunk after the first add to the gradients of samples that it wrote.
            const bool adds = block > blocks.firstBlock;
            const Index end = partition_.firstTile(task.tileChunk + 1);
            for (Index tile = partition_.firstTile(task.tileChunk); tile < end; ++tile) {
                Real* const total = sharesGradSamples_ ? gradSamples(task.at, task.blockChunk, tile)
                                                       : tileGradSamples_.mine();
                work.gradSamples = adds ? tileGradSamples_.mine() : total;
                computeTile(task, work, tile);
                if (adds) {
                    addRow(total, work.gradSamples, 3 * g_.taps() * blocking_.pointsOf(tile));
                } else if (!sharesGradSamples_) {
                    storeGradSamples(task.n, b.offsetGroup, tile, total);
                }
            }
            if (sharesImages_) {
                written(task.at, task.tileChunk, block) = work.zeroed;
            } else {
                storePixelsOf<Element>(kernels_, gradients_.input, inputs_.addend, g_,
                                       blocking_.pitch, b, task.n, 0, blocking_.planePixels,
                                       work.gradImage);
            }
        }
    }

    /// What a task has at hand of one block.
    struct Work {
        Index block;
        const Real* image;
        Real* gradImage;
        Real* gradSamples;  ///< of a tile, written
        RowSpan zeroed;     ///< where gradient images are shared out by chunks of tiles
    };

    /// Extends what is set to zero to all pixels that a tile's samples touch.
    void zeroTouched(Work& work, Index points) const {
        const Index row = blocking_.block(work.block).paddedChannels;
        const RowSpan touched =
            kernels_.touched(points * g_.taps(), samples_.mine(), blocking_.planePixels);
        extendSetRows(work.gradImage, row, work.zeroed, touched);
    }

    void computeTile(const Task& task, Work& work, Index tile) const {
        const Block& b = blocking_.block(work.block);
        const Index first = blocking_.firstPoint(tile), points = blocking_.pointsOf(tile);
        positions_.plan(task.n, b.offsetGroup, first, points, samples_.mine());
        if (sharesImages_) zeroTouched(work, points);
        const Real* weights = weights_.data() + work.block * blockSize_;
        Real* gradWeights = this->gradWeights(slotOf(task.n), task.tileChunk, work.block);
        // What a slot and a chunk of tiles see first, they write; they add the rest.
        const bool isFirst =
            task.n < partition_.slots && tile == partition_.firstTile(task.tileChunk);
        const ScatterTile<Real> samples{points,
                                        g_.taps(),
                                        blocking_.groupsAreLanes ? b.paddedChannels : b.channels,
                                        samples_.mine(),
                                        work.image,
                                        b.paddedChannels,
                                        column_.mine(),
                                        blocking_.columnLd,
                                        work.gradImage,
                                        work.gradSamples};
        if (blocking_.groupsAreLanes) {
            if (isFirst) std::fill_n(gradWeights, b.depth * outputs_, Real{0});
            loadLanesOfGradOutput(task, b, tile);
            const LaneTile<Real> t{
                points,           g_.taps() * b.inputs, outputs_,          b.paddedLanes,
                gradTile_.mine(), blocking_.outLd,      blocking_.columnLd};
            kernels_.lanesToColumn(t, weights, column_.mine());
            kernels_.scatter(samples);
            kernels_.lanesToWeights(t, column_.mine(), gradWeights);
            return;
        }
        const Real* gradOutput =
            sharesGradOutput_ ? gradTile(task.at, b.group, tile) : gradTile_.mine();
        if (!sharesGradOutput_) {
            loadGradOutput(task.n, b.group, tile, gradTile_.mine(), b.firstDepth == 0);
        }
        productInParts(
            points, outputs_ * b.depth,
            [&](Index row, Index rows) {
                kernels_.gemm(rows, b.depth, outputs_,
                              {gradOutput + row * blocking_.outLd, blocking_.outLd, 1},
                              {weights, outputs_ * panel_, panel_},
                              column_.mine() + row * blocking_.columnLd, blocking_.columnLd, false);
            },
            [&](Index part, Index parts) {
                if (sharesGradSamples_) {
                    cpu::prefetch<For::Writing>(work.gradSamples, 3 * g_.taps() * points, part,
                                                parts);
                } else {
                    prefetchPoints<Element, For::Writing>(g_, {gradients_.offset, gradients_.mask},
                                                          task.n, b.offsetGroup, first, points,
                                                          part, parts);
                }
                prefetch(task, work, tile + 1, part, parts);
            });
        kernels_.scatter(samples);
        // The columns as panels and not as rows: they stream through once, whole cache lines at a
        // time, past a tile of gradients that stays.
        kernels_.gemm(outputs_, b.depth, points, {gradOutput, 1, blocking_.outLd},
                      {column_.mine(), panel_, blocking_.columnLd}, gradWeights, blocking_.columnLd,
                      !isFirst);
    }

    /// Asks for one of `parts` parts of what a tile of the task's chunk will read, and of the
    /// gradients that it will set to zero, except where offsets reach farther than others do.
    void prefetch(const Task& task, const Work& work, Index tile, Index part, Index parts) const {
        if (tile == partition_.firstTile(task.tileChunk + 1)) return;
        const Block& b = blocking_.block(work.block);
        const Index first = blocking_.firstPoint(tile), points = blocking_.pointsOf(tile);
        positions_.prefetch(task.n, b.offsetGroup, first, points, part, parts);
        const Index from = positions_.reach(first), end = positions_.reach(first + points);
        const Index start = from * b.paddedChannels, numbers = (end - from) * b.paddedChannels;
        cpu::prefetch(work.image + start, numbers, part, parts);
        if (sharesImages_) {
            cpu::prefetch<For::Writing>(work.gradImage + start, numbers, part, parts);
        }
        if (sharesGradOutput_) {
            cpu::prefetch(gradTile(task.at, b.group, tile), points * blocking_.outLd, part, parts);
        } else {
            for (Index o = outputs_ * part / parts; o < outputs_ * (part + 1) / parts; ++o) {
                prefetchPlane<Element>(
                    {gradOutput_, g_.outWidth, {task.n, b.group * outputs_ + o, 1}, first, points});
            }
        }
    }

    /// A tile of a group's gradient of the output, [points][outLd], which one of those who load it
    /// adds to the bias' gradient.
    void loadGradOutput(Index n, Index group, Index tile, Real* to, bool addsToBias) const {
        const Channels channels{n, group * outputs_, outputs_};
        loadPixels<Element>(kernels_,
                            {gradOutput_, g_.outWidth, channels, blocking_.firstPoint(tile),
                             blocking_.pointsOf(tile)},
                            {to, blocking_.outLd});
        if (addsToBias) addGradBias(tile, to, channels, 1);
    }

    /// A tile of the output's gradient for groups that are lanes, [points][outputs][paddedLanes].
    void loadLanesOfGradOutput(const Task& task, const Block& b, Index tile) const {
        for (Index o = 0; o < outputs_; ++o) {
            const Tensor<4> view = everyChannel<Element>(gradOutput_, outputs_, o);
            Real* to = gradTile_.mine() + o * b.paddedLanes;
            loadPixels<Element>(kernels_,
                                {view, g_.outWidth, b.of(task.n), blocking_.firstPoint(tile),
                                 blocking_.pointsOf(tile)},
                                {to, blocking_.outLd, b.paddedLanes});
            addGradBias(tile, to, {task.n, b.firstLane * outputs_ + o, b.lanes}, outputs_);
        }
    }

    /// Adds a tile of the output's gradient, [points][outLd], to the bias' gradient as a slot and a
    /// tile have it: of so many channels, `step` apart. Each is loaded once, here it is at hand.
    void addGradBias(Index tile, const Real* rows, const Channels& channels, Index step) const {
        if (!gradients_.bias.present()) return;
        Real* total = gradBias_.data() +
                      (slotOf(channels.n) * blocking_.tiles + tile) * g_.outChannels +
                      channels.first;
        constexpr Index together = 64;
        const Index points = blocking_.pointsOf(tile);
        for (Index c = 0; c < channels.count; c += together) {
            const Index count = std::min(together, channels.count - c);
            Real sums[together] = {};
            for (Index point = 0; point < points; ++point) {
                const Real* row = rows + point * blocking_.outLd + c;
                for (Index i = 0; i < count; ++i) sums[i] += row[i];
            }
            for (Index i = 0; i < count; ++i) {
                Real& sum = total[(c + i) * step];
                sum = channels.n < partition_.slots ? sums[i] : sum + sums[i];
            }
        }
    }

    /// Part of the gradient of a block of the input: over the chunks of tiles, in their order, each
    /// where it wrote.
    void storeGradImage(Index n, Index at, Index block, Index part) const {
        const Block& b = blocking_.block(block);
        const Index row = b.paddedChannels;
        const Index pixels = partPixels(g_, blocking_.pitch), first = part * pixels;
        const Index end = std::min(first + pixels, blocking_.planePixels);
        const auto partOf = [&](Index tileChunk) {
            return PartOfRows<Real>{gradImage(at, tileChunk, b), written(at, tileChunk, block)};
        };
        const Real* total = addPartsOfRows<Real>({first, end}, row, partition_.tileChunks, partOf);
        storePixelsOf<Element>(kernels_, gradients_.input, inputs_.addend, g_, blocking_.pitch, b,
                               n, first, end - first, total + first * row);
    }

    /// The gradients of a tile's samples: over the chunks of an offset group's blocks, in their
    /// order.
    void storeGradSamples(Index n, Index at, Index group, Index tile) const {
        Real* total = nullptr;
        for (Index blockChunk = 0; blockChunk < partition_.blockChunkCount(); ++blockChunk) {
            if (partition_.blockChunk(blockChunk).offsetGroup != group) continue;
            Real* part = gradSamples(at, blockChunk, tile);
            if (total == nullptr) {
                total = part;
            } else {
                addRow(total, part, 3 * g_.taps() * blocking_.pointsOf(tile));
            }
        }
        storeGradSamples(n, group, tile, total);
    }

    /// Stores the gradients of a tile's samples, [taps][3][points], of an offset group.
    void storeGradSamples(Index n, Index group, Index tile, const Real* from) const {
        const Index first = blocking_.firstPoint(tile), points = blocking_.pointsOf(tile);
        for (Index entry = 0; entry < 3 * g_.taps(); ++entry, from += points) {
            const Index k = group * g_.taps() + entry / 3;
            const bool isMask = entry % 3 == 2;
            const Tensor<4>& t = isMask ? gradients_.mask : gradients_.offset;
            if (!t.present()) continue;
            const Index channel = isMask ? k : 2 * k + entry % 3;
            storePlane<Element>(kernels_, {t, g_.outWidth, {n, channel, 1}, first, points}, from);
        }
    }

    /// The gradient of a block's weights of one output channel: over slots and chunks of tiles, in
    /// order.
    void storeGradWeights(Index block, Index o) const {
        const Block& b = blocking_.block(block);
        Real* total = gradWeights(0, 0, block) + o * blocking_.columnLd;
        addPartsOfWeights(total, b.depth);
        packing_.store(gradients_.weights, b, o, weightRows_.mine(), total);
    }

    /// The same of all weights of a block whose lanes are groups.
    void storeLanesOfGradWeights(Index block) const {
        Real* total = gradWeights(0, 0, block);
        addPartsOfWeights(total, blocking_.block(block).depth * outputs_);
        packing_.storeLanes(gradients_.weights, blocking_.block(block), total);
    }

    void addPartsOfWeights(Real* total, Index count) const {
        addParts(total, count, partition_.slots * partition_.tileChunks, weightsSize_);
    }

    /// The gradient of the bias: over slots and tiles, in order.
    void storeGradBias() const {
        addParts(gradBias_.data(), g_.outChannels, partition_.slots * blocking_.tiles,
                 g_.outChannels);
        packing_.storeBias(gradients_.bias, gradBias_.data());
    }

    static void addRow(Real* total, const Real* from, Index count) {
        for (Index i = 0; i < count; ++i) total[i] += from[i];
    }

    /// Adds to the first of some parts, `apart` from one another, the others in order. Without
    /// images nothing is in them: the sum is zero.
    void addParts(Real* total, Index count, Index parts, Index apart) const {
        if (g_.batch == 0) {
            std::fill_n(total, count, Real{0});
            return;
        }
        for (Index part = 1; part < parts; ++part) addRow(total, total + part * apart, count);
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
    const DeformableConv2dInputs& inputs_;
    const Blocking blocking_;
    const Positions<Element> positions_;
    const Weights<Element> packing_;
    const Tensor<4>& gradOutput_;
    const DeformableConv2dGradients& gradients_;
    const BackwardPartition partition_;
    const int threads_;
    const bool sharesGradSamples_;  ///< blocks do: gradients of samples are added up
    const bool sharesGradOutput_;   ///< blocks do: the output's gradient is repacked once an image
    const bool sharesImages_;       ///< chunks of tiles do: the input is, and each has its gradient
    const Index wave_;              ///< images at work at once
    const Index panel_;
    const Index outputs_;      ///< of a group
    const Index blockSize_;    ///< numbers of a block's weights
    const Index weightsSize_;  ///< numbers of all blocks' weights
    const Index
        gradSamplesSize_;  ///< numbers of the gradients of an image's samples, of a chunk of blocks
    const Buffer<Real> weights_, gradWeights_;
    const Buffer<Real> gradSamples_;
    const Buffer<Real> gradBias_;   ///< [slot][tile][output channel]
    const Buffer<Real> gradTiles_;  ///< [image][group][pixel][outLd]
    const Buffer<Real> images_;     ///< images, then their gradients
    const Buffer<RowSpan> written_;
    const PerThread<PlannedSample<Real>> samples_;
    const PerThread<Real> tileGradSamples_, weightRows_, column_, gradTile_;
    const PerThread<Real> image_;  ///< a block's image and its gradient
};

}  // namespace dcn4j::cpu::convolution
