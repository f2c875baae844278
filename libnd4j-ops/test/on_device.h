// CUDA kernels behind the interface of the CPU's: arrays go to device memory and come back.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "../src/kernels/cuda/runtime.h"
#include "../src/kernels/deformable_aggregation.h"
#include "../src/kernels/deformable_conv2d.h"
#include "../src/kernels/deformable_psroi_pooling.h"
#include "../src/kernels/pointwise.h"

namespace dcn4j {

inline std::size_t bytesOf(ElementType type) {
    return type == ElementType::Float64 ? 8 : type == ElementType::Float32 ? 4 : 2;
}

/// The arrays of one call in device memory, each between guards that must not change.
class DeviceArrays {
  public:
    explicit DeviceArrays(cudaStream_t stream) : stream_(stream) {}
    DeviceArrays(const DeviceArrays&) = delete;
    DeviceArrays& operator=(const DeviceArrays&) = delete;
    ~DeviceArrays() {
        for (const Copy& copy : copies_) cudaFree(copy.device);
    }

    /// The array in device memory, with the same strides and contents; absent if it is.
    template <int Rank>
    Tensor<Rank> bring(const Tensor<Rank>& host, const Index (&sizes)[Rank], ElementType type,
                       bool written) {
        if (!host.present()) return {};
        Index first = 0, last = 0;
        bool empty = false;
        for (int d = 0; d < Rank; ++d) {
            empty = empty || sizes[d] == 0;
            const Index reach = (sizes[d] - 1) * host.strides[d];
            (reach < 0 ? first : last) += reach;
        }
        const Index size = static_cast<Index>(bytesOf(type));
        Copy copy;
        copy.written = written;
        copy.host = static_cast<unsigned char*>(host.data) + (empty ? 0 : first * size);
        copy.bytes = empty ? 0 : static_cast<std::size_t>((last - first + 1) * size);
        // As far beyond a multiple of 16 bytes as on the host.
        copy.guard = guard + reinterpret_cast<std::uintptr_t>(copy.host) % 16;
        copy.before.assign(copy.bytes + copy.guard + guard, 0xa5);
        std::memcpy(copy.before.data() + copy.guard, copy.host, copy.bytes);
        void* memory = nullptr;
        cuda::check(cudaMalloc(&memory, copy.before.size()), "cudaMalloc");
        copy.device = static_cast<unsigned char*>(memory);
        cuda::check(cudaMemcpyAsync(copy.device, copy.before.data(), copy.before.size(),
                                    cudaMemcpyHostToDevice, stream_),
                    "cudaMemcpyAsync");
        Tensor<Rank> device = host;
        device.data = copy.device + copy.guard - (empty ? 0 : first * size);
        copies_.push_back(std::move(copy));
        return device;
    }

    /// Waits for the kernels, brings back what they wrote, and checks that the rest is as it was.
    void fetch() {
        for (Copy& copy : copies_) {
            std::vector<unsigned char> after(copy.before.size());
            cuda::check(cudaMemcpyAsync(after.data(), copy.device, after.size(),
                                        cudaMemcpyDeviceToHost, stream_),
                        "cudaMemcpyAsync");
            cuda::check(cudaStreamSynchronize(stream_), "a kernel");
            if (copy.written) {
                std::memcpy(copy.host, after.data() + copy.guard, copy.bytes);
                std::memcpy(copy.before.data() + copy.guard, copy.host, copy.bytes);
            }
            EXPECT_EQ(after == copy.before, true) << "device memory beside an array has changed";
        }
    }

  private:
    static constexpr std::size_t guard = 256;

    struct Copy {
        unsigned char *host, *device;
        std::size_t bytes, guard;  ///< what is before the array
        bool written;
        std::vector<unsigned char> before;
    };

    const cudaStream_t stream_;
    std::vector<Copy> copies_;
};

class DeformableConv2dOnDevice final : public DeformableConv2dKernel {
  public:
    DeformableConv2dOnDevice(const DeformableConv2dKernel& kernel, cudaStream_t stream)
        : kernel_(kernel), stream_(stream) {}

    const char* name() const override { return kernel_.name(); }

    void forward(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs,
                 const Tensor<4>& output, int threads) const override {
        DeviceArrays arrays(stream_);
        const DeformableConv2dInputs in = bring(arrays, g, inputs);
        kernel_.forward(g, in, arrays.bring(output, outputSizes(g).sizes, inputs.type, true),
                        threads);
        arrays.fetch();
    }

