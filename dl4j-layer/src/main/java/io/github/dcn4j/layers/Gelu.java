package io.github.dcn4j.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Erf;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Gaussian error linear unit (arXiv 1606.08415), exact: x·Φ(x). ND4J's own are approximations, by a
 * sigmoid and by tanh.
 */
final class Gelu {
  private Gelu() {}

  /**
   * Writes Φ(x) and x·Φ(x).
   *
   * @param phi kept for {@link #backward}
   */
  static void forward(INDArray x, INDArray phi, INDArray output) {
    phi.assign(x).muli(Math.sqrt(0.5));
    Nd4j.getExecutioner().exec(new Erf(phi, phi));
    phi.addi(1).muli(0.5);
    x.mul(phi, output);
  }

  /**
   * Makes the gradient of x, in place.
   *
   * @param gradient of the output; becomes that of x
   */
  static void backward(INDArray x, INDArray phi, INDArray gradient) {
    INDArray slope = Transforms.exp(x.mul(x).muli(-0.5), false); // Φ' but for a factor
    gradient.muli(slope.muli(x).muli(1 / Math.sqrt(2 * Math.PI)).addi(phi));
  }
}
