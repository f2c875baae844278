package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;

/** Sizes as variables of INT64; those that are known are constants. */
final class Extents {
  private Extents() {}

  /** All sizes, [rank]. */
  static SDVariable all(Node node, Value x) {
    return x.isStatic()
        ? node.longs(x.shape())
        : Shapes.cast(node.sd().shape(x.variable()), DataType.INT64);
  }

  /** One size, a scalar. */
  static SDVariable one(Node node, Value x, int axis) {
    long size = x.shape()[axis];
    return size >= 0
        ? node.scalar(DataType.INT64, size)
        : Shapes.cast(node.sd().sizeAt(x.variable(), axis), DataType.INT64);
  }

  /** Scalars as a vector. */
  static SDVariable vector(Node node, SDVariable... scalars) {
    SDVariable[] parts =
        Arrays.stream(scalars)
            .map(s -> node.sd().reshape(Shapes.cast(s, DataType.INT64), 1))
            .toArray(SDVariable[]::new);
    return parts.length == 1 ? parts[0] : node.sd().concat(0, parts);
  }

  /** The product of sizes from one axis to before another, a scalar. */
  static SDVariable product(Node node, Value x, int from, int to) {
    long[] sizes = Arrays.copyOfRange(x.shape(), from, to);
    if (Sizes.known(sizes)) {
      return node.scalar(DataType.INT64, Sizes.product(sizes));
    }
    SDVariable product = null;
    for (int axis = from; axis < to; axis++) {
      SDVariable size = one(node, x, axis);
      product = product == null ? size : product.mul(size);
    }
    return product;
  }

  /** 0, 1, … below a number. */
  static SDVariable range(Node node, long end) {
    node.checkSize("a range", end);
    return node.longs(LongStream.range(0, end).toArray());
  }

  /** 0, 1, … below a scalar. */
  static SDVariable range(Node node, SDVariable end) {
    return node.sd()
        .range(node.scalar(DataType.INT64, 0), end, node.scalar(DataType.INT64, 1), DataType.INT64);
  }

  /** 0, 1, … below the size of an axis. */
  static SDVariable range(Node node, Value x, int axis) {
    long size = x.shape()[axis];
    return size >= 0 ? range(node, size) : range(node, one(node, x, axis));
  }

  /** Axes that the graph computes, from 0 where they count from the end. */
  static SDVariable fromStart(Node node, SDVariable axes, SDVariable rank) {
    SDVariable own = Shapes.cast(axes, DataType.INT64);
    SDVariable negative = node.sd().lt(own, node.scalar(DataType.INT64, 0));
    return own.add(Shapes.cast(negative, DataType.INT64).mul(rank));
  }
}
