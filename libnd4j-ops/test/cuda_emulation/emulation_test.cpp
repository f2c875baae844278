// That the emulation sees the mistakes that it is there to see: each is made once.
#include <gtest/gtest.h>

#include <vector>

#include "../../src/kernels/cuda/device.h"
#include "../../src/kernels/cuda/tensor_cores.h"

namespace dcn4j::cuda {
namespace {

template <class... Parameters, class... Arguments>
void run(void (*kernel)(Parameters...), Arguments... arguments) {
    launchBlocks("mistaken", kernel, 1, 64, 0, nullptr, arguments...);
}

/// An array in device memory that nothing has written.
class NewArray {
  public:
    explicit NewArray(std::size_t bytes) {
        void* memory = nullptr;
        check(cudaMalloc(&memory, bytes), "cudaMalloc");
        data_ = static_cast<float*>(memory);
    }
    ~NewArray() { cudaFree(data_); }
    NewArray(const NewArray&) = delete;
    NewArray& operator=(const NewArray&) = delete;

    float* data() const { return data_; }

  private:
    float* data_;
};

TEST(CudaEmulationDeathTest, ThreadsPartWaysAtABarrier) {
    EXPECT_DEATH(run(+[] {
                     if (threadIdx.x > 0) __syncthreads();
                 }),
                 "some threads wait at a barrier, others ended");
}

TEST(CudaEmulationDeathTest, OnlyAPartOfAWarpComesToATensorCoreInstruction) {
    EXPECT_DEATH(run(+[] {
                     alignas(16) static const float rows[4] = {};
                     std::uint32_t to[4];
                     if (threadIdx.x > 0) loadFragments<false>(to, rows);
                 }),
                 "part of a warp works");
}

TEST(CudaEmulationDeathTest, AnAccessOfSeveralElementsIsNotAligned) {
    const std::vector<double> memory(8);
    EXPECT_DEATH(run(
                     +[](const double* at) { loadPack<2>(at); },
                     reinterpret_cast<std::uintptr_t>(memory.data()) % 16 == 0 ? memory.data() + 1
                                                                               : memory.data()),
                 "a misaligned access");
}

TEST(CudaEmulationDeathTest, DeviceMemoryIsReadThatNothingHasWritten) {
    const NewArray array(32);
    for (int i = 0; i < 7; ++i) array.data()[i] = 0;
    EXPECT_DEATH(run(
                     +[](const float* at) { loadPack<4>(at + 4); }, array.data()),
                 "nothing has written");
    EXPECT_DEATH(run(
                     +[](const float* at) { loadGlobal<float>(at + 7); }, array.data()),
                 "nothing has written");
    EXPECT_DEATH(run(
                     +[](const float* at) { beginCopy(&shared<Pack<float, 4>>(), at + 4, true); },
                     array.data()),
                 "nothing has written");
    run(
        +[](const float* at) { loadPack<4>(at); }, array.data());
}

TEST(CudaEmulationDeathTest, ABlockTakesMoreSharedMemoryThanItMay) {
    struct Half {
        char bytes[25 << 10];
    };
    struct OtherHalf : Half {};
    EXPECT_DEATH(run(+[] {
                     shared<Half>();
                     shared<OtherHalf>();
                 }),
                 "more than 48 KiB");
    EXPECT_DEATH(launch(
                     "mistaken", +[] { dynamicShared<Half>(); }, 1, 1024, nullptr),
                 "more dynamic shared memory");
}

TEST(CudaEmulationDeathTest, ABlockIsLargerThanCudaAllows) {
    EXPECT_DEATH(launchBlocks(
                     "mistaken", +[] {}, 1, 1056, 0, nullptr),
                 "larger than CUDA allows");
}

TEST(CudaEmulationDeathTest, AKernelHasNoCodeForTheDevice) {
    EXPECT_DEATH(run(+[] { checkCapability(100); }), "no code for");
}

/// What a thread reads that another writes, with a barrier in between or not.
template <bool Barrier>
void exchange(float* to) {
    struct Memory {
        float values[64];
    };
    auto& values = shared<Memory>().values;
    values[threadIdx.x] = 1;
    if (Barrier) __syncthreads();
    to[threadIdx.x] = values[63 - threadIdx.x];
}

TEST(CudaEmulation, AMissingBarrierShows) {
    std::vector<float> to(64);
    run(exchange<true>, to.data());
    EXPECT_EQ(to, std::vector<float>(64, 1));
#if defined(DCN4J_EMULATION_ACCESSES)
    EXPECT_DEATH(run(exchange<false>, to.data()), "two threads access one byte");
#else
    run(exchange<false>, to.data());
    EXPECT_NE(to, std::vector<float>(64, 1));
#endif
}

TEST(CudaEmulation, ACopyIsThereOnlyOnceItHasBeenWaitedFor) {
    alignas(16) static const float from[4] = {1, 2, 3, 4};
    static float early, late;
    run(+[] {
        auto& copy = shared<Pack<float, 4>>();
        if (threadIdx.x > 0) return;
        beginCopy(&copy, from, true);
        early = copy.get(2);
        waitForCopies();
        late = copy.get(2);
    });
    EXPECT_NE(early, 3);
    EXPECT_EQ(late, 3);
}

TEST(CudaEmulation, ALaunchThatFailsIsSaidOnce) {
    cuda_emulation::failingKernels = "mistaken";
    EXPECT_THROW(run(+[] {}), std::runtime_error);
    cuda_emulation::failingKernels.clear();
    EXPECT_NO_THROW(run(+[] {}));
}

}  // namespace
}  // namespace dcn4j::cuda
