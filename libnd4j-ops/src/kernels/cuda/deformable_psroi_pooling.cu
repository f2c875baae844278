// Deformable position-sensitive ROI pooling.
//
// Packed, a bin's channels lie side by side, and neighbouring threads read neighbouring channels:
//
//   input       [batch][groups^2 cells][pixels][outputDim]
//   gradient    [roi][bin][outputDim], divided by the number of samples kept
//
// Forward: one thread an output, output channels first; all threads of a warp follow one bin.
//
// Backward, input: a block owns a tile of 8 x 8 pixels of up to 32 planes (one cell, one class). It
// looks at the bins of the image's rois in order, 256 at a time (128 in double), keeps those that
// touch the tile with what they weigh in its rows and columns (a bin's weights are products of one
// for each axis), and then each warp adds the kept bins to its row of pixels, a channel a thread.
// No element has two owners, and the order is that of the rois.
//
// Backward, trans: a block owns a part of a roi and class, and adds its threads' shares in order.
//
// What bounds it: reading pixels, four a sample (forward and trans); for the input's gradient
// looking at bins where rois are many and channels few, reading gradients otherwise.
#include "bins.h"
#include "deformable_psroi_pooling.h"
#include "prefix_sums.h"
#include "sample_plan.h"
#include "workspace.h"

namespace dcn4j::cuda {
namespace {

constexpr int packTile = 32;

/// [N, outputDim * cells, H, W] to [N][cells][H * W][outputDim], by tiles of 32 x 32.
template <class Element>
__global__ void packInputKernel(PsroiPoolingGeometry g, Tensor<4> from, Element* to) {
    struct Memory {
        Element tile[packTile][packTile + 1];
    };
    auto& tile = shared<Memory>().tile;
    constexpr int lines = blockThreads / packTile;
    const int lane = static_cast<int>(threadIdx.x) % packTile;
    const int line = static_cast<int>(threadIdx.x) / packTile;
    const Index cells = g.groupSize * g.groupSize, pixels = g.pixels();
    const Index pixelTiles = (pixels + packTile - 1) / packTile;
    const Index channelTiles = (g.outputDim + packTile - 1) / packTile;
    for (Index t = blockIdx.x; t < g.batch * cells * pixelTiles * channelTiles; t += gridDim.x) {
        const Index firstChannel = t % channelTiles * packTile;
        const Index firstPixel = t / channelTiles % pixelTiles * packTile;
        const Index plane = t / channelTiles / pixelTiles, n = plane / cells, cell = plane % cells;
        for (int c = line; c < packTile; c += lines) {
            const Index o = firstChannel + c, p = firstPixel + lane;
            if (o < g.outputDim && p < pixels) {
                tile[lane][c] = static_cast<const Element*>(
                    from.data)[from.at(n, o * cells + cell, p / g.width, p % g.width)];
            }
        }
        __syncthreads();
        for (int i = line; i < packTile; i += lines) {
            const Index o = firstChannel + lane, p = firstPixel + i;
            if (o < g.outputDim && p < pixels)
                to[(plane * pixels + p) * g.outputDim + o] = tile[i][lane];
        }
        __syncthreads();
    }
}

/// [roi][bin][outputDim]: the gradient of each of a bin's samples, zero where it has none.
template <class Element>
__global__ void packGradientKernel(PsroiPoolingGeometry g, Tensor<4> count, Tensor<4> gradOutput,
                                   ComputeType<Element>* to) {
    using Real = ComputeType<Element>;
    const Index size = g.pooledSize;
    forEachItem(g.rois * size * size * g.outputDim, [&](Index i) {
        const Index o = i % g.outputDim, bin = i / g.outputDim % (size * size);
        const Index r = i / g.outputDim / (size * size);
        const Real kept = load<Real>(count, r, o, bin / size, bin % size);
        to[i] = kept > 0 ? load<Element>(gradOutput, r, o, bin / size, bin % size) / kept : Real{0};
    });
}

/// The packed pixels of one image and cell.
template <class Element>
struct PackedPlane {
    const Element* pixels;
    Index width, pitch;

