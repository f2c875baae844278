// Deformable position-sensitive ROI pooling as sums over the pixels of a bin.
//
// A bin's samples form a grid, and a sample's bilinear weights are products of one weight along
// each axis. So the sum over a bin's samples is a sum over the pixels it touches, with weights
// row[y] * column[x], each summed over the samples of one axis: for 4 x 4 samples in a bin of two
// pixels some 9 loads instead of 64. The slopes that the gradient of `trans` needs are sums of the
// same kind. A tile of bins is planned once and used for each channel of a block.
//
// Forward: tasks are (roi, block of channels). Gradient of the input: tasks are (image, block of
// channels, group cell); a task owns the planes of its channels and walks the image's rois in
// order. Gradient of `trans`: tasks are (roi, class, row of parts); a task owns its row. Every
// element has one owner, whose additions come in the order of rois, bins and channels: the same
// bits come out for any number of threads.
#include "deformable_psroi_pooling.h"

#include <algorithm>
#include <vector>

#include "../roi_sampling.h"
#include "buffer.h"

namespace dcn4j::cpu {
namespace {

/// What the samples of a bin along one axis have of one pixel.
template <class Real>
struct Share {
    Index pixel;
    Real weight;  ///< the sum of the weights
    Real slope;   ///< the derivative of `weight` with respect to the bin's start
};

/// A bin, its shares and the number of its samples that are kept.
template <class Real>
struct Bin {
    Index row, column;
    Share<Real>*rows, *columns;
    Index rowShares, columnShares;
    Index kept;
};

/// Bins firstRow .. endRow - 1 by firstColumn .. endColumn - 1 of every roi.
struct BinRange {
    Index firstRow, endRow, firstColumn, endColumn;

    Index columns() const { return endColumn - firstColumn; }
    Index bins() const { return (endRow - firstRow) * columns(); }
};

/// The bins b with cell == b * cells / bins, from `first` to `end` - 1; there may be none.
struct CellBins {
    Index first, end;

    CellBins(Index cell, Index cells, Index bins)
        : first(ceilDivide(cell * bins, cells)), end(ceilDivide((cell + 1) * bins, cells)) {}
};

/// Output channels of one class that are worked on together.
struct Block {
    Index firstChannel, channels;
};

std::vector<Block> cutChannels(const PsroiPoolingGeometry& g, Index blockChannels) {
    std::vector<Block> blocks;
    for (Index c = 0; c < g.outputDim;) {
        const Index end = (c / g.channelsPerClass() + 1) * g.channelsPerClass();
        blocks.push_back({c, std::min(blockChannels, end - c)});
        c += blocks.back().channels;
    }
    return blocks;
}

int usefulThreads(int threads, Index tasks) {
    return static_cast<int>(std::clamp<Index>(tasks, 1, threads));
}

/// One call's arrays with their C++ element type, and the rois as the rule has them.
template <class Element>
class Arrays {
  public:
    using Real = ComputeType<Element>;

    Arrays(const PsroiPoolingGeometry& geometry, const DeformablePsroiPoolingInputs& inputs)
        : g_(geometry), in_(inputs) {
        rois_.reserve(static_cast<std::size_t>(g_.rois));
        for (Index r = 0; r < g_.rois; ++r) rois_.push_back(readRoi<Real>(g_, in_, r));
    }

    const Roi<Real>& roi(Index r) const { return rois_[static_cast<std::size_t>(r)]; }

    const Element* plane(Index n, Index c) const {
        return elements(in_.input) + in_.input.at(n, c, 0, 0);
    }
    Index rowStride() const { return in_.input.strides[2]; }
    Index columnStride() const { return in_.input.strides[3]; }

    Real trans(Index r, Index channel, Index row, Index column) const {
        if (!in_.trans.present()) return 0;
        return widen(
            elements(in_.trans)[in_.trans.at(r, channel, g_.partOf(row), g_.partOf(column))]);
    }

