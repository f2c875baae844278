// Deformable convolution as tiles of an implicit matrix product.
//
// Shapes, for one convolution group:
//   column   [points][K]   K entries (block, tap, channel): the modulated samples of a few pixels
//   weights  [K][O]        repacked in panels of O
//   output   [points][O]   = column x weights, stored with the bias in the caller's layout
//
// The input is repacked per image into blocks of channels, [pixels + 1][channels of the block] with
// a last row of zeros, so that a sample reads four contiguous rows and a corner outside the image
// needs no branch. arrays.h alone knows element types and strides; the micro-kernels see packed
// real numbers.
//
// Forward: tasks are (image, tile of output pixels, part of the output channels). Backward: tasks
// are (image slot, piece of the output pixels, run of blocks); a task owns its piece's part of the
// input's and the weights' gradient of its blocks and walks the pixels in order. Where several
// tasks add to one result (offsets and masks over runs, weights over slots and pieces, the input
// over pieces), they leave partial sums that are added in a fixed order.
#include "deformable_conv2d.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "arrays.h"
#include "buffer.h"
#include "cut.h"

namespace dcn4j::cpu {
namespace {

/// One forward call.
template <class Element>
class Forward {
  public:
    using Real = ComputeType<Element>;

    Forward(const MicroKernels<Real>& kernels, const Conv2dGeometry& g,
            const DeformableConv2dInputs& inputs, const Tensor<4>& output, int threads)
        : kernels_(kernels),
          g_(g),
          arrays_(kernels, g, inputs),
          output_(output),
          threads_(threads),
          cut_(Cut::forward(g, quad<Real>, kernels.panelWidth)),
          panel_(kernels.panelWidth),
          wave_(std::clamp<Index>(
              std::max(waveNumbers / cut_.imageSize,
                       std::min(ceilDivide(64, cut_.tiles), mostWaveNumbers / cut_.imageSize)),
              1, std::max<Index>(g.batch, 1))),
          hasBias_(inputs.bias.present()),
          weights_(g.groups * cut_.groupDepth * cut_.outPanels * panel_),
          images_(wave_ * cut_.imageSize),
          bias_(g.outChannels),
          samples_(threads, cut_.tile * g.taps()),
          column_(threads, cut_.tile * cut_.pitch),
          result_(threads, cut_.tile * cut_.outPitch),
          weightRows_(threads, (panel_ + 1) * cut_.maxDepth) {}

    void run() {
        if (hasBias_) arrays_.loadBias(bias_.data());
#pragma omp parallel num_threads(threads_)
        {
#pragma omp for collapse(2) schedule(dynamic)
            for (Index block = 0; block < cut_.count(); ++block) {
                for (Index p = 0; p < cut_.outPanels; ++p) packWeights(cut_.block(block), p);
            }
            for (Index first = 0; first < g_.batch; first += wave_) {
                const Index images = std::min(wave_, g_.batch - first);
#pragma omp for collapse(2) schedule(dynamic)
                for (Index i = 0; i < images; ++i) {
                    for (Index block = 0; block < cut_.count(); ++block) {
                        arrays_.packImage(first + i, cut_.block(block),
                                          image(i, cut_.block(block)));
                    }
                }
#pragma omp for collapse(3) schedule(dynamic)
                for (Index i = 0; i < images; ++i) {
                    for (Index tile = 0; tile < cut_.tiles; ++tile) {
                        for (Index part = 0; part < cut_.outParts; ++part) {
                            computeTile(first + i, i, tile, part);
                        }
                    }
                }
            }
        }
    }

  private:
    /// Numbers of images that are repacked together in any case: threads wait for one another twice
    /// in a wave.
    static constexpr Index waveNumbers = Index{1} << 21;
    /// And at most, however few tiles an image has: 256 MiB of floats.
    static constexpr Index mostWaveNumbers = Index{1} << 26;

    /// A group's panel of output channels, [K][panel].
    Real* panelOf(Index group, Index p) const {
        return weights_.data() + (group * cut_.outPanels + p) * cut_.groupDepth * panel_;
    }

    Real* image(Index i, const Block& b) const {
        return images_.data() + i * cut_.imageSize + b.imageStart;
    }

    void packWeights(const Block& b, Index p) const {
        Real* scratch = weightRows_.mine();
        Real* rows = scratch + cut_.maxDepth;
        for (Index i = 0; i < panel_; ++i) {
            const Index o = p * panel_ + i;
            if (o < g_.outChannelsPerGroup()) {
                arrays_.loadWeights(b, o, scratch, rows + i * b.depth);
            } else {
                std::fill_n(rows + i * b.depth, b.depth, Real{0});
            }
        }
        kernels_.transpose(panel_, b.depth, rows, b.depth,
                           panelOf(b.group, p) + b.firstDepth * panel_, panel_);
    }

