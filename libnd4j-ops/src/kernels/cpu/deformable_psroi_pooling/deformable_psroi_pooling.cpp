// Deformable position-sensitive ROI pooling as sums over the pixels of a bin.
//
// Some rois are worked on at once: their bins are planned (bin_plan.h), what they sample of the
// input is packed as [pixel][channels] (packed_images.h), and then the micro-kernels
// (simd/pooling.h) run over the channels of a class. Rois are taken by images, so that the images
// at work are few.
//
// Every element has one owner, whose additions come in the order of rois, bins and channels: the
// same bits come out for any number of threads.
#include "deformable_psroi_pooling.h"

#include "../isa.h"
#include "backward.h"
#include "forward.h"

namespace dcn4j::cpu {

void SeparableDeformablePsroiPooling::forward(const PsroiPoolingGeometry& geometry,
                                              const DeformablePsroiPoolingInputs& inputs,
                                              const Tensor<4>& output, const Tensor<4>& count,
                                              int threads) const {
    withElementType(inputs.type, [&](auto element) {
        pooling::Forward<decltype(element)>(set_, geometry, inputs, output, count, threads).run();
    });
}

void SeparableDeformablePsroiPooling::backward(const PsroiPoolingGeometry& geometry,
                                               const DeformablePsroiPoolingInputs& inputs,
                                               const Tensor<4>& count, const Tensor<4>& gradOutput,
                                               const DeformablePsroiPoolingGradients& gradients,
                                               int threads) const {
    withElementType(inputs.type, [&](auto element) {
        pooling::Backward<decltype(element)>(set_, geometry, inputs, count, gradOutput, gradients,
                                             threads)
            .run();
    });
}

}  // namespace dcn4j::cpu

namespace dcn4j {

std::vector<const DeformablePsroiPoolingKernel*> DeformablePsroiPoolingKernel::implementations() {
    std::vector<const DeformablePsroiPoolingKernel*> all;
#if defined(__x86_64__)
    static const cpu::PoolingSet zen4{cpu::zen4Set(), cpu::avx2Pooling.kernels};
#endif
    for (const cpu::PoolingSet* set : {
#if defined(__x86_64__)
             &zen4, &cpu::avx512Pooling, &cpu::avx2Pooling,
#endif
                 &cpu::baselinePooling
         }) {
        if (cpu::runs(set->set)) all.push_back(new cpu::SeparableDeformablePsroiPooling(*set));
    }
    all.push_back(&referenceDeformablePsroiPooling());
    return all;
}

}  // namespace dcn4j
