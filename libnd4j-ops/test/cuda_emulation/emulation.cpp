#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "accesses.h"
#include "cuda_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

// Saves the registers that a call must keep on one stack and takes them from another (x86-64).
extern "C" void dcn4jSwitchStack(void** save, void* restore);
__asm__(
    ".text\n"
    ".globl dcn4jSwitchStack\n"
    ".type dcn4jSwitchStack, @function\n"
    "dcn4jSwitchStack:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    ret\n");

namespace cuda_emulation {

int device = 0, computeCapability = 90, compiledCapability = 90, earliestCapability = 60;
// Few, so that the suites' small shapes come to all tiles.
int multiprocessors = 2;
std::size_t memoryLimit = ~std::size_t{0};
std::string failingKernels;
std::uint64_t keptByPool = 0;
bool memoryPools = true;

namespace {

constexpr std::size_t stackBytes = 128 << 10;

struct Copy {
    void* to;
    const void* from;
    std::size_t bytes;
};

struct Fiber {
    std::vector<Copy> copies;
    std::vector<char> stack;
    void* top = nullptr;
    enum { Ready, AtBarrier, AtWarp, Done } state = Done;
    void* broughtToWarp = nullptr;
    void* sanitizerStack = nullptr;
};

std::vector<Fiber> fibers;
void* schedulerTop;
std::size_t current;
const std::function<void()>* body;
struct SharedObject {
    const void* name;
    std::size_t bytes;
    unsigned char* memory;
};
std::vector<SharedObject> shared;
constexpr std::size_t mostShared = 48 << 10;
std::size_t dynamicShared, allowedDynamicShared = mostShared;
const char* kernelName = "";
std::map<std::string, std::set<const void*>> kernels;
struct DeviceArray {
    std::size_t bytes;
    bool pooled;
};
std::map<const unsigned char*, DeviceArray> deviceMemory;
/// What new device memory holds: a NaN in every type.
constexpr std::uint16_t unwritten = 0xffd5;
cudaError_t lastError = cudaSuccess;
const std::function<void(void* const (&)[32])>* warpWork;
std::mt19937 random(1);
void* schedulerSanitizerStack;
const void* schedulerStackBottom;
std::size_t schedulerStackSize;

void startSwitch([[maybe_unused]] void** save, [[maybe_unused]] const void* bottom,
                 [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(save, bottom, size);
#endif
}

void finishSwitch([[maybe_unused]] void* saved, [[maybe_unused]] const void** bottom,
                  [[maybe_unused]] std::size_t* size) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(saved, bottom, size);
#endif
}

void yieldToScheduler(bool done) {
    Fiber& fiber = fibers[current];
    startSwitch(done ? nullptr : &fiber.sanitizerStack, schedulerStackBottom, schedulerStackSize);
    dcn4jSwitchStack(&fiber.top, schedulerTop);
    finishSwitch(fiber.sanitizerStack, &schedulerStackBottom, &schedulerStackSize);
}

void fiberMain() {
    finishSwitch(nullptr, &schedulerStackBottom, &schedulerStackSize);
    (*body)();
    fibers[current].state = Fiber::Done;
    yieldToScheduler(true);
    std::abort();
}

void prepare(Fiber& fiber) {
    if (fiber.stack.empty()) fiber.stack.resize(stackBytes);
    char* end = fiber.stack.data() + stackBytes;
    end -= reinterpret_cast<std::size_t>(end) % 16;
    // Six registers, the address that `ret` jumps to, and one that nothing returns to.
    void** top = reinterpret_cast<void**>(end) - 8;
    std::memset(top, 0, 8 * sizeof(void*));
    top[6] = reinterpret_cast<void*>(&fiberMain);
    fiber.top = top;
    fiber.state = Fiber::Ready;
}

void resume(std::size_t thread) {
    current = thread;
    threadIdx = {static_cast<unsigned>(thread), 0, 0};
    accesses::runs(thread);
    startSwitch(&schedulerSanitizerStack, fibers[thread].stack.data(), stackBytes);
    dcn4jSwitchStack(&schedulerTop, fibers[thread].top);
    finishSwitch(schedulerSanitizerStack, nullptr, nullptr);
    accesses::stops();
}

/// Lets a warp go on whose threads have all come.
bool releaseWarp(std::size_t first, unsigned threads) {
    void* brought[32];
    for (std::size_t t = first; t < first + 32; ++t) {
        if (t >= threads || fibers[t].state != Fiber::AtWarp) return false;
        brought[t - first] = fibers[t].broughtToWarp;
    }
    (*warpWork)(brought);
    accesses::warpBarrier(first);
    for (std::size_t t = first; t < first + 32; ++t) fibers[t].state = Fiber::Ready;
    return true;
}

void runBlock(unsigned threads) {
    std::vector<std::size_t> order(threads);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (unsigned t = 0; t < threads; ++t) prepare(fibers[t]);
    const auto count = [&](int state) {
        return std::count_if(fibers.begin(), fibers.begin() + threads,
                             [&](const Fiber& fiber) { return fiber.state == state; });
    };
    for (;;) {
        std::shuffle(order.begin(), order.end(), random);
        for (std::size_t thread : order) {
            // The threads of a warp may stand at different calls: work is what the last brought.
            while (fibers[thread].state == Fiber::Ready) {
                resume(thread);
                if (fibers[thread].state != Fiber::AtWarp ||
                    !releaseWarp(thread / 32 * 32, threads))
                    break;
            }
        }
        if (count(Fiber::Ready) > 0) continue;
        if (count(Fiber::Done) == threads) return;
        if (count(Fiber::AtWarp) > 0) fail("part of a warp works, the rest waits or ended");
        if (count(Fiber::AtBarrier) != threads)
            fail("some threads wait at a barrier, others ended");
        accesses::blockBarrier();
        for (unsigned t = 0; t < threads; ++t) fibers[t].state = Fiber::Ready;
    }
}

/// What a device lets a block have, in KiB (CUDA C++ Programming Guide, Compute Capabilities).
std::size_t mostSharedOfDevice() {
    static const std::pair<int, std::size_t> devices[] = {
        {90, 227}, {86, 99}, {80, 163}, {75, 64}, {70, 96}};
    for (const auto& [capability, most] : devices)
        if (computeCapability >= capability) return most << 10;
    return mostShared;
}

void newBlock() {
    for (const SharedObject& object : shared) std::free(object.memory);
    shared.clear();
    accesses::beginBlock();
}

}  // namespace

void fail(const char* message) {
    std::fprintf(stderr, "CUDA emulation: %s: %s\n", kernelName, message);
    std::abort();
}

void run(const char* kernel, const void* function, unsigned blocks, unsigned threads,
         std::size_t dynamicBytes, const std::function<void()>& thread) {
    if (kernel == failingKernels) {
        lastError = cudaErrorLaunchOutOfResources;
        return;
    }
    kernelName = kernel;
    kernels[kernel].insert(function);
    accesses::beginKernel(kernel);
    if (threads > 1024) fail("a block is larger than CUDA allows");
    if (fibers.size() < threads) fibers.resize(threads);
    body = &thread;
    if (dynamicBytes > allowedDynamicShared)
        fail("a launch asks for more shared memory than its kernel is allowed");
    dynamicShared = dynamicBytes;
    allowedDynamicShared = mostShared;
    blockDim = {threads, 1, 1};
    gridDim = {blocks, 1, 1};
    for (unsigned block = 0; block < blocks; ++block) {
        blockIdx = {block, 0, 0};
        newBlock();
        runBlock(threads);
    }
    newBlock();
}

std::size_t kernelsRun(const std::string& name) {
    return kernels[name].size();
}

void forgetKernelsRun() {
    kernels.clear();
}

bool isOfDevice(const void* address) {
    const auto* at = static_cast<const unsigned char*>(address);
    const auto after = deviceMemory.upper_bound(at);
    if (after == deviceMemory.begin()) return false;
    const auto& [begin, array] = *std::prev(after);
    return at < begin + array.bytes;
}

std::size_t allocations() {
    return deviceMemory.size();
}

void checkWritten(const void* from, std::size_t bytes, std::size_t count) {
    constexpr std::uint16_t fresh[] = {unwritten, unwritten, unwritten, unwritten};
    const auto* at = static_cast<const unsigned char*>(from);
    for (const auto* end = at + count * bytes; at < end; at += bytes) {
        if (std::memcmp(at, fresh, bytes) == 0 && isOfDevice(at))
            fail("device memory is read that nothing has written");
    }
}

int capabilityOfCode() {
    return std::min(computeCapability, compiledCapability);
}

bool allowDynamicSharedMemory(std::size_t bytes) {
    if (bytes > mostSharedOfDevice()) return false;
    allowedDynamicShared = bytes;
    return true;
}

void* dynamicSharedMemory(std::size_t bytes) {
    if (bytes > dynamicShared) fail("more dynamic shared memory than the launch asked for");
    return sharedMemory(&dynamicShared, bytes);
}

void* sharedMemory(const void* name, std::size_t bytes) {
    std::size_t taken = 0;
    for (const SharedObject& object : shared) {
        if (object.name == name) return object.memory;
        taken += object.bytes;
    }
    // Beside dynamic memory beyond the limit, there is none.
    if (taken + bytes > std::max(mostShared, dynamicShared))
        fail("a block's shared memory is more than 48 KiB");
    void* memory = std::aligned_alloc(128, (bytes + 127) / 128 * 128);
    std::memset(memory, 0xff, bytes);
    shared.push_back({name, bytes, static_cast<unsigned char*>(memory)});
    accesses::addShared(memory, bytes);
    return memory;
}

void checkAlignment(const void* address, std::size_t bytes) {
    if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0) fail("a misaligned access");
    accesses::wide(address, bytes, __builtin_return_address(0));
}