    __device__ PackedPlane(const PsroiPoolingGeometry& g, const Element* packed, Index n, Index ph,
                           Index pw)
        : width(g.width), pitch(g.outputDim) {
        const Index cell = g.groupOf(ph) * g.groupSize + g.groupOf(pw);
        pixels = packed + (n * g.groupSize * g.groupSize + cell) * g.pixels() * g.outputDim;
    }

    __device__ Patch<ComputeType<Element>> patch(const AxisSample<ComputeType<Element>>& y,
                                                 const AxisSample<ComputeType<Element>>& x,
                                                 Index o) const {
        return {y, x, [&](Index row, Index column) {
                    return widen(pixels[(row * width + column) * pitch + o]);
                }};
    }
};

template <class Element>
__global__ void forwardKernel(PsroiPoolingGeometry g, DeformablePsroiPoolingInputs in,
                              const Element* packed, Tensor<4> output, Tensor<4> count) {
    using Real = ComputeType<Element>;
    const Index size = g.pooledSize;
    forEachItem(g.rois * size * size * g.outputDim, [&](Index i) {
        const Index o = i % g.outputDim, pw = i / g.outputDim % size;
        const Index ph = i / g.outputDim / size % size, r = i / g.outputDim / size / size;
        const Roi<Real> roi = readRoi<Real>(g, in, r);
        const PackedPlane<Element> plane(g, packed, roi.image, ph, pw);
        Real sum = 0;
        Index kept = 0;
        BinSamples<Element>(g, in, roi, r, o / g.channelsPerClass(), ph, pw)
            .forEach(g, [&](const AxisSample<Real>& y, const AxisSample<Real>& x) {
                sum += plane.patch(y, x, o).value(y, x);
                ++kept;
            });
        store<Element>(output, kept == 0 ? Real{0} : sum / static_cast<Real>(kept), r, o, ph, pw);
        store<Real>(count, static_cast<Real>(kept), r, o, ph, pw);
    });
}

constexpr int tileSize = 8;
constexpr int tileChannels = 32;
static_assert(tileSize * tileChannels == blockThreads);

/// What a bin weighs in `tileSize` pixels along one axis, from `first` on; false if nothing.
template <class Real>
__device__ bool weighAxis(const BinAxis<Real>& axis, Index samples, Index size, Index first,
                          Real (&weight)[tileSize]) {
    const Real begin = static_cast<Real>(first - 1), end = static_cast<Real>(first + tileSize);
    const Real lastPosition = axis.position(samples - 1);
    // What is NaN here has no sample that is kept.
    if (!(axis.first <= end && lastPosition >= begin)) return false;
    bool touches = false;
    for (int i = 0; i < tileSize; ++i) weight[i] = 0;
    for (Index i = 0; i < samples; ++i) {
        AxisSample<Real> s;
        if (!locate(axis.position(i), size, s)) continue;
        const Index floor = s.floor - first, ceil = s.ceil - first;
        if (floor >= 0 && floor < tileSize) {
            weight[floor] += 1 - s.fraction;
            touches = true;
        }
        if (ceil >= 0 && ceil < tileSize) {
            weight[ceil] += s.fraction;
            touches = true;
        }
    }
    return touches;
}

/// A bin that touches a tile.
template <class Real>
struct TouchingBin {
    Index number;  ///< roi * bins + bin
    Real row[tileSize], column[tileSize];
};

/// Bins that are looked at together.
template <class Real>
constexpr int binsAtATime = sizeof(Real) == 4 ? 256 : 128;

template <class Element>
__global__ void __launch_bounds__(blockThreads)
    gradInputKernel(PsroiPoolingGeometry g, DeformablePsroiPoolingInputs in,
                    const ComputeType<Element>* gradient, Tensor<4> gradInput) {
    using Real = ComputeType<Element>;
    constexpr int atATime = binsAtATime<Real>;
    struct Memory {
        Index rois[blockThreads];
        Real sums[tileChannels][tileSize * tileSize + 1];
        TouchingBin<Real> touching[atATime];
    };
    auto& memory = shared<Memory>();
    auto& rois = memory.rois;
    auto& sums = memory.sums;
    auto& touching = memory.touching;
    const int t = static_cast<int>(threadIdx.x), lane = t % tileChannels, row = t / tileChannels;
    const Index size = g.pooledSize, groups = g.groupSize, cells = groups * groups;
    const Index tilesY = (g.height + tileSize - 1) / tileSize;
    const Index tilesX = (g.width + tileSize - 1) / tileSize;
    const Index perClass = g.channelsPerClass();
    const Index chunks = (perClass + tileChannels - 1) / tileChannels;
    const Index tiles = g.batch * g.classes * chunks * cells * tilesY * tilesX;
    for (Index tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const Index x0 = tile % tilesX * tileSize, y0 = tile / tilesX % tilesY * tileSize;
        Index rest = tile / tilesX / tilesY;
        const Index cell = rest % cells;
        rest /= cells;
        const Index chunk = rest % chunks, k = rest / chunks % g.classes;
        const Index n = rest / chunks / g.classes;
        const Index o = k * perClass + chunk * tileChannels + lane;
        const bool owns = chunk * tileChannels + lane < perClass;
        const BinRange rows(cell / groups, size, groups), columns(cell % groups, size, groups);
        const Index bins = rows.count * columns.count;
        Real sum[tileSize] = {};
        for (Index firstRoi = 0; firstRoi < g.rois; firstRoi += blockThreads) {
            // The rois of this image, in order.
            const Index r = firstRoi + t;
            const bool here = r < g.rois && readRoi<Real>(g, in, r).image == n;
            unsigned found;
            const unsigned place = sumBefore(here ? 1 : 0, found);
            if (here) rois[place] = r;
            __syncthreads();
            for (Index first = 0; first < found * bins; first += atATime) {
                // Their bins that touch the tile, in order.
                TouchingBin<Real> bin;
                bool touches = false;
                if (t < atATime && first + t < found * bins) {
                    const Index candidate = rois[(first + t) / bins], b = (first + t) % bins;
                    const Index ph = rows.first + b / columns.count;
                    const Index pw = columns.first + b % columns.count;
                    const BinSamples<Element> samples(g, in, readRoi<Real>(g, in, candidate),
                                                      candidate, k, ph, pw);
                    touches = weighAxis(samples.rows, g.samplePerPart, g.height, y0, bin.row) &&
                              weighAxis(samples.columns, g.samplePerPart, g.width, x0, bin.column);
                    bin.number = candidate * size * size + ph * size + pw;
                }
                unsigned count;
                const unsigned at = sumBefore(touches ? 1 : 0, count);
                if (touches) touching[at] = bin;
                __syncthreads();
                for (unsigned i = 0; i < count && owns; ++i) {
                    const TouchingBin<Real>& b = touching[i];
                    const Real weight = b.row[row];
                    // No sample is there, and zero times the gradient may not be zero.
                    if (weight == 0) continue;
                    const Real grad = gradient[b.number * g.outputDim + o];
#pragma unroll
                    for (int x = 0; x < tileSize; ++x)
                        if (b.column[x] != 0) sum[x] += weight * b.column[x] * grad;
                }
                __syncthreads();
            }
        }
        for (int x = 0; x < tileSize; ++x) sums[lane][row * tileSize + x] = sum[x];
        __syncthreads();
        for (int i = t; i < tileChannels * tileSize * tileSize; i += blockThreads) {
            const int pixel = i % (tileSize * tileSize), c = i / (tileSize * tileSize);
            const Index y = y0 + pixel / tileSize, x = x0 + pixel % tileSize;
            if (y >= g.height || x >= g.width || chunk * tileChannels + c >= perClass) continue;
            const Index channel = (k * perClass + chunk * tileChannels + c) * cells + cell;
            store<Element>(gradInput, sums[c][pixel], n, channel, y, x);
        }
        __syncthreads();
    }
}

template <class Element>
__global__ void __launch_bounds__(blockThreads)
    gradTransKernel(PsroiPoolingGeometry g, DeformablePsroiPoolingInputs in, const Element* packed,
                    const ComputeType<Element>* gradient, Tensor<4> gradTrans) {
    using Real = ComputeType<Element>;
    struct Memory {
        Real shares[2][blockThreads];
    };
    auto& shares = shared<Memory>().shares;
    const int t = static_cast<int>(threadIdx.x);
    const Index perClass = g.channelsPerClass(), size = g.pooledSize;
    for (Index i = blockIdx.x; i < g.rois * g.classes * g.partSize * g.partSize; i += gridDim.x) {
        const Part part(g, i);
        const BinRange &rows = part.rows, &columns = part.columns;
        const Index r = part.r, k = part.k;
        const Roi<Real> roi = readRoi<Real>(g, in, r);
        Real sumX = 0, sumY = 0;
        // A thread's items are one row of samples of one bin and channel.
        const Index items = rows.count * columns.count * g.samplePerPart * perClass;
        for (Index item = t; item < items; item += blockThreads) {
            const Index o = k * perClass + item % perClass;
            const Index sampleRow = item / perClass % g.samplePerPart;
            const Index bin = item / perClass / g.samplePerPart;
            const Index ph = rows.first + bin / columns.count;
            const Index pw = columns.first + bin % columns.count;
            const Real grad = gradient[(r * size * size + ph * size + pw) * g.outputDim + o];
            const BinSamples<Element> samples(g, in, roi, r, k, ph, pw);
            const PackedPlane<Element> plane(g, packed, roi.image, ph, pw);
            AxisSample<Real> y, x;
            if (!locate(samples.rows.position(sampleRow), g.height, y)) continue;
            BinSlopes<Real> slopes;
            for (Index j = 0; j < g.samplePerPart; ++j) {
                if (!locate(samples.columns.position(j), g.width, x)) continue;
                slopes.add(plane.patch(y, x, o), y, x);
            }
            slopes.addTo(sumX, sumY, g, roi, grad);
        }
        shares[0][t] = sumX;
        shares[1][t] = sumY;
        __syncthreads();
        for (int half = blockThreads / 2; half > 0; half /= 2) {
            if (t < half) {
                shares[0][t] += shares[0][t + half];
                shares[1][t] += shares[1][t + half];
            }
            __syncthreads();
        }
        if (t < 2) store<Element>(gradTrans, shares[t][0], r, 2 * k + t, part.py, part.px);
        __syncthreads();
    }
}

template <class Element>
const Element* packInput(const PsroiPoolingGeometry& g, const Tensor<4>& input, Element* to,
                         cudaStream_t stream) {
    const Index tiles = g.batch * g.groupSize * g.groupSize * ceilDivide(g.pixels(), packTile) *
                        ceilDivide(g.outputDim, packTile);
    launch("packing an image", packInputKernel<Element>, tiles, 0, stream, g, input, to);
    return to;
}

template <class Element>
__global__ void findBadRoiKernel(PsroiPoolingGeometry g, Tensor<2> rois,
                                 unsigned long long* first) {
    forEachItem(g.rois, [&](Index r) {
        if (!isImage(load<Element>(rois, r, Index{0}), g.batch))
            atomicMin(first, static_cast<unsigned long long>(r));
    });
}

}  // namespace

void TiledDeformablePsroiPooling::forward(const PsroiPoolingGeometry& g,
                                          const DeformablePsroiPoolingInputs& inputs,
                                          const Tensor<4>& output, const Tensor<4>& count,
                                          int) const {
    if (g.rois == 0) return;
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        Workspace workspace(stream_);
        const auto packed = workspace.reserve<Element>(g.batch * g.channels() * g.pixels());
        workspace.allocate();
        const Element* input = packInput(g, inputs.input, workspace.at(packed), stream_);
        launch("deformable_psroi_pooling", forwardKernel<Element>,
               blocksFor(g.rois * g.pooledSize * g.pooledSize * g.outputDim), 0, stream_, g, inputs,
               input, output, count);
    });
}

