// As much of CUDA as the kernels use, run on the CPU: the kernels' sources, compiled by a C++
// compiler with this folder before CUDA's own headers, are tested on machines without a GPU.
//
// Blocks run one after another, and the threads of a block are fibers that change at
// __syncthreads(). Their order between two barriers is drawn anew each time, so that a missing
// barrier shows as a wrong or changing result. Device memory is heap memory, filled with NaNs when
// it is new; under AddressSanitizer every access outside it is an error.
#pragma once

#include <cstddef>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// Blocks run one at a time, in one thread.
#define __shared__ static

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads();

inline unsigned atomicAdd(unsigned* address, unsigned value) {
    const unsigned old = *address;
    *address += value;
    return old;
}
inline unsigned atomicSub(unsigned* address, unsigned value) {
    const unsigned old = *address;
    *address -= value;
    return old;
}
inline unsigned long long atomicMin(unsigned long long* address, unsigned long long value) {
    const unsigned long long old = *address;
    if (value < old) *address = value;
    return old;
}

namespace cuda_emulation {

/// Runs `thread` as every thread of every block. Aborts if threads part ways at a barrier.
void run(unsigned blocks, unsigned threads, std::size_t sharedBytes,
         const std::function<void()>& thread);
/// The dynamic shared memory of the running block.
void* sharedMemory();
/// What cudaDeviceGetAttribute says of the device.
extern int computeCapability;
/// What cudaMallocFromPoolAsync may give out at a time before it fails.
extern std::size_t memoryLimit;

}  // namespace cuda_emulation

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDefault };
enum cudaDeviceAttr {
    cudaDevAttrComputeCapabilityMajor,
    cudaDevAttrComputeCapabilityMinor,
    cudaDevAttrMemoryPoolsSupported
};
using cudaStream_t = struct CUstream_st*;
using cudaMemPool_t = struct CUmemPoolHandle_st*;
enum cudaMemAllocationType { cudaMemAllocationTypePinned };
enum cudaMemLocationType { cudaMemLocationTypeDevice };
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold };
struct cudaMemPoolProps {
    cudaMemAllocationType allocType;
    int handleTypes;
    struct {
        cudaMemLocationType type;
        int id;
    } location;
};

const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMalloc(void** memory, std::size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value);
cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream);
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreate(cudaStream_t* stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
