// The ops on ND4J's CUDA backend: kernels run on ND4J's current device and on the stream of the
// call, and calls return when everything is enqueued.
//
// Two environment variables, read once: DCN4J_KERNEL ("fused", the default, or "reference") and
// DCN4J_CUDA_TF32 ("0", the default, or "1": FLOAT products on tensor cores, which keep 10 bits of
// mantissa).
#include "../backend.h"

#include <cuda_runtime.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "../../kernels/cuda/deformable_aggregation.h"
#include "../../kernels/cuda/deformable_conv2d.h"
#include "../../kernels/cuda/deformable_psroi_pooling.h"
#include "../../kernels/cuda/pointwise.h"
#include "../../kernels/cuda/runtime.h"
#include "../../ops/arguments.h"

namespace dcn4j {
namespace {

/// True if the environment variable has the value `yes`; `no` is the default.
bool chosen(const char* variable, const std::string& no, const std::string& yes) {
    const char* value = std::getenv(variable);
    if (value == nullptr || value == no) return false;
    if (value == yes) return true;
    throw std::invalid_argument(std::string("environment variable ") + variable + ": expected " +
                                no + " or " + yes + " with ND4J's CUDA backend, got '" + value +
                                "'");
}

bool wantsReference() {
    static const bool wanted = chosen("DCN4J_KERNEL", "fused", "reference");
    return wanted;
}

bool wantsTf32() {
    static const bool wanted = chosen("DCN4J_CUDA_TF32", "0", "1");
    return wanted;
}

/// Makes ND4J's device that of this library's own copy of the CUDA runtime.
cudaStream_t useDeviceAndStream(sd::graph::Context& context) {
    const int device = sd::AffinityManager::currentDeviceId();
    cuda::check(cudaSetDevice(device), ("cudaSetDevice(" + std::to_string(device) + ")").c_str());
    return *static_cast<cudaStream_t*>(context.launchContext()->getCudaStream());
}

std::vector<const sd::NDArray*> withElements(const Arrays& arrays) {
    std::vector<const sd::NDArray*> some;
    for (const sd::NDArray* array : arrays) {
        if (hasElements(*array)) some.push_back(array);
    }
    return some;
}

}  // namespace

void* dataOf(sd::NDArray& array) {
    return hasElements(array) ? array.specialBuffer() : nullptr;
}

void workAlone(bool) {}

int threadsOfRegions() {
    return 0;
}

struct Execution::State {
    State(sd::graph::Context& context, const Arrays& outputs, const Arrays& inputs)
        : stream(useDeviceAndStream(context)),
          written(withElements(outputs)),
          read(withElements(inputs)),
          fused(stream, wantsTf32()),
          reference(stream),
          tiledPooling(stream),
          referencePooling(stream),
          aggregation(stream, !wantsReference()),
          pointwise(stream) {}

    const cudaStream_t stream;
    const std::vector<const sd::NDArray*> written, read;
    const cuda::FusedDeformableConv2d fused;
    const cuda::ReferenceDeformableConv2d reference;
    const cuda::TiledDeformablePsroiPooling tiledPooling;
    const cuda::ReferenceDeformablePsroiPooling referencePooling;
    const cuda::DeformableAggregation aggregation;
    const cuda::Pointwise pointwise;
};

Execution::Execution(sd::graph::Context& context, const Arrays& outputs, const Arrays& inputs)
    : state_(std::make_unique<State>(context, outputs, inputs)) {
    sd::NDArray::prepareSpecialUse(state_->written, state_->read, false);
}

Execution::~Execution() {
    // What a failed call did not write is not newer than the host's copy of it.
    sd::NDArray::registerSpecialUse(
        completed_ ? state_->written : std::vector<const sd::NDArray*>(), state_->read);
}

template <>
const DeformableConv2dKernel& Execution::kernel() const {
    if (wantsReference()) return state_->reference;
    return state_->fused;
}

template <>
const DeformablePsroiPoolingKernel& Execution::kernel() const {
    if (wantsReference()) return state_->referencePooling;
    return state_->tiledPooling;
}

template <>
const DeformableAggregationKernel& Execution::kernel() const {
    return state_->aggregation;
}

template <>
const PointwiseKernel& Execution::kernel() const {
    return state_->pointwise;
}

int Execution::threads(double) const {
    return 0;
}

namespace {

void copy(const void* from, std::size_t bytes, void* to, cudaMemcpyKind kind, cudaStream_t stream,
          const char* what) {
    cuda::check(cudaMemcpyAsync(to, from, bytes, kind, stream), what);
    cuda::check(cudaStreamSynchronize(stream), what);
}

}  // namespace

void Execution::read(const void* from, std::size_t bytes, void* to) const {
    copy(from, bytes, to, cudaMemcpyDeviceToHost, state_->stream, "reading an array");
}

void Execution::write(const void* from, std::size_t bytes, void* to) const {
    copy(from, bytes, to, cudaMemcpyHostToDevice, state_->stream, "writing an array");
}

}  // namespace dcn4j