void TiledDeformablePsroiPooling::backward(const PsroiPoolingGeometry& g,
                                           const DeformablePsroiPoolingInputs& inputs,
                                           const Tensor<4>& count, const Tensor<4>& gradOutput,
                                           const DeformablePsroiPoolingGradients& gradients,
                                           int) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        using Real = ComputeType<Element>;
        const bool trans = gradients.trans.present();
        const Index outputs = g.rois * g.pooledSize * g.pooledSize * g.outputDim;
        Workspace workspace(stream_);
        const auto gradient = workspace.reserve<Real>(outputs);
        const auto packed =
            workspace.reserve<Element>(trans ? g.batch * g.channels() * g.pixels() : 0);
        workspace.allocate();
        launch("packing gradients", packGradientKernel<Element>, blocksFor(outputs), 0, stream_, g,
               count, gradOutput, workspace.at(gradient));
        const Index tiles = g.batch * g.classes * ceilDivide(g.channelsPerClass(), tileChannels) *
                            g.groupSize * g.groupSize * ceilDivide(g.height, tileSize) *
                            ceilDivide(g.width, tileSize);
        launch("deformable_psroi_pooling_bp, input", gradInputKernel<Element>, tiles, 0, stream_, g,
               inputs, static_cast<const Real*>(workspace.at(gradient)), gradients.input);
        if (!trans) return;
        const Element* input = packInput(g, inputs.input, workspace.at(packed), stream_);
        launch("deformable_psroi_pooling_bp, trans", gradTransKernel<Element>,
               g.rois * g.classes * g.partSize * g.partSize, 0, stream_, g, inputs, input,
               static_cast<const Real*>(workspace.at(gradient)), gradients.trans);
    });
}

