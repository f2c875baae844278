package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Ops that choose, turn or mark elements by places that the graph computes. */
final class Sequences {
  private Sequences() {}

  static void addTo(Converters all) {
    all.add("Compress", 9, Sequences::compress)
        .add("Hardmax", 1, Sequences::hardmax)
        .add("ReverseSequence", 10, Sequences::reverse)
        .add("BitShift", 11, Sequences::bitShift);
  }

  private static void compress(Node node) {
    boolean flat = !node.has("axis");
    long given = node.integer("axis", 0);
    Value x = node.input(0);
    Value condition = node.typed(1, DataType.BOOL);
    long[] shape = node.shape(0);
    node.shape(1, 1);
    SameDiff sd = node.sd();
    SDVariable rows = flat ? sd.reshape(x.variable(), -1) : x.variable();
    int axis = flat ? 0 : node.axis(given, shape.length);
    long[] result = flat ? new long[1] : shape.clone();
    INDArray known = condition.constant();
    if (known == null) {
      result[axis] = Value.OPEN;
      node.output(Indexing.rows(rows, Selection.places(node, condition), axis), result);
      return;
    }
    long[] places =
        LongStream.range(0, known.length()).filter(i -> known.getDouble(i) != 0).toArray();
    result[axis] = places.length;
    if (places.length == 0) {
      if (!Sizes.known(result)) {
        throw node.bad(0, "known sizes where nothing is chosen", Sizes.text(shape));
      }
      node.constantOutput(0, Nd4j.createUninitialized(x.type(), result));
      return;
    }
    node.output(Indexing.rows(rows, node.longs(places), axis), result);
  }

  /** 1 for the first of the largest, else 0; before opset 13 over all axes from one on. */
  private static void hardmax(Node node) {
    boolean over = node.opset() < 13;
    long given = node.integer("axis", over ? 1 : -1);
    Value x = node.floating(0);
    long[] shape = node.shape(0);
    int axis = node.axis(given, shape.length);
    SameDiff sd = node.sd();
    SDVariable v = x.variable();
    boolean joined = over && axis < shape.length - 1;
    long[] own = shape;
    if (joined) {
      own = new long[] {-1, Sizes.product(Arrays.copyOfRange(shape, axis, shape.length))};
      if (own[1] < 0) {
        throw node.bad(0, "known sizes from axis " + axis + " on", Sizes.text(shape));
      }
      v = sd.reshape(v, own);
      axis = 1;
    }
    SDVariable best = Shapes.cast(sd.argmax(v, true, axis), DataType.INT64);
    long[] along = new long[own.length];
    Arrays.fill(along, 1);
    along[axis] = -1;
    Value numbers = Value.of(x.name(), v, own, null);
    SDVariable places = sd.reshape(Extents.range(node, numbers, axis), along);
    SDVariable y = Shapes.cast(sd.eq(places, best), x.type());
    if (joined) {
      y = x.isStatic() ? sd.reshape(y, shape) : sd.reshape(y, Extents.all(node, x));
    }
    node.output(y, shape);
  }

  /** The first elements of each sequence in the opposite order. */
  private static void reverse(Node node) {
    long batch = node.integer("batch_axis", 1);
    long time = node.integer("time_axis", 0);
    if (batch + time != 1 || batch * time != 0) {
      throw Attributes.bad("batch_axis, time_axis", "0 and 1", batch + " and " + time);
    }
    Value x = node.input(0);
    Value lengths = node.typed(1, DataType.INT64);
    long[] shape = node.shape(0);
    if (shape.length < 2) {
      throw node.bad(0, "at least 2 dimensions", Sizes.text(shape));
    }
    node.shape(1, 1);
    SameDiff sd = node.sd();
    int batchAxis = (int) batch;
    long most = shape[1 - batchAxis];
    long[] known = lengths.knownElements();
    if (known != null && most >= 0 && Arrays.stream(known).anyMatch(n -> n < 0 || n > most)) {
      throw node.bad(1, "lengths of 0 to " + most, Arrays.toString(known));
    }
    int[] order = IntStream.range(0, shape.length).toArray();
    order[0] = batchAxis;
    order[1] = 1 - batchAxis;
    SDVariable first = batch == 0 ? x.variable() : sd.permute(x.variable(), order);
    SDVariable steps = sd.reshape(Extents.range(node, x, 1 - batchAxis), 1, -1);
    SDVariable all = Extents.one(node, x, 1 - batchAxis);
    SDVariable given = sd.reshape(lengths.variable(), -1, 1);
    SDVariable length = sd.math().min(sd.math().max(given, node.scalar(DataType.INT64, 0)), all);
    SDVariable wrong = Shapes.cast(sd.neq(given, length), DataType.INT64);
    SDVariable turns = Shapes.cast(sd.lt(steps, length), DataType.INT64);
    SDVariable turned = length.sub(node.scalar(DataType.INT64, 1)).sub(steps).sub(steps);
    SDVariable at = steps.add(turned.mul(turns));
    SDVariable starts = sd.reshape(Extents.range(node, x, batchAxis), -1, 1).mul(all);
    // For lengths that do not fit, rows that there are not: they are refused.
    SDVariable outside = wrong.mul(node.scalar(DataType.INT64, Integer.MAX_VALUE));
    SDVariable places = sd.reshape(at.add(starts).add(outside), -1);
    SDVariable rest = Extents.product(node, x, 2, shape.length);
    SDVariable rows =
        sd.reshape(
            Broadcasts.numeric(first),
            Extents.vector(
                node, Extents.product(node, x, 0, 2), shape.length == 2 ? one(node) : rest));
    SDVariable picked = Indexing.rows(rows, places, 0);
    SDVariable[] sizes = new SDVariable[shape.length];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = Extents.one(node, x, order[i]);
    }
    SDVariable shaped = sd.reshape(picked, Extents.vector(node, sizes));
    node.output(Shapes.cast(batch == 0 ? shaped : sd.permute(shaped, order), x.type()), shape);
  }

  private static SDVariable one(Node node) {
    return node.scalar(DataType.INT64, 1);
  }

  /** By way of INT64, which holds all bits of the shorter types. */
  private static void bitShift(Node node) {
    boolean left = node.word("direction", "LEFT", "RIGHT").equals("LEFT");
    if (!node.has("direction")) {
      throw Attributes.bad("direction", "LEFT or RIGHT", "none");
    }
    Value x = node.typed(0, DataType.UINT8, DataType.UINT16, DataType.UINT32);
    Value by = Elementwise.sameType(node, 1, x.type());
    SDVariable[] both = Broadcasts.common(x, by);
    SDVariable bits = Shapes.cast(both[0], DataType.INT64);
    SDVariable count = Shapes.cast(both[1], DataType.INT64);
    long all =
        x.type() == DataType.UINT8 ? 0xff : x.type() == DataType.UINT16 ? 0xffff : 0xffffffffL;
    SDVariable shifted;
    if (left) {
      SDVariable mask = node.sd().zerosLike(bits).add(node.constant(Nd4j.scalar(all)));
      shifted = node.sd().bitwise().and(node.sd().bitwise().leftShift(bits, count), mask);
    } else {
      shifted = node.sd().bitwise().rightShift(bits, count);
    }
    node.output(Shapes.cast(shifted, x.type()), Broadcasts.shape(x, by));
  }
}
