package io.github.dcn4j.ops;

import java.util.Random;
import java.util.function.DoubleSupplier;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Arrays from numbers and back, empty ones too. */
final class Values {
  private Values() {}

  static long count(long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return count;
  }

  /** The elements in 'c' order. */
  static double[] of(INDArray array) {
    return count(array.shape()) == 0
        ? new double[0]
        : array.castTo(DataType.DOUBLE).dup('c').data().asDouble();
  }

  static INDArray array(double[] values, DataType type, long... shape) {
    return values.length == 0
        ? Nd4j.create(type, shape)
        : Nd4j.createFromArray(values).reshape('c', shape).castTo(type);
  }

  static INDArray array(DoubleSupplier values, DataType type, long... shape) {
    double[] all = new double[Math.toIntExact(count(shape))];
    for (int i = 0; i < all.length; i++) {
      all[i] = values.getAsDouble();
    }
    return array(all, type, shape);
  }

  /** Evenly distributed in -size to size. */
  static INDArray uniform(Random random, double size, DataType type, long... shape) {
    return array(() -> size * (2 * random.nextDouble() - 1), type, shape);
  }
}