    void backward(const Conv2dGeometry& g, const DeformableConv2dInputs& inputs,
                  const Tensor<4>& gradOutput, const DeformableConv2dGradients& gradients,
                  int threads) const override {
        DeviceArrays arrays(stream_);
        const ElementType type = inputs.type;
        DeformableConv2dInputs in = bring(arrays, g, inputs);
        in.addend = arrays.bring(inputs.addend, inputSizes(g).sizes, type, false);
        DeformableConv2dGradients out;
        out.input = arrays.bring(gradients.input, inputSizes(g).sizes, type, true);
        out.weights = arrays.bring(gradients.weights, weightSizes(g).sizes, type, true);
        out.offset = arrays.bring(gradients.offset, sampleSizes(g, 2).sizes, type, true);
        out.mask = arrays.bring(gradients.mask, sampleSizes(g, 1).sizes, type, true);
        out.bias = arrays.bring(gradients.bias, {g.outChannels}, type, true);
        kernel_.backward(g, in, arrays.bring(gradOutput, outputSizes(g).sizes, type, false), out,
                         threads);
        arrays.fetch();
    }

  private:
    struct Sizes {
        Index sizes[4];
    };
    static Sizes inputSizes(const Conv2dGeometry& g) {
        return {{g.batch, g.channels, g.height, g.width}};
    }
    static Sizes weightSizes(const Conv2dGeometry& g) {
        return {{g.outChannels, g.channelsPerGroup(), g.kernelH, g.kernelW}};
    }
    static Sizes sampleSizes(const Conv2dGeometry& g, Index numbers) {
        return {{g.batch, numbers * g.offsetGroups * g.taps(), g.outHeight, g.outWidth}};
    }
    static Sizes outputSizes(const Conv2dGeometry& g) {
        return {{g.batch, g.outChannels, g.outHeight, g.outWidth}};
    }

    static DeformableConv2dInputs bring(DeviceArrays& arrays, const Conv2dGeometry& g,
                                        const DeformableConv2dInputs& in) {
        return {in.type,
                arrays.bring(in.input, inputSizes(g).sizes, in.type, false),
                arrays.bring(in.weights, weightSizes(g).sizes, in.type, false),
                arrays.bring(in.offset, sampleSizes(g, 2).sizes, in.type, false),
                arrays.bring(in.mask, sampleSizes(g, 1).sizes, in.type, false),
                arrays.bring(in.bias, {g.outChannels}, in.type, false)};
    }

    const DeformableConv2dKernel& kernel_;
    const cudaStream_t stream_;
};

class DeformablePsroiPoolingOnDevice final : public DeformablePsroiPoolingKernel {
  public:
    DeformablePsroiPoolingOnDevice(const DeformablePsroiPoolingKernel& kernel, cudaStream_t stream)
        : kernel_(kernel), stream_(stream) {}

    const char* name() const override { return kernel_.name(); }

    std::optional<BadRoi> findBadRoi(const PsroiPoolingGeometry& g,
                                     const DeformablePsroiPoolingInputs& inputs) const override {
        DeviceArrays arrays(stream_);
        return kernel_.findBadRoi(g, bring(arrays, g, inputs));
    }

    void forward(const PsroiPoolingGeometry& g, const DeformablePsroiPoolingInputs& inputs,
                 const Tensor<4>& output, const Tensor<4>& count, int threads) const override {
        DeviceArrays arrays(stream_);
        const DeformablePsroiPoolingInputs in = bring(arrays, g, inputs);
        kernel_.forward(g, in, arrays.bring(output, outputSizes(g).sizes, inputs.type, true),
                        arrays.bring(count, outputSizes(g).sizes, countType(inputs), true),
                        threads);
        arrays.fetch();
    }

    void backward(const PsroiPoolingGeometry& g, const DeformablePsroiPoolingInputs& inputs,
                  const Tensor<4>& count, const Tensor<4>& gradOutput,
                  const DeformablePsroiPoolingGradients& gradients, int threads) const override {
        DeviceArrays arrays(stream_);
        const ElementType type = inputs.type;
        const DeformablePsroiPoolingInputs in = bring(arrays, g, inputs);
        DeformablePsroiPoolingGradients out;
        out.input = arrays.bring(gradients.input, inputSizes(g).sizes, type, true);
        out.trans = arrays.bring(gradients.trans, transSizes(g).sizes, type, true);
        kernel_.backward(g, in, arrays.bring(count, outputSizes(g).sizes, countType(inputs), false),
                         arrays.bring(gradOutput, outputSizes(g).sizes, type, false), out, threads);
        arrays.fetch();
    }

