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
#include <vector>

#include "../element.h"
#include "buffer.h"

namespace dcn4j::cpu {
namespace {

/// Channels of one convolution group and one offset group that are repacked together.
struct Block {
    Index firstChannel, channels;
    Index group, offsetGroup;
    Index depth;        ///< taps * channels
    Index depthPitch;   ///< the same in whole panels
    Index firstDepth;   ///< where its entries begin within its group's K
    Index imageStart;   ///< where its image begins among the repacked blocks of one image
    Index weightStart;  ///< where its gradWeights, [O][depthPitch], begin in an image slot's
};

/// How the work of one geometry is cut; depends on nothing else.
struct Cut {
    static constexpr Index tilePoints = 96;
    /// Numbers of a column tile: 256 KiB of floats, half of a small second-level cache.
    static constexpr Index columnNumbers = 65536;

    std::vector<Block> blocks;
    Index groupDepth;  ///< K of one convolution group
    Index tile;        ///< output pixels of a tile
    Index tiles;       ///< tiles of one image
    Index maxDepth = 0, maxChannels = 0;
    Index imageSize = 0;       ///< numbers of one repacked image
    Index gradWeightSize = 0;  ///< numbers of one image slot's gradWeights
    Index pitch;               ///< of a column tile
    Index outPitch;            ///< of an output tile: a group's channels in whole panels

    Cut(const Conv2dGeometry& g, Index blockChannels, Index panelWidth, Index slack)
        : groupDepth(g.taps() * g.channelsPerGroup()),
          outPitch(roundUp(g.outChannelsPerGroup(), panelWidth)) {
        for (Index c = 0; c < g.channels;) {
            Block b{};
            b.firstChannel = c;
            b.group = c / g.channelsPerGroup();
            b.offsetGroup = c / g.channelsPerOffsetGroup();
            const Index end = std::min((b.group + 1) * g.channelsPerGroup(),
                                       (b.offsetGroup + 1) * g.channelsPerOffsetGroup());
            b.channels = std::min(blockChannels, end - c);
            b.depth = g.taps() * b.channels;
            b.firstDepth = (c - b.group * g.channelsPerGroup()) * g.taps();
            b.imageStart = imageSize;
            b.weightStart = gradWeightSize;
            imageSize += roundUp((g.pixels() + 1) * b.channels + slack, 16);
            b.depthPitch = roundUp(b.depth, panelWidth);
            gradWeightSize += g.outChannelsPerGroup() * b.depthPitch;
            maxDepth = std::max(maxDepth, b.depth);
            maxChannels = std::max(maxChannels, b.channels);
            blocks.push_back(b);
            c += b.channels;
        }
        // Whole panels of columns for the product that writes a column tile, and the gather's
        // slack.
        pitch = roundUp(maxDepth + slack, panelWidth);
        tile = std::clamp<Index>(columnNumbers / pitch / 12 * 12, 12, tilePoints);
        tile = std::min(tile, g.outPixels());
        tiles = ceilDivide(g.outPixels(), tile);
    }
};

/// Channels of a block: whole vectors for every instruction set, fewer where the kernel is large,
/// so that a tile's columns keep to their cache.
Index forwardBlockChannels(const Conv2dGeometry& g) {
    return g.taps() <= 9 ? 64 : g.taps() <= 25 ? 32 : 16;
}

/// In the backward pass blocks are tasks too: narrower where images and channels are few.
Index backwardBlockChannels(const Conv2dGeometry& g) {
    const Index most = forwardBlockChannels(g);
    return g.batch * g.channels >= 8 * most ? most : std::max<Index>(most / 2, 16);
}

/// Consecutive blocks of one offset group that one backward task takes, one after another.
struct Run {
    Index firstBlock, endBlock;
    Index offsetGroup;
};

/// At most `most` runs for each offset group, so that their partial sums stay few where blocks are
/// many (a depth-wise convolution has one for each channel).
std::vector<Run> runsOf(const std::vector<Block>& blocks, Index most) {
    std::vector<Run> runs;
    const Index count = static_cast<Index>(blocks.size());
    for (Index first = 0; first < count;) {
        const Index offsetGroup = blocks[static_cast<std::size_t>(first)].offsetGroup;
        Index end = first;
        while (end < count && blocks[static_cast<std::size_t>(end)].offsetGroup == offsetGroup) {
            ++end;
        }
        const Index length = ceilDivide(end - first, most);
        for (; first < end; first += length) {
            runs.push_back({first, std::min(first + length, end), offsetGroup});
        }
        first = end;
    }
    return runs;
}

/// One call's arrays with their C++ element type, and the loads and stores between them and packed
/// real numbers.
template <class Element>
class Arrays {
  public:
    using Real = ComputeType<Element>;

