// CUDA's runtime, as host code uses it: errors become exceptions.
#pragma once

#include <cuda_runtime.h>

#include <new>
#include <stdexcept>
#include <string>

namespace dcn4j::cuda {

/// A workspace did not fit in device memory.
class OutOfMemory : public std::bad_alloc {
  public:
    explicit OutOfMemory(std::size_t bytes)
        : message_("no device memory for a workspace of " + std::to_string(bytes) + " bytes") {}
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    std::string message_;
};

/// Throws std::runtime_error "CUDA: `what` failed: ..." unless `status` is cudaSuccess. The
/// thread's last error is forgotten: whoever asks next asks of calls of its own.
inline void check(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    cudaGetLastError();
    throw std::runtime_error(std::string("CUDA: ") + what +
                             " failed: " + cudaGetErrorString(status));
}

/// The implementation of an op's interface on a stream.
template <class Kernel>
class OnStream : public Kernel {
  public:
    explicit OnStream(cudaStream_t stream) : stream_(stream) {}

  protected:
    const cudaStream_t stream_;
};

/// An attribute of the current device.
inline int attributeOf(cudaDeviceAttr attribute) {
    int device = 0, value = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
    return value;
}

/// The compute capability of the current device, times ten.
inline int computeCapability() {
    return 10 * attributeOf(cudaDevAttrComputeCapabilityMajor) +
           attributeOf(cudaDevAttrComputeCapabilityMinor);
}

}  // namespace dcn4j::cuda
