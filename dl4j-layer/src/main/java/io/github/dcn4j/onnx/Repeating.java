package io.github.dcn4j.onnx;

import java.util.Arrays;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Ops that repeat elements, or make elements by their places. */
final class Repeating {
  private Repeating() {}

  static void addTo(Converters all) {
    all.add("Expand", 8, Repeating::expand)
        .add("Tile", 6, Repeating::tile)
        .add("OneHot", 9, Repeating::oneHot)
        .add("Trilu", 14, Repeating::trilu)
        .add("Range", 11, Repeating::range)
        .add("EyeLike", 9, Repeating::eyeLike);
  }

  /** The length of an input that is a vector. */
  private static int length(Node node, int index) {
    long[] shape = node.shape(index, 1);
    if (shape[0] < 0) {
      throw node.bad(index, "a known number of elements", Sizes.text(shape));
    }
    return Math.toIntExact(shape[0]);
  }

  private static void expand(Node node) {
    Value x = node.input(0);
    Value target = node.input(1);
    long[] shape = node.shape(0);
    long[] elements = target.elements();
    long[] wanted;
    if (elements == null) {
      wanted = Sizes.open(length(node, 1));
    } else {
      wanted = Arrays.stream(elements).map(e -> e == Value.UNKNOWN ? Value.OPEN : e).toArray();
    }
    // An open size of the target may also be 1, so what it makes of another is open.
    long[] result = Sizes.broadcast(shape, wanted);
    for (int i = 1; i <= wanted.length; i++) {
      boolean open = wanted[wanted.length - i] < 0;
      boolean one = i > shape.length || shape[shape.length - i] == 1;
      if (open && one) {
        result[result.length - i] = Value.OPEN;
      }
    }
    if (Sizes.known(result) && Arrays.equals(result, shape)) {
      node.pass(0, x);
      return;
    }
    if (Sizes.known(result)) {
      node.checkSize("the result", Sizes.product(result));
    }
    SDVariable sizes =
        Sizes.known(result) ? node.longs(result) : Shapes.cast(target.variable(), DataType.INT64);
    node.output(Broadcasts.to(x.variable(), sizes), result);
  }

  private static void tile(Node node) {
    Value x = node.input(0);
    Value repeats = node.input(1);
    long[] shape = node.shape(0);
    int rank = shape.length;
    if (length(node, 1) != rank) {
      throw node.bad(1, rank + " elements", Sizes.text(repeats.shape()));
    }
    long[] known = repeats.knownElements();
    if (known == null) {
      SDVariable counts = Shapes.cast(repeats.variable(), DataType.INT64);
      node.output(node.sd().tile(x.variable(), counts), Sizes.open(rank));
      return;
    }
    long[] result = new long[rank];
    for (int i = 0; i < rank; i++) {
      if (known[i] < 0) {
        throw node.bad(1, "counts of at least 0", Arrays.toString(known));
      }
      result[i] = shape[i] < 0 ? Value.OPEN : Math.multiplyExact(shape[i], known[i]);
    }
    if (Sizes.known(result)) {
      node.checkSize("the result", Sizes.product(result));
    }
    if (Arrays.stream(known).allMatch(count -> count == 1)) {
      node.pass(0, x);
    } else if (Sizes.known(result) && Sizes.product(result) == 0) {
      node.constantOutput(0, Nd4j.createUninitialized(x.type(), result));
    } else {
      node.output(node.sd().tile(x.variable(), Sizes.ints(known)), result);
    }
  }

  private static void oneHot(Node node) {
    long given = node.integer("axis", -1);
    Value indices = node.input(0);
    Value depth = node.input(1);
    Value values = node.input(2);
    long[] shape = node.shape(0);
    int rank = shape.length;
    int axis = node.axis(given, rank + 1);
    SameDiff sd = node.sd();
    INDArray fixed = depth.constant();
    long size = fixed == null ? Value.OPEN : fixed.getLong(0);
    if (fixed != null && (fixed.length() != 1 || size < 1)) {
      throw node.bad(1, "one number of at least 1", fixed);
    }
    SDVariable count =
        fixed != null
            ? node.scalar(DataType.INT64, size)
            : sd.reshape(Shapes.cast(depth.variable(), DataType.INT64), new long[0]);
    SDVariable index =
        Extents.fromStart(node, Shapes.cast(indices.variable(), DataType.INT64), count);
    long[] along = new long[rank + 1];
    Arrays.fill(along, 1);
    along[axis] = -1;
    SDVariable places = fixed != null ? Extents.range(node, size) : Extents.range(node, count);
    SDVariable isThere = sd.eq(sd.expandDims(index, axis), sd.reshape(places, along));
    SDVariable numbers = Broadcasts.numeric(values.variable());
    SDVariable off = element(sd, numbers, 0);
    SDVariable on = element(sd, numbers, 1);
    SDVariable mixed = Shapes.cast(isThere, numbers.dataType()).mul(on.sub(off)).add(off);
    long[] result =
        Sizes.concat(
            Arrays.copyOf(shape, axis), new long[] {size}, Arrays.copyOfRange(shape, axis, rank));
    node.output(Shapes.cast(mixed, values.type()), result);
  }

