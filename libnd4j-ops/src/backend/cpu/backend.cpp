// The ops on ND4J's CPU backend: arrays are in host memory, and calls return when they are done.
#include "../backend.h"

#include <omp.h>

#include <algorithm>

#include "../../kernels/element.h"
#include "../../kernels/registry.h"
#include "../../kernels/sampling/roi.h"

namespace dcn4j {

void* dataOf(sd::NDArray& array) {
    return array.bufferWithOffset(0);
}

/// Nothing to keep.
struct Execution::State {};

Execution::Execution(sd::graph::Context&, const Arrays&, const Arrays&) {}

Execution::~Execution() = default;

const DeformableConv2dKernel& Execution::deformableConv2d() const {
    return Registry<DeformableConv2dKernel>::chosen();
}

const DeformablePsroiPoolingKernel& Execution::deformablePsroiPooling() const {
    return Registry<DeformablePsroiPoolingKernel>::chosen();
}

/// ND4J's own setting, or OpenMP's where that is lower.
int Execution::threads() const {
    return std::max(1,
                    std::min(sd::Environment::getInstance().maxThreads(), omp_get_max_threads()));
}

std::optional<BadRoi> Execution::findBadRoi(const PsroiPoolingGeometry& g,
                                            const DeformablePsroiPoolingInputs& inputs) const {
    std::optional<BadRoi> bad;
    withElementType(inputs.roisType, [&](auto element) {
        const auto* values = static_cast<const decltype(element)*>(inputs.rois.data);
        for (Index r = 0; r < g.rois && !bad; ++r) {
            const double index = widen(values[inputs.rois.at(r, 0)]);
            if (!isImage(index, g.batch)) bad = BadRoi{r, index};
        }
    });
    return bad;
}

}  // namespace dcn4j
