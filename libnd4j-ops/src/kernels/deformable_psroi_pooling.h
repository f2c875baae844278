// Deformable position-sensitive ROI pooling without libnd4j: the interface that every
// implementation shares.
#pragma once

#include <optional>
#include <vector>

#include "tensor.h"

namespace dcn4j {

/// The shape of one pooling. All sizes are at least 1, `batch` and `rois` at least 0; `outputDim`
/// divides by `classes`; both float arguments are finite.
struct PsroiPoolingGeometry {
    Index batch, height, width;
    Index rois;
    Index outputDim, groupSize, pooledSize, partSize, samplePerPart;
    /// Classes of `trans`, 1 without it.
    Index classes;
    double spatialScale, transStd;

    DCN4J_HOST_DEVICE Index cells() const { return groupSize * groupSize; }
    DCN4J_HOST_DEVICE Index channels() const { return outputDim * cells(); }
    DCN4J_HOST_DEVICE Index pixels() const { return height * width; }
    DCN4J_HOST_DEVICE Index bins() const { return pooledSize * pooledSize; }
    DCN4J_HOST_DEVICE Index channelsPerClass() const { return outputDim / classes; }
    /// What a forward pass takes, in multiply-adds that take as long, by and large: as many for
    /// each number of the output as a bin has samples, and four for each of the input.
    double multiplyAdds() const {
        const double samples = static_cast<double>(samplePerPart);
        return static_cast<double>(rois * bins()) * static_cast<double>(outputDim) * samples *
                   samples +
               4 * static_cast<double>(batch * channels()) * static_cast<double>(pixels());
    }
    /// The row or column of the groups that row or column `bin` of the bins reads.
    DCN4J_HOST_DEVICE Index groupOf(Index bin) const { return bin * groupSize / pooledSize; }
    /// The group cell that bin (row, column) reads, of `cells()`.
    DCN4J_HOST_DEVICE Index cellOf(Index row, Index column) const {
        return groupOf(row) * groupSize + groupOf(column);
    }
    /// The row or column of `trans` that moves row or column `bin` of the bins.
    DCN4J_HOST_DEVICE Index partOf(Index bin) const { return bin * partSize / pooledSize; }
    /// The input channel that bin (row, column) of output channel `o` reads.
    DCN4J_HOST_DEVICE Index inputChannel(Index o, Index row, Index column) const {
        return o * cells() + cellOf(row, column);
    }
};

/// Inputs of the forward pass. Dimensions are in the order given, whatever the memory layout.
struct DeformablePsroiPoolingInputs {
    ElementType type;      ///< of every array but the rois and the counts
    ElementType roisType;  ///< `type`, Float32 or Float64
    Tensor<4> input;       ///< [batch, outputDim * groupSize^2, height, width]
    /// [rois, 5]: batch index, an integer in 0 .. batch - 1, then x1, y1, x2, y2 in image
    /// coordinates, which may be any numbers, NaN and infinities too
    Tensor<2> rois;
    /// [rois, 2 * classes, partSize, partSize], channels (class, (x, y)); absent: all zero
    Tensor<4> trans;
};

/// Where the backward pass writes, each shaped as the input it belongs to. `trans` is absent where
/// that input is.
struct DeformablePsroiPoolingGradients {
    Tensor<4> input, trans;
};

/// A roi of no image: its row, and what its batch index is.
struct BadRoi {
    Index row;
    double batchIndex;
};

/// One implementation. Calls are reentrant, and results depend on the arguments alone: the same
/// bits come out for every number of threads.
///
/// Counts are Float64 where the input is, Float32 where it is of another type.
class DeformablePsroiPoolingKernel {
  public:
    virtual ~DeformablePsroiPoolingKernel() = default;
    /// Those that this processor runs, for Registry.
    static std::vector<const DeformablePsroiPoolingKernel*> implementations();

    virtual const char* name() const = 0;

    /// The first of the rois whose batch index, as it stands in their own type, is not an integer
    /// in 0 .. batch - 1. The other calls need them all valid.
    virtual std::optional<BadRoi> findBadRoi(const PsroiPoolingGeometry& geometry,
                                             const DeformablePsroiPoolingInputs& inputs) const = 0;

    /// Writes `output` and `count`, both [rois, outputDim, pooledSize, pooledSize].
    /// Throws std::bad_alloc before anything is written when there is no memory to work in.
    virtual void forward(const PsroiPoolingGeometry& geometry,
                         const DeformablePsroiPoolingInputs& inputs, const Tensor<4>& output,
                         const Tensor<4>& count, int threads) const = 0;

    /// Writes every present array of `gradients` from `gradOutput`, shaped as the output, and the
    /// `count` of the forward pass; a bin whose count is not above zero has no gradient.
    /// Throws std::bad_alloc before anything is written when there is no memory to work in.
    virtual void backward(const PsroiPoolingGeometry& geometry,
                          const DeformablePsroiPoolingInputs& inputs, const Tensor<4>& count,
                          const Tensor<4>& gradOutput,
                          const DeformablePsroiPoolingGradients& gradients, int threads) const = 0;
};

/// findBadRoi of the kernels whose arrays are in host memory.
std::optional<BadRoi> findBadRoiInMemory(const PsroiPoolingGeometry& geometry,
                                         const DeformablePsroiPoolingInputs& inputs);

/// The plain loops over the definition, on one thread: slow, and the oracle of the other kernels.
const DeformablePsroiPoolingKernel& referenceDeformablePsroiPooling();

}  // namespace dcn4j
