package io.github.dcn4j.inference;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import lombok.Getter;
import lombok.experimental.Accessors;
import org.nd4j.common.util.ArrayUtil;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A permutation of as few axes as move the same numbers: ND4J walks six axes several times slower
 * than five. Axes of size 1 go, and those that stay side by side become one.
 */
@Getter
@Accessors(fluent = true)
final class Permutation {
  /** The sizes before and after. */
  private final long[] from;

  private final long[] to;

  /** The axis of {@link #from} that each of {@link #to} is. */
  private final long[] order;

  private Permutation(long[] from, long[] order) {
    this.from = from;
    this.order = order;
    to = LongStream.of(order).map(axis -> from[(int) axis]).toArray();
  }

  /** Of an array of a shape. */
  static Permutation of(long[] shape, long[] order) {
    List<List<Integer>> runs = new ArrayList<>(); // of axes of the input, as they are in the output
    int last = -2;
    for (long given : order) {
      int axis = (int) (given < 0 ? given + shape.length : given);
      if (shape[axis] == 1) {
        continue;
      }
      if (next(shape, last) != axis) {
        runs.add(new ArrayList<>());
      }
      runs.get(runs.size() - 1).add(axis);
      last = axis;
    }
    long[] sizes = new long[runs.size()];
    long[] places = new long[runs.size()];
    for (int i = 0; i < runs.size(); i++) {
      int first = runs.get(i).get(0);
      int place = (int) runs.stream().filter(run -> run.get(0) < first).count();
      places[i] = place;
      sizes[place] = runs.get(i).stream().mapToLong(axis -> shape[axis]).reduce(1, (a, b) -> a * b);
    }
    return new Permutation(sizes, places);
  }

  /** The first axis after one that has more than one place; of −2, none. */
  private static int next(long[] shape, int axis) {
    if (axis < 0) {
      return -1;
    }
    int next = axis + 1;
    while (next < shape.length && shape[next] == 1) {
      next++;
    }
    return next;
  }

  /** The same numbers in another shape, or null if they don't lie in 'c' order without gaps. */
  static INDArray view(INDArray array, long[] shape) {
    return !array.isEmpty() && isPacked(array.shape(), array.stride())
        ? Nd4j.create(array.data(), shape, ArrayUtil.calcStrides(shape), array.offset(), 'c')
        : null;
  }

  /** The strides of axes of size 1 are of no account. */
  private static boolean isPacked(long[] shape, long[] strides) {
    long stride = 1;
    for (int axis = shape.length - 1; axis >= 0; axis--) {
      if (shape[axis] != 1 && strides[axis] != stride) {
        return false;
      }
      stride *= shape[axis];
    }
    return true;
  }
}
