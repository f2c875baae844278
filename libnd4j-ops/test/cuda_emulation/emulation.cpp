#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

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

int computeCapability = 90;
std::size_t memoryLimit = ~std::size_t{0};

namespace {

constexpr std::size_t stackBytes = 128 << 10;

struct Fiber {
    std::vector<char> stack;
    void* top = nullptr;
    enum { Ready, AtBarrier, Done } state = Done;
    void* sanitizerStack = nullptr;
};

std::vector<Fiber> fibers;
void* schedulerTop;
std::size_t current;
const std::function<void()>* body;
std::vector<unsigned char> shared;
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
    startSwitch(&schedulerSanitizerStack, fibers[thread].stack.data(), stackBytes);
    dcn4jSwitchStack(&schedulerTop, fibers[thread].top);
    finishSwitch(schedulerSanitizerStack, nullptr, nullptr);
}

[[noreturn]] void fail(const char* message) {
    std::fprintf(stderr, "CUDA emulation: %s\n", message);
    std::abort();
}

void runBlock(unsigned threads) {
    std::vector<std::size_t> order(threads);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (unsigned t = 0; t < threads; ++t) prepare(fibers[t]);
    for (bool running = true; running;) {
        std::shuffle(order.begin(), order.end(), random);
        unsigned done = 0;
        for (std::size_t thread : order) {
            resume(thread);
            done += fibers[thread].state == Fiber::Done;
        }
        if (done != 0 && done != threads) fail("some threads wait at a barrier, others ended");
        running = done == 0;
    }
}

}  // namespace

void run(unsigned blocks, unsigned threads, std::size_t sharedBytes,
         const std::function<void()>& thread) {
    if (threads > 1024 || sharedBytes > 48 * 1024) fail("a block is larger than CUDA allows");
    if (fibers.size() < threads) fibers.resize(threads);
    body = &thread;
    blockDim = {threads, 1, 1};
    gridDim = {blocks, 1, 1};
    for (unsigned block = 0; block < blocks; ++block) {
        blockIdx = {block, 0, 0};
        shared.assign(sharedBytes + 128, 0xff);
        runBlock(threads);
    }
}

void* sharedMemory() {
    const auto address = reinterpret_cast<std::size_t>(shared.data());
    return shared.data() + (128 - address % 128) % 128;
}

}  // namespace cuda_emulation

void __syncthreads() {
    using namespace cuda_emulation;
    const std::size_t thread = current;
    fibers[thread].state = Fiber::AtBarrier;
    yieldToScheduler(false);
}

const char* cudaGetErrorString(cudaError_t error) {
    return error == cudaErrorMemoryAllocation ? "out of memory" : "emulated error";
}
cudaError_t cudaGetLastError() {
    return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
    *device = 0;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int) {
    return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    const int capability = cuda_emulation::computeCapability;
    *value = attribute == cudaDevAttrComputeCapabilityMajor   ? capability / 10
             : attribute == cudaDevAttrComputeCapabilityMinor ? capability % 10
                                                              : 1;
    return cudaSuccess;
}
cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    if (bytes > cuda_emulation::memoryLimit) return cudaErrorMemoryAllocation;
    *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    std::memset(*memory, 0xff, bytes);
    return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
    std::free(memory);
    return cudaSuccess;
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps*) {
    *pool = nullptr;
    return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
    return cudaSuccess;
}
cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, cudaMemPool_t, cudaStream_t) {
    return cudaMalloc(memory, bytes);
}
cudaError_t cudaFreeAsync(void* memory, cudaStream_t) {
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
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
    *stream = nullptr;
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) {
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return cudaSuccess;
}
