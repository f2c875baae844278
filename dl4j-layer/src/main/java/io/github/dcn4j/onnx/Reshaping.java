package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A reshape whose target sizes are numbers, or multiples or parts of the input's own sizes, so that
 * it works where those are open.
 */
final class Reshaping {
  private final long[] factors;
  private final long[] divisors;
  private final int[] axes;
  private int count;

  private Reshaping(int rank) {
    factors = new long[rank];
    divisors = new long[rank];
    axes = new int[rank];
  }

  static Reshaping to(int rank) {
    return new Reshaping(rank);
  }

  /** The next size: a number. */
  Reshaping size(long size) {
    return add(size, 1, -1);
  }

  /** The next size: that of an axis of the input. */
  Reshaping axis(int axis) {
    return add(1, 1, axis);
  }

  /** The next size: that of an axis, times a factor. */
  Reshaping times(int axis, long factor) {
    return add(factor, 1, axis);
  }

  /** The next size: that of an axis, divided. */
  Reshaping part(int axis, long divisor) {
    return add(1, divisor, axis);
  }

  private Reshaping add(long factor, long divisor, int axis) {
    factors[count] = factor;
    divisors[count] = divisor;
    axes[count++] = axis;
    return this;
  }

  /** The sizes, for an input of these. */
  long[] shape(long[] in) {
    long[] shape = new long[count];
    for (int i = 0; i < count; i++) {
      long size = axes[i] < 0 ? 1 : in[axes[i]];
      shape[i] = size < 0 ? Value.OPEN : Math.multiplyExact(size, factors[i]) / divisors[i];
    }
    return shape;
  }

  /** The input in the new shape. */
  SDVariable of(SDVariable x, long[] in) {
    SameDiff sd = x.getSameDiff();
    long[] shape = shape(in);
    if (LongStream.of(shape).filter(size -> size < 0).count() <= 1) {
      return sd.reshape(x, shape);
    }
    SDVariable one = sd.constant(Nd4j.createFromArray(1L));
    SDVariable sizes = sd.concat(0, Shapes.cast(sd.shape(x), DataType.INT64), one);
    long[] picked = Arrays.stream(axes).mapToLong(axis -> axis < 0 ? in.length : axis).toArray();
    SDVariable target = Indexing.rows(sizes, sd.constant(Nd4j.createFromArray(picked)), 0);
    target = target.mul(sd.constant(Nd4j.createFromArray(factors)));
    if (Arrays.stream(divisors).anyMatch(d -> d != 1)) {
      target = sd.math().floorDiv(target, sd.constant(Nd4j.createFromArray(divisors)));
    }
    return sd.reshape(x, target);
  }
}
