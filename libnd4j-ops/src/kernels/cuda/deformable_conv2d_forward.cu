// The fused forward pass for the element type DCN4J_ELEMENT. What it does: forward.h.
#include "deformable_conv2d.h"
#include "forward.h"
#include "products.h"

namespace dcn4j::cuda {

namespace {

/// Taps whose samples are planned at a time, where there is memory for them. Whether there is
/// changes the order of addition; so it depends on the device, and on no tile.
constexpr int tapsAtATime = 9;

template <class Products, int MostTaps, class Element>
void forwardInTiles(const Device& device, const Conv2dGeometry& g,
                    const DeformableConv2dInputs& inputs, const Tensor<4>& output,
                    cudaStream_t stream) {
    withTile<Products>(device, g.batch * g.outPixels(), g.outChannelsPerGroup(), g.groups,
                       [&](auto tile) {
                           using Product = typename decltype(tile)::Type;
                           forwardWith<Product, Element, 1, MostTaps>(g, inputs, output, stream);
                       });
}

}  // namespace

template <class Element>
void fusedForward(const Device& device, const Conv2dGeometry& g,
                  const DeformableConv2dInputs& inputs, const Tensor<4>& output,
                  cudaStream_t stream) {
    withProducts<Element>(device, [&](auto products) {
        using Products = decltype(products);
        // Steps of several taps, where a segment has few channels, need a larger table, for which
        // only the small tile leaves room. There is little to gain from others: sampling is what
        // such a product costs.
        const Index segment = Segments(g, packOf<Element>).pitch;
        if (2 * segment <= Products::Small::depth) {
            return forwardWith<typename Products::Small, Element, 4>(g, inputs, output, stream);
        }
        if constexpr (Products::byTaps) {
            using Deep = typename Products::Deep;
            using Largest = typename Deep::template ByRow<256>;
            if (device.capability >= 80 && static_cast<std::size_t>(device.sharedBytes) >=
                                               forwardBytes<Largest, Element, tapsAtATime>()) {
                // Deep steps unless they would be padded where others are not.
                if (roundUp(segment, Deep::Small::depth) ==
                    roundUp(segment, Products::Small::depth)) {
                    return forwardInTiles<Deep, tapsAtATime, Element>(device, g, inputs, output,
                                                                      stream);
                }
                return forwardInTiles<Products, tapsAtATime, Element>(device, g, inputs, output,
                                                                      stream);
            }
        }
        forwardInTiles<Products, 1, Element>(device, g, inputs, output, stream);
    });
}

template void fusedForward<DCN4J_ELEMENT>(const Device&, const Conv2dGeometry&,
                                          const DeformableConv2dInputs&, const Tensor<4>&,
                                          cudaStream_t);

}  // namespace dcn4j::cuda
