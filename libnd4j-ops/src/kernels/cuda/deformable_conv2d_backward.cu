// The fused backward pass for the element type DCN4J_ELEMENT. What it does: backward_columns.h,
// backward_input.h, backward_weights.h, backward_sums.h.
#include "backward_input.h"
#include "backward_sums.h"
#include "deformable_conv2d.h"
#include "products.h"

namespace dcn4j::cuda {
namespace {

/// How many taps' columns are made at a time: as many as `columnBytes` hold of one image; at most
/// 16, so that lists stay short.
int tapsAtATime(const Conv2dGeometry& g, Index columnBytes, Index pixelBytes) {
    const Index fitting = columnBytes / std::max<Index>(g.outPixels() * pixelBytes, 1);
    const Index runs = ceilDivide(g.taps(), std::clamp<Index>(fitting, 1, 16));
    return static_cast<int>(ceilDivide(g.taps(), runs));
}

/// Of how many images, at most `images`.
Index imagesAtATime(const Conv2dGeometry& g, Index columnBytes, Index pixelBytes, Index taps,
                    Index images) {
    const Index imageBytes = std::max<Index>(taps * g.outPixels() * pixelBytes, 1);
    const Index chunks = ceilDivide(images, std::max<Index>(columnBytes / imageBytes, 1));
    return ceilDivide(images, chunks);
}

/// One call's arrays, and its parts.
template <class Element, class Products>
class Backward {
    using Real = ComputeType<Element>;
    using Stored = typename Products::Small::Stored;

  public:
    Backward(const Device& device, const Conv2dGeometry& g, Index columnBytes,
             const DeformableConv2dInputs& inputs, const Tensor<4>& gradOutput, cudaStream_t stream)
        : device_(device),
          g_(g),
          stream_(stream),
          weights_(inputs.weights),
          samples_{inputs.offset, inputs.mask},
          workspace_(stream),
          images_(g, inputs.input, workspace_),
          gradients_(outputSide(g), gradOutput, workspace_),
          pixelBytes_(images_.segments().pixelPitch(g) * static_cast<Index>(sizeof(Real))),
          taps_(tapsAtATime(g, columnBytes, pixelBytes_)),
          lists_(g, samples_, columnBytes, taps_, workspace_),
          outPitch_(gradients_.segments().groupPitch()),
          steps_(ceilDivide(outPitch_, columnsDepth)),
          chunk_{0, imagesAtATime(g, columnBytes, pixelBytes_, taps_, lists_.imagesAtATime()), 0,
                 taps_},
          weightPitch_(columnsPitch()),
          runs_(g, images_.segments(), ByColumn::columns,
                SampledColumns<ByColumn, Element>::mostRuns),
          depth_(runs_.tiles() * ByColumn::columns),
          slots_(std::min(lists_.imagesAtATime(), g.batch) * g.outPixels(),
                 weightTiles(tall() ? 128 : 64),
                 g.outChannels * depth_ * static_cast<Index>(sizeof(Real))) {
        const Index pitch = images_.segments().pixelPitch(g);
        panel_ = workspace_.template reserve<Stored>(panelSlots() * columnsDepth * weightPitch_);
        const Index columns = chunk_.images * chunk_.taps * g.outPixels() * pitch;
        columns_ = workspace_.template reserve<Real>(columns);
        if (chunk_.taps < g.taps())
            sums_ = workspace_.template reserve<Real>(chunk_.images * g.pixels() * pitch);
        partial_ = workspace_.template reserve<Real>(slots_.count * g.outChannels * depth_);
        places_ = workspace_.template reserve<StoredPlace<Real>>(
            g.offsetGroups * g.taps() * std::min(lists_.imagesAtATime(), g.batch) * g.outPixels());
        bias_ =
            workspace_.template reserve<Real>(biasWorkspace(outputSide(g), gradients_.segments()));
        workspace_.allocate();
        // No block writes what a short segment leaves of a pixel, and a pixel gathers it all.
        if (!images_.segments().nested) workspace_.setToZero(columns_, columns);
        packedImages_ = images_.pack(workspace_, stream);
        packedGradients_ = gradients_.pack(workspace_, stream);
    }

    void run(const DeformableConv2dGradients& to) const {
        withColumnsTile([&](auto tile) {
            packBackwardWeights<Element, typename decltype(tile)::Type>(
                g_, images_.segments(), weights_, steps_ * columnsDepth, weightPitch_,
                workspace_.at(panel_), stream_);
        });
        for (Index n = 0; n < g_.batch; n += lists_.imagesAtATime()) {
            const CellLists<Real> lists = lists_.make(n, workspace_, stream_);
            const SamplePlaces<Real> places{workspace_.at(places_), n,
                                            static_cast<int>(lists.images * g_.outPixels())};
            for (Index first = n; first < n + lists.images; first += chunk_.images) {
                ColumnChunk chunk = chunk_;
                chunk.firstImage = first;
                chunk.images = std::min(chunk_.images, n + lists.images - first);
                for (; chunk.firstTap < g_.taps(); chunk.firstTap += chunk_.taps) {
                    chunk.taps =
                        static_cast<int>(std::min<Index>(chunk_.taps, g_.taps() - chunk.firstTap));
                    makeColumns(chunk, places, to.offset, to.mask);
                    gather(chunk, lists, to.input);
                }
            }
            addWeights(places);
        }
        sumWeights<Element>(g_, images_.segments(), runs_, depth_, slots_.count,
                            workspace_.at(partial_), to.weights, stream_);
        if (!to.bias.present()) return;
        sumBias(outputSide(g_), gradients_.segments(), packedGradients_, workspace_.at(bias_),
                to.bias, stream_);
    }

