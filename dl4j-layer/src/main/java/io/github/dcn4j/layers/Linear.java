package io.github.dcn4j.layers;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.PlainConv2D;
import io.github.dcn4j.ops.PlainConv2DDerivative;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The same linear function of the channels of each pixel: a 1×1 convolution by this library's
 * reproducible one. Activations are [N, H, W, channels], of any strides.
 */
final class Linear {
  private static final DeformableConv2DConfig CONFIG = config(1);

  private Linear() {}

  private static DeformableConv2DConfig config(long groups) {
    return DeformableConv2DConfig.builder().kH(1).kW(1).dataFormat("NHWC").groups(groups).build();
  }

  /**
   * Writes input · weights + bias.
   *
   * @param weights [out, in, 1, 1]
   * @param bias [out]; null for none
   */
  static void forward(INDArray input, INDArray weights, INDArray bias, INDArray output) {
    new PlainConv2D(input, weights, bias, CONFIG).run(output);
  }

  /** Writes the gradients of {@link #forward}, in the order of its arguments. */
  static void backward(
      INDArray input,
      INDArray weights,
      INDArray bias,
      INDArray gradOutput,
      INDArray gradInput,
      INDArray gradWeights,
      INDArray gradBias) {
    new PlainConv2DDerivative(input, weights, bias, gradOutput, CONFIG)
        .run(gradInput, gradWeights, gradBias);
  }

  /**
   * Writes input · gain + shift, channel by channel.
   *
   * @param gain [channels]
   * @param shift [channels]
   */
  static void affine(INDArray input, INDArray gain, INDArray shift, INDArray output) {
    new PlainConv2D(input, perChannel(gain), shift, config(gain.length())).run(output);
  }

  /** Writes the gradients of {@link #affine}, in the order of its arguments. */
  static void affineBackward(
      INDArray input,
      INDArray gain,
      INDArray shift,
      INDArray gradOutput,
      INDArray gradInput,
      INDArray gradGain,
      INDArray gradShift) {
    new PlainConv2DDerivative(input, perChannel(gain), shift, gradOutput, config(gain.length()))
        .run(gradInput, perChannel(gradGain), gradShift);
  }

  private static INDArray perChannel(INDArray gain) {
    return gain.reshape('c', gain.length(), 1, 1, 1);
  }
}
