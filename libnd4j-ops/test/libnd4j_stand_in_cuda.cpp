#include <cuda_runtime.h>

#include <stdexcept>

#include "../src/kernels/cuda/runtime.h"
#include "libnd4j_stand_in.h"

namespace dcn4j::stand_in {
namespace {

/// A stream as ND4J has them: neither it nor the null stream waits for the other by itself.
cudaStream_t& stream() {
    static cudaStream_t created = [] {
        cudaStream_t s = nullptr;
        cuda::check(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking),
                    "cudaStreamCreateWithFlags");
        return s;
    }();
    return created;
}

void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (bytes == 0) return;
    cuda::check(cudaMemcpyAsync(to, from, bytes, kind, nullptr), "cudaMemcpyAsync");
    cuda::check(cudaStreamSynchronize(nullptr), "an op");
}

Array& arrayOf(const sd::NDArray& array) {
    return const_cast<Array&>(static_cast<const Array&>(array));
}

}  // namespace

int currentDevice = 0;

Array::~Array() {
    cudaFree(device_);
}

void* Array::device() {
    allocateOnDevice();
    return device_ + static_cast<std::size_t>(offset_) * elementBytes();
}

void Array::allocateOnDevice() {
    if (device_ != nullptr || empty()) return;
    void* memory = nullptr;
    cuda::check(cudaMalloc(&memory, host_.size()), "cudaMalloc");
    device_ = static_cast<unsigned char*>(memory);
}

void Array::bringToDevice() {
    allocateOnDevice();
    if (hostIsNewer_) copy(device_, host_.data(), host_.size(), cudaMemcpyHostToDevice);
    hostIsNewer_ = false;
}

void Array::bringToHost() {
    if (deviceIsNewer_) copy(host_.data(), device_, host_.size(), cudaMemcpyDeviceToHost);
    deviceIsNewer_ = false;
}

}  // namespace dcn4j::stand_in

namespace sd {

using dcn4j::stand_in::arrayOf;

void* NDArray::bufferWithOffset(LongType) {
    throw std::logic_error("the CUDA ops read no host memory");
}
void* NDArray::specialBuffer() {
    return arrayOf(*this).device();
}
void NDArray::prepareSpecialUse(const std::vector<const NDArray*>& written,
                                const std::vector<const NDArray*>& read, bool) {
    for (const NDArray* array : written) arrayOf(*array).allocateOnDevice();
    for (const NDArray* array : read) arrayOf(*array).bringToDevice();
}
void NDArray::registerSpecialUse(const std::vector<const NDArray*>& written,
                                 const std::vector<const NDArray*>&) {
    for (const NDArray* array : written) arrayOf(*array).writtenOnDevice();
    dcn4j::cuda::check(cudaStreamSynchronize(dcn4j::stand_in::stream()), "an op");
}

void* LaunchContext::getCudaStream() const {
    return &dcn4j::stand_in::stream();
}
int AffinityManager::currentDeviceId() {
    return dcn4j::stand_in::currentDevice;
}

}  // namespace sd
