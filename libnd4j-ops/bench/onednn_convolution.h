// oneDNN's plain convolution, from and to the layouts that users have: the reordering to oneDNN's
// own layouts and back is part of the time, as our repacking is of ours.
#pragma once

#include <dnnl.hpp>

#include "../src/kernels/deformable_conv2d.h"

namespace dcn4j {

class OneDnnConvolution {
  public:
    explicit OneDnnConvolution(const Conv2dGeometry& g)
        : forward_({dnnl::prop_kind::forward_training, algorithm, any(image(g)), any(kernel(g)),
                    any(result(g)), strides(g), before(g), after(g)},
                   engine_),
          toInput_({algorithm, any(image(g)), any(kernel(g)), any(result(g)), strides(g), before(g),
                    after(g)},
                   engine_, forward_),
          toWeights_({algorithm, any(image(g)), any(kernel(g)), any(result(g)), strides(g),
                      before(g), after(g)},
                     engine_, forward_),
          x_(*this, image(g), forward_.src_desc()),
          w_(*this, kernel(g), forward_.weights_desc()),
          y_(*this, result(g), forward_.dst_desc()),
          gradX_(*this, image(g), toInput_.diff_src_desc()),
          gradYForX_(*this, result(g), toInput_.diff_dst_desc()),
          wForX_(*this, kernel(g), toInput_.weights_desc()),
          xForW_(*this, image(g), toWeights_.src_desc()),
          gradYForW_(*this, result(g), toWeights_.diff_dst_desc()),
          gradW_(*this, kernel(g), toWeights_.diff_weights_desc()) {}

    void forward() {
        dnnl::convolution_forward(forward_).execute(
            stream_,
            {{DNNL_ARG_SRC, x_.load()}, {DNNL_ARG_WEIGHTS, w_.load()}, {DNNL_ARG_DST, y_.own()}});
        y_.store();
        stream_.wait();
    }

    /// The gradients of input and weights.
    void backward() {
        dnnl::convolution_backward_data(toInput_).execute(stream_,
                                                          {{DNNL_ARG_DIFF_DST, gradYForX_.load()},
                                                           {DNNL_ARG_WEIGHTS, wForX_.load()},
                                                           {DNNL_ARG_DIFF_SRC, gradX_.own()}});
        gradX_.store();
        dnnl::convolution_backward_weights(toWeights_)
            .execute(stream_, {{DNNL_ARG_SRC, xForW_.load()},
                               {DNNL_ARG_DIFF_DST, gradYForW_.load()},
                               {DNNL_ARG_DIFF_WEIGHTS, gradW_.own()}});
        gradW_.store();
        stream_.wait();
    }

  private:
    using Dims = dnnl::memory::dims;
    static constexpr auto algorithm = dnnl::algorithm::convolution_direct;

    /// An array in the user's layout, row-major, and in the one that a primitive asks for.
    class Operand {
      public:
        Operand(OneDnnConvolution& c, const Dims& dims, const dnnl::memory::desc& wanted)
            : stream_(c.stream_),
              plain_({dims, dnnl::memory::data_type::f32,
                      dims.size() == 4 ? dnnl::memory::format_tag::abcd
                                       : dnnl::memory::format_tag::abcde},
                     c.engine_),
              own_(wanted, c.engine_),
              load_(plain_, own_),
              store_(own_, plain_) {}

        dnnl::memory& load() {
            load_.execute(stream_, plain_, own_);
            return own_;
        }
        void store() { store_.execute(stream_, own_, plain_); }
        dnnl::memory& own() { return own_; }

      private:
        dnnl::stream& stream_;
        dnnl::memory plain_, own_;
        dnnl::reorder load_, store_;
    };

    static dnnl::memory::desc any(const Dims& dims) {
        return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
    }
    static Dims image(const Conv2dGeometry& g) { return {g.batch, g.channels, g.height, g.width}; }
    static Dims kernel(const Conv2dGeometry& g) {
        if (g.groups == 1) return {g.outChannels, g.channels, g.kernelH, g.kernelW};
        return {g.groups, g.outChannelsPerGroup(), g.channelsPerGroup(), g.kernelH, g.kernelW};
    }
    static Dims result(const Conv2dGeometry& g) {
        return {g.batch, g.outChannels, g.outHeight, g.outWidth};
    }
    static Dims strides(const Conv2dGeometry& g) { return {g.strideH, g.strideW}; }
    static Dims before(const Conv2dGeometry& g) { return {g.padTop, g.padLeft}; }
    static Dims after(const Conv2dGeometry& g) {
        return {(g.outHeight - 1) * g.strideH + g.kernelH - g.height - g.padTop,
                (g.outWidth - 1) * g.strideW + g.kernelW - g.width - g.padLeft};
    }

    dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream_{engine_};
    dnnl::convolution_forward::primitive_desc forward_;
    dnnl::convolution_backward_data::primitive_desc toInput_;
    dnnl::convolution_backward_weights::primitive_desc toWeights_;
    Operand x_, w_, y_, gradX_, gradYForX_, wForX_, xForW_, gradYForW_, gradW_;
};

}  // namespace dcn4j
