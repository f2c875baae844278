#include <cstdint>
#include <map>
#include <mutex>

#include "workspace.h"

namespace dcn4j::cuda {
namespace {

/// The pool of the current device, or null where it has none. Pools live as long as the process.
cudaMemPool_t poolOfCurrentDevice() {
    int device = 0, supported = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device),
          "cudaDeviceGetAttribute");
    if (supported == 0) return nullptr;
    static std::mutex mutex;
    static std::map<int, cudaMemPool_t> pools;
    const std::lock_guard<std::mutex> lock(mutex);
    const auto known = pools.find(device);
    if (known != pools.end()) return known->second;
    cudaMemPoolProps properties = {};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = device;
    cudaMemPool_t pool = nullptr;
    check(cudaMemPoolCreate(&pool, &properties), "cudaMemPoolCreate");
    std::uint64_t kept = Workspace::keptBytes;
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept),
          "cudaMemPoolSetAttribute");
    return pools[device] = pool;
}

}  // namespace

void Workspace::allocate() {
    if (bytes_ == 0) return;
    void* memory = nullptr;
    const cudaMemPool_t pool = poolOfCurrentDevice();
    pooled_ = pool != nullptr;
    const cudaError_t status = pooled_ ? cudaMallocFromPoolAsync(&memory, bytes_, pool, stream_)
                                       : cudaMalloc(&memory, bytes_);
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();  // the next call's check must not find this failure again
        throw OutOfMemory(bytes_);
    }
    check(status, "device memory allocation");
    memory_ = static_cast<unsigned char*>(memory);
}

Workspace::~Workspace() {
    if (memory_ == nullptr) return;
    // Failures were seen by the launches' own checks, and a destructor has no one to tell.
    if (pooled_) {
        cudaFreeAsync(memory_, stream_);
    } else {
        cudaStreamSynchronize(stream_);
        cudaFree(memory_);
    }
}

}  // namespace dcn4j::cuda
