// The fused forward pass for the element type DCN4J_ELEMENT. What it does: forward.h.
#include "deformable_conv2d.h"
#include "forward.h"
#include "products.h"

namespace dcn4j::cuda {

template <class Element>
void fusedForward(const Device& device, const Conv2dGeometry& g,
                  const DeformableConv2dInputs& inputs, const Tensor<4>& output,
                  cudaStream_t stream) {
    withProducts<Element>(device, [&](auto products) {
        using Products = decltype(products);
        // Steps of several taps, where a segment has few channels, need a larger table, for which
        // only the small tile leaves room. There is little to gain from others: sampling is what
        // such a product costs.
        if (2 * Segments(g, packOf<Element>).pitch <= Products::Small::depth) {
            return forwardWith<typename Products::Small, Element, 4>(g, inputs, output, stream);
        }
        withTile<Products>(device, g.batch * g.outPixels(), g.outChannelsPerGroup(), g.groups,
                           [&](auto tile) {
                               using Product = typename decltype(tile)::Type;
                               forwardWith<Product, Element, 1>(g, inputs, output, stream);
                           });
    });
}

template void fusedForward<DCN4J_ELEMENT>(const Device&, const Conv2dGeometry&,
                                          const DeformableConv2dInputs&, const Tensor<4>&,
                                          cudaStream_t);

}  // namespace dcn4j::cuda