    /// The gradient of one bin's sum of samples; false if the bin has none.
    static bool gradOfSum(const Tensor<4>& count, const Tensor<4>& gradOutput, Index r, Index o,
                          const Bin<Real>& bin, Real& grad) {
        const Real kept = static_cast<const Real*>(count.data)[count.at(r, o, bin.row, bin.column)];
        if (kept <= 0 || bin.kept == 0) return false;
        grad = widen(elements(gradOutput)[gradOutput.at(r, o, bin.row, bin.column)]) / kept;
        return true;
    }

    template <class... I>
    static void store(const Tensor<4>& tensor, Real value, I... index) {
        elements(tensor)[tensor.at(index...)] = narrow<Element>(value);
    }

  private:
    static Element* elements(const Tensor<4>& t) { return static_cast<Element*>(t.data); }

    const PsroiPoolingGeometry& g_;
    const DeformablePsroiPoolingInputs& in_;
    std::vector<Roi<Real>> rois_;
};

/// Plans tiles of bins, with room for one tile for each thread.
template <class Element>
class Planner {
  public:
    using Real = ComputeType<Element>;

    Planner(const PsroiPoolingGeometry& g, const Arrays<Element>& arrays, int threads)
        : g_(g),
          arrays_(arrays),
          mostRows_(std::min(2 * g.samplePerPart, g.height)),
          mostColumns_(std::min(2 * g.samplePerPart, g.width)),
          tile_(std::clamp<Index>(tileShares / (mostRows_ + mostColumns_), 1,
                                  g.pooledSize * g.pooledSize)),
          bins_(threads, tile_),
          shares_(threads, tile_ * (mostRows_ + mostColumns_)) {}

    /// Plans the bins of a range of roi `r`, a tile at a time, as the channels of class `k` see
    /// them, and calls `action(bins, number of bins)` for each tile.
    template <class Action>
    void forEachTile(Index r, Index k, const BinRange& range, Action action) const {
        const Roi<Real>& roi = arrays_.roi(r);
        Bin<Real>* bins = bins_.mine();
        for (Index first = 0; first < range.bins(); first += tile_) {
            const Index count = std::min(tile_, range.bins() - first);
            Share<Real>* shares = shares_.mine();
            for (Index i = 0; i < count; ++i) {
                Bin<Real>& bin = bins[i];
                bin.row = range.firstRow + (first + i) / range.columns();
                bin.column = range.firstColumn + (first + i) % range.columns();
                const BinAxis<Real> rows(g_, roi.y, bin.row,
                                         arrays_.trans(r, 2 * k + 1, bin.row, bin.column));
                const BinAxis<Real> columns(g_, roi.x, bin.column,
                                            arrays_.trans(r, 2 * k, bin.row, bin.column));
                bin.rows = shares;
                const Index keptRows = plan(rows, g_.height, bin.rows, bin.rowShares);
                shares += mostRows_;
                bin.columns = shares;
                const Index keptColumns = plan(columns, g_.width, bin.columns, bin.columnShares);
                shares += mostColumns_;
                bin.kept = keptRows * keptColumns;
            }
            action(static_cast<const Bin<Real>*>(bins), count);
        }
    }

  private:
    /// Shares of a tile: 48 KiB of them in float, which leaves room for pixels in a cache.
    static constexpr Index tileShares = 3072;

    /// Sums the samples of one axis by pixel, and returns how many are kept.
    Index plan(const BinAxis<Real>& axis, Index size, Share<Real>* shares, Index& count) const {
        count = 0;
        Index kept = 0;
        // Positions never decrease: a pixel met before is the last or the one before it.
        const auto add = [&](Index pixel, Real weight, Real slope) {
            for (Index i = count - 1; i >= std::max<Index>(count - 2, 0); --i) {
                if (shares[i].pixel != pixel) continue;
                shares[i].weight += weight;
                shares[i].slope += slope;
                return;
            }
            shares[count++] = {pixel, weight, slope};
        };
        for (Index i = 0; i < g_.samplePerPart; ++i) {
            AxisSample<Real> s;
            if (!locate(axis.position(i), size, s)) continue;
            ++kept;
            // At an integer both are the same pixel, and the slopes cancel.
            add(s.floor, 1 - s.fraction, -1);
            add(s.ceil, s.fraction, 1);
        }
        return kept;
    }