  private static SDVariable element(SameDiff sd, SDVariable vector, int index) {
    SDVariable part =
        Shapes.strided(vector, new long[] {index}, new long[] {index + 1}, new long[] {1});
    return sd.reshape(part, new long[0]);
  }

  private static void trilu(Node node) {
    boolean upper = node.flag("upper", true);
    Value x = node.input(0);
    Value diagonal = node.optional(1);
    int rank = node.shape(0).length;
    if (rank < 2) {
      throw node.bad(0, "at least two dimensions", Sizes.text(x.shape()));
    }
    SameDiff sd = node.sd();
    SDVariable k =
        diagonal == null
            ? node.scalar(DataType.INT64, 0)
            : sd.reshape(Shapes.cast(diagonal.variable(), DataType.INT64), new long[0]);
    SDVariable columns = sd.reshape(Extents.range(node, x, rank - 1), 1, -1);
    SDVariable rows = sd.reshape(Extents.range(node, x, rank - 2), -1, 1);
    SDVariable place = columns.sub(rows);
    SDVariable stays = upper ? sd.gte(place, k) : sd.lte(place, k);
    long[] last = Arrays.copyOfRange(x.shape(), rank - 2, rank);
    if (x.isStatic() && Sizes.product(x.shape()) == 0) {
      node.pass(0, x);
      return;
    }
    INDArray zero = Nd4j.scalar(x.type(), 0);
    SDVariable result =
        Broadcasts.where(
            Value.of(x.name(), stays, last, null),
            x,
            Value.constant(x.name(), zero, () -> node.constant(zero)));
    node.output(result, x.shape());
  }

  /** start + i·delta for i below ⌈(limit - start)/delta⌉ */
  private static void range(Node node) {
    Value start = node.input(0);
    Value limit = Elementwise.sameType(node, 1, start.type());
    Value delta = Elementwise.sameType(node, 2, start.type());
    if (delta.constant() != null && delta.constant().getDouble(0) == 0) {
      throw node.bad(2, "a number other than 0", 0);
    }
    long known = rangeLength(node, start.constant(), limit.constant(), delta.constant());
    if (known == 0) {
      node.constantOutput(0, Nd4j.createUninitialized(start.type(), 0));
      return;
    }
    SameDiff sd = node.sd();
    SDVariable[] ends = new SDVariable[3];
    for (int i = 0; i < 3; i++) {
      ends[i] = sd.reshape(node.variable(i), new long[0]);
    }
    SDVariable span =
        Shapes.cast(ends[1], DataType.DOUBLE).sub(Shapes.cast(ends[0], DataType.DOUBLE));
    SDVariable steps = sd.math().ceil(span.div(Shapes.cast(ends[2], DataType.DOUBLE)));
    SDVariable count =
        Shapes.cast(sd.math().clipByValue(steps, 0, Integer.MAX_VALUE), DataType.INT64);
    SDVariable places = known < 0 ? Extents.range(node, count) : Extents.range(node, known);
    SDVariable numbers = Shapes.cast(places, start.type());
    node.output(numbers.mul(ends[2]).add(ends[0]), new long[] {known});
  }

  /** The number of elements where all three are known. */
  private static long rangeLength(Node node, INDArray start, INDArray limit, INDArray delta) {
    if (start == null || limit == null || delta == null) {
      return Value.OPEN;
    }
    double length = Math.ceil((limit.getDouble(0) - start.getDouble(0)) / delta.getDouble(0));
    long count = (long) Math.max(0, length);
    node.checkSize("the range", count);
    return count;
  }

  private static void eyeLike(Node node) {
    long k = node.integer("k", 0);
    long wanted = node.integer("dtype", Onnx.TensorProto.DataType.UNDEFINED_VALUE);
    Value x = node.input(0);
    DataType type = node.has("dtype") ? Types.of(wanted) : x.type();
    if (type == null) {
      throw Attributes.bad("dtype", "a type that ND4J has", Types.name(wanted));
    }
    long[] shape = node.shape(0, 2);
    SameDiff sd = node.sd();
    SDVariable columns = sd.reshape(Extents.range(node, x, 1), 1, -1);
    SDVariable rows = sd.reshape(Extents.range(node, x, 0), -1, 1);
    SDVariable place = columns.sub(rows);
    node.output(Shapes.cast(sd.eq(place, node.scalar(DataType.INT64, k)), type), shape);
  }
}
