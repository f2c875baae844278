// The ops on ND4J's CPU backend: arrays are in host memory, and calls return when they are done.
#include "../backend.h"

#include <omp.h>

#include <algorithm>
#include <cstring>

#include "../../kernels/deformable_aggregation.h"
#include "../../kernels/deformable_conv2d.h"
#include "../../kernels/deformable_psroi_pooling.h"
#include "../../kernels/pointwise.h"
#include "../../kernels/registry.h"

namespace dcn4j {

void* dataOf(sd::NDArray& array) {
    return array.bufferWithOffset(0);
}

namespace {

/// The threads of this thread's regions while it works alone; else 0.
thread_local int threadsBefore = 0;

}  // namespace

void workAlone(bool alone) {
    const bool isAlone = threadsBefore > 0;
    if (alone && !isAlone) {
        threadsBefore = omp_get_max_threads();
        omp_set_num_threads(1);
    } else if (isAlone && !alone) {
        omp_set_num_threads(threadsBefore);
        threadsBefore = 0;
    }
}

int threadsOfRegions() {
    return omp_get_max_threads();
}

/// Nothing to keep.
struct Execution::State {};

Execution::Execution(sd::graph::Context&, const Arrays&, const Arrays&) {}

Execution::~Execution() = default;

template <class Kernel>
const Kernel& Execution::kernel() const {
    return Registry<Kernel>::chosen();
}
template const DeformableAggregationKernel& Execution::kernel() const;
template const DeformableConv2dKernel& Execution::kernel() const;
template const DeformablePsroiPoolingKernel& Execution::kernel() const;
template const PointwiseKernel& Execution::kernel() const;

/// ND4J's own setting, or OpenMP's where that is lower; and as many as have 50 microseconds of work
/// each: a thread that sleeps takes longer to wake.
int Execution::threads(double multiplyAdds) const {
    constexpr double worthAThread = 3e6;
    const int most = std::min(sd::Environment::getInstance().maxThreads(),
                              threadsBefore > 0 ? threadsBefore : omp_get_max_threads());
    return std::max(1, static_cast<int>(std::min<double>(most, multiplyAdds / worthAThread)));
}

void Execution::read(const void* from, std::size_t bytes, void* to) const {
    std::memcpy(to, from, bytes);
}

void Execution::write(const void* from, std::size_t bytes, void* to) const {
    std::memcpy(to, from, bytes);
}

}  // namespace dcn4j
