// Deformable convolution as tiles of an implicit matrix product.
//
// Shapes, for one convolution group:
//   column   [points][K]   K entries (block, tap, channel): the modulated samples of a few pixels
//   weights  [K][O]        repacked in panels of O
//   output   [points][O]   = column x weights, stored with the bias in the caller's layout
//
// The input is repacked per image into blocks of channels, [pixels + 1][channels of the block] with
// a last row of zeros, so that a sample reads four contiguous rows and a corner outside the image
// needs no branch. The repacking, the weights' and the tiles' loads and stores are the only places
// that know element types and strides; the micro-kernels see packed real numbers.
//
// Forward: tasks are (image, tile of output pixels). Backward: tasks are (image slot, run of
// blocks); a task owns its blocks' slice of the input's and the weights' gradient and walks the
// pixels in order. Where several tasks add to one result (offsets and masks over runs, weights over
// image slots), they leave partial sums that are added in a fixed order. How the work is cut
// depends on the geometry alone, never on the number of threads: the same bits come out for any.
#include "deformable_conv2d.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "arrays.h"
#include "buffer.h"
#include "cut.h"

namespace dcn4j::cpu {
namespace {

template <class Element>
void forwardPass(const MicroKernels<ComputeType<Element>>& kernels, const Conv2dGeometry& g,
                 const DeformableConv2dInputs& inputs, const Tensor<4>& output, int threads) {
    using Real = ComputeType<Element>;
    const Arrays<Element> arrays(kernels, g, inputs);
    const Cut cut = Cut::forward(g, quad<Real>, kernels.panelWidth);
    const Index panel = kernels.panelWidth, panels = cut.outPanels;
    const Index blocks = cut.count();
    // Images repacked together: enough that their tiles occupy many threads.
    const Index wave = std::clamp<Index>(ceilDivide(64, cut.tiles), 1, std::max<Index>(g.batch, 1));

    const Buffer<Real> weights(g.groups * cut.groupDepth * panels * panel);
    const Buffer<Real> images(wave * cut.imageSize);
    const Buffer<Real> bias(g.outChannels);
    const PerThread<PlannedSample<Real>> samplesOf(threads, cut.tile * g.taps());
    const PerThread<Real> columnOf(threads, cut.tile * cut.pitch);
    const PerThread<Real> outputOf(threads, cut.tile * cut.outPitch);
    const PerThread<Real> weightRowsOf(threads, (panel + 1) * cut.maxDepth);
    if (inputs.bias.present()) arrays.loadBias(bias.data());
    const auto panelOf = [&](Index group, Index p) {
        return weights.data() + (group * panels + p) * cut.groupDepth * panel;
    };

#pragma omp parallel num_threads(threads)
    {
#pragma omp for collapse(2) schedule(dynamic)
        for (Index block = 0; block < blocks; ++block) {
            for (Index p = 0; p < panels; ++p) {
                const Block& b = cut.block(block);
                Real* scratch = weightRowsOf.mine();
                Real* rows = scratch + cut.maxDepth;
                for (Index i = 0; i < panel; ++i) {
                    const Index o = p * panel + i;
                    if (o < g.outChannelsPerGroup()) {
                        arrays.loadWeights(b, o, scratch, rows + i * b.depth);
                    } else {
                        std::fill_n(rows + i * b.depth, b.depth, Real{0});
                    }
                }
                kernels.transpose(panel, b.depth, rows, b.depth,
                                  panelOf(b.group, p) + b.firstDepth * panel, panel);
            }
        }
        for (Index firstImage = 0; firstImage < g.batch; firstImage += wave) {
            const Index count = std::min(wave, g.batch - firstImage);
#pragma omp for collapse(2) schedule(dynamic)
            for (Index i = 0; i < count; ++i) {
                for (Index block = 0; block < blocks; ++block) {
                    const Block& b = cut.block(block);
                    arrays.packImage(firstImage + i, b,
                                     images.data() + i * cut.imageSize + b.imageStart);
                }
            }
            PlannedSample<Real>* samples = samplesOf.mine();
            Real* column = columnOf.mine();
            Real* result = outputOf.mine();
#pragma omp for collapse(2) schedule(dynamic)
            for (Index i = 0; i < count; ++i) {
                for (Index tile = 0; tile < cut.tiles; ++tile) {
                    const Index n = firstImage + i, first = tile * cut.tile;
                    const Index points = std::min(cut.tile, g.outPixels() - first);
                    Index planned = -1;
                    for (Index block = 0; block < blocks; ++block) {
                        const Block& b = cut.block(block);
                        if (b.offsetGroup != planned) {
                            arrays.plan(n, b.offsetGroup, first, points, samples);
                            planned = b.offsetGroup;
                        }
                        kernels.gather(points, g.taps(), b.rowNumbers, samples,
                                       images.data() + i * cut.imageSize + b.imageStart, column,
                                       cut.pitch);
                        kernels.product(points, g.outChannelsPerGroup(), b.depth,
                                        {column, cut.pitch, 1},
                                        {panelOf(b.group, 0) + b.firstDepth * panel,
                                         cut.groupDepth * panel, panel},
                                        result, cut.outPitch, b.firstDepth > 0);
                        if (cut.lastOfGroup(block)) {
                            arrays.storeOutput(output, n, b.group, first, points, result,
                                               cut.outPitch,
                                               inputs.bias.present() ? bias.data() : nullptr);
                        }
                    }
                }
            }
        }
    }
}

template <class Element>
void backwardPass(const MicroKernels<ComputeType<Element>>& kernels, const Conv2dGeometry& g,
                  const DeformableConv2dInputs& inputs, const Tensor<4>& gradOutput,
                  const DeformableConv2dGradients& gradients, int threads) {
    using Real = ComputeType<Element>;
    const Arrays<Element> arrays(kernels, g, inputs);
    const Cut cut = Cut::backward(g, quad<Real>, kernels.panelWidth);
    const Index panel = kernels.panelWidth;
    const Index blocks = cut.count();
    const std::vector<Run> runs = runsOf(cut, 16);
    const Index runCount = static_cast<Index>(runs.size());
    // Each slot takes every slots-th image and has weight gradients of its own: enough of them that
    // the tasks occupy some threads.
    const Index slots = std::clamp<Index>(ceilDivide(16, runCount), 1, std::max<Index>(g.batch, 1));
    const Index rounds = ceilDivide(g.batch, slots);
    const Index channels = g.outChannelsPerGroup();
    const Index taps = g.taps();
    const Index sampleGradients = 3 * taps * g.outPixels();

    // Of a block, the weights are [panel of depth][o][panel width], their gradients [o][pitch].
    const Index blockSize = channels * cut.pitch, slotSize = blocks * blockSize;
    const Buffer<Real> weights(slotSize);
    const Buffer<Real> gradWeights(slots * slotSize);
    const Buffer<Real> gradSamples(slots * runCount * sampleGradients);
    const PerThread<PlannedSample<Real>> samplesOf(threads, cut.tile * taps);
    const PerThread<Real> tileGradSamplesOf(threads, 3 * taps * cut.tile);
    const PerThread<Real> weightRowsOf(threads, 2 * cut.pitch);
    const PerThread<Real> columnOf(threads, cut.tile * cut.pitch);
    const PerThread<Real> gradColumnOf(threads, cut.tile * cut.pitch);
    const PerThread<Real> gradOutputOf(threads, cut.tile * cut.outPitch);
    const Index imageSize = (g.pixels() + 1) * (cut.maxDepth / taps);
    const PerThread<Real> imageOf(threads, imageSize);
    const PerThread<Real> gradImageOf(threads, imageSize);

#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic)
        for (Index block = 0; block < blocks; ++block) {
            const Block& b = cut.block(block);
            Real* scratch = weightRowsOf.mine();
            Real* row = scratch + cut.pitch;
            std::fill_n(row, cut.pitch, Real{0});
            for (Index o = 0; o < channels; ++o) {
                arrays.loadWeights(b, o, scratch, row);
                Real* to = weights.data() + block * blockSize + o * panel;
                for (Index k = 0; k < b.depth; k += panel, to += channels * panel) {
                    std::copy_n(row + k, panel, to);
                }
            }
        }
#pragma omp for
        for (Index slot = 0; slot < slots; ++slot) {
            std::fill_n(gradWeights.data() + slot * slotSize, slotSize, Real{0});
        }

        for (Index round = 0; round < rounds; ++round) {
#pragma omp for collapse(2) schedule(dynamic)
            for (Index slot = 0; slot < slots; ++slot) {
                for (Index run = 0; run < runCount; ++run) {
                    const Index n = round * slots + slot;
                    if (n >= g.batch) continue;
                    const Run& r = runs[static_cast<std::size_t>(run)];
                    PlannedSample<Real>* samples = samplesOf.mine();
                    Real* column = columnOf.mine();
                    Real* gradColumn = gradColumnOf.mine();
                    Real* gradTile = gradOutputOf.mine();
                    Real* tileGradSamples = tileGradSamplesOf.mine();
                    Real* image = imageOf.mine();
                    Real* gradImage = gradImageOf.mine();
                    Real* gradSample =
                        gradSamples.data() + (slot * runCount + run) * sampleGradients;

                    for (Index block = r.firstBlock; block < r.endBlock; ++block) {
                        const Block& b = cut.block(block);
                        const Panels<Real> blockWeights = {
                            weights.data() + block * blockSize, channels * panel, panel};
                        Real* gradWeight =
                            gradWeights.data() + slot * slotSize + block * blockSize;
                        arrays.packImage(n, b, image);
                        std::fill_n(gradImage, (g.pixels() + 1) * b.rowNumbers, Real{0});
                        for (Index tile = 0; tile < cut.tiles; ++tile) {
                            const Index first = tile * cut.tile;
                            const Index points = std::min(cut.tile, g.outPixels() - first);
                            arrays.plan(n, b.offsetGroup, first, points, samples);
                            arrays.loadGradOutput(gradOutput, n, b.group, first, points, gradTile,
                                                  cut.outPitch);
                            kernels.product(points, b.depth, channels, {gradTile, cut.outPitch, 1},
                                            blockWeights, gradColumn, cut.pitch, false);
                            kernels.scatter({points, taps, b.channels, samples, image, gradColumn,
                                             column, cut.pitch, gradImage, tileGradSamples});
                            // To rows as long as the image only here: writing each sample's where
                            // it belongs, as many rows apart, would miss every cache.
                            for (Index entry = 0; entry < 3 * taps; ++entry) {
                                const Real* from = tileGradSamples + entry * points;
                                Real* to = gradSample + entry * g.outPixels() + first;
                                if (block == r.firstBlock) {
                                    std::copy_n(from, points, to);
                                } else {
                                    for (Index i = 0; i < points; ++i) to[i] += from[i];
                                }
                            }
                            // The columns as panels and not as rows: they stream through once,
                            // whole cache lines at a time, past a tile of gradients that stays.
                            kernels.product(channels, b.depth, points, {gradTile, 1, cut.outPitch},
                                            {column, panel, cut.pitch}, gradWeight, cut.pitch,
                                            true);
                        }
                        arrays.unpackImage(n, b, gradImage, gradients.input);
                    }
                }
            }
            // The gradients of an offset group's samples: over its runs, in their order.
#pragma omp for collapse(3) schedule(dynamic)
            for (Index slot = 0; slot < slots; ++slot) {
                for (Index group = 0; group < g.offsetGroups; ++group) {
                    for (Index entry = 0; entry < 3 * taps; ++entry) {
                        const Index n = round * slots + slot;
                        if (n >= g.batch) continue;
                        Real* total = nullptr;
                        for (Index run = 0; run < runCount; ++run) {
                            if (runs[static_cast<std::size_t>(run)].offsetGroup != group) continue;
                            Real* part = gradSamples.data() +
                                         (slot * runCount + run) * sampleGradients +
                                         entry * g.outPixels();
                            if (total == nullptr) {
                                total = part;
                            } else {
                                for (Index p = 0; p < g.outPixels(); ++p) total[p] += part[p];
                            }
                        }
                        const Index k = group * taps + entry / 3;
                        const bool isMask = entry % 3 == 2;
                        const Tensor<4>& t = isMask ? gradients.mask : gradients.offset;
                        if (!t.present()) continue;
                        arrays.storePlane(t, n, isMask ? k : 2 * k + entry % 3, total);
                    }
                }
            }
        }

#pragma omp for collapse(2) schedule(dynamic)
        for (Index block = 0; block < blocks; ++block) {
            for (Index o = 0; o < channels; ++o) {
                const Block& b = cut.block(block);
                Real* total = gradWeights.data() + block * blockSize + o * cut.pitch;
                for (Index slot = 1; slot < slots; ++slot) {
                    const Real* part = total + slot * slotSize;
                    for (Index k = 0; k < b.depth; ++k) total[k] += part[k];
                }
                arrays.storeWeights(gradients.weights, b, o, weightRowsOf.mine(), total);
            }
        }
        if (gradients.bias.present()) {
#pragma omp for
            for (Index o = 0; o < g.outChannels; ++o) {
                arrays.storeGradBias(gradOutput, gradients.bias, o);
            }
        }
    }
}

template <class Real>
const MicroKernels<Real>& kernelsFor(const InstructionSet& set) {
    if constexpr (std::is_same_v<Real, double>) {
        return set.forDouble;
    } else {
        return set.forFloat;
    }
}

}  // namespace

void TiledDeformableConv2d::forward(const Conv2dGeometry& geometry,
                                    const DeformableConv2dInputs& inputs, const Tensor<4>& output,
                                    int threads) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        forwardPass<Element>(kernelsFor<ComputeType<Element>>(set_), geometry, inputs, output,
                             threads);
    });
}

void TiledDeformableConv2d::backward(const Conv2dGeometry& geometry,
                                     const DeformableConv2dInputs& inputs,
                                     const Tensor<4>& gradOutput,
                                     const DeformableConv2dGradients& gradients,
                                     int threads) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        backwardPass<Element>(kernelsFor<ComputeType<Element>>(set_), geometry, inputs, gradOutput,
                              gradients, threads);
    });
}

}  // namespace dcn4j::cpu