    const PsroiPoolingGeometry& g_;
    const Arrays<Element>& arrays_;
    Index mostRows_, mostColumns_;
    Index tile_;
    PerThread<Bin<Real>> bins_;
    PerThread<Share<Real>> shares_;
};

template <class Element>
void forwardPass(const PsroiPoolingGeometry& g, const DeformablePsroiPoolingInputs& inputs,
                 const Tensor<4>& output, const Tensor<4>& count, int threads) {
    using Real = ComputeType<Element>;
    const Arrays<Element> arrays(g, inputs);
    // Wide blocks plan less, narrow ones occupy more threads.
    const std::vector<Block> blocks =
        cutChannels(g, std::clamp<Index>(g.rois * g.outputDim / 64, 4, 32));
    const Index blockCount = static_cast<Index>(blocks.size());
    const int useful = usefulThreads(threads, g.rois * blockCount);
    const Planner<Element> planner(g, arrays, useful);
    const BinRange all{0, g.pooledSize, 0, g.pooledSize};

#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(useful)
    for (Index r = 0; r < g.rois; ++r) {
        for (Index block = 0; block < blockCount; ++block) {
            const Block& b = blocks[static_cast<std::size_t>(block)];
            const Index k = b.firstChannel / g.channelsPerClass();
            planner.forEachTile(r, k, all, [&](const Bin<Real>* bins, Index binCount) {
                for (Index o = b.firstChannel; o < b.firstChannel + b.channels; ++o) {
                    for (Index i = 0; i < binCount; ++i) {
                        const Bin<Real>& bin = bins[i];
                        Real mean = 0;
                        if (bin.kept > 0) {
                            const Element* plane = arrays.plane(
                                arrays.roi(r).image, g.inputChannel(o, bin.row, bin.column));
                            for (Index y = 0; y < bin.rowShares; ++y) {
                                const Element* row = plane + bin.rows[y].pixel * arrays.rowStride();
                                Real sum = 0;
                                for (Index x = 0; x < bin.columnShares; ++x) {
                                    const Share<Real>& column = bin.columns[x];
                                    sum += column.weight *
                                           widen(row[column.pixel * arrays.columnStride()]);
                                }
                                mean += bin.rows[y].weight * sum;
                            }
                            mean /= static_cast<Real>(bin.kept);
                        }
                        arrays.store(output, mean, r, o, bin.row, bin.column);
                        static_cast<Real*>(count.data)[count.at(r, o, bin.row, bin.column)] =
                            static_cast<Real>(bin.kept);
                    }
                }
            });
        }
    }
}

/// The rois of each image, in their order.
class RoisOfImages {
  public:
    template <class Element>
    RoisOfImages(const PsroiPoolingGeometry& g, const Arrays<Element>& arrays)
        : start_(static_cast<std::size_t>(g.batch + 1)), rois_(static_cast<std::size_t>(g.rois)) {
        for (Index r = 0; r < g.rois; ++r) ++at(arrays.roi(r).image + 1);
        for (Index n = 0; n < g.batch; ++n) at(n + 1) += at(n);
        std::vector<Index> next(start_);
        for (Index r = 0; r < g.rois; ++r) {
            Index& place = next[static_cast<std::size_t>(arrays.roi(r).image)];
            rois_[static_cast<std::size_t>(place++)] = r;
        }
    }

    const Index* begin(Index image) const { return rois_.data() + start(image); }
    const Index* end(Index image) const { return rois_.data() + start(image + 1); }

  private:
    Index& at(Index image) { return start_[static_cast<std::size_t>(image)]; }
    Index start(Index image) const { return start_[static_cast<std::size_t>(image)]; }

    std::vector<Index> start_, rois_;
};

/// The gradient of the input: group cell (gh, gw) of output channels reads its own input channels,
/// and only bins in that cell do.
template <class Element>
class InputGradient {
  public:
    using Real = ComputeType<Element>;

    InputGradient(const PsroiPoolingGeometry& g, const Arrays<Element>& arrays, int threads)
        : g_(g),
          arrays_(arrays),
          // Narrower blocks than forward: an image is one task, however many rois it has.
          blockChannels_(std::clamp<Index>(g.batch * g.channels() / 16, 4, 8)),
          blocks_(cutChannels(g, blockChannels_)),
          threads_(usefulThreads(threads, tasks())),
          rois_(g, arrays),
          planner_(g, arrays, threads_),
          planes_(threads_, std::min(blockChannels_, g.channelsPerClass()) * g.pixels()) {}

