package io.github.dcn4j.examples;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.UnaryOperator;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Whether what a network computes is more than a linear function of its input and a constant. */
@UtilityClass
public class Linearity {
  /** What rounding leaves of a linear network is a thousandth of this. */
  private static final double LEAST = 0.01;

  /**
   * Fails if f(a + b) = f(a) + f(b) − f(0) for random a and b but for rounding.
   *
   * @param network what lies between the input and the head, at inference
   * @param shape of the input
   */
  public static void assertNotLinear(UnaryOperator<INDArray> network, long... shape) {
    double departure = departure(network, shape);
    assertTrue(departure > LEAST, "departs from a linear function by only " + departure);
  }

  /** The norm of f(a + b) − f(a) − f(b) + f(0) as a share of that of f(a) − f(0). */
  static double departure(UnaryOperator<INDArray> network, long... shape) {
    Nd4j.getRandom().setSeed(1);
    INDArray a = Nd4j.randn(shape);
    INDArray b = Nd4j.randn(shape);
    INDArray constant = network.apply(Nd4j.zeros(shape)).dup();
    INDArray ofA = network.apply(a).sub(constant);
    INDArray ofB = network.apply(b).sub(constant);
    INDArray ofSum = network.apply(a.add(b)).sub(constant);
    return ofSum.sub(ofA).sub(ofB).norm2Number().doubleValue() / ofA.norm2Number().doubleValue();
  }
}
