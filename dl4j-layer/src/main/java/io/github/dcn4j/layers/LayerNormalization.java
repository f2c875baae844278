package io.github.dcn4j.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Layer normalisation (arXiv 1607.06450) of rows, without gain and shift: each row to a mean of 0
 * and a variance of 1.
 */
final class LayerNormalization {
  /** Added to the variance, as in InternImage's modules. */
  private static final double EPSILON = 1e-6;

  private LayerNormalization() {}

  /**
   * Normalises in place.
   *
   * @param rows [R, C], contiguous in 'c' order
   * @param scale gets the factor of each row, [R, 1]
   */
  static void forward(INDArray rows, INDArray scale) {
    rows.subiColumnVector(rows.mean(true, 1));
    scale.assign(rows.mul(rows).mean(true, 1)).addi(EPSILON);
    Transforms.sqrt(scale, false);
    scale.rdivi(1);
    rows.muliColumnVector(scale);
  }

  /**
   * Makes the gradient of the rows, in place.
   *
   * @param normalized what {@link #forward} left
   * @param scale as well
   * @param gradient of the normalised rows; becomes that of the rows
   */
  static void backward(INDArray normalized, INDArray scale, INDArray gradient) {
    INDArray along = gradient.mul(normalized).mean(true, 1);
    gradient.subiColumnVector(gradient.mean(true, 1));
    gradient.subi(normalized.mulColumnVector(along)).muliColumnVector(scale);
  }
}
