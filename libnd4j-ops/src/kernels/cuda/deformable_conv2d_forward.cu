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
        const Index o = g.outChannelsPerGroup();
        if (o > 64) {
            forwardWith<typename Products::template ByRow<128>, Element>(g, inputs, output, stream);
        } else if (o > 32) {
            forwardWith<typename Products::template ByRow<64>, Element>(g, inputs, output, stream);
        } else {
            forwardWith<typename Products::template ByRow<32>, Element>(g, inputs, output, stream);
        }
    });
}

template void fusedForward<DCN4J_ELEMENT>(const Device&, const Conv2dGeometry&,
                                          const DeformableConv2dInputs&, const Tensor<4>&,
                                          cudaStream_t);

}  // namespace dcn4j::cuda
