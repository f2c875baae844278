package io.github.dcn4j.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A fully connected layer, {@link Linear} by DL4J's shapes: ND4J's matrix product gives other bits
 * for other numbers of threads.
 *
 * <p>It acts on rows [R, in], or on each pixel of images [N, in, H, W]: its weights [in, out] are a
 * 1×1 kernel. Rows, weights and biases are contiguous in 'c' order, images may have any strides.
 */
final class FullyConnected {
  private FullyConnected() {}

  /** Writes input · weights + bias. */
  static void forward(INDArray input, INDArray weights, INDArray bias, INDArray output) {
    Linear.forward(pixels(input), kernel(weights), bias, pixels(output));
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
    Linear.backward(
        pixels(input),
        kernel(weights),
        bias,
        pixels(gradOutput),
        pixels(gradInput),
        kernel(gradWeights),
        gradBias);
  }

  /** Images [N, n, H, W] with their channels last, rows [R, n] as an image of R pixels. */
  private static INDArray pixels(INDArray values) {
    return values.rank() == 4
        ? values.permute(0, 2, 3, 1)
        : values.reshape('c', 1, values.size(0), 1, values.size(1));
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
