// The images of a pooling, packed so that vectors lie along the channels, as far as rois sample
// them.
#pragma once

#include <algorithm>

#include "micro_kernels.h"
#include "pixel_rows.h"
#include "pooling_cut.h"

namespace dcn4j::cpu {

/// Which parts of the images at work are sampled: [image][cell][part of the cell's plane].
class SampledParts {
  public:
    explicit SampledParts(const PoolingCut& cut) : cut_(cut), states_(cut.images * cut.parts()) {}

    /// Called before the first roi of some images; by all threads, as the others are not.
    void clear() const {
#pragma omp for
        for (Index part = 0; part < cut_.images * cut_.parts(); ++part) {
            states_.data()[part] = Unused;
        }
    }

    /// Marks the parts that a bin of a cell touches; by any number of threads at once.
    template <class Real>
    void mark(Index image, Index cell, const Bin<Real>& bin) const {
        const BinShares<Real>&rows = bin.rows, &columns = bin.columns;
        if (bin.kept == 0) return;
        State* states = states_.data() + image * cut_.parts() + cell * cut_.cellParts;
        const Index left = columns.shares[0].pixel;
        const Index right = columns.shares[columns.count - 1].pixel;
        for (Index y = 0; y < rows.count; ++y) {
            const Index row = rows.shares[y].pixel;
            const Index end = (row + right) / PoolingCut::partPixels;
            for (Index part = (row + left) / PoolingCut::partPixels; part <= end; ++part) {
                State state;
#pragma omp atomic read
                state = states[part];
                if (state != Unused) continue;
#pragma omp atomic write
                states[part] = New;
            }
        }
    }

    /// Calls `action(image, cell, part)` for those that have been marked since the last call; by
    /// all threads, each of which gets some.
    template <class Action>
    void forEachNew(Action action) const {
#pragma omp for schedule(dynamic, 4)
        for (Index i = 0; i < cut_.images * cut_.parts(); ++i) {
            if (states_.data()[i] != New) continue;
            states_.data()[i] = Ready;
            action(i / cut_.parts(), i / cut_.cellParts % cut_.cells, i % cut_.cellParts);
        }
    }

    bool ready(Index image, Index cell, Index part) const {
        return states_.data()[image * cut_.parts() + cell * cut_.cellParts + part] == Ready;
    }

  private:
    enum State : unsigned char { Unused, New, Ready };

    const PoolingCut& cut_;
    Buffer<State> states_;
};

/// Packed images: [image][block][cell][pixel][numbers of the block's rows].
template <class Element>
class PackedImages {
  public:
    using Real = ComputeType<Element>;

    PackedImages(const MicroKernels<Real>& kernels, const PsroiPoolingGeometry& g,
                 const PoolingCut& cut, bool present)
        : kernels_(kernels),
          g_(g),
          cut_(cut),
          numbers_(present ? cut.images * cut.cells * g.pixels() * cut.rowNumbers : 0) {}

    /// All cells of a block of the image at work.
    Real* planes(Index image, const PoolingBlock& b) const {
        return numbers_.data() + (image * cut_.rowNumbers + b.firstRow) * cut_.cells * g_.pixels();
    }

    /// Sets a part of a plane to zero.
    void clear(Index image, const PoolingBlock& b, Index cell, Index part) const {
        const Pixels pixels(g_, part);
        std::fill_n(at(image, b, cell, pixels), pixels.count * b.rowNumbers, Real{0});
    }

    /// Loads a part of a plane of image `n` of `t`.
    void load(const Tensor<4>& t, Index n, Index image, const PoolingBlock& b, Index cell,
              Index part) const {
        const Pixels pixels(g_, part);
        loadPixels<Element>(kernels_.transpose, ofCell(t, cell), g_.width,
                            {n, b.firstChannel, b.channels}, pixels.first, pixels.count,
                            at(image, b, cell, pixels), b.rowNumbers);
    }

    /// Stores a part of a plane as that of image `n` of `t`.
    void store(const Tensor<4>& t, Index n, Index image, const PoolingBlock& b, Index cell,
               Index part) const {
        const Pixels pixels(g_, part);
        storePixels<Element>(kernels_.transpose, ofCell(t, cell), g_.width,
                             {n, b.firstChannel, b.channels}, pixels.first, pixels.count,
                             at(image, b, cell, pixels), b.rowNumbers);
    }

    /// Stores zeros there; `zeros` are as many as the block's channels.
    void storeZeros(const Tensor<4>& t, Index n, const PoolingBlock& b, Index cell, Index part,
                    const Real* zeros) const {
        const Pixels pixels(g_, part);
        storePixels<Element>(kernels_.transpose, ofCell(t, cell), g_.width,
                             {n, b.firstChannel, b.channels}, pixels.first, pixels.count, zeros, 0);
    }

  private:
    /// The pixels of a part.
    struct Pixels {
        Index first, count;

        Pixels(const PsroiPoolingGeometry& g, Index part)
            : first(part * PoolingCut::partPixels),
              count(std::min(PoolingCut::partPixels, g.pixels() - first)) {}
    };

    Real* at(Index image, const PoolingBlock& b, Index cell, const Pixels& pixels) const {
        return planes(image, b) + (cell * g_.pixels() + pixels.first) * b.rowNumbers;
    }

    /// The channels that a group cell reads, one for each output channel.
    Tensor<4> ofCell(const Tensor<4>& t, Index cell) const {
        Tensor<4> view = t;
        view.data = static_cast<Element*>(t.data) + cell * t.strides[1];
        view.strides[1] *= cut_.cells;
        return view;
    }

    const MicroKernels<Real>& kernels_;
    const PsroiPoolingGeometry& g_;
    const PoolingCut& cut_;
    const Buffer<Real> numbers_;
};

}  // namespace dcn4j::cpu