    void write(const Tensor<4>& count, const Tensor<4>& gradOutput, const Tensor<4>& grad) const {
        const Index cells = g_.groupSize * g_.groupSize;
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
        for (Index task = 0; task < tasks(); ++task) {
            const Index cell = task % cells;
            const std::size_t block = static_cast<std::size_t>(task / cells) % blocks_.size();
            const Index n = task / cells / static_cast<Index>(blocks_.size());
            writeBlock(n, blocks_[block], cell / g_.groupSize, cell % g_.groupSize, count,
                       gradOutput, grad);
        }
    }

  private:
    Index tasks() const {
        return g_.batch * static_cast<Index>(blocks_.size()) * g_.groupSize * g_.groupSize;
    }

    void writeBlock(Index n, const Block& b, Index gh, Index gw, const Tensor<4>& count,
                    const Tensor<4>& gradOutput, const Tensor<4>& grad) const {
        Real* planes = planes_.mine();
        std::fill_n(planes, b.channels * g_.pixels(), Real{0});
        const Index k = b.firstChannel / g_.channelsPerClass();
        const CellBins rows(gh, g_.groupSize, g_.pooledSize);
        const CellBins columns(gw, g_.groupSize, g_.pooledSize);
        const BinRange range{rows.first, rows.end, columns.first, columns.end};
        for (const Index* r = rois_.begin(n); r != rois_.end(n); ++r) {
            planner_.forEachTile(*r, k, range, [&](const Bin<Real>* bins, Index binCount) {
                for (Index c = 0; c < b.channels; ++c) {
                    Real* plane = planes + c * g_.pixels();
                    for (Index i = 0; i < binCount; ++i) {
                        Real gradOfSum;
                        if (!arrays_.gradOfSum(count, gradOutput, *r, b.firstChannel + c, bins[i],
                                               gradOfSum)) {
                            continue;
                        }
                        scatter(bins[i], gradOfSum, plane);
                    }
                }
            });
        }
        for (Index c = 0; c < b.channels; ++c) {
            const Index channel = ((b.firstChannel + c) * g_.groupSize + gh) * g_.groupSize + gw;
            const Real* from = planes + c * g_.pixels();
            for (Index y = 0; y < g_.height; ++y)
                for (Index x = 0; x < g_.width; ++x) arrays_.store(grad, *from++, n, channel, y, x);
        }
    }

    void scatter(const Bin<Real>& bin, Real grad, Real* plane) const {
        for (Index y = 0; y < bin.rowShares; ++y) {
            Real* row = plane + bin.rows[y].pixel * g_.width;
            const Real gradRow = bin.rows[y].weight * grad;
            for (Index x = 0; x < bin.columnShares; ++x) {
                row[bin.columns[x].pixel] += bin.columns[x].weight * gradRow;
            }
        }
    }

    const PsroiPoolingGeometry& g_;
    const Arrays<Element>& arrays_;
    Index blockChannels_;
    std::vector<Block> blocks_;
    int threads_;
    RoisOfImages rois_;
    Planner<Element> planner_;
    PerThread<Real> planes_;
};

/// The gradient of `trans`, by rows of parts, which bins in other rows don't touch.
template <class Element>
class TransGradient {
  public:
    using Real = ComputeType<Element>;

    TransGradient(const PsroiPoolingGeometry& g, const Arrays<Element>& arrays, int threads)
        : g_(g),
          arrays_(arrays),
          threads_(usefulThreads(threads, tasks())),
          planner_(g, arrays, threads_),
          rows_(threads_, 2 * g.partSize) {}

    void write(const Tensor<4>& count, const Tensor<4>& gradOutput, const Tensor<4>& grad) const {
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
        for (Index task = 0; task < tasks(); ++task) {
            const Index part = task % g_.partSize;
            const Index k = task / g_.partSize % g_.classes;
            writeRow(task / g_.partSize / g_.classes, k, part, count, gradOutput, grad);
        }
    }