    Arrays(const Conv2dGeometry& geometry, const DeformableConv2dInputs& inputs)
        : g_(geometry), in_(inputs) {}

    /// Repacks one block of image `n` as [pixels + 1][channels] and clears its last row.
    void packImage(Index n, const Block& b, Real* packed) const {
        const Tensor<4>& t = in_.input;
        const Element* from = elements(t) + t.at(n, b.firstChannel, 0, 0);
        for (Index y = 0; y < g_.height; ++y) {
            // A few columns at a time: their packed rows stay in cache while the channels go by.
            constexpr Index columns = 16;
            for (Index x0 = 0; x0 < g_.width; x0 += columns) {
                const Index x1 = std::min(x0 + columns, g_.width);
                for (Index c = 0; c < b.channels; ++c) {
                    const Element* row = from + c * t.strides[1] + y * t.strides[2];
                    Real* to = packed + y * g_.width * b.channels + c;
                    for (Index x = x0; x < x1; ++x) {
                        to[x * b.channels] = widen(row[x * t.strides[3]]);
                    }
                }
            }
        }
        std::fill_n(packed + g_.pixels() * b.channels, b.channels, Real{0});
    }

    /// Writes a block of image `n` of the input's gradient, the reverse of packImage.
    void unpackImage(Index n, const Block& b, const Real* packed, const Tensor<4>& t) const {
        Element* to = elements(t) + t.at(n, b.firstChannel, 0, 0);
        for (Index c = 0; c < b.channels; ++c) {
            for (Index y = 0; y < g_.height; ++y) {
                const Real* from = packed + y * g_.width * b.channels + c;
                Element* row = to + c * t.strides[1] + y * t.strides[2];
                for (Index x = 0; x < g_.width; ++x) {
                    row[x * t.strides[3]] = narrow<Element>(from[x * b.channels]);
                }
            }
        }
    }

    /// The weight of output channel `o` of block `b`'s group, for a channel of the block and a tap.
    Real weight(const Block& b, Index o, Index channel, Index tap) const {
        return widen(elements(in_.weights)[weightAt(in_.weights, b, o, channel, tap)]);
    }
    void storeWeight(const Tensor<4>& t, const Block& b, Index o, Index channel, Index tap,
                     Real value) const {
        elements(t)[weightAt(t, b, o, channel, tap)] = narrow<Element>(value);
    }

    /// Plans the samples of output pixels first .. first + points of image `n`: [points][taps].
    void plan(Index n, Index offsetGroup, Index first, Index points, Sample<Real>* samples) const {
        const Index taps = g_.taps();
        for (Index ky = 0, tap = 0; ky < g_.kernelH; ++ky) {
            for (Index kx = 0; kx < g_.kernelW; ++kx, ++tap) {
                const Index k = offsetGroup * taps + tap;
                Sample<Real>* s = samples + tap;
                forEachRow(first, points, [&](Index oy, Index ox, Index count, Index) {
                    const Index row = g_.baseRow(oy, ky);
                    for (Index i = 0; i < count; ++i, s += taps) {
                        const Index column = g_.baseColumn(ox + i, kx);
                        const Real modulation =
                            in_.mask.present() ? load(in_.mask, n, k, oy, ox + i) : Real{1};
                        if (in_.offset.present()) {
                            locate(static_cast<Real>(row) + load(in_.offset, n, 2 * k, oy, ox + i),
                                   static_cast<Real>(column) +
                                       load(in_.offset, n, 2 * k + 1, oy, ox + i),
                                   modulation, g_.height, g_.width, *s);
                        } else {
                            locatePixel(row, column, modulation, g_.height, g_.width, *s);
                        }
                    }
                });
            }
        }
    }

    /// Stores an output tile of a group, [points][pitch], with the bias.
    void storeOutput(const Tensor<4>& t, Index n, Index group, Index first, Index points,
                     const Real* tile, Index pitch) const {
        for (Index i = 0; i < g_.outChannelsPerGroup(); ++i) {
            const Index o = group * g_.outChannelsPerGroup() + i;
            const Real bias = in_.bias.present() ? load(in_.bias, o) : Real{0};
            storeRows(t, n, o, first, points, tile + i, pitch, bias);
        }
    }