    /// A tile of image `n`, the i-th of its wave, for one part of each group's output channels.
    void computeTile(Index n, Index i, Index tile, Index part) const {
        const Index first = tile * cut_.tile;
        const Index points = std::min(cut_.tile, g_.outPixels() - first);
        const Index firstPanel = part * cut_.partPanels;
        const Index firstOut = firstPanel * panel_;
        const Index channels =
            std::min(cut_.partPanels * panel_, g_.outChannelsPerGroup() - firstOut);
        Index planned = -1;
        for (Index block = 0; block < cut_.count(); ++block) {
            const Block& b = cut_.block(block);
            if (b.offsetGroup != planned) {
                arrays_.plan(n, b.offsetGroup, first, points, samples_.mine());
                planned = b.offsetGroup;
            }
            kernels_.gather(points, g_.taps(), b.rowNumbers, samples_.mine(), image(i, b),
                            column_.mine(), cut_.pitch);
            kernels_.product(points, channels, b.depth, {column_.mine(), cut_.pitch, 1},
                             {panelOf(b.group, firstPanel) + b.firstDepth * panel_,
                              cut_.groupDepth * panel_, panel_},
                             result_.mine(), cut_.outPitch, b.firstDepth > 0);
            if (cut_.lastOfGroup(block)) {
                const Channels out{n, b.group * g_.outChannelsPerGroup() + firstOut, channels};
                arrays_.storeOutput(output_, out, first, points, result_.mine(), cut_.outPitch,
                                    hasBias_ ? bias_.data() + out.first : nullptr);
            }
        }
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
    const Arrays<Element> arrays_;
    const Tensor<4>& output_;
    const int threads_;
    const Cut cut_;
    const Index panel_;
    const Index wave_;  ///< images repacked together: enough that their tiles occupy many threads
    const bool hasBias_;
    const Buffer<Real> weights_, images_, bias_;
    const PerThread<PlannedSample<Real>> samples_;
    const PerThread<Real> column_, result_, weightRows_;
};

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
          arrays_(kernels, g, inputs),
          gradOutput_(gradOutput),
          gradients_(gradients),
          threads_(threads),
          cut_(Cut::backward(g, quad<Real>, kernels.panelWidth)),
          shares_(cut_, g.batch),
          panel_(kernels.panelWidth),
          blockSize_(g.outChannelsPerGroup() * cut_.pitch),
          weightsSize_(cut_.count() * blockSize_),
          gradSamplesSize_(3 * g.taps() * g.outPixels()),
          weights_(weightsSize_),
          gradWeights_(shares_.slots * shares_.pieces * weightsSize_),
          gradSamples_(shares_.slots * shares_.runCount() * gradSamplesSize_),
          gradImages_(shares_.pieces > 1 ? shares_.slots * shares_.pieces * cut_.imageSize : 0),
          samples_(threads, cut_.tile * g.taps()),
          tileGradSamples_(threads, 3 * g.taps() * cut_.tile),
          weightRows_(threads, 2 * cut_.pitch),
          column_(threads, cut_.tile * cut_.pitch),
          gradColumn_(threads, cut_.tile * cut_.pitch),
          gradTile_(threads, cut_.tile * cut_.outPitch),
          image_(threads, (g.pixels() + 1) * (cut_.maxDepth / g.taps())),
          gradImage_(threads,
                     shares_.pieces > 1 ? 0 : (g.pixels() + 1) * (cut_.maxDepth / g.taps())) {}

    void run() {
#pragma omp parallel num_threads(threads_)
        {
#pragma omp for schedule(dynamic)
            for (Index block = 0; block < cut_.count(); ++block) packWeights(block);
#pragma omp for
            for (Index part = 0; part < shares_.slots * shares_.pieces; ++part) {
                std::fill_n(gradWeights_.data() + part * weightsSize_, weightsSize_, Real{0});
            }
            // Each slot takes every slots-th image.
            for (Index first = 0; first < g_.batch; first += shares_.slots) {
                const Index images = std::min(shares_.slots, g_.batch - first);
#pragma omp for collapse(3) schedule(dynamic)
                for (Index slot = 0; slot < images; ++slot) {
                    for (Index piece = 0; piece < shares_.pieces; ++piece) {
                        for (Index run = 0; run < shares_.runCount(); ++run) {
                            computeRun(first + slot, slot, piece, run);
                        }
                    }
                }
                if (shares_.pieces > 1) {
#pragma omp for collapse(2) schedule(dynamic)
                    for (Index slot = 0; slot < images; ++slot) {
                        for (Index block = 0; block < cut_.count(); ++block) {
                            storeGradImage(first + slot, slot, cut_.block(block));
                        }
                    }
                }
#pragma omp for collapse(3) schedule(dynamic)
                for (Index slot = 0; slot < images; ++slot) {
                    for (Index group = 0; group < g_.offsetGroups; ++group) {
                        for (Index entry = 0; entry < 3 * g_.taps(); ++entry) {
                            storeGradSamples(first + slot, slot, group, entry);
                        }
                    }
                }
            }
#pragma omp for collapse(2) schedule(dynamic)
            for (Index block = 0; block < cut_.count(); ++block) {
                for (Index o = 0; o < g_.outChannelsPerGroup(); ++o) storeGradWeights(block, o);
            }
            if (gradients_.bias.present()) {
#pragma omp for
                for (Index o = 0; o < g_.outChannels; ++o) {
                    arrays_.storeGradBias(gradOutput_, gradients_.bias, o);
                }
            }
        }
    }