  private:
    /// That of every tile.
    static constexpr int columnsDepth = Products::Small::depth;
    using ByColumn = typename Products::template ByColumn<64>;

    /// Whether a group's output channels fill tiles of 128 rows.
    bool tall() const { return g_.outChannelsPerGroup() > 64; }

    int gradientPitch() const {
        return static_cast<int>(gradients_.segments().pixelPitch(outputSide(g_)));
    }

    SampleSource<Element> sampleSource() const {
        return {g_, images_.segments(), samples_, packedImages_, runs_};
    }

    /// Steps of packed weights.
    Index panelSlots() const { return images_.segments().count(g_) * g_.taps() * steps_; }

    Index weightTiles(Index rows) const {
        return runs_.tiles() * ceilDivide(g_.outChannelsPerGroup(), rows) * g_.groups;
    }

    /// Calls `action` with the tile that the columns' product has, for every chunk the same.
    template <class Action>
    void withColumnsTile(Action action) const {
        withTile<Products>(device_, chunk_.images * g_.outPixels(), images_.segments().pitch,
                           g_.offsetGroups * chunk_.taps, action);
    }

    Index columnsPitch() const {
        Index pitch = 0;
        withColumnsTile([&](auto tile) {
            pitch = roundUp(images_.segments().pitch, decltype(tile)::Type::columns);
        });
        return pitch;
    }

    void makeColumns(const ColumnChunk& chunk, const SamplePlaces<Real>& places,
                     const Tensor<4>& gradOffset, const Tensor<4>& gradMask) const {
        const BackwardColumnsArguments<Element, Stored> a{g_,
                                                          images_.segments(),
                                                          sampleSource(),
                                                          chunk,
                                                          places,
                                                          packedGradients_,
                                                          gradientPitch(),
                                                          outPitch_,
                                                          workspace_.at(panel_),
                                                          static_cast<int>(weightPitch_),
                                                          static_cast<int>(steps_),
                                                          workspace_.at(columns_),
                                                          gradOffset,
                                                          gradMask};
        withColumnsTile([&](auto tile) {
            using Product = typename decltype(tile)::Type;
            launch("deformable_conv2d_bp, columns", backwardColumnsKernel<Product, Element>,
                   ceilDivide(chunk.images * g_.outPixels(), Product::rows) * g_.offsetGroups *
                       chunk.taps,
                   0, stream_, a);
        });
    }

    void gather(const ColumnChunk& chunk, const CellLists<Real>& lists,
                const Tensor<4>& gradInput) const {
        gatherColumns<Element>(g_, images_.segments(), chunk, lists, chunk.firstTap / taps_,
                               workspace_.at(columns_), workspace_.at(sums_), gradInput, stream_);
    }

    /// What the images of `places` leave for the weights.
    void addWeights(const SamplePlaces<Real>& places) const {
        const BackwardWeightsArguments<Element> a{
            g_,
            sampleSource(),
            places,
            packedGradients_ + places.firstImage * g_.outPixels() * gradientPitch(),
            gradientPitch(),
            outPitch_,
            slots_,
            static_cast<int>(depth_),
            workspace_.at(partial_),
            places.firstImage > 0};
        if (tall()) {
            launchWeights<typename Products::template ByColumn<128>>(a);
        } else {
            launchWeights<ByColumn>(a);
        }
    }

    template <class Product>
    void launchWeights(const BackwardWeightsArguments<Element>& a) const {
        launch("deformable_conv2d_bp, weights", backwardWeightsKernel<Product, Element>,
               weightTiles(Product::rows) * slots_.count, 0, stream_, a);
    }

    const Device device_;
    const Conv2dGeometry g_;
    const cudaStream_t stream_;
    const Tensor<4> weights_;
    const SampleArrays samples_;
    Workspace workspace_;
    const PackedImages<Element> images_, gradients_;
    const Index pixelBytes_;
    const int taps_;
    const ConvolutionLists<Element> lists_;
    const int outPitch_;
    const Index steps_;
    const ColumnChunk chunk_;
    const Index weightPitch_;
    const Runs runs_;
    const Index depth_;
    const Slots slots_;
    Workspace::Piece<Stored> panel_{};
    Workspace::Piece<Real> columns_{}, sums_{}, partial_{}, bias_{};
    Workspace::Piece<StoredPlace<Real>> places_{};
    const Element *packedImages_, *packedGradients_;
};

}  // namespace

template <class Element>
void fusedBackward(const Device& device, Index columnBytes, const Conv2dGeometry& g,
                   const DeformableConv2dInputs& inputs, const Tensor<4>& gradOutput,
                   const DeformableConv2dGradients& gradients, cudaStream_t stream) {
    withProducts<Element>(device, [&](auto products) {
        const Backward<Element, decltype(products)> backward(device, g, columnBytes, inputs,
                                                             gradOutput, stream);
        backward.run(gradients);
    });
}

template void fusedBackward<DCN4J_ELEMENT>(const Device&, Index, const Conv2dGeometry&,
                                           const DeformableConv2dInputs&, const Tensor<4>&,
                                           const DeformableConv2dGradients&, cudaStream_t);

}  // namespace dcn4j::cuda
