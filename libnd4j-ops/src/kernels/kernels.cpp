#include "kernels.h"

#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "cpu/deformable_conv2d.h"
#include "cpu/deformable_psroi_pooling.h"
#include "cpu/isa.h"

namespace dcn4j {

namespace {

/// One `Cpu` kernel for each instruction set, then the reference.
template <class Kernel, class Cpu>
std::vector<const Kernel*> kernelsOf(const Kernel& reference) {
    static std::vector<std::unique_ptr<Cpu>> kernels;
    std::vector<const Kernel*> all;
    for (const cpu::InstructionSet* set : cpu::runnableInstructionSets()) {
        kernels.push_back(std::make_unique<Cpu>(*set));
        all.push_back(kernels.back().get());
    }
    all.push_back(&reference);
    return all;
}

template <class Kernel>
const Kernel& choose(const std::vector<const Kernel*>& kernels, const char* name) {
    if (name == nullptr) return *kernels.front();
    std::string known;
    for (const Kernel* kernel : kernels) {
        if (std::string(name) == kernel->name()) return *kernel;
        known += known.empty() ? kernel->name() : std::string(", ") + kernel->name();
    }
    throw std::invalid_argument("environment variable DCN4J_KERNEL: expected one of " + known +
                                " on this processor, got '" + name + "'");
}

}  // namespace

const std::vector<const DeformableConv2dKernel*>& deformableConv2dKernels() {
    static const auto kernels =
        kernelsOf<DeformableConv2dKernel, cpu::TiledDeformableConv2d>(referenceDeformableConv2d());
    return kernels;
}

const DeformableConv2dKernel& chooseDeformableConv2d(const char* name) {
    return choose(deformableConv2dKernels(), name);
}

const DeformableConv2dKernel& deformableConv2d() {
    static const DeformableConv2dKernel& chosen =
        chooseDeformableConv2d(std::getenv("DCN4J_KERNEL"));
    return chosen;
}

const std::vector<const DeformablePsroiPoolingKernel*>& deformablePsroiPoolingKernels() {
    static const auto kernels =
        kernelsOf<DeformablePsroiPoolingKernel, cpu::SeparableDeformablePsroiPooling>(
            referenceDeformablePsroiPooling());
    return kernels;
}

const DeformablePsroiPoolingKernel& chooseDeformablePsroiPooling(const char* name) {
    return choose(deformablePsroiPoolingKernels(), name);
}

const DeformablePsroiPoolingKernel& deformablePsroiPooling() {
    static const DeformablePsroiPoolingKernel& chosen =
        chooseDeformablePsroiPooling(std::getenv("DCN4J_KERNEL"));
    return chosen;
}

}  // namespace dcn4j