  private:
    /// A block's weights, [panel of depth][o][panel].
    void packWeights(Index block) const {
        const Block& b = cut_.block(block);
        Real* scratch = weightRows_.mine();
        Real* row = scratch + cut_.pitch;
        std::fill_n(row, cut_.pitch, Real{0});
        for (Index o = 0; o < g_.outChannelsPerGroup(); ++o) {
            arrays_.loadWeights(b, o, scratch, row);
            Real* to = weights_.data() + block * blockSize_ + o * panel_;
            for (Index k = 0; k < b.depth; k += panel_, to += g_.outChannelsPerGroup() * panel_) {
                std::copy_n(row + k, panel_, to);
            }
        }
    }

    /// A block's gradient of the weights, [o][pitch], as one slot and piece have it.
    Real* gradWeights(Index slot, Index piece, Index block) const {
        return gradWeights_.data() + (slot * shares_.pieces + piece) * weightsSize_ +
               block * blockSize_;
    }
    /// One of 3 * taps rows of gradients of an image's samples, as one run has it.
    Real* gradSamples(Index slot, Index run, Index entry) const {
        return gradSamples_.data() + (slot * shares_.runCount() + run) * gradSamplesSize_ +
               entry * g_.outPixels();
    }
    Real* gradImage(Index slot, Index piece, const Block& b) const {
        return gradImages_.data() + (slot * shares_.pieces + piece) * cut_.imageSize + b.imageStart;
    }

    /// The gradients of image `n`, in a slot, from one piece of its output to one run of blocks.
    void computeRun(Index n, Index slot, Index piece, Index run) const {
        const Run& r = shares_.run(run);
        for (Index block = r.firstBlock; block < r.endBlock; ++block) {
            const Block& b = cut_.block(block);
            const bool whole = shares_.pieces == 1;
            Real* image = whole ? gradImage_.mine() : gradImage(slot, piece, b);
            arrays_.packImage(n, b, image_.mine());
            std::fill_n(image, (g_.pixels() + 1) * b.rowNumbers, Real{0});
            for (Index tile = shares_.firstTile(piece); tile < shares_.firstTile(piece + 1);
                 ++tile) {
                const Index first = tile * cut_.tile;
                const Index points = std::min(cut_.tile, g_.outPixels() - first);
                computeTile(n, block, first, points, image, gradWeights(slot, piece, block));
                addGradSamples(slot, run, first, points, block == r.firstBlock);
            }
            if (whole) arrays_.unpackImage(n, b, image, gradients_.input);
        }
    }

    void computeTile(Index n, Index block, Index first, Index points, Real* gradImage,
                     Real* gradWeights) const {
        const Block& b = cut_.block(block);
        const Index channels = g_.outChannelsPerGroup();
        arrays_.plan(n, b.offsetGroup, first, points, samples_.mine());
        arrays_.loadGradOutput(gradOutput_, n, b.group, first, points, gradTile_.mine(),
                               cut_.outPitch);
        kernels_.product(points, b.depth, channels, {gradTile_.mine(), cut_.outPitch, 1},
                         {weights_.data() + block * blockSize_, channels * panel_, panel_},
                         gradColumn_.mine(), cut_.pitch, false);
        kernels_.scatter({points, g_.taps(), b.channels, samples_.mine(), image_.mine(),
                          gradColumn_.mine(), column_.mine(), cut_.pitch, gradImage,
                          tileGradSamples_.mine()});
        // The columns as panels and not as rows: they stream through once, whole cache lines at a
        // time, past a tile of gradients that stays.
        kernels_.product(channels, b.depth, points, {gradTile_.mine(), 1, cut_.outPitch},
                         {column_.mine(), panel_, cut_.pitch}, gradWeights, cut_.pitch, true);
    }

