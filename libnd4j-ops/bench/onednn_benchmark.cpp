// oneDNN's plain convolution of the same shapes, from and to the layouts that users have: the
// reordering to oneDNN's own layouts and back is part of the time, as our repacking is of ours.
#include <benchmark/benchmark.h>

#include <dnnl.hpp>

#include "shapes.h"

namespace dcn4j {
namespace {

using namespace dnnl;
using Dims = memory::dims;
using benchmark::State;

/// An array in the user's layout, and in the one that a primitive asks for.
class Operand {
  public:
    Operand(const engine& e, Dims dims, memory::format_tag tag, const memory::desc& wanted)
        : plain_({dims, memory::data_type::f32, tag}, e), own_(wanted, e) {}

    memory& load(stream& s) {
        reorder(plain_, own_).execute(s, plain_, own_);
        return own_;
    }
    void store(stream& s) { reorder(own_, plain_).execute(s, own_, plain_); }
    memory& own() { return own_; }

  private:
    memory plain_, own_;
};

class PlainConvolution {
  public:
    explicit PlainConvolution(const Shape& s)
        : engine_(engine::kind::cpu, 0),
          stream_(engine_),
          image_{s.batch, s.channels, s.size, s.size},
          kernel_{s.outChannels, s.channels, 3, 3},
          result_{s.batch, s.outChannels, s.size, s.size},
          forward_({prop_kind::forward_training,
                    algorithm::convolution_direct,
                    any(image_),
                    any(kernel_),
                    any(result_),
                    {1, 1},
                    {1, 1},
                    {1, 1}},
                   engine_),
          toInput_({algorithm::convolution_direct,
                    any(image_),
                    any(kernel_),
                    any(result_),
                    {1, 1},
                    {1, 1},
                    {1, 1}},
                   engine_, forward_),
          toWeights_({algorithm::convolution_direct,
                      any(image_),
                      any(kernel_),
                      any(result_),
                      {1, 1},
                      {1, 1},
                      {1, 1}},
                     engine_, forward_) {}

    void forward(State& state) {
        Operand x = image(forward_.src_desc()), w = kernel(forward_.weights_desc()),
                y = result(forward_.dst_desc());
        const convolution_forward run(forward_);
        for (auto _ : state) {
            run.execute(stream_, {{DNNL_ARG_SRC, x.load(stream_)},
                                  {DNNL_ARG_WEIGHTS, w.load(stream_)},
                                  {DNNL_ARG_DST, y.own()}});
            y.store(stream_);
            stream_.wait();
        }
    }

    void backward(State& state) {
        Operand gradIn = image(toInput_.diff_src_desc()), w = kernel(toInput_.weights_desc()),
                gradOut = result(toInput_.diff_dst_desc());
        Operand x = image(toWeights_.src_desc()), gradW = kernel(toWeights_.diff_weights_desc()),
                gradOut2 = result(toWeights_.diff_dst_desc());
        const convolution_backward_data input(toInput_);
        const convolution_backward_weights weights(toWeights_);
        for (auto _ : state) {
            input.execute(stream_, {{DNNL_ARG_DIFF_DST, gradOut.load(stream_)},
                                    {DNNL_ARG_WEIGHTS, w.load(stream_)},
                                    {DNNL_ARG_DIFF_SRC, gradIn.own()}});
            gradIn.store(stream_);
            weights.execute(stream_, {{DNNL_ARG_SRC, x.load(stream_)},
                                      {DNNL_ARG_DIFF_DST, gradOut2.load(stream_)},
                                      {DNNL_ARG_DIFF_WEIGHTS, gradW.own()}});
            gradW.store(stream_);
            stream_.wait();
        }
    }

  private:
    static memory::desc any(const Dims& dims) {
        return {dims, memory::data_type::f32, memory::format_tag::any};
    }
    Operand image(const memory::desc& wanted) {
        return {engine_, image_, memory::format_tag::nchw, wanted};
    }
    Operand kernel(const memory::desc& wanted) {
        return {engine_, kernel_, memory::format_tag::oihw, wanted};
    }
    Operand result(const memory::desc& wanted) {
        return {engine_, result_, memory::format_tag::nchw, wanted};
    }

    engine engine_;
    stream stream_;
    Dims image_, kernel_, result_;
    convolution_forward::primitive_desc forward_;
    convolution_backward_data::primitive_desc toInput_;
    convolution_backward_weights::primitive_desc toWeights_;
};

}  // namespace

void registerPeers() {
    for (const Shape& shape : shapes()) {
        for (const bool forward : {true, false}) {
            benchmark::RegisterBenchmark(
                ((forward ? "forward/" : "backward/") + shape.name() + "/oneDNN plain").c_str(),
                [&shape, forward](State& state) {
                    PlainConvolution convolution(shape);
                    forward ? convolution.forward(state) : convolution.backward(state);
                    state.counters["rate"] =
                        benchmark::Counter((forward ? 1 : 2) * shape.flops(),
                                           benchmark::Counter::kIsIterationInvariantRate);
                })
                ->Unit(benchmark::kMillisecond)
                ->MeasureProcessCPUTime()
                ->UseRealTime();
        }
    }
}

}  // namespace dcn4j
