#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>

#include "workspace.h"

namespace dcn4j::cuda {
namespace {

/// A pool, and what it keeps of what is given back.
struct Pool {
    cudaMemPool_t pool = nullptr;
    std::uint64_t kept = 0;
};

/// The pool of the current device, which keeps `bytes` from now on, or null where it has none.
/// Pools live as long as the process.
cudaMemPool_t poolOfCurrentDevice(std::uint64_t bytes) {
    int device = 0, supported = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device),
          "cudaDeviceGetAttribute");
    if (supported == 0) return nullptr;
    static std::mutex mutex;
    static std::map<int, Pool> pools;
    const std::lock_guard<std::mutex> lock(mutex);
    Pool& pool = pools[device];
    if (pool.pool == nullptr) {
        cudaMemPoolProps properties = {};
        properties.allocType = cudaMemAllocationTypePinned;
        properties.location.type = cudaMemLocationTypeDevice;
        properties.location.id = device;
        check(cudaMemPoolCreate(&pool.pool, &properties), "cudaMemPoolCreate");
    }
    // With less than a call takes, every call would wait for the system to map memory anew.
    std::uint64_t kept = std::max<std::uint64_t>(bytes, Workspace::keptBytes);
    if (kept > pool.kept) {
        check(cudaMemPoolSetAttribute(pool.pool, cudaMemPoolAttrReleaseThreshold, &kept),
              "cudaMemPoolSetAttribute");
        pool.kept = kept;
    }
    return pool.pool;
}

}  // namespace

void Workspace::allocate() {
    if (bytes_ == 0) return;
    void* memory = nullptr;
    const cudaMemPool_t pool = poolOfCurrentDevice(bytes_);
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

void Workspace::setToZero(void* memory, std::size_t bytes) const {
    if (bytes > 0) check(cudaMemsetAsync(memory, 0, bytes, stream_), "cudaMemsetAsync");
}

Workspace::~Workspace() {
    if (memory_ == nullptr) return;
    // Failures were seen by the launches' own checks, and a destructor has no one to tell; nor must
    // the next call find them.
    bool freed = pooled_ ? cudaFreeAsync(memory_, stream_) == cudaSuccess
                         : cudaStreamSynchronize(stream_) == cudaSuccess;
    if (!pooled_) freed = cudaFree(memory_) == cudaSuccess && freed;
    if (!freed) cudaGetLastError();
}

}  // namespace dcn4j::cuda
