package io.github.dcn4j.ops;

import io.github.dcn4j.Goldens;
import lombok.Builder;
import lombok.Value;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The arrays of one deformable convolution, in NCHW. */
@Value
@Builder(toBuilder = true)
class Problem {
  INDArray input;
  INDArray weights;
  INDArray offset;
  INDArray mask;
  INDArray bias;
  INDArray gradOutput;
  DeformableConv2DConfig config;

  /** [2, 4, 6, 5] → [2, 6, 6, 5] with 3 × 3 taps, two deformable groups and two groups. */
  static Problem random(DataType type) {
    Nd4j.getRandom().setSeed(42);
    return builder()
        .input(Nd4j.rand(type, 2, 4, 6, 5))
        .weights(Nd4j.rand(type, 6, 2, 3, 3))
        .offset(Nd4j.rand(type, 2, 36, 6, 5).muli(0.8).addi(0.1))
        .mask(Nd4j.rand(type, 2, 18, 6, 5))
        .bias(Nd4j.rand(type, 6))
        .gradOutput(Nd4j.rand(type, 2, 6, 6, 5))
        .config(
            DeformableConv2DConfig.builder()
                .kH(3)
                .kW(3)
                .pH(1)
                .pW(1)
                .deformableGroups(2)
                .groups(2)
                .build())
        .build();
  }

  static Problem of(Goldens.Case golden, DataType type) {
    return builder()
        .input(golden.array("input", type))
        .weights(golden.array("weight", type))
        .offset(golden.array("offset", type))
        .mask(golden.array("mask", type))
        .bias(golden.array("bias", type))
        .gradOutput(golden.array("grad_output", type))
        .config(
            DeformableConv2DConfig.builder()
                .kH(golden.pair("kernel", 0))
                .kW(golden.pair("kernel", 1))
                .sH(golden.pair("stride", 0))
                .sW(golden.pair("stride", 1))
                .pH(golden.pair("padding", 0))
                .pW(golden.pair("padding", 1))
                .dH(golden.pair("dilation", 0))
                .dW(golden.pair("dilation", 1))
                .groups(golden.number("groups"))
                .deformableGroups(golden.number("offset_groups"))
                .build())
        .build();
  }

  INDArray forward() {
    return new NDDeformable().deformableConv2d(input, weights, offset, mask, bias, config);
  }

  /** Gradients of input, weights, offset, and of mask and bias where present. */
  INDArray[] backward() {
    return new NDDeformable()
        .deformableConv2dBp(input, weights, offset, mask, bias, gradOutput, config);
  }

  /** Each array replaced by what {@code change} makes of it; absent ones stay absent. */
  Problem map(java.util.function.UnaryOperator<INDArray> change) {
    return toBuilder()
        .input(change.apply(input))
        .weights(change.apply(weights))
        .offset(change.apply(offset))
        .mask(mask == null ? null : change.apply(mask))
        .bias(bias == null ? null : change.apply(bias))
        .gradOutput(change.apply(gradOutput))
        .build();
  }

  Problem castTo(DataType type) {
    return map(array -> array.castTo(type));
  }

  /** The same problem with channels last in shape; in memory too if {@code dense}. */
  Problem channelsLast(boolean dense) {
    return toBuilder()
        .input(channelsLast(input, dense))
        .offset(channelsLast(offset, dense))
        .mask(mask == null ? null : channelsLast(mask, dense))
        .gradOutput(channelsLast(gradOutput, dense))
        .config(config.toBuilder().dataFormat("NHWC").build())
        .build();
  }

  private static INDArray channelsLast(INDArray array, boolean dense) {
    INDArray permuted = array.permute(0, 2, 3, 1);
    return dense ? permuted.dup('c') : permuted;
  }
}