std::optional<BadRoi> findBadRoiOnDevice(const PsroiPoolingGeometry& g,
                                         const DeformablePsroiPoolingInputs& inputs,
                                         cudaStream_t stream) {
    std::optional<BadRoi> bad;
    if (g.rois == 0) return bad;
    withElementType(inputs.roisType, [&](auto element) {
        using Element = decltype(element);
        constexpr unsigned long long none = ~0ull;
        Workspace workspace(stream);
        const auto piece = workspace.reserve<unsigned long long>(1);
        workspace.allocate();
        unsigned long long first = none;
        check(cudaMemsetAsync(workspace.at(piece), 0xff, sizeof first, stream), "cudaMemsetAsync");
        launch("checking rois", findBadRoiKernel<Element>, blocksFor(g.rois), 0, stream, g,
               inputs.rois, workspace.at(piece));
        const auto read = [&](void* to, const void* from, std::size_t bytes) {
            check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream),
                  "cudaMemcpyAsync");
            check(cudaStreamSynchronize(stream), "an earlier kernel");
        };
        read(&first, workspace.at(piece), sizeof first);
        if (first == none) return;
        const Index row = static_cast<Index>(first);
        Element index;
        read(&index, static_cast<const Element*>(inputs.rois.data) + inputs.rois.at(row, 0),
             sizeof index);
        bad = BadRoi{row, static_cast<double>(widen(index))};
    });
    return bad;
}

}  // namespace dcn4j::cuda