void beginCopy(void* to, const void* from, std::size_t bytes) {
    if (from != nullptr) checkWritten(from, 4, bytes / 4);
    // Whoever reads too early reads NaNs.
    std::memset(to, 0xff, bytes);
    fibers[current].copies.push_back({to, from, bytes});
}

void waitForCopies() {
    for (const Copy& copy : fibers[current].copies) {
        if (copy.from) {
            std::memcpy(copy.to, copy.from, copy.bytes);
        } else {
            std::memset(copy.to, 0, copy.bytes);
        }
    }
    fibers[current].copies.clear();
}

void asWarp(void* own, const std::function<void(void* const (&)[32])>& work) {
    Fiber& fiber = fibers[current];
    fiber.broughtToWarp = own;
    fiber.state = Fiber::AtWarp;
    warpWork = &work;
    yieldToScheduler(false);
}

}  // namespace cuda_emulation

void __syncthreads() {
    using namespace cuda_emulation;
    const std::size_t thread = current;
    fibers[thread].state = Fiber::AtBarrier;
    yieldToScheduler(false);
}

int __syncthreads_or(int any) {
    static int all = 0;
    all |= any;
    __syncthreads();
    const int result = all;
    __syncthreads();
    all = 0;
    __syncthreads();
    return result;
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaErrorMemoryAllocation:
            return "out of memory";
        case cudaErrorInvalidDevice:
            return "invalid device ordinal";
        case cudaErrorNoKernelImageForDevice:
            return "no kernel image is available for execution on the device";
        default:
            return "emulated error";
    }
}
cudaError_t cudaGetLastError() {
    return std::exchange(cuda_emulation::lastError, cudaSuccess);
}
cudaError_t cudaEmulationResult(cudaError_t result) {
    if (result != cudaSuccess) cuda_emulation::lastError = result;
    return result;
}
cudaError_t cudaGetDevice(int* device) {
    *device = cuda_emulation::device;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
    return cudaEmulationResult(device < 0 ? cudaErrorInvalidDevice : cudaSuccess);
}
cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    const int capability = cuda_emulation::computeCapability;
    *value = attribute == cudaDevAttrComputeCapabilityMajor   ? capability / 10
             : attribute == cudaDevAttrComputeCapabilityMinor ? capability % 10
             : attribute == cudaDevAttrMultiProcessorCount    ? cuda_emulation::multiprocessors
             : attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin
                 ? static_cast<int>(cuda_emulation::mostSharedOfDevice())
                 : static_cast<int>(cuda_emulation::memoryPools);
    return cudaSuccess;
}
cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    using namespace cuda_emulation;
    if (bytes > memoryLimit) return cudaEmulationResult(cudaErrorMemoryAllocation);
    *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    auto* const first = static_cast<unsigned char*>(*memory);
    std::size_t at = 0;
    for (; at + sizeof unwritten <= bytes; at += sizeof unwritten)
        std::memcpy(first + at, &unwritten, sizeof unwritten);
    if (at < bytes) first[at] = 0xff;
    deviceMemory[first] = {bytes, false};
    return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
    cuda_emulation::deviceMemory.erase(static_cast<const unsigned char*>(memory));
    std::free(memory);
    return cudaSuccess;
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps*) {
    static char all;
    *pool = reinterpret_cast<cudaMemPool_t>(&all);
    return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr, void* value) {
    if (pool == nullptr) return cudaEmulationResult(cudaErrorInvalidValue);
    cuda_emulation::keptByPool = *static_cast<const std::uint64_t*>(value);
    return cudaSuccess;
}
cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t) {
    if (pool == nullptr) return cudaEmulationResult(cudaErrorInvalidValue);
    const cudaError_t result = cudaMalloc(memory, bytes);
    if (result == cudaSuccess)
        cuda_emulation::deviceMemory[static_cast<const unsigned char*>(*memory)].pooled = true;
    return result;
}
cudaError_t cudaFreeAsync(void* memory, cudaStream_t) {
    const auto found = cuda_emulation::deviceMemory.find(static_cast<const unsigned char*>(memory));
    if (found == cuda_emulation::deviceMemory.end() || !found->second.pooled)
        return cudaEmulationResult(cudaErrorInvalidValue);
    return cudaFree(memory);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t) {
    std::memcpy(to, from, bytes);
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t) {
    std::memset(memory, value, bytes);
    return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    *stream = nullptr;
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) {
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return cudaSuccess;
}
