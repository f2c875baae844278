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
 * <p>Rows [R, in] are an image of R pixels with their channels last, weights [in, out] a 1×1
 * kernel. All arrays are contiguous in 'c' order.
 */
final class FullyConnected {
  private static final DeformableConv2DConfig CONFIG =
      DeformableConv2DConfig.builder().kH(1).kW(1).dataFormat("NHWC").build();

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

  private static INDArray image(INDArray rows) {
    return rows.reshape('c', 1, rows.size(0), 1, rows.size(1));
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