    /// Moves the gradients of a tile's samples to rows as long as the image. Were each written
    /// there at once, as many rows apart, it would miss every cache.
    void addGradSamples(Index slot, Index run, Index first, Index points, bool firstBlock) const {
        for (Index entry = 0; entry < 3 * g_.taps(); ++entry) {
            const Real* from = tileGradSamples_.mine() + entry * points;
            Real* to = gradSamples(slot, run, entry) + first;
            if (firstBlock) {
                std::copy_n(from, points, to);
            } else {
                for (Index i = 0; i < points; ++i) to[i] += from[i];
            }
        }
    }

    /// The gradient of a block of the input: over the pieces of the output, in their order.
    void storeGradImage(Index n, Index slot, const Block& b) const {
        Real* total = gradImage(slot, 0, b);
        for (Index piece = 1; piece < shares_.pieces; ++piece) {
            const Real* part = gradImage(slot, piece, b);
            for (Index i = 0; i < g_.pixels() * b.rowNumbers; ++i) total[i] += part[i];
        }
        arrays_.unpackImage(n, b, total, gradients_.input);
    }

    /// The gradients of an offset group's samples: over its runs, in their order.
    void storeGradSamples(Index n, Index slot, Index group, Index entry) const {
        const Index k = group * g_.taps() + entry / 3;
        const bool isMask = entry % 3 == 2;
        const Tensor<4>& t = isMask ? gradients_.mask : gradients_.offset;
        if (!t.present()) return;
        Real* total = nullptr;
        for (Index run = 0; run < shares_.runCount(); ++run) {
            if (shares_.run(run).offsetGroup != group) continue;
            Real* part = gradSamples(slot, run, entry);
            if (total == nullptr) {
                total = part;
            } else {
                for (Index p = 0; p < g_.outPixels(); ++p) total[p] += part[p];
            }
        }
        arrays_.storePlane(t, n, isMask ? k : 2 * k + entry % 3, total);
    }

    /// The gradient of a block's weights of one output channel: over slots and pieces, in order.
    void storeGradWeights(Index block, Index o) const {
        const Block& b = cut_.block(block);
        Real* total = gradWeights(0, 0, block) + o * cut_.pitch;
        for (Index part = 1; part < shares_.slots * shares_.pieces; ++part) {
            const Real* from = total + part * weightsSize_;
            for (Index k = 0; k < b.depth; ++k) total[k] += from[k];
        }
        arrays_.storeWeights(gradients_.weights, b, o, weightRows_.mine(), total);
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
    const Arrays<Element> arrays_;
    const Tensor<4>& gradOutput_;
    const DeformableConv2dGradients& gradients_;
    const int threads_;
    const Cut cut_;
    const BackwardShares shares_;
    const Index panel_;
    const Index blockSize_;        ///< numbers of a block's weights
    const Index weightsSize_;      ///< numbers of all blocks' weights
    const Index gradSamplesSize_;  ///< numbers of the gradients of an image's samples, a run's
    const Buffer<Real> weights_, gradWeights_, gradSamples_, gradImages_;
    const PerThread<PlannedSample<Real>> samples_;
    const PerThread<Real> tileGradSamples_, weightRows_, column_, gradColumn_, gradTile_;
    const PerThread<Real> image_, gradImage_;
};

template <class Real>
const MicroKernels<Real>& kernelsFor(const InstructionSet& set) {
    if constexpr (std::is_same_v<Real, double>) {
        return set.forDouble;
    } else {
        return set.forFloat;
    }
}

/// Whether the micro-kernels can number a plane's pixels (see PlannedSample).
bool tooManyPixels(const Conv2dGeometry& g) {
    return g.pixels() >= std::numeric_limits<std::int32_t>::max();
}

}  // namespace

void TiledDeformableConv2d::forward(const Conv2dGeometry& geometry,
                                    const DeformableConv2dInputs& inputs, const Tensor<4>& output,
                                    int threads) const {
    if (tooManyPixels(geometry)) {
        return referenceDeformableConv2d().forward(geometry, inputs, output, threads);
    }
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        Forward<Element>(kernelsFor<ComputeType<Element>>(set_), geometry, inputs, output, threads)
            .run();
    });
}

void TiledDeformableConv2d::backward(const Conv2dGeometry& geometry,
                                     const DeformableConv2dInputs& inputs,
                                     const Tensor<4>& gradOutput,
                                     const DeformableConv2dGradients& gradients,
                                     int threads) const {
    if (tooManyPixels(geometry)) {
        return referenceDeformableConv2d().backward(geometry, inputs, gradOutput, gradients,
                                                    threads);
    }
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        Backward<Element>(kernelsFor<ComputeType<Element>>(set_), geometry, inputs, gradOutput,
                          gradients, threads)
            .run();
    });
}

}  // namespace dcn4j::cpu
