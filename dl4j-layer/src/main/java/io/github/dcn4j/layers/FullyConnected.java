package io.github.dcn4j.layers;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.PlainConv2D;
import io.github.dcn4j.ops.PlainConv2DDerivative;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A fully connected layer by the plain convolution: ND4J's matrix product gives other bits for
 * other numbers of threads.
 *
 * <p>It acts on rows [R, in], or on each pixel of images [N, in, H, W]: its weights [in, out] are a
 * 1×1 kernel. Rows, weights and biases are contiguous in 'c' order, images may have any strides.
 */
final class FullyConnected {
  private static final DeformableConv2DConfig CONFIG =
      DeformableConv2DConfig.builder().kH(1).kW(1).build();

  private FullyConnected() {}

  /** Writes input · weights + bias. */
  static void forward(INDArray input, INDArray weights, INDArray bias, INDArray output) {
    new PlainConv2D(image(input), kernel(weights), bias, CONFIG).run(image(output));
  }

  /** Writes the gradients of {@link #forward}. */
  static void backward(
      INDArray input,
      INDArray weights,
      INDArray bias,
      INDArray gradOutput,
      INDArray gradInput,
      INDArray gradWeights,
      INDArray gradBias) {
    new PlainConv2DDerivative(image(input), kernel(weights), bias, image(gradOutput), CONFIG)
        .run(image(gradInput), kernel(gradWeights), gradBias);
  }

  /** Images as they are, rows [R, n] as an image of R pixels. */
  private static INDArray image(INDArray values) {
    return values.rank() == 4
        ? values
        : values.reshape('c', 1, values.size(0), 1, values.size(1)).permute(0, 3, 1, 2);
  }

  /** The weights seen as [out, in, 1, 1]. */
  private static INDArray kernel(INDArray weights) {
    long in = weights.size(0);
    long out = weights.size(1);
    return Nd4j.create(
        weights.data(),
        new long[] {out, in, 1, 1},
        new long[] {1, out, 1, 1},
        weights.offset(),
        'c',
        weights.dataType());
  }
}