    /// Loads a tile of the output's gradient of a group as [points][pitch], zeros in the padding.
    void loadGradOutput(const Tensor<4>& t, Index n, Index group, Index first, Index points,
                        Real* tile, Index pitch) const {
        const Index channels = g_.outChannelsPerGroup();
        for (Index i = 0; i < channels; ++i) {
            const Index o = group * channels + i;
            forEachRow(first, points, [&](Index oy, Index ox, Index count, Index point) {
                const Element* row = elements(t) + t.at(n, o, oy, ox);
                for (Index j = 0; j < count; ++j) {
                    tile[(point + j) * pitch + i] = widen(row[j * t.strides[3]]);
                }
            });
        }
        for (Index point = 0; point < points && channels < pitch; ++point) {
            std::fill_n(tile + point * pitch + channels, pitch - channels, Real{0});
        }
    }

    /// Stores numbers `step` apart, plus `addend`, as output pixels first .. first + points of one
    /// channel.
    void storeRows(const Tensor<4>& t, Index n, Index channel, Index first, Index points,
                   const Real* values, Index step, Real addend) const {
        forEachRow(first, points, [&](Index oy, Index ox, Index count, Index point) {
            Element* row = elements(t) + t.at(n, channel, oy, ox);
            const Real* from = values + point * step;
            for (Index j = 0; j < count; ++j) {
                row[j * t.strides[3]] = narrow<Element>(from[j * step] + addend);
            }
        });
    }

    /// Stores the gradient of the bias of one output channel: row sums, then their sum.
    void storeGradBias(const Tensor<4>& gradOutput, const Tensor<1>& gradBias, Index o) const {
        Real total = 0;
        for (Index n = 0; n < g_.batch; ++n) {
            Real image = 0;
            for (Index oy = 0; oy < g_.outHeight; ++oy) {
                const Element* row = elements(gradOutput) + gradOutput.at(n, o, oy, 0);
                Real sum = 0;
                for (Index ox = 0; ox < g_.outWidth; ++ox) {
                    sum += widen(row[ox * gradOutput.strides[3]]);
                }
                image += sum;
            }
            total += image;
        }
        elements(gradBias)[gradBias.at(o)] = narrow<Element>(total);
    }

  private:
    template <int Rank>
    static Element* elements(const Tensor<Rank>& t) {
        return static_cast<Element*>(t.data);
    }

    template <int Rank, class... I>
    static Real load(const Tensor<Rank>& t, I... index) {
        return widen(elements(t)[t.at(index...)]);
    }

    Index weightAt(const Tensor<4>& t, const Block& b, Index o, Index channel, Index tap) const {
        return t.at(b.group * g_.outChannelsPerGroup() + o,
                    b.firstChannel - b.group * g_.channelsPerGroup() + channel, tap / g_.kernelW,
                    tap % g_.kernelW);
    }

    /// Calls `action(oy, ox, count, point)` for each piece of a row of output pixels.
    template <class Action>
    void forEachRow(Index first, Index points, Action action) const {
        for (Index point = 0; point < points;) {
            const Index oy = (first + point) / g_.outWidth, ox = (first + point) % g_.outWidth;
            const Index count = std::min(points - point, g_.outWidth - ox);
            action(oy, ox, count, point);
            point += count;
        }
    }

