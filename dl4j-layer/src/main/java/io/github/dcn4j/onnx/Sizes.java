package io.github.dcn4j.onnx;

import java.util.Arrays;

/**
 * Arithmetic of shapes of which some sizes are open ({@link Value#OPEN}); null: nothing is known.
 */
final class Sizes {
  private Sizes() {}

  /** An open shape of so many dimensions. */
  static long[] open(int rank) {
    long[] shape = new long[rank];
    Arrays.fill(shape, Value.OPEN);
    return shape;
  }

  static boolean known(long[] shape) {
    return shape != null && Arrays.stream(shape).allMatch(size -> size >= 0);
  }

  /** The product of sizes, {@link Value#OPEN} if one is open. */
  static long product(long... sizes) {
    long product = 1;
    for (long size : sizes) {
      if (size == 0) {
        return 0;
      }
      product = product < 0 || size < 0 ? Value.OPEN : Math.multiplyExact(product, size);
    }
    return product;
  }

  /** The shape that two broadcast to; null if one is. */
  static long[] broadcast(long[] a, long[] b) {
    if (a == null || b == null) {
      return null;
    }
    long[] result = new long[Math.max(a.length, b.length)];
    for (int i = 1; i <= result.length; i++) {
      long x = i <= a.length ? a[a.length - i] : 1;
      long y = i <= b.length ? b[b.length - i] : 1;
      if (x >= 0 && y >= 0 && x != y && x != 1 && y != 1) {
        throw new IllegalArgumentException(
            "expected shapes that broadcast, got " + text(a) + " and " + text(b));
      }
      // An open size is as the other, unless that is 1 or open too.
      result[result.length - i] = x == 1 ? y : y == 1 ? x : Math.max(x, y);
    }
    return result;
  }

  static long[] with(long[] shape, int axis, long size) {
    long[] result = shape.clone();
    result[axis] = size;
    return result;
  }

  static long[] without(long[] shape, int axis) {
    long[] result = new long[shape.length - 1];
    System.arraycopy(shape, 0, result, 0, axis);
    System.arraycopy(shape, axis + 1, result, axis, result.length - axis);
    return result;
  }

  static long[] concat(long[]... parts) {
    return Arrays.stream(parts).flatMapToLong(Arrays::stream).toArray();
  }

  static int[] ints(long... values) {
    return Arrays.stream(values).mapToInt(Math::toIntExact).toArray();
  }

  /** A shape for messages, "?" for open sizes. */
  static String text(long[] shape) {
    return shape == null ? "an unknown shape" : Arrays.toString(shape).replace("-1", "?");
  }
}