  private:
    Index tasks() const {
        return g_.rois * g_.classes * g_.partSize;
    }

    void writeRow(Index r, Index k, Index part, const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const Tensor<4>& grad) const {
        Real* gradX = rows_.mine();
        Real* gradY = gradX + g_.partSize;
        std::fill_n(gradX, 2 * g_.partSize, Real{0});
        const CellBins rows(part, g_.partSize, g_.pooledSize);
        const BinRange range{rows.first, rows.end, 0, g_.pooledSize};
        const Real transStd = static_cast<Real>(g_.transStd);
        const Real scaleX = arrays_.roi(r).x.size, scaleY = arrays_.roi(r).y.size;
        planner_.forEachTile(r, k, range, [&](const Bin<Real>* bins, Index binCount) {
            for (Index c = 0; c < g_.channelsPerClass(); ++c) {
                const Index o = k * g_.channelsPerClass() + c;
                for (Index i = 0; i < binCount; ++i) {
                    const Bin<Real>& bin = bins[i];
                    Real gradOfSum;
                    if (!arrays_.gradOfSum(count, gradOutput, r, o, bin, gradOfSum)) continue;
                    const Slopes slopes =
                        slopesOf(bin, arrays_.plane(arrays_.roi(r).image,
                                                    g_.inputChannel(o, bin.row, bin.column)));
                    const Index column = g_.partOf(bin.column);
                    gradX[column] += slopes.x * (gradOfSum * transStd) * scaleX;
                    gradY[column] += slopes.y * (gradOfSum * transStd) * scaleY;
                }
            }
        });
        for (Index column = 0; column < g_.partSize; ++column) {
            arrays_.store(grad, gradX[column], r, 2 * k, part, column);
            arrays_.store(grad, gradY[column], r, 2 * k + 1, part, column);
        }
    }

    /// The derivatives of a bin's sum of samples with respect to the bin's start.
    struct Slopes {
        Real x, y;
    };

    Slopes slopesOf(const Bin<Real>& bin, const Element* plane) const {
        Slopes slopes{0, 0};
        for (Index y = 0; y < bin.rowShares; ++y) {
            const Share<Real>& share = bin.rows[y];
            const Element* row = plane + share.pixel * arrays_.rowStride();
            Real sum = 0, slope = 0;
            for (Index x = 0; x < bin.columnShares; ++x) {
                const Share<Real>& column = bin.columns[x];
                const Real value = widen(row[column.pixel * arrays_.columnStride()]);
                sum += column.weight * value;
                slope += column.slope * value;
            }
            slopes.x += share.weight * slope;
            slopes.y += share.slope * sum;
        }
        return slopes;
    }

    const PsroiPoolingGeometry& g_;
    const Arrays<Element>& arrays_;
    int threads_;
    Planner<Element> planner_;
    PerThread<Real> rows_;
};

}  // namespace

void SeparableDeformablePsroiPooling::forward(const PsroiPoolingGeometry& geometry,
                                              const DeformablePsroiPoolingInputs& inputs,
                                              const Tensor<4>& output, const Tensor<4>& count,
                                              int threads) const {
    withElementType(inputs.type, [&](auto element) {
        forwardPass<decltype(element)>(geometry, inputs, output, count, threads);
    });
}

void SeparableDeformablePsroiPooling::backward(const PsroiPoolingGeometry& geometry,
                                               const DeformablePsroiPoolingInputs& inputs,
                                               const Tensor<4>& count, const Tensor<4>& gradOutput,
                                               const DeformablePsroiPoolingGradients& gradients,
                                               int threads) const {
    withElementType(inputs.type, [&](auto element) {
        using Element = decltype(element);
        const Arrays<Element> arrays(geometry, inputs);
        // Both find their memory before either writes.
        const InputGradient<Element> input(geometry, arrays, threads);
        if (!inputs.trans.present()) return input.write(count, gradOutput, gradients.input);
        const TransGradient<Element> trans(geometry, arrays, threads);
        input.write(count, gradOutput, gradients.input);
        trans.write(count, gradOutput, gradients.trans);
    });
}

}  // namespace dcn4j::cpu
