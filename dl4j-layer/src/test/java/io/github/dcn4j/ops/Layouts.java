package io.github.dcn4j.ops;

import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Memory layouts that arrays come in. */
final class Layouts {
  private Layouts() {}

  /** What each layout makes of a 'c' ordered array: the same values elsewhere in memory. */
  static Stream<UnaryOperator<INDArray>> all() {
    return Stream.of(
        array -> array.dup('f'),
        Layouts::asViewOfLarger,
        Layouts::asEverySecond,
        Layouts::asReversedAxes);
  }

  /** The layout of a number: 0 for none; arrays without elements stay as they are. */
  static UnaryOperator<INDArray> drawn(int number) {
    if (number == 0) {
      return array -> array;
    }
    UnaryOperator<INDArray> layout = all().skip(number - 1).findFirst().orElseThrow();
    return array -> array.isEmpty() ? array : layout.apply(array);
  }

  private static INDArray asViewOfLarger(INDArray array) {
    long[] shape = array.shape().clone();
    for (int i = 0; i < shape.length; i++) {
      shape[i] += 3;
    }
    INDArray larger = Nd4j.valueArrayOf(shape, 1e9, array.dataType());
    INDArrayIndex[] inner =
        Arrays.stream(array.shape())
            .mapToObj(size -> NDArrayIndex.interval(2, 2 + size))
            .toArray(INDArrayIndex[]::new);
    INDArray view = larger.get(inner);
    view.assign(array);
    return view;
  }

  /** Strides without an axis of step 1. */
  private static INDArray asEverySecond(INDArray array) {
    long[] shape = Arrays.stream(array.shape()).map(size -> 2 * size).toArray();
    INDArray larger = Nd4j.valueArrayOf(shape, 1e4, array.dataType());
    INDArrayIndex[] second =
        Arrays.stream(array.shape())
            .mapToObj(size -> NDArrayIndex.interval(0, 2, 2 * size))
            .toArray(INDArrayIndex[]::new);
    INDArray view = larger.get(second);
    view.assign(array);
    return view;
  }

  private static INDArray asReversedAxes(INDArray array) {
    switch (array.rank()) {
      case 4:
        return array.permute(3, 1, 0, 2).dup('c').permute(2, 1, 3, 0);
      case 2:
        return array.permute(1, 0).dup('c').permute(1, 0);
      default:
        return array;
    }
  }
}