    const Conv2dGeometry& g_;
    const DeformableConv2dInputs& in_;
};

template <class Element>
void forwardPass(const MicroKernels<ComputeType<Element>>& kernels, const Conv2dGeometry& g,
                 const DeformableConv2dInputs& inputs, const Tensor<4>& output, int threads) {
    using Real = ComputeType<Element>;
    const Arrays<Element> arrays(g, inputs);
    const Cut cut(g, forwardBlockChannels(g), kernels.panelWidth, kernels.slack);
    const Index panel = kernels.panelWidth, panels = cut.outPitch / panel;
    const Index blocks = static_cast<Index>(cut.blocks.size());
    // Images repacked together: enough that their tiles occupy many threads.
    const Index wave = std::clamp<Index>(ceilDivide(64, cut.tiles), 1, std::max<Index>(g.batch, 1));

    const Buffer<Real> weights(g.groups * cut.groupDepth * cut.outPitch);
    const Buffer<Real> images(wave * cut.imageSize);
    const PerThread<Sample<Real>> samplesOf(threads, cut.tile * g.taps());
    const PerThread<Real> columnOf(threads, cut.tile * cut.pitch);
    const PerThread<Real> outputOf(threads, cut.tile * cut.outPitch);
    const auto panelOf = [&](Index group, Index p) {
        return weights.data() + (group * panels + p) * cut.groupDepth * panel;
    };

#pragma omp parallel num_threads(threads)
    {
#pragma omp for collapse(2)
        for (Index block = 0; block < blocks; ++block) {
            for (Index p = 0; p < panels; ++p) {
                const Block& b = cut.blocks[static_cast<std::size_t>(block)];
                Real* to = panelOf(b.group, p) + b.firstDepth * panel;
                for (Index tap = 0; tap < g.taps(); ++tap) {
                    for (Index c = 0; c < b.channels; ++c) {
                        for (Index o = p * panel; o < (p + 1) * panel; ++o) {
                            *to++ =
                                o < g.outChannelsPerGroup() ? arrays.weight(b, o, c, tap) : Real{0};
                        }
                    }
                }
            }
        }
        for (Index firstImage = 0; firstImage < g.batch; firstImage += wave) {
            const Index count = std::min(wave, g.batch - firstImage);
#pragma omp for collapse(2) schedule(dynamic)
            for (Index i = 0; i < count; ++i) {
                for (Index block = 0; block < blocks; ++block) {
                    const Block& b = cut.blocks[static_cast<std::size_t>(block)];
                    arrays.packImage(firstImage + i, b,
                                     images.data() + i * cut.imageSize + b.imageStart);
                }
            }
            Sample<Real>* samples = samplesOf.mine();
            Real* column = columnOf.mine();
            Real* result = outputOf.mine();
#pragma omp for collapse(2) schedule(dynamic)
            for (Index i = 0; i < count; ++i) {
                for (Index tile = 0; tile < cut.tiles; ++tile) {
                    const Index n = firstImage + i, first = tile * cut.tile;
                    const Index points = std::min(cut.tile, g.outPixels() - first);
                    Index planned = -1;
                    for (Index block = 0; block < blocks; ++block) {
                        const Block& b = cut.blocks[static_cast<std::size_t>(block)];
                        if (b.offsetGroup != planned) {
                            arrays.plan(n, b.offsetGroup, first, points, samples);
                            planned = b.offsetGroup;
                        }
                        kernels.gather(points, g.taps(), b.channels, samples,
                                       images.data() + i * cut.imageSize + b.imageStart, column,
                                       cut.pitch);
                        kernels.product(points, g.outChannelsPerGroup(), b.depth,
                                        {column, cut.pitch, 1},
                                        {panelOf(b.group, 0) + b.firstDepth * panel,
                                         cut.groupDepth * panel, panel},
                                        result, cut.outPitch, b.firstDepth > 0);
                        if (b.firstDepth + b.depth == cut.groupDepth) {
                            arrays.storeOutput(output, n, b.group, first, points, result,
                                               cut.outPitch);
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
    const Arrays<Element> arrays(g, inputs);
    const Cut cut(g, backwardBlockChannels(g), kernels.panelWidth, kernels.slack);
    const Index panel = kernels.panelWidth;
    const Index blocks = static_cast<Index>(cut.blocks.size());
    const std::vector<Run> runs = runsOf(cut.blocks, 16);
    const Index runCount = static_cast<Index>(runs.size());
    // Each slot takes every slots-th image and has weight gradients of its own: enough of them that
    // the tasks occupy some threads.
    const Index slots = std::clamp<Index>(ceilDivide(16, runCount), 1, std::max<Index>(g.batch, 1));
    const Index rounds = ceilDivide(g.batch, slots);
    const Index channels = g.outChannelsPerGroup();
    const Index taps = g.taps();
    const Index sampleGradients = 3 * taps * g.outPixels();

    std::vector<Index> weightStart;  // of each block's panels, [panel of depth][o][panel width]
    Index weightSize = 0;
    for (const Block& b : cut.blocks) {
        weightStart.push_back(weightSize);
        weightSize += channels * b.depthPitch;
    }
    const Buffer<Real> weights(weightSize);
    const Buffer<Real> gradWeights(slots * cut.gradWeightSize);
    const Buffer<Real> gradSamples(slots * runCount * sampleGradients);
    const PerThread<Sample<Real>> samplesOf(threads, cut.tile * taps);
    const PerThread<Real> columnOf(threads, cut.tile * cut.pitch);
    const PerThread<Real> gradColumnOf(threads, cut.tile * cut.pitch);
    const PerThread<Real> gradOutputOf(threads, cut.tile * cut.outPitch);
    const Index imageSize = (g.pixels() + 1) * cut.maxChannels + kernels.slack;
    const PerThread<Real> imageOf(threads, imageSize);
    const PerThread<Real> gradImageOf(threads, imageSize);

#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic)
        for (Index block = 0; block < blocks; ++block) {
            const Block& b = cut.blocks[static_cast<std::size_t>(block)];
            Real* to = weights.data() + weightStart[static_cast<std::size_t>(block)];
            for (Index first = 0; first < b.depth; first += panel) {
                for (Index o = 0; o < channels; ++o) {
                    for (Index k = first; k < first + panel; ++k) {
                        *to++ = k < b.depth ? arrays.weight(b, o, k % b.channels, k / b.channels)
                                            : Real{0};
                    }
                }
            }
        }
#pragma omp for
        for (Index slot = 0; slot < slots; ++slot) {
            std::fill_n(gradWeights.data() + slot * cut.gradWeightSize, cut.gradWeightSize,
                        Real{0});
        }

        for (Index round = 0; round < rounds; ++round) {
#pragma omp for collapse(2) schedule(dynamic)
            for (Index slot = 0; slot < slots; ++slot) {
                for (Index run = 0; run < runCount; ++run) {
                    const Index n = round * slots + slot;
                    if (n >= g.batch) continue;
                    const Run& r = runs[static_cast<std::size_t>(run)];
                    Sample<Real>* samples = samplesOf.mine();
                    Real* column = columnOf.mine();
                    Real* gradColumn = gradColumnOf.mine();
                    Real* gradTile = gradOutputOf.mine();
                    Real* image = imageOf.mine();
                    Real* gradImage = gradImageOf.mine();
                    Real* gradSample =
                        gradSamples.data() + (slot * runCount + run) * sampleGradients;

                    for (Index block = r.firstBlock; block < r.endBlock; ++block) {
                        const Block& b = cut.blocks[static_cast<std::size_t>(block)];
                        const Panels<Real> blockWeights = {
                            weights.data() + weightStart[static_cast<std::size_t>(block)],
                            channels * panel, panel};
                        Real* gradWeight =
                            gradWeights.data() + slot * cut.gradWeightSize + b.weightStart;
                        arrays.packImage(n, b, image);
                        std::fill_n(gradImage, (g.pixels() + 1) * b.channels, Real{0});
                        for (Index tile = 0; tile < cut.tiles; ++tile) {
                            const Index first = tile * cut.tile;
                            const Index points = std::min(cut.tile, g.outPixels() - first);
                            arrays.plan(n, b.offsetGroup, first, points, samples);
                            arrays.loadGradOutput(gradOutput, n, b.group, first, points, gradTile,
                                                  cut.outPitch);
                            kernels.product(points, b.depth, channels, {gradTile, cut.outPitch, 1},
                                            blockWeights, gradColumn, cut.pitch, false);
                            kernels.scatter({points, taps, b.channels, samples, image, gradColumn,
                                             column, cut.pitch, gradImage, gradSample + first,
                                             g.outPixels(), block > r.firstBlock});
                            // The columns as panels and not as rows: they stream through once,
                            // whole cache lines at a time, past a tile of gradients that stays.
                            kernels.product(channels, b.depth, points, {gradTile, 1, cut.outPitch},
                                            {column, panel, cut.pitch}, gradWeight, b.depthPitch,
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
                        arrays.storeRows(t, n, isMask ? k : 2 * k + entry % 3, 0, g.outPixels(),
                                         total, 1, Real{0});
                    }
                }
            }
        }

#pragma omp for collapse(2) schedule(dynamic)
        for (Index block = 0; block < blocks; ++block) {
            for (Index o = 0; o < channels; ++o) {
                const Block& b = cut.blocks[static_cast<std::size_t>(block)];
                Real* total = gradWeights.data() + b.weightStart + o * b.depthPitch;
                for (Index k = 0; k < b.depth; ++k) {
                    for (Index slot = 1; slot < slots; ++slot) {
                        total[k] += total[slot * cut.gradWeightSize + k];
                    }
                    arrays.storeWeight(gradients.weights, b, o, k % b.channels, k / b.channels,
                                       total[k]);
                }
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
