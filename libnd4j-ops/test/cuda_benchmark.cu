// Times the CUDA kernels on the current device and prints CSV: first what the device can do at
// most, then our kernels on the shapes of the benchmark. test/cuda-check puts peers beside them.
//
//   ceiling,NAME,VALUE,UNIT
//   dcn4j,C,HW,O,G,N,TYPE,PASS,MILLISECONDS,LEAST,MOST
//   sampling,NAME,TYPE,PASS,MILLISECONDS,LEAST,MOST    the ops without a product
//
// Times are medians, least and most of the rounds, in milliseconds, between CUDA events. Without a
// device it says so and ends with status 77. With the argument `once`, each of our kernels runs
// once and nothing is timed: for a profiler.
#include <cuda_runtime.h>

#include <cstdio>
#include <functional>
#include <string>

#include "../src/kernels/cuda/deformable_conv2d.h"
#include "../src/kernels/cuda/product.h"
#include "cuda_benchmark.h"

namespace dcn4j {
namespace {

constexpr int chains = 16, chainLength = 4096;

/// Multiply-adds in registers, in chains that do not depend on one another.
template <class Real>
__global__ void fmaKernel(Real* out) {
    Real value[chains];
    for (int i = 0; i < chains; ++i) value[i] = static_cast<Real>(threadIdx.x + i);
    const Real factor = static_cast<Real>(0.999), addend = static_cast<Real>(blockIdx.x);
    for (int k = 0; k < chainLength; ++k)
#pragma unroll
        for (int i = 0; i < chains; ++i) value[i] = value[i] * factor + addend;
    Real sum = 0;
    for (int i = 0; i < chains; ++i) sum += value[i];
    if (sum == static_cast<Real>(0.125)) *out = sum;  // never: keeps the work
}

constexpr int fragmentChains = 8;

/// Tensor core products in registers, by the instructions that the kernels use. The chains have
/// operands of their own: with the same ones, a compiler makes one chain of all.
template <class Element>
__global__ void tensorKernel(float* out) {
    using Product = cuda::TensorProduct<Element, 128, 64, cuda::Written::ByRow>;
    if constexpr (!Product::supported) {
        cuda::notCompiledForThisDevice();
    } else {
        const std::uint32_t seed = threadIdx.x;
        std::uint32_t a[fragmentChains][4], b[fragmentChains][2];
        float total[fragmentChains][4];
        for (int i = 0; i < fragmentChains; ++i)
            for (int j = 0; j < 4; ++j) {
                a[i][j] = (seed + 4 * i + j) << 4;
                b[i][j / 2] = (seed + 2 * i + j / 2) << 3;
                total[i][j] = 0;
            }
        for (int k = 0; k < chainLength; ++k)
#pragma unroll
            for (int i = 0; i < fragmentChains; ++i)
                cuda::multiplyFragments<Element>(total[i], a[i], b[i]);
        float sum = 0;
        for (int i = 0; i < fragmentChains; ++i)
            for (int j = 0; j < 4; ++j) sum += total[i][j];
        if (sum == 0.125f) *out = sum;  // never: keeps the work
    }
}

void printCeiling(const char* name, double value, const char* unit) {
    std::printf("ceiling,%s,%.1f,%s\n", name, value, unit);
}

void printCeilings() {
    constexpr Index blocks = 4096, threads = cuda::blockThreads;
    const Memory<float> out(1, 1);
    const auto rate = [&](double operations, const std::function<void()>& action) {
        return operations / measure(action).least * 1e-9;
    };
    const double fma = 2.0 * blocks * threads * chains * chainLength;
    printCeiling(
        "float",
        rate(fma, [&] { cuda::launch("fma", fmaKernel<float>, blocks, 0, nullptr, out.data()); }),
        "TFLOP/s");
    const auto tensor = [&](const char* name, int depth, void (*kernel)(float*)) {
        const double operations =
            2.0 * blocks * (threads / 32) * fragmentChains * chainLength * 16 * 8 * depth;
        printCeiling(
            name,
            rate(operations, [&] { cuda::launch("mma", kernel, blocks, 0, nullptr, out.data()); }),
            "TFLOP/s");
    };
    const int capability = cuda::capabilityOfCurrentDevice();
    if (capability >= 80) tensor("tf32 (mma)", 8, tensorKernel<cuda::Tf32>);
    if (capability >= 75) tensor("half (mma)", 16, tensorKernel<Float16>);
    constexpr Index bytes = Index{1} << 30;
    const Memory<float> from(bytes / 4, 2), to(bytes / 4, 3);
    const Times copy = measure([&] {
        cuda::check(cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice),
                    "cudaMemcpyAsync");
    });
    printCeiling("memory", 2.0 * bytes / copy.least * 1e-6, "GB/s");
}

struct Shape {
    Index channels, size, outChannels, offsetGroups;
};

const Shape shapes[] = {{64, 128, 64, 2}, {256, 64, 256, 1}, {512, 32, 512, 1}, {64, 56, 64, 1}};

template <class Element>
void benchmark(const Shape& s, Index batch, const char* type, bool tf32) {
    const Index taps = 9, pixels = s.size * s.size;
    const Conv2dGeometry g{
        batch, s.channels, s.size, s.size, s.outChannels,  s.size, s.size, 3, 3, 1, 1,
        1,     1,          1,      1,      s.offsetGroups, 1};
    const Memory<Element> input(batch * s.channels * pixels, 1);
    const Memory<Element> weights(s.outChannels * s.channels * taps, 2, 0.05f);
    const Memory<Element> offset(batch * 2 * s.offsetGroups * taps * pixels, 3, 2);
    const Memory<Element> mask(batch * s.offsetGroups * taps * pixels, 4);
    const Memory<Element> bias(s.outChannels, 5);
    const Memory<Element> output(batch * s.outChannels * pixels, 6);
    const Memory<Element> gradInput(batch * s.channels * pixels, 7);
    const Memory<Element> gradWeights(s.outChannels * s.channels * taps, 8);
    const Memory<Element> gradOffset(batch * 2 * s.offsetGroups * taps * pixels, 9);
    const Memory<Element> gradMask(batch * s.offsetGroups * taps * pixels, 10);
    const Memory<Element> gradBias(s.outChannels, 11);
    const auto image = [&](const Memory<Element>& memory, Index channels) {
        return memory.array(batch, channels, s.size, s.size);
    };
    const Index samples = s.offsetGroups * taps;
    const DeformableConv2dInputs inputs{elementTypeOf<Element>,
                                        image(input, s.channels),
                                        weights.array(s.outChannels, s.channels, 3, 3),
                                        image(offset, 2 * samples),
                                        image(mask, samples),
                                        bias.array(s.outChannels)};
    const DeformableConv2dGradients gradients{
        image(gradInput, s.channels), gradWeights.array(s.outChannels, s.channels, 3, 3),
        image(gradOffset, 2 * samples), image(gradMask, samples), gradBias.array(s.outChannels)};
    const cuda::FusedDeformableConv2d kernel(nullptr, tf32);
    const auto print = [&](const char* pass, const Times& times) {
        std::printf("dcn4j,%lld,%lld,%lld,%lld,%lld,%s,%s,%.4f,%.4f,%.4f\n",
                    static_cast<long long>(s.channels), static_cast<long long>(s.size),
                    static_cast<long long>(s.outChannels), static_cast<long long>(s.offsetGroups),
                    static_cast<long long>(batch), type, pass, static_cast<double>(times.median),
                    static_cast<double>(times.least), static_cast<double>(times.most));
        std::fflush(stdout);
    };
    print("forward", measure([&] { kernel.forward(g, inputs, image(output, s.outChannels), 0); }));
    print("backward",
          measure([&] { kernel.backward(g, inputs, image(output, s.outChannels), gradients, 0); }));
}

int run(bool once) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::fprintf(stderr, "no CUDA device\n");
        return 77;
    }
    cudaDeviceProp device;
    cuda::check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
    std::printf("device,%s\n", device.name);
    if (once) {
        warmups = 0;
        rounds = 1;
    } else {
        printCeilings();
    }
    for (const Shape& shape : shapes)
        for (const Index batch : {Index{8}, Index{32}}) {
            if (once && batch > 8) continue;
            benchmark<float>(shape, batch, "float", false);
            benchmark<float>(shape, batch, "tf32", true);
            benchmark<Float16>(shape, batch, "half", false);
        }
    benchmarkSampling();
    return 0;
}

}  // namespace
}  // namespace dcn4j

int main(int count, char** arguments) {
    try {
        return dcn4j::run(count > 1 && std::string(arguments[1]) == "once");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
