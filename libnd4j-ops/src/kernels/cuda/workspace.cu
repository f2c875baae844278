#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>

#include "workspace.h"

namespace dcn4j::cuda {
namespace {

/// A device's pool of memory, which lives as long as the process.
class Pool {
  public:
    cudaMemPool_t get(int device) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (pool_ == nullptr) {
            cudaMemPoolProps properties = {};
            properties.allocType = cudaMemAllocationTypePinned;
            properties.location.type = cudaMemLocationTypeDevice;
            properties.location.id = device;
            check(cudaMemPoolCreate(&pool_, &properties), "cudaMemPoolCreate");
        }
        return pool_;
    }

    /// Of what is given back, the pool keeps `bytes` from now on, or more.
    void keep(std::uint64_t bytes) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (bytes <= kept_) return;
        check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &bytes),
              "cudaMemPoolSetAttribute");
        kept_ = bytes;
    }

  private:
    std::mutex mutex_;
    cudaMemPool_t pool_ = nullptr;
    std::uint64_t kept_ = 0;
};

Pool& poolOf(int device) {
    static std::mutex mutex;
    static std::map<int, Pool> pools;
    const std::lock_guard<std::mutex> lock(mutex);
    return pools[device];
}

}  // namespace

void Workspace::allocate() {
    if (bytes_ == 0) return;
    int device = 0, pools = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, device),
          "cudaDeviceGetAttribute");
    pooled_ = pools != 0;
    void* memory = nullptr;
    const cudaError_t status =
        pooled_ ? cudaMallocFromPoolAsync(&memory, bytes_, poolOf(device).get(device), stream_)
                : cudaMalloc(&memory, bytes_);
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();  // the next call's check must not find this failure again
        throw OutOfMemory(bytes_);
    }
    check(status, "device memory allocation");
    memory_ = static_cast<unsigned char*>(memory);
    // With less than a call takes, every call would wait for the system to map memory anew. What
    // no call has got is not kept for any.
    if (pooled_) poolOf(device).keep(std::max(bytes_, keptBytes));
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