  private:
    struct Sizes {
        Index sizes[4];
    };
    static ElementType countType(const DeformablePsroiPoolingInputs& in) {
        return in.type == ElementType::Float64 ? ElementType::Float64 : ElementType::Float32;
    }
    static Sizes inputSizes(const PsroiPoolingGeometry& g) {
        return {{g.batch, g.channels(), g.height, g.width}};
    }
    static Sizes transSizes(const PsroiPoolingGeometry& g) {
        return {{g.rois, 2 * g.classes, g.partSize, g.partSize}};
    }
    static Sizes outputSizes(const PsroiPoolingGeometry& g) {
        return {{g.rois, g.outputDim, g.pooledSize, g.pooledSize}};
    }

    static DeformablePsroiPoolingInputs bring(DeviceArrays& arrays, const PsroiPoolingGeometry& g,
                                              const DeformablePsroiPoolingInputs& in) {
        return {in.type, in.roisType, arrays.bring(in.input, inputSizes(g).sizes, in.type, false),
                arrays.bring(in.rois, {g.rois, 5}, in.roisType, false),
                arrays.bring(in.trans, transSizes(g).sizes, in.type, false)};
    }

    const DeformablePsroiPoolingKernel& kernel_;
    const cudaStream_t stream_;
};

class DeformableAggregationOnDevice final : public DeformableAggregationKernel {
  public:
    DeformableAggregationOnDevice(const DeformableAggregationKernel& kernel, cudaStream_t stream)
        : kernel_(kernel), stream_(stream) {}

    const char* name() const override { return kernel_.name(); }

    void forward(const AggregationCall& call, int threads) const override {
        run(call, false, [&](const AggregationCall& there) { kernel_.forward(there, threads); });
    }

    void backward(const AggregationCall& call, int threads) const override {
        run(call, true, [&](const AggregationCall& there) { kernel_.backward(there, threads); });
    }

  private:
    template <class Action>
    void run(const AggregationCall& c, bool backward, Action action) const {
        DeviceArrays arrays(stream_);
        AggregationCall there = c;
        for (AggregationLevel& level : there.levels) {
            const Index sizes[5] = {c.batch, level.height, level.width, c.groups, c.channels};
            level.values = arrays.bring(level.values, sizes, c.type, false);
            level.gradValues = {};
            if (backward) {
                const auto place = static_cast<std::size_t>(&level - there.levels.data());
                level.gradValues = arrays.bring(c.levels[place].gradValues, sizes, c.type, true);
            }
        }
        const auto levels = static_cast<Index>(c.levels.size());
        const Index samples[6] = {c.batch, c.outHeight, c.outWidth, c.groups, levels, c.taps()};
        const Index pairs[7] = {c.batch, c.outHeight, c.outWidth, c.groups, levels, c.taps(), 2};
        there.location = arrays.bring(c.location, pairs, c.type, false);
        there.weight = arrays.bring(c.weight, samples, c.type, false);
        there.gradLocation = {};
        there.gradWeight = {};
        if (backward) {
            there.gradLocation = arrays.bring(c.gradLocation, pairs, c.type, true);
            there.gradWeight = arrays.bring(c.gradWeight, samples, c.type, true);
        }
        there.output = arrays.bring(
            c.output, {c.batch, c.outHeight, c.outWidth, c.groups, c.channels}, c.type, !backward);
        action(there);
        arrays.fetch();
    }

    const DeformableAggregationKernel& kernel_;
    const cudaStream_t stream_;
};

class PointwiseOnDevice final : public PointwiseKernel {
  public:
    PointwiseOnDevice(const PointwiseKernel& kernel, cudaStream_t stream)
        : kernel_(kernel), stream_(stream) {}

    const char* name() const override { return kernel_.name(); }

    void sigmoid(const PointwiseShape& shape, const Tensor<4>& from, const Tensor<4>& to,
                 int threads) const override {
        DeviceArrays arrays(stream_);
        const auto in = arrays.bring(from, shape.sizes, shape.type, false);
        kernel_.sigmoid(shape, in, arrays.bring(to, shape.sizes, shape.type, true), threads);
        arrays.fetch();
    }

    void sigmoidGradient(const PointwiseShape& shape, const Tensor<4>& sigmoid,
                         const Tensor<4>& gradient, const Tensor<4>& to,
                         int threads) const override {
        DeviceArrays arrays(stream_);
        const auto s = arrays.bring(sigmoid, shape.sizes, shape.type, false);
        const auto g = arrays.bring(gradient, shape.sizes, shape.type, false);
        kernel_.sigmoidGradient(shape, s, g, arrays.bring(to, shape.sizes, shape.type, true),
                                threads);
        arrays.fetch();
    }

  private:
    const PointwiseKernel& kernel_;
    const cudaStream_t stream_;
};

}  // namespace dcn4j
