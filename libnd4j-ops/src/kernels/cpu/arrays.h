// The caller's arrays with their C++ element type, and the loads and stores between them and packed
// real numbers: the only place of the CPU kernels that knows element types and strides.
#pragma once

#include <algorithm>

#include "../deformable_conv2d.h"
#include "../element.h"
#include "cut.h"
#include "micro_kernels.h"
#include "pixel_rows.h"

namespace dcn4j::cpu {

template <class Element>
class Arrays {
  public:
    using Real = ComputeType<Element>;

    Arrays(const MicroKernels<Real>& kernels, const Conv2dGeometry& geometry,
           const DeformableConv2dInputs& inputs)
        : kernels_(kernels), g_(geometry), in_(inputs) {}

    /// Repacks one block of image `n` as [pixels + 1][rowNumbers] and clears its last row.
    void packImage(Index n, const Block& b, Real* packed) const {
        loadPixels<Element>(kernels_.transpose, in_.input, g_.width,
                            {n, b.firstChannel, b.channels}, 0, g_.pixels(), packed, b.rowNumbers);
        std::fill_n(packed + g_.pixels() * b.rowNumbers, b.rowNumbers, Real{0});
    }

    /// Writes a block of image `n` of the input's gradient, the reverse of packImage.
    void unpackImage(Index n, const Block& b, const Real* packed, const Tensor<4>& t) const {
        storePixels<Element>(kernels_.transpose, t, g_.width, {n, b.firstChannel, b.channels}, 0,
                             g_.pixels(), packed, b.rowNumbers);
    }

    /// Loads a tile of the output's gradient of a group as [points][pitch], zeros in the padding.
    void loadGradOutput(const Tensor<4>& t, Index n, Index group, Index first, Index points,
                        Real* tile, Index pitch) const {
        loadPixels<Element>(kernels_.transpose, t, g_.outWidth,
                            {n, group * g_.outChannelsPerGroup(), g_.outChannelsPerGroup()}, first,
                            points, tile, pitch);
    }

    /// Stores an output tile, [points][pitch], with the channels' biases if there are any.
    void storeOutput(const Tensor<4>& t, const Channels& channels, Index first, Index points,
                     const Real* tile, Index pitch, const Real* biases) const {
        storePixels<Element>(kernels_.transpose, t, g_.outWidth, channels, first, points, tile,
                             pitch, biases);
    }

    /// Stores output pixels 0 .. outPixels of one channel.
    void storePlane(const Tensor<4>& t, Index n, Index channel, const Real* values) const {
        Element* plane = elements(t) + t.at(n, channel, 0, 0);
        forEachPiece(t, g_.outWidth, 0, g_.outPixels(), [&](Index at, Index count, Index pixel) {
            storeRow(plane + at, t.strides[3], count, values + pixel, Real{0});
        });
    }

    void loadBias(Real* bias) const {
        loadRow(elements(in_.bias), in_.bias.strides[0], g_.outChannels, bias);
    }

    /// The weights of block `b` for output channel `o` of its group, as a column has its entries:
    /// [taps][rowNumbers]. `scratch` has room for as many numbers.
    void loadWeights(const Block& b, Index o, Real* scratch, Real* row) const {
        forEachKernelPiece(in_.weights, b, o, [&](Element* piece, Index count, Index at) {
            loadRow(piece, in_.weights.strides[3], count, scratch + at);
        });
        if (b.rowNumbers > b.channels) std::fill_n(row, b.depth, Real{0});
        kernels_.transpose(b.channels, g_.taps(), scratch, g_.taps(), row, b.rowNumbers);
    }

    /// The reverse of loadWeights.
    void storeWeights(const Tensor<4>& t, const Block& b, Index o, Real* scratch,
                      const Real* row) const {
        kernels_.transpose(g_.taps(), b.channels, row, b.rowNumbers, scratch, g_.taps());
        forEachKernelPiece(t, b, o, [&](Element* piece, Index count, Index at) {
            storeRow(piece, t.strides[3], count, scratch + at, Real{0});
        });
    }

