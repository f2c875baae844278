#include "kernels.h"

#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "cpu/deformable_conv2d.h"
#include "cpu/deformable_psroi_pooling.h"
#include "cpu/isa.h"

namespace dcn4j {

const std::vector<const DeformableConv2dKernel*>& deformableConv2dKernels() {
    static const std::vector<const DeformableConv2dKernel*> kernels = [] {
        std::vector<const DeformableConv2dKernel*> all;
        static std::vector<std::unique_ptr<cpu::TiledDeformableConv2d>> tiled;
        for (const cpu::InstructionSet* set : cpu::runnableInstructionSets()) {
            tiled.push_back(std::make_unique<cpu::TiledDeformableConv2d>(*set));
            all.push_back(tiled.back().get());
        }
        all.push_back(&referenceDeformableConv2d());
        return all;
    }();
    return kernels;
}

const DeformableConv2dKernel& chooseDeformableConv2d(const char* name) {
    const auto& kernels = deformableConv2dKernels();
    if (name == nullptr) return *kernels.front();
    std::string known;
    for (const DeformableConv2dKernel* kernel : kernels) {
        if (std::string(name) == kernel->name()) return *kernel;
        known += known.empty() ? kernel->name() : std::string(", ") + kernel->name();
    }
    throw std::invalid_argument("environment variable DCN4J_KERNEL: expected one of " + known +
                                " on this processor, got '" + name + "'");
}

const DeformableConv2dKernel& deformableConv2d() {
    static const DeformableConv2dKernel& chosen =
        chooseDeformableConv2d(std::getenv("DCN4J_KERNEL"));
    return chosen;
}

const std::vector<const DeformablePsroiPoolingKernel*>& deformablePsroiPoolingKernels() {
    static const cpu::SeparableDeformablePsroiPooling separable;
    static const std::vector<const DeformablePsroiPoolingKernel*> kernels{
        &separable, &referenceDeformablePsroiPooling()};
    return kernels;
}

const DeformablePsroiPoolingKernel& chooseDeformablePsroiPooling(const char* name) {
    const auto& kernels = deformablePsroiPoolingKernels();
    const bool reference = &chooseDeformableConv2d(name) == &referenceDeformableConv2d();
    return reference ? *kernels.back() : *kernels.front();
}

const DeformablePsroiPoolingKernel& deformablePsroiPooling() {
    static const DeformablePsroiPoolingKernel& chosen =
        chooseDeformablePsroiPooling(std::getenv("DCN4J_KERNEL"));
    return chosen;
}

}  // namespace dcn4j
