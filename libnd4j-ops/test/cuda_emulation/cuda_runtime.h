// As much of CUDA as the kernels use, run on the CPU: the kernels' sources, compiled by a C++
// compiler with this folder before CUDA's own headers, are tested on machines without a GPU.
//
// Blocks run one after another, and the threads of a block are fibers that change at
// __syncthreads() and where a warp works as one. Their order in between is drawn anew each time, so
// that a missing barrier shows as a wrong or changing result. Device memory is heap memory, filled
// with NaNs when it is new, and so is each block's shared memory; under AddressSanitizer every
// access outside it is an error, and so is anywhere an access of several elements to what nothing
// has written of device memory. Calls fail as CUDA's do, if a test asks for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads();
int __syncthreads_or(int any);

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

/// Runs `thread` as every thread of every block of the kernel `function`. Aborts if threads part
/// ways at a barrier, or a warp's where it works as one.
void run(const char* kernel, const void* function, unsigned blocks, unsigned threads,
         std::size_t sharedBytes, const std::function<void()>& thread);
/// How many kernels of that name have run, however often each.
std::size_t kernelsRun(const std::string& name);
void forgetKernelsRun();
/// The running block's object in shared memory that `name` is the address of: 128-byte aligned, new
/// for each block. All of a block's take 48 KiB at most, without those of a launch that are allowed
/// to be more.
void* sharedMemory(const void* name, std::size_t bytes);
/// The block's dynamic shared memory; aborts unless the launch asked for so much.
void* dynamicSharedMemory(std::size_t bytes);
/// For cudaFuncSetAttribute.
bool allowDynamicSharedMemory(std::size_t bytes);
/// Aborts unless `bytes`, a power of two up to 16, divides the address.
void checkAlignment(const void* address, std::size_t bytes);
/// Aborts if one of `count` elements of 2, 4 or 8 bytes is of device memory that nothing has
/// written.
void checkWritten(const void* from, std::size_t bytes, std::size_t count);
bool isOfDevice(const void* address);
/// Arrays in device memory.
std::size_t allocations();
[[noreturn]] void fail(const char* message);
/// A copy, or zeros from null, that reaches its place when the thread waits for its copies.
void beginCopy(void* to, const void* from, std::size_t bytes);
void waitForCopies();

/// Waits for the whole warp, and calls `work` once with what each of its threads brings.
void asWarp(void* own, const std::function<void(void* const (&ofLane)[32])>& work);

/// The current device's number, and what cudaDeviceGetAttribute says of it.
extern int device;
extern int computeCapability;
extern int multiprocessors;
/// The latest compute capability that there is code for, and what the device's code is for.
extern int compiledCapability;
int capabilityOfCode();
/// The earliest compute capability that there is code for.
extern int earliestCapability;
/// What is given out of device memory at a time before that fails.
extern std::size_t memoryLimit;
/// The name of kernels that can't be launched.
extern std::string failingKernels;
/// Whether the device has pools of memory, and what the last that was told so keeps of it.
extern bool memoryPools;
extern std::uint64_t keptByPool;

}  // namespace cuda_emulation

inline void __syncwarp() {
    cuda_emulation::asWarp(nullptr, [](void* const(&)[32]) {});
}

#include "tensor_cores_emulation.h"

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorLaunchOutOfResources = 701
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDefault };
enum cudaDeviceAttr {
    cudaDevAttrComputeCapabilityMajor,
    cudaDevAttrComputeCapabilityMinor,
    cudaDevAttrMemoryPoolsSupported,
    cudaDevAttrMultiProcessorCount,
    cudaDevAttrMaxSharedMemoryPerBlockOptin
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
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
/// What a call returns, which cudaGetLastError() finds if it is an error.
cudaError_t cudaEmulationResult(cudaError_t result);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
struct cudaFuncAttributes {
    int ptxVersion;
};
/// Of all kernels.
template <class Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Kernel*) {
    if (cuda_emulation::computeCapability < cuda_emulation::earliestCapability)
        return cudaEmulationResult(cudaErrorNoKernelImageForDevice);
    attributes->ptxVersion = cuda_emulation::capabilityOfCode();
    return cudaSuccess;
}
/// Of the next launch, and no kernel in particular.
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int value) {
    return cudaEmulationResult(
        cuda_emulation::allowDynamicSharedMemory(static_cast<std::size_t>(value))
            ? cudaSuccess
            : cudaErrorInvalidValue);
}
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
enum { cudaStreamNonBlocking = 1 };
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