    /// Plans the samples of output pixels first .. first + points of image `n`: [points][taps].
    void plan(Index n, Index offsetGroup, Index first, Index points,
              PlannedSample<Real>* samples) const {
        if (!in_.offset.present()) return planPixels(n, offsetGroup, first, points, samples);
        Real baseY[Cut::mostTilePoints], baseX[Cut::mostTilePoints];
        for (Index i = 0, oy = first / g_.outWidth, ox = first % g_.outWidth; i < points; ++i) {
            baseY[i] = static_cast<Real>(g_.baseRow(oy, 0));
            baseX[i] = static_cast<Real>(g_.baseColumn(ox, 0));
            if (++ox == g_.outWidth) ++oy, ox = 0;
        }
        Real y[Cut::mostTilePoints], x[Cut::mostTilePoints], modulation[Cut::mostTilePoints];
        for (Index tap = 0; tap < g_.taps(); ++tap) {
            const Index k = offsetGroup * g_.taps() + tap;
            const Real tapY = static_cast<Real>(tap / g_.kernelW * g_.dilationH);
            const Real tapX = static_cast<Real>(tap % g_.kernelW * g_.dilationW);
            loadPoints(in_.offset, n, 2 * k, first, points, y);
            loadPoints(in_.offset, n, 2 * k + 1, first, points, x);
            loadModulation(n, k, first, points, modulation);
            for (Index i = 0; i < points; ++i) {
                y[i] += baseY[i] + tapY;
                x[i] += baseX[i] + tapX;
            }
            kernels_.plan(points, {y, x, modulation, g_.height, g_.width}, samples + tap,
                          g_.taps());
        }
    }

    /// Stores the gradient of the bias of one output channel.
    void storeGradBias(const Tensor<4>& gradOutput, const Tensor<1>& gradBias, Index o) const {
        // Sums side by side, as wide as the widest vector, so that additions need not wait.
        constexpr Index chunk = 256, lanes = 16;
        Real total = 0;
        for (Index n = 0; n < g_.batch; ++n) {
            Real sums[lanes] = {};
            for (Index first = 0; first < g_.outPixels(); first += chunk) {
                Real values[chunk] = {};
                loadPoints(gradOutput, n, o, first, std::min(chunk, g_.outPixels() - first),
                           values);
                for (Index i = 0; i < chunk; i += lanes) {
                    for (Index lane = 0; lane < lanes; ++lane) sums[lane] += values[i + lane];
                }
            }
            for (Index half = lanes / 2; half > 0; half /= 2) {
                for (Index lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
            }
            total += sums[0];
        }
        elements(gradBias)[gradBias.at(o)] = narrow<Element>(total);
    }

  private:
    template <int Rank>
    static Element* elements(const Tensor<Rank>& t) {
        return static_cast<Element*>(t.data);
    }

    /// Output pixels first .. first + points of one channel.
    void loadPoints(const Tensor<4>& t, Index n, Index channel, Index first, Index points,
                    Real* to) const {
        const Element* plane = elements(t) + t.at(n, channel, 0, 0);
        forEachPiece(t, g_.outWidth, first, points, [&](Index at, Index count, Index pixel) {
            loadRow(plane + at, t.strides[3], count, to + pixel);
        });
    }

    void loadModulation(Index n, Index k, Index first, Index points, Real* to) const {
        if (in_.mask.present()) {
            loadPoints(in_.mask, n, k, first, points, to);
        } else {
            std::fill_n(to, points, Real{1});
        }
    }

    /// Calls `action(piece, count, at)` for the pieces, strides[3] apart, of the weights of output
    /// channel `o` for a block's channels; `at` counts [channels][taps].
    template <class Action>
    void forEachKernelPiece(const Tensor<4>& t, const Block& b, Index o, Action action) const {
        const Index channel = b.firstChannel - b.group * g_.channelsPerGroup();
        Element* from = elements(t) + t.at(b.group * g_.outChannelsPerGroup() + o, channel, 0, 0);
        const bool rowsJoin = t.strides[2] == g_.kernelW * t.strides[3];
        if (rowsJoin && t.strides[1] == g_.taps() * t.strides[3]) {
            return action(from, b.channels * g_.taps(), 0);
        }
        const Index piece = rowsJoin ? g_.taps() : g_.kernelW;
        for (Index c = 0; c < b.channels; ++c) {
            for (Index tap = 0; tap < g_.taps(); tap += piece) {
                action(from + c * t.strides[1] + tap / g_.kernelW * t.strides[2], piece,
                       c * g_.taps() + tap);
            }
        }
    }

    /// Plans a plain convolution: every sample is a pixel or outside.
    void planPixels(Index n, Index offsetGroup, Index first, Index points,
                    PlannedSample<Real>* samples) const {
        Real modulation[Cut::mostTilePoints];
        for (Index tap = 0; tap < g_.taps(); ++tap) {
            loadModulation(n, offsetGroup * g_.taps() + tap, first, points, modulation);
            Index oy = first / g_.outWidth, ox = first % g_.outWidth;
            for (Index i = 0; i < points; ++i) {
                locatePixel(g_.baseRow(oy, tap / g_.kernelW), g_.baseColumn(ox, tap % g_.kernelW),
                            modulation[i], g_.height, g_.width, samples[i * g_.taps() + tap]);
                if (++ox == g_.outWidth) ++oy, ox = 0;
            }
        }
    }

    const MicroKernels<Real>& kernels_;
    const Conv2dGeometry& g_;
    const DeformableConv2dInputs& in_;
};

}  // namespace dcn4j::cpu
