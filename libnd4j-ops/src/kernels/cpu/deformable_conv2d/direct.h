// A plain convolution without samples: what a row of the kernel sees of an image are neighbours.
//
// Shapes:
//   image    [rows][columns][C]   repacked, with the zeros around it
//   weights  [kH][kW][C][O]       in panels of O
//   output   [points][O]          for each point kH segments of kW * C numbers of the image, times
//                                 the weights; stored with the bias in the caller's layout
#pragma once

#include <algorithm>

#include "../../deformable_conv2d.h"
#include "../buffer.h"
#include "../packing.h"
#include "../team.h"
#include "blocking.h"
#include "epilogue.h"
#include "weights.h"

namespace dcn4j::cpu::convolution {

template <class Element>
class Direct {
  public:
    using Real = ComputeType<Element>;

    Direct(const MicroKernels<Real>& kernels, const Conv2dGeometry& g,
           const DeformableConv2dInputs& inputs, const Tensor<4>& output, int threads)
        : kernels_(kernels),
          g_(g),
          inputs_(inputs),
          packing_(kernels, g),
          output_(output),
          rows_(reach(g.outHeight, g.strideH, g.kernelH, g.dilationH)),
          columns_(reach(g.outWidth, g.strideW, g.kernelW, g.dilationW)),
          depth_(g.taps() * g.channels),
          panel_(kernels.panelWidth),
          panels_(ceilDivide(g.outChannels, panel_)),
          outLd_(Blocking::oddLines(panels_ * panel_)),
          tile_(tileOf(g, outLd_)),
          tilesAcross_(ceilDivide(g.outWidth, tile_.columns)),
          tiles_(ceilDivide(g.outHeight, tile_.rows) * tilesAcross_),
          imageSize_(rows_ * columns_ * g.channels),
          wave_(std::clamp<Index>(waveNumbers / imageSize_, 1, std::max<Index>(g.batch, 1))),
          threads_(threadsFor(threads, std::min(wave_ * tiles_, threadsWorthWaking(g)))),
          inPlace_(areInPlace(inputs.weights, g)),
          weights_(inPlace_ ? 0 : panels_ * depth_ * panel_),
          images_(wave_ * imageSize_),
          bias_(g.outChannels),
          result_(threads_, tile_.rows * tile_.columns * outLd_),
          weightRows_(threads_, inPlace_ ? 0 : (panel_ + 1) * depth_) {}

    /// Whether a row of the kernel sees neighbours, the zeros around an image are few, and a panel
    /// of the weights keeps to a cache or is read for few points.
    static bool takes(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs) {
        constexpr Index fewPixels = 4096, fewChannels = 128, fewPoints = 1024;
        const auto rows =
            static_cast<double>(reach(g.outHeight, g.strideH, g.kernelH, g.dilationH));
        const auto columns =
            static_cast<double>(reach(g.outWidth, g.strideW, g.kernelW, g.dilationW));
        return !inputs.offset.present() && !inputs.mask.present() && g.groups == 1 &&
               (g.dilationW == 1 || g.kernelW == 1) &&
               (g.channels <= fewChannels || g.outPixels() <= fewPoints) &&
               rows * columns <= 2.0 * static_cast<double>(g.pixels()) + fewPixels;
    }

    void run() {
        if (inputs_.bias.present()) packing_.loadBias(inputs_.bias, 1, bias_.data());
        Team team(threads_);
#pragma omp parallel num_threads(threads_)
        {
            team.join();
            if (!inPlace_) team.share(panels_, [&](Index p) { packPanel(p); });
            for (Index first = 0; first < g_.batch; first += wave_) {
                const Index images = std::min(wave_, g_.batch - first);
                // The next images take the place of those before.
                if (first > 0) {
#pragma omp barrier
                }
                team.share(images * rows_,
                           [&](Index i) { packRow(first + i / rows_, i / rows_, i % rows_); });
#pragma omp barrier
                team.share(images * tiles_, [&](Index i) {
                    computeTile(first + i / tiles_, i / tiles_, i % tiles_);
                });
            }
        }
    }

  private:
    /// Output pixels that are computed together: whole rows, or a part of one.
    struct Tile {
        Index rows, columns;
    };

    /// Rows, or columns, of an image and the zeros around it that a kernel sees.
    static Index reach(Index out, Index stride, Index kernel, Index dilation) {
        return (out - 1) * stride + (kernel - 1) * dilation + 1;
    }

    /// It depends on the geometry alone: as many tiles as balance threads.
    static Tile tileOf(const Conv2dGeometry& g, Index outLd) {
        const Index most = std::clamp(Blocking::tileNumbers / outLd, Blocking::rowsTogether,
                                      Blocking::mostTilePoints);
        const Index points = std::min(
            most, std::max<Index>(ceilDivide(g.batch * g.outPixels(), 16), Blocking::fewPoints));
        if (g.outWidth <= points) {
            return {std::min(points / g.outWidth, g.outHeight), g.outWidth};
        }
        const Index parts = ceilDivide(g.outWidth, points);
        return {1, std::min(roundUp(ceilDivide(g.outWidth, parts), Blocking::rowsTogether),
                            g.outWidth)};
    }

