// The images of a pooling, packed so that vectors lie along the channels, as far as rois sample
// them.
#pragma once

#include <algorithm>

#include "../packing.h"
#include "blocking.h"

namespace dcn4j::cpu::pooling {

/// Which chunks of the images at work are sampled: [image][cell][chunk of the cell's plane].
class SampledChunks {
  public:
    explicit SampledChunks(const Blocking& blocking)
        : blocking_(blocking), states_(blocking.images * blocking.chunks()) {}

    Index count() const { return blocking_.images * blocking_.chunks(); }

    /// Forgets chunk `i` of `count`, before the first roi of some images.
    void clear(Index i) const { states_.data()[i] = Unused; }

    /// Marks the chunks that a bin of a cell touches; by any number of threads at once.
    template <class Real>
    void mark(Index image, Index cell, const Bin<Real>& bin) const {
        const BinAxisWeights<Real>&rows = bin.rows, &columns = bin.columns;
        if (bin.kept == 0) return;
        State* states = states_.data() + image * blocking_.chunks() + cell * blocking_.cellChunks;
        const Index left = columns.weights[0].pixel;
        const Index right = columns.weights[columns.count - 1].pixel;
        for (Index y = 0; y < rows.count; ++y) {
            const Index row = rows.weights[y].pixel;
            const Index end = (row + right) / Blocking::chunkPixels;
            for (Index chunk = (row + left) / Blocking::chunkPixels; chunk <= end; ++chunk) {
                State state;
#pragma omp atomic read
                state = states[chunk];
                if (state != Unused) continue;
#pragma omp atomic write
                states[chunk] = New;
            }
        }
    }

    /// Calls `action(image, cell, chunk)` for chunk `i` of `count` if it has been marked for the
    /// first time.
    template <class Action>
    void ifNew(Index i, Action action) const {
        if (states_.data()[i] != New) return;
        states_.data()[i] = Ready;
        action(i / blocking_.chunks(), i / blocking_.cellChunks % blocking_.cells,
               i % blocking_.cellChunks);
    }

    bool ready(Index image, Index cell, Index chunk) const {
        return states_.data()[image * blocking_.chunks() + cell * blocking_.cellChunks + chunk] ==
               Ready;
    }

  private:
    enum State : unsigned char { Unused, New, Ready };

    const Blocking& blocking_;
    Buffer<State> states_;
};

/// Packed images: [image][block][cell][pixel][numbers of the block's rows].
template <class Element>
class PackedImages {
  public:
    using Real = ComputeType<Element>;

    PackedImages(const MicroKernels<Real>& kernels, const PsroiPoolingGeometry& g,
                 const Blocking& blocking, bool present)
        : kernels_(kernels),
          g_(g),
          blocking_(blocking),
          numbers_(present ? blocking.images * blocking.cells * g.pixels() * blocking.paddedChannels
                           : 0) {}

    /// All cells of a block of the image at work.
    Real* planes(Index image, const ClassBlock& b) const {
        return numbers_.data() +
               (image * blocking_.paddedChannels + b.firstRow) * blocking_.cells * g_.pixels();
    }

    /// Sets a chunk of a plane to zero.
    void clear(Index image, const ClassBlock& b, Index cell, Index chunk) const {
        const Pixels pixels(g_, chunk);
        std::fill_n(at(image, b, cell, pixels.first), pixels.count * b.paddedChannels, Real{0});
    }

    /// Loads a chunk of a plane of image `n` of `t`.
    void load(const Tensor<4>& t, Index n, Index image, const ClassBlock& b, Index cell,
              Index chunk) const {
        withRange(t, n, b, cell, chunk, [&](const PixelRange& range) {
            loadPixels<Element>(kernels_, range,
                                {at(image, b, cell, range.first), b.paddedChannels});
        });
    }

    /// Stores a chunk of a plane as that of image `n` of `t`.
    void store(const Tensor<4>& t, Index n, Index image, const ClassBlock& b, Index cell,
               Index chunk) const {
        withRange(t, n, b, cell, chunk, [&](const PixelRange& range) {
            storePixels<Element>(kernels_, range,
                                 {at(image, b, cell, range.first), b.paddedChannels});
        });
    }

    /// Stores zeros there; `zeros` are as many as the block's channels.
    void storeZeros(const Tensor<4>& t, Index n, const ClassBlock& b, Index cell, Index chunk,
                    const Real* zeros) const {
        withRange(t, n, b, cell, chunk, [&](const PixelRange& range) {
            storePixels<Element>(kernels_, range, {zeros, 0});
        });
    }

  private:
    /// The pixels of a chunk.
    struct Pixels {
        Index first, count;

        Pixels(const PsroiPoolingGeometry& g, Index chunk)
            : first(chunk * Blocking::chunkPixels),
              count(std::min(Blocking::chunkPixels, g.pixels() - first)) {}
    };

    /// Calls `action` with the pixels of a chunk of image `n` of `t`, and of its channels those
    /// that a group cell reads, one for each output channel.
    template <class Action>
    void withRange(const Tensor<4>& t, Index n, const ClassBlock& b, Index cell, Index chunk,
                   Action action) const {
        const Pixels pixels(g_, chunk);
        const Tensor<4> view = everyChannel<Element>(t, blocking_.cells, cell);
        action(PixelRange{
            view, g_.width, {n, b.firstChannel, b.channels}, pixels.first, pixels.count});
    }

    Real* at(Index image, const ClassBlock& b, Index cell, Index pixel) const {
        return planes(image, b) + (cell * g_.pixels() + pixel) * b.paddedChannels;
    }

    const MicroKernels<Real>& kernels_;
    const PsroiPoolingGeometry& g_;
    const Blocking& blocking_;
    const Buffer<Real> numbers_;
};

}  // namespace dcn4j::cpu::pooling
