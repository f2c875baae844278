// The fused backward pass for the element type DCN4J_ELEMENT. What it does: backward_input.h,
// backward_samples.h, backward_weights.h.
#include "backward_input.h"
#include "backward_samples.h"
#include "backward_weights.h"
#include "deformable_conv2d.h"
#include "products.h"

namespace dcn4j::cuda {
namespace {

/// One call's arrays, and its three parts.
template <class Element, class Products>
class Backward {
    using Real = ComputeType<Element>;
    using ByColumn = typename Products::ByColumn;
    using Stored = typename ByColumn::Stored;

  public:
    Backward(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs,
             const Tensor<4>& gradOutput, cudaStream_t stream)
        : g_(g),
          stream_(stream),
          inputs_(inputs),
          samples_{inputs.offset, inputs.mask},
          workspace_(stream),
          images_(g, inputs.input, workspace_),
          gradients_(outputSide(g), gradOutput, workspace_),
          lists_(g, samples_, workspace_),
          outPitch_(gradients_.segments().groupPitch()),
          weightPitch_(roundUp(images_.segments().pitch, wide() ? 128 : 64)),
          depth_(g.taps() * images_.segments().groupPitch()),
          slots_(g, weightTiles(), g.outChannels * depth_ * static_cast<Index>(sizeof(Real))) {
        panel_ = workspace_.template reserve<Stored>(panelNumbers());
        partial_ = workspace_.template reserve<Real>(slots_.count * g.outChannels * depth_);
        bias_ = workspace_.template reserve<Real>(slots_.count * g.outChannels);
        workspace_.allocate();
        packedImages_ = images_.pack(workspace_, stream);
        packedGradients_ = gradients_.pack(workspace_, stream);
        launch("packing weights",
               packBackwardWeightsKernel<Element, typename Products::template ByRow<64>>,
               blocksFor(panelNumbers()), 0, stream, g, images_.segments(), Index{outPitch_},
               inputs.weights, weightPitch_, workspace_.at(panel_));
    }

    void input(const Tensor<4>& gradInput) const {
        if (wide()) {
            inputWith<typename Products::template ByRow<128>>(gradInput);
        } else {
            inputWith<typename Products::template ByRow<64>>(gradInput);
        }
    }

    void offsetAndMask(const Tensor<4>& gradOffset, const Tensor<4>& gradMask) const {
        if (!gradOffset.present() && !gradMask.present()) return;
        using Product = typename Products::template ByRow<64>;
        const BackwardSamplesArguments<Element, Stored> a{g_,
                                                          images_.segments(),
                                                          samples_,
                                                          packedImages_,
                                                          packedGradients_,
                                                          gradientPitch(),
                                                          outPitch_,
                                                          workspace_.at(panel_),
                                                          weightPitch_,
                                                          gradOffset,
                                                          gradMask};
        const Index tiles =
            ceilDivide(g_.batch * g_.outPixels(), Product::rows) * g_.offsetGroups * g_.taps();
        launch("deformable_conv2d_bp, offset and mask", backwardSamplesKernel<Product, Element>,
               tiles, productBytes<Product>(), stream_, a);
    }

    void weightsAndBias(const Tensor<4>& gradWeights, const Tensor<1>& gradBias) const {
        const BackwardWeightsArguments<Element> a{g_,
                                                  images_.segments(),
                                                  samples_,
                                                  packedImages_,
                                                  packedGradients_,
                                                  gradientPitch(),
                                                  outPitch_,
                                                  slots_,
                                                  workspace_.at(partial_)};
        launch("deformable_conv2d_bp, weights", backwardWeightsKernel<ByColumn, Element>,
               weightTiles() * slots_.count, productBytes<ByColumn>(), stream_, a);
        launch("deformable_conv2d_bp, sums of weights", sumWeightsKernel<Element>,
               blocksFor(g_.outChannels * g_.channelsPerGroup() * g_.taps()), 0, stream_, a,
               gradWeights);
        if (!gradBias.present()) return;
        launch("deformable_conv2d_bp, bias", biasKernel<Element>,
               ceilDivide(g_.outChannels, biasChannels) * slots_.count, 0, stream_, a,
               workspace_.at(bias_));
        launch("deformable_conv2d_bp, sums of bias", sumBiasKernel<Element>,
               blocksFor(g_.outChannels), 0, stream_, g_, slots_.count,
               static_cast<const Real*>(workspace_.at(bias_)), gradBias);
    }

  private:
    /// Whether a segment's channels fill 128 columns better than 64.
    bool wide() const { return images_.segments().pitch > 64; }

    Index gradientPitch() const { return gradients_.segments().pixelPitch(outputSide(g_)); }

    Index panelNumbers() const {
        return images_.segments().count(g_) * g_.taps() * outPitch_ * weightPitch_;
    }

    Index weightTiles() const {
        return ceilDivide(depth_, ByColumn::columns) *
               ceilDivide(g_.outChannelsPerGroup(), ByColumn::rows) * g_.groups;
    }

    template <class Product>
    void inputWith(const Tensor<4>& gradInput) const {
        for (Index n = 0; n < g_.batch; n += lists_.imagesAtATime()) {
            const Destinations<Real> lists = lists_.make(n, workspace_, stream_);
            const BackwardInputArguments<Element, Stored> a{
                g_,        images_.segments(),    lists,        packedGradients_, gradientPitch(),
                outPitch_, workspace_.at(panel_), weightPitch_, gradInput};
            const Index tiles = ceilDivide(lists.images * g_.pixels(), Product::rows) *
                                images_.segments().count(g_) * (weightPitch_ / Product::columns);
            launch("deformable_conv2d_bp, input", backwardInputKernel<Product, Element>, tiles,
                   productBytes<Product>(), stream_, a);
        }
    }

    const Conv2dGeometry g_;
    const cudaStream_t stream_;
    const DeformableConv2dInputs inputs_;
    const SampleArrays samples_;
    Workspace workspace_;
    const PackedImages<Element> images_, gradients_;
    const DestinationLists<Element> lists_;
    const int outPitch_;
    const Index weightPitch_, depth_;
    const Slots slots_;
    Workspace::Piece<Stored> panel_{};
    Workspace::Piece<Real> partial_{}, bias_{};
    const Element *packedImages_, *packedGradients_;
};

}  // namespace

template <class Element>
void fusedBackward(const Device& device, const Conv2dGeometry& g,
                   const DeformableConv2dInputs& inputs, const Tensor<4>& gradOutput,
                   const DeformableConv2dGradients& gradients, cudaStream_t stream) {
    withProducts<Element>(device, [&](auto products) {
        const Backward<Element, decltype(products)> backward(g, inputs, gradOutput, stream);
        backward.input(gradients.input);
        backward.offsetAndMask(gradients.offset, gradients.mask);
        backward.weightsAndBias(gradients.weights, gradients.bias);
    });
}

template void fusedBackward<DCN4J_ELEMENT>(const Device&, const Conv2dGeometry&,
                                           const DeformableConv2dInputs&, const Tensor<4>&,
                                           const DeformableConv2dGradients&, cudaStream_t);

}  // namespace dcn4j::cuda