    /// Whether the weights lie as the product reads them: [kH][kW][C][O], in whole vectors.
    static bool areInPlace(const Tensor<4>& t, const Conv2dGeometry& g) {
        constexpr Index vector = 16;
        return std::is_same_v<Element, Real> && g.outChannels % vector == 0 && t.strides[0] == 1 &&
               t.strides[1] == g.outChannels && t.strides[3] == g.channels * t.strides[1] &&
               t.strides[2] == g.kernelW * t.strides[3];
    }

    /// Packs a panel of output channels: [K][panel].
    void packPanel(Index p) const {
        if (inputs_.weights.strides[0] == 1) return packRowsOfPanel(p);
        Block all{};
        all.channels = all.paddedChannels = g_.channels;
        all.depth = depth_;
        Real* scratch = weightRows_.mine();
        Real* rows = scratch + depth_;
        for (Index i = 0; i < panel_; ++i) {
            const Index o = p * panel_ + i;
            if (o < g_.outChannels) {
                packing_.load(inputs_.weights, all, o, scratch, rows + i * depth_);
            } else {
                std::fill_n(rows + i * depth_, depth_, Real{0});
            }
        }
        kernels_.transpose(panel_, depth_, rows, depth_, weights_.data() + p * depth_ * panel_,
                           panel_);
    }

    /// The same where a row of it lies together.
    void packRowsOfPanel(Index p) const {
        const Tensor<4>& t = inputs_.weights;
        const Index first = p * panel_, count = std::min(panel_, g_.outChannels - first);
        Real* to = weights_.data() + p * depth_ * panel_;
        for (Index tap = 0; tap < g_.taps(); ++tap) {
            const Element* from =
                elementsOf<Element>(t) + t.at(first, 0, tap / g_.kernelW, tap % g_.kernelW);
            for (Index c = 0; c < g_.channels; ++c, from += t.strides[1], to += panel_) {
                loadRow(kernels_, from, 1, count, to);
                std::fill_n(to + count, panel_ - count, Real{0});
            }
        }
    }

    Panels<Real> panels() const {
        if (!inPlace_) return {weights_.data(), depth_ * panel_, panel_};
        return {elementsOf<const Real>(inputs_.weights), panel_, g_.outChannels};
    }

    /// Packs a row of image `n`, the i-th of its wave, with the zeros beside it.
    void packRow(Index n, Index i, Index row) const {
        if (g_.kernelH == 1 && row % g_.strideH != 0) return;  // no output sees it
        Real* to = images_.data() + i * imageSize_ + row * columns_ * g_.channels;
        const Index y = row - g_.padTop;
        const Index begin =
            y < 0 || y >= g_.height ? columns_ : std::clamp<Index>(g_.padLeft, 0, columns_);
        const Index end = std::clamp<Index>(g_.padLeft + g_.width, begin, columns_);
        std::fill(to, to + begin * g_.channels, Real{0});
        std::fill(to + end * g_.channels, to + columns_ * g_.channels, Real{0});
        if (end == begin) return;
        loadPixels<Element>(kernels_,
                            {inputs_.input,
                             g_.width,
                             {n, 0, g_.channels},
                             y * g_.width + begin - g_.padLeft,
                             end - begin},
                            PackedRows<Real>{to + begin * g_.channels, g_.channels});
    }

    /// One task: a tile of image `n`, the i-th of its wave.
    void computeTile(Index n, Index i, Index tile) const {
        const Index firstY = tile / tilesAcross_ * tile_.rows;
        const Index firstX = tile % tilesAcross_ * tile_.columns;
        const Index rows = std::min(tile_.rows, g_.outHeight - firstY);
        const Index columns = std::min(tile_.columns, g_.outWidth - firstX);
        const Index lineLength = columns_ * g_.channels;
        Real* result = result_.mine();
        for (Index y = 0; y < rows; ++y) {
            const Real* from = images_.data() + i * imageSize_ +
                               (firstY + y) * g_.strideH * lineLength +
                               firstX * g_.strideW * g_.channels;
            kernels_.gemmSegments(columns, g_.outChannels,
                                  {from, g_.strideW * g_.channels, g_.kernelH,
                                   g_.kernelW * g_.channels, g_.dilationH * lineLength},
                                  panels(), result + y * columns * outLd_, outLd_);
        }
        const PixelRange range{output_,
                               g_.outWidth,
                               {n, 0, g_.outChannels},
                               firstY * g_.outWidth + firstX,
                               rows * columns};
        finishTile<Element>(kernels_, range, {result, outLd_},
                            inputs_.bias.present() ? bias_.data() : nullptr, inputs_.addend,
                            inputs_.rectified);
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
    const DeformableConv2dInputs& inputs_;
    const Weights<Element> packing_;
    const Tensor<4>& output_;
    const Index rows_, columns_;  ///< of a repacked image
    const Index depth_;
    const Index panel_, panels_, outLd_;
    const Tile tile_;
    const Index tilesAcross_, tiles_;
    const Index imageSize_;
    const Index wave_;  ///< images repacked together
    const int threads_;
    const bool inPlace_;
    const Buffer<Real> weights_, images_, bias_;
    const PerThread<Real> result_, weightRows_;
};

}  // namespace dcn4j::cpu::convolution
