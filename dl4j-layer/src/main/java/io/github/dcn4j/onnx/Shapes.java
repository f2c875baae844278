package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.stream.LongStream;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.dtype.Cast;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Ops that move, join and cut, and those of shape arithmetic, which follow single elements: so the
 * target of a {@code Reshape} is known even where some sizes are open.
 */
final class Shapes {
  private Shapes() {}

  static void addTo(Converters all) {
    all.add("Constant", 1, Shapes::constant)
        .add("ConstantOfShape", 9, Shapes::constantOfShape)
        .add("Identity", 1, node -> node.pass(0, node.input(0)))
        .add("Dropout", 7, Shapes::dropout)
        .add("CastLike", 15, Shapes::castLike)
        .add("Cast", 6, Shapes::cast)
        .add("Shape", 1, Shapes::shape)
        .add("Size", 1, Shapes::size)
        .add("Reshape", 5, Shapes::reshape)
        .add("Flatten", 1, Shapes::flatten)
        .add("Squeeze", 1, Shapes::squeeze)
        .add("Unsqueeze", 1, Shapes::unsqueeze)
        .add("Transpose", 1, Shapes::transpose)
        .add("Concat", 4, Shapes::concat)
        .add("Gather", 1, Shapes::gather)
        .add("Slice", 1, 9, Shapes::sliceByAttributes)
        .add("Slice", 10, Shapes::sliceByInputs)
        .add("Split", 2, Shapes::split);
  }

  private static void constant(Node node) {
    INDArray array = null;
    if (node.has("value")) {
      array = Tensors.toArray(node.tensor("value"), new ExternalData(null));
    } else if (node.has("value_float")) {
      array = Nd4j.scalar(DataType.FLOAT, node.number("value_float", 0));
    } else if (node.has("value_floats")) {
      array = vector(DataType.FLOAT, Nd4j::createFromArray, node.numbers("value_floats"));
    } else if (node.has("value_int")) {
      array = Nd4j.scalar(DataType.INT64, node.integer("value_int"));
    } else if (node.has("value_ints")) {
      array = longs(node.integers("value_ints"));
    }
    if (array == null) {
      throw node.refuse("expected a value of numbers");
    }
    node.constantOutput(0, array);
  }

  private static INDArray vector(
      DataType type, java.util.function.Function<float[], INDArray> make, float[] values) {
    return values.length == 0 ? Nd4j.createUninitialized(type, 0) : make.apply(values);
  }

  private static INDArray longs(long... values) {
    return values.length == 0
        ? Nd4j.createUninitialized(DataType.INT64, 0)
        : Nd4j.createFromArray(values);
  }

  private static void constantOfShape(Node node) {
    Onnx.TensorProto tensor = node.tensor("value");
    INDArray value =
        tensor == null
            ? Nd4j.scalar(DataType.FLOAT, 0)
            : Tensors.toArray(tensor, new ExternalData(null));
    if (value.length() != 1) {
      throw Attributes.bad("value", "one element", Arrays.toString(value.shape()));
    }
    Value shape = node.input(0);
    long[] known = shape.knownElements();
    if (known != null) {
      long length = Sizes.product(known);
      node.checkSize("the shape", length);
      if (length == 0) {
        node.constantOutput(0, Nd4j.createUninitialized(value.dataType(), known));
        return;
      }
      node.constantOutput(0, filled(value, known));
      return;
    }
    SDVariable zeros =
        node.sd().fill(shape.variable(), Broadcasts.numericType(value.dataType()), 0);
    SDVariable result = zeros.add(node.constant(Broadcasts.numeric(value).reshape()));
    node.output(cast(result, value.dataType()), openOrKnown(shape.elements()));
  }

  /** ND4J assigns a scalar to the first element alone, and whole numbers by way of DOUBLE. */
  private static INDArray filled(INDArray value, long[] shape) {
    DataType type = value.dataType();
    if (type.isFPType()) {
      return Nd4j.valueArrayOf(shape, value.getDouble(0), type);
    }
    long[] elements = new long[Math.toIntExact(Sizes.product(shape))];
    Arrays.fill(elements, value.castTo(DataType.INT64).getLong(0));
    return Nd4j.createFromArray(elements).castTo(type).reshape(shape);
  }

  /** A shape out of elements of which some are known. */
  private static long[] openOrKnown(long[] elements) {
    return elements == null
        ? null
        : LongStream.of(elements).map(e -> e == Value.UNKNOWN ? Value.OPEN : e).toArray();
  }

  /** In inference, which is all that is imported, it does nothing. */
  private static void dropout(Node node) {
    if (node.opset() < 12) {
      node.number("ratio", 0.5f);
    } else {
      node.integer("seed", 0);
    }
    Value x = node.floating(0);
    Value ratio = node.opset() < 12 ? null : node.optional(1);
    Value training = node.opset() < 12 ? null : node.optional(2);
    boolean trains = training != null && (isNot(training, 0) && (ratio == null || isNot(ratio, 0)));
    if (trains) {
      throw node.bad(2, "no training", training.constant() == null ? "a variable" : "training");
    }
    node.pass(0, x);
    if (node.wants(1)) {
      SDVariable ones = node.sd().onesLike(x.variable());
      node.output(1, node.opset() < 10 ? ones : cast(ones, DataType.BOOL), x.shape());
    }
  }

  private static boolean isNot(Value value, double number) {
    INDArray constant = value.constant();
    return constant == null
        || constant.length() != 1
        || constant.castTo(DataType.DOUBLE).getDouble(0) != number;
  }

  private static void cast(Node node) {
    long target = node.integer("to");
    node.flag("saturate", true); // for 8-bit floats, which ND4J has none of
    DataType type = Types.of(target);
    if (type == null) {
      throw Attributes.bad("to", "a type that ND4J has", Types.name(target));
    }
    Value x = node.input(0);
    if (x.type() == type) {
      node.pass(0, x);
      return;
    }
    node.output(0, cast(x.variable(), type), x.shape(), type.isIntType() ? x.elements() : null);
  }

  /** To the type of the second input, of which nothing else counts. */
  private static void castLike(Node node) {
    node.flag("saturate", true);
    Value x = node.input(0);
    DataType type = node.input(1).type();
    if (x.type() == type) {
      node.pass(0, x);
      return;
    }
    node.output(0, cast(x.variable(), type), x.shape(), type.isIntType() ? x.elements() : null);
  }

  static SDVariable cast(SDVariable x, DataType type) {
    return x.dataType() == type ? x : new Cast(x.getSameDiff(), x, type).outputVariable();
  }

  private static void shape(Node node) {
    long start = node.integer("start", 0);
    long end = node.integer("end", Long.MAX_VALUE);
    if (node.opset() < 15 && (node.has("start") || node.has("end"))) {
      throw node.refuse("attributes start and end came with opset 15");
    }
    Value x = node.input(0);
    long[] sizes = node.shape(0);
    int from = clamp(start, sizes.length);
    int to = Math.max(from, clamp(end, sizes.length));
    long[] part = Arrays.copyOfRange(sizes, from, to);
    if (Sizes.known(part)) {
      node.constantOutput(0, longs(part));
      return;
    }
    SDVariable all = cast(node.sd().shape(x.variable()), DataType.INT64);
    SDVariable some =
        part.length == sizes.length
            ? all
            : strided(all, new long[] {from}, new long[] {to}, new long[] {1});
    long[] elements = LongStream.of(part).map(s -> s < 0 ? Value.UNKNOWN : s).toArray();
    node.output(0, some, new long[] {part.length}, elements);
  }

  private static int clamp(long index, int rank) {
    return (int) Math.max(0, Math.min(rank, index < 0 ? index + rank : index));
  }

  /** Slices with a fixed number of elements taken. */
  static SDVariable strided(SDVariable x, long[] begin, long[] end, long[] strides) {
    return x.getSameDiff().stridedSlice(x, begin, end, strides);
  }

  private static void size(Node node) {
    Value x = node.input(0);
    long product = x.shape() == null ? Value.OPEN : Sizes.product(x.shape());
    if (product >= 0) {
      node.constantOutput(0, Nd4j.scalar(DataType.INT64, product));
    } else {
      node.output(cast(node.sd().size(x.variable()), DataType.INT64), new long[0]);
    }
  }

  private static void reshape(Node node) {
    boolean allowZero = node.flag("allowzero", false);
    Value x = node.input(0);
    Value target = node.input(1);
    long[] elements = target.elements();
    if (elements == null) {
      long[] rank = target.shape();
      boolean knownRank = rank != null && rank.length == 1 && rank[0] >= 0;
      node.output(
          dynamicReshape(node, x, target, allowZero),
          knownRank ? Sizes.open(Math.toIntExact(rank[0])) : null);
      return;
    }
    long[] from = x.shape();
    long[] to = elements.clone();
    int inferred = -1;
    int open = 0;
    for (int i = 0; i < to.length; i++) {
      if (to[i] == 0 && !allowZero) {
        if (from == null || i >= from.length) {
          throw node.bad(1, "a size to copy at " + i, "an input of " + Sizes.text(from));
        }
        to[i] = from[i] < 0 ? Value.UNKNOWN : from[i];
      }
      if (to[i] == -1) {
        if (inferred >= 0) {
          throw node.bad(1, "at most one size of -1", Arrays.toString(elements));
        }
        inferred = i;
      } else if (to[i] == Value.UNKNOWN) {
        open++;
      } else if (to[i] < 0) {
        throw node.bad(1, "sizes of at least -1", Arrays.toString(elements));
      }
    }
    reshape(node, x, target, allowZero, to, inferred, open);
  }

  private static void reshape(
      Node node, Value x, Value target, boolean allowZero, long[] to, int inferred, int open) {
    long[] from = x.shape();
    long total = from == null ? Value.OPEN : Sizes.product(from);
    if (inferred >= 0 && open == 0 && total >= 0) {
      long rest = Sizes.product(Sizes.without(to, inferred));
      if (rest == 0 || total % rest != 0) {
        throw node.bad(1, "a divisor of the " + total + " elements", Arrays.toString(to));
      }
      to[inferred] = total / rest;
      inferred = -1;
    }
    long[] known = LongStream.of(to).map(size -> size < 0 ? Value.OPEN : size).toArray();
    if (Sizes.known(known) && total >= 0 && total != Sizes.product(known)) {
      throw node.bad(1, "a shape of " + total + " elements", Sizes.text(known));
    }
    SDVariable result;
    if (open + (inferred >= 0 ? 1 : 0) <= 1) {
      result = node.sd().reshape(x.variable(), known); // at most one -1
    } else {
      result = dynamicReshape(node, x, target, allowZero);
    }
    node.output(0, result, known, total >= 0 && total <= Value.MOST_ELEMENTS ? x.elements() : null);
  }

  /** Zeros in the target that mean "as before" become the sizes themselves. */
  private static SDVariable dynamicReshape(Node node, Value x, Value target, boolean allowZero) {
    SDVariable shape = cast(target.variable(), DataType.INT64);
    long[] elements = target.elements();
    boolean mayCopy =
        !allowZero && (elements == null || Arrays.stream(elements).anyMatch(e -> e == 0));
    if (mayCopy) {
      long[] from = x.shape();
      long[] rank = target.shape();
      if (from == null || rank == null || rank.length != 1 || rank[0] < 0) {
        throw node.refuse("the number of dimensions is not known before the graph runs");
      }
      SDVariable own = cast(node.sd().shape(x.variable()), DataType.INT64);
      int length = Math.toIntExact(rank[0]);
      if (length < from.length) {
        own = strided(own, new long[] {0}, new long[] {length}, new long[] {1});
      } else if (length > from.length) {
        own = node.sd().concat(0, own, node.longs(new long[length - from.length]));
      }
      SDVariable isZero = node.sd().eq(shape, node.longs(new long[length]));
      shape = shape.add(own.mul(cast(isZero, DataType.INT64)));
    }
    return node.sd().reshape(x.variable(), shape);
  }

  private static void flatten(Node node) {
    long given = node.integer("axis", 1);
    Value x = node.input(0);
    long[] shape = node.shape(0);
    int axis = given == shape.length ? shape.length : node.axis(given, shape.length);
    long rows = Sizes.product(Arrays.copyOf(shape, axis));
    long columns = Sizes.product(Arrays.copyOfRange(shape, axis, shape.length));
    long[] to = {rows, columns};
    SDVariable result;
    if (rows < 0 && columns < 0) {
      SDVariable sizes = cast(node.sd().shape(x.variable()), DataType.INT64);
      SDVariable first = strided(sizes, new long[] {0}, new long[] {axis}, new long[] {1});
      SDVariable count = node.sd().reshape(node.sd().prod(first, 0), 1);
      result = node.sd().reshape(x.variable(), node.sd().concat(0, count, node.longs(-1)));
    } else {
      result = node.sd().reshape(x.variable(), to);
    }
    node.output(result, to);
  }

  /** The axes of Squeeze and Unsqueeze, by attribute before opset 13; null for none. */
  private static long[] axes(Node node) {
    if (node.opset() < 13) {
      return node.integers("axes");
    }
    Value axes = node.optional(1);
    return axes == null ? null : axes.knownElements();
  }

  /** Whether the axes are told only while the graph runs. */
  private static boolean hasOpenAxes(Node node) {
    return node.opset() >= 13
        && node.optional(1) != null
        && node.optional(1).knownElements() == null;
  }

  private static void squeeze(Node node) {
    long[] axes = axes(node);
    Value x = node.input(0);
    long[] shape = node.shape(0);
    if (hasOpenAxes(node)) {
      new DynamicShapes(node).squeeze(x, node.input(1));
      return;
    }
    boolean[] goes = new boolean[shape.length];
    if (axes == null) {
      for (int i = 0; i < shape.length; i++) {
        if (shape[i] < 0) {
          throw node.bad(0, "known sizes where no axes are given", Sizes.text(shape));
        }
        goes[i] = shape[i] == 1;
      }
    } else {
      for (long given : axes) {
        int axis = node.axis(given, shape.length);
        if (shape[axis] >= 0 && shape[axis] != 1) {
          throw node.bad(0, "size 1 at axis " + axis, Sizes.text(shape));
        }
        goes[axis] = true;
      }
    }
    long[] to =
        LongStream.range(0, shape.length)
            .filter(i -> !goes[(int) i])
            .map(i -> shape[(int) i])
            .toArray();
    node.output(0, reshapeTo(node, x, to), to, x.elements());
  }

  private static void unsqueeze(Node node) {
    long[] axes = axes(node);
    Value x = node.input(0);
    long[] shape = node.shape(0);
    if (hasOpenAxes(node)) {
      new DynamicShapes(node).unsqueeze(x, node.input(1));
      return;
    }
    if (axes == null) {
      throw node.refuse("axes: expected some, got none");
    }
    long[] to = new long[shape.length + axes.length];
    Arrays.fill(to, Value.UNKNOWN);
    for (long given : axes) {
      int axis = node.axis(given, to.length);
      if (to[axis] == 1) {
        throw node.refuse("axes: expected each once, got " + Arrays.toString(axes));
      }
      to[axis] = 1;
    }
    for (int i = 0, next = 0; i < to.length; i++) {
      to[i] = to[i] == 1 ? 1 : shape[next++];
    }
    node.output(0, reshapeTo(node, x, to), to, to.length <= 1 ? x.elements() : null);
  }

  /** Without an axis of size 1. */
  static SDVariable squeezed(SDVariable x, int axis) {
    SDVariable y = x.getSameDiff().squeeze(Broadcasts.numeric(x), axis);
    return cast(y, x.dataType());
  }

  /** With an axis of size 1 more. */
  static SDVariable expanded(SDVariable x, int axis) {
    SDVariable y = x.getSameDiff().expandDims(Broadcasts.numeric(x), axis);
    return cast(y, x.dataType());
  }

  /** Adds and takes away sizes of 1; several sizes may be open. */
  static SDVariable reshapeTo(Node node, Value x, long[] to) {
    if (LongStream.of(to).filter(size -> size < 0).count() <= 1) {
      return node.sd().reshape(x.variable(), to);
    }
    SDVariable result = x.variable();
    long[] from = x.shape();
    int i = 0;
    for (int j = 0; j < to.length || i < from.length; ) {
      // Sizes of 1 are added and removed one by one, in place; others are matched.
      if (j < to.length && i < from.length && from[i] == to[j]) {
        i++;
        j++;
      } else if (j < to.length && to[j] == 1) {
        result = expanded(result, j++);
      } else {
        result = squeezed(result, j);
        i++;
      }
    }
    return result;
  }

  private static void transpose(Node node) {
    long[] given = node.integers("perm");
    Value x = node.input(0);
    long[] shape = node.shape(0);
    int rank = shape.length;
    int[] order = new int[rank];
    boolean[] seen = new boolean[rank];
    if (given != null && given.length != rank) {
      throw Attributes.bad("perm", rank + " axes", Arrays.toString(given));
    }
    for (int i = 0; i < rank; i++) {
      order[i] = given == null ? rank - 1 - i : node.axis(given[i], rank);
      if (seen[order[i]]) {
        throw Attributes.bad("perm", "each axis once", Arrays.toString(given));
      }
      seen[order[i]] = true;
    }
    if (rank < 2) {
      node.pass(0, x);
      return;
    }
    long[] to = Arrays.stream(order).mapToLong(i -> shape[i]).toArray();
    node.output(node.sd().permute(x.variable(), order), to);
  }

  private static void concat(Node node) {
    long given = node.integer("axis");
    int count = node.inputCount();
    long[] first = node.shape(0);
    int axis = node.axis(given, first.length);
    SDVariable[] parts = new SDVariable[count];
    long[] result = first.clone();
    long[] elements = new long[0];
    for (int i = 0; i < count; i++) {
      long[] shape = node.shape(i, first.length);
      if (i > 0) {
        result[axis] =
            result[axis] < 0 || shape[axis] < 0 ? Value.OPEN : result[axis] + shape[axis];
        for (int j = 0; j < shape.length; j++) {
          if (j != axis && result[j] >= 0 && shape[j] >= 0 && result[j] != shape[j]) {
            throw node.bad(i, Sizes.text(first) + " but for axis " + axis, Sizes.text(shape));
          }
          result[j] = j == axis ? result[j] : Math.max(result[j], shape[j]);
        }
      }
      long[] own = node.input(i).elements();
      elements = elements == null || own == null ? null : Sizes.concat(elements, own);
    }
    if (allKnown(elements) && first.length == 1) {
      node.constantOutput(0, longs(elements).castTo(node.input(0).type()));
      return;
    }
    for (int i = 0; i < count; i++) {
      parts[i] = Broadcasts.numeric(node.variable(i));
    }
    SDVariable joined = count == 1 ? parts[0] : node.sd().concat(axis, parts);
    node.output(0, cast(joined, node.input(0).type()), result, first.length == 1 ? elements : null);
  }

  private static boolean allKnown(long[] elements) {
    return elements != null && Arrays.stream(elements).noneMatch(e -> e == Value.UNKNOWN);
  }

  private static void gather(Node node) {
    long given = node.integer("axis", 0);
    Value x = node.input(0);
    Value indices = node.input(1);
    long[] shape = node.shape(0);
    long[] indexShape = indices.shape();
    int axis = node.axis(given, shape.length);
    long[] result =
        indexShape == null
            ? null
            : Sizes.concat(
                Arrays.copyOf(shape, axis),
                indexShape,
                Arrays.copyOfRange(shape, axis + 1, shape.length));
    long[] wanted = indices.knownElements();
    long size = shape[axis];
    if (wanted != null && size >= 0) {
      for (int i = 0; i < wanted.length; i++) {
        if (wanted[i] < -size || wanted[i] >= size) {
          throw node.bad(1, -size + " to " + (size - 1), wanted[i]);
        }
        wanted[i] = wanted[i] < 0 ? wanted[i] + size : wanted[i];
      }
    }
    long[] elements = x.elements();
    if (elements != null && wanted != null && shape.length == 1) {
      long[] picked = Arrays.stream(wanted).map(i -> elements[(int) i]).toArray();
      if (allKnown(picked)) {
        INDArray array = longs(picked).castTo(x.type());
        node.constantOutput(0, indexShape.length == 0 ? array.reshape() : array);
      } else {
        node.output(0, Indexing.gather(node, x, indices, axis), result, picked);
      }
      return;
    }
    node.output(Indexing.gather(node, x, indices, axis), result);
  }

  private static void sliceByAttributes(Node node) {
    long[] starts = node.integers("starts");
    long[] ends = node.integers("ends");
    long[] axes = node.integers("axes");
    if (starts == null || ends == null) {
      throw node.refuse("attributes starts and ends: expected both");
    }
    Indexing.slice(node, starts, ends, axes, null);
  }

  private static void sliceByInputs(Node node) {
    Indexing.sliceByInputs(node);
  }

  private static void split(Node node) {
    long given = node.integer("axis", 0);
    long[] sizes = node.opset() < 13 ? node.integers("split") : null;
    long parts =
        node.opset() < 18 ? node.outputCount() : node.integer("num_outputs", node.outputCount());
    Value x = node.input(0);
    long[] shape = node.shape(0);
    int axis = node.axis(given, shape.length);
    if (node.opset() >= 13 && node.optional(1) != null) {
      sizes = node.input(1).knownElements();
      if (sizes == null) {
        new DynamicShapes(node).split(x, node.input(1), axis);
        return;
      }
    }
    if (parts != node.outputCount()) {
      throw Attributes.bad("num_outputs", node.outputCount() + " as there are outputs", parts);
    }
    if (sizes == null) {
      if (shape[axis] < 0) {
        throw node.bad(0, "a known size at axis " + axis, Sizes.text(shape));
      }
      sizes = evenly(shape[axis], (int) parts);
    }
    if (sizes.length != node.outputCount()
        || (shape[axis] >= 0 && Arrays.stream(sizes).sum() != shape[axis])) {
      throw node.refuse(
          "split: expected "
              + node.outputCount()
              + " sizes that add up to "
              + shape[axis]
              + ", got "
              + Arrays.toString(sizes));
    }
    long begin = 0;
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] < 0) {
        throw node.refuse("split: expected sizes of at least 0, got " + Arrays.toString(sizes));
      }
      long[] elements = x.elements();
      long[] own =
          elements == null
              ? null
              : Arrays.copyOfRange(elements, (int) begin, (int) (begin + sizes[i]));
      node.output(
          i,
          Indexing.partOf(x.variable(), shape.length, axis, begin, begin + sizes[i]),
          Sizes.with(shape, axis, sizes[i]),
          own);
      begin += sizes[i];
    }
  }

  /** Parts of one size, the last of which may be smaller. */
  private static long[] evenly(long size, int parts) {
    long each = (size + parts - 1) / parts;
    long[] sizes = new long[parts];
    for (int i = 0; i < parts; i++) {
      sizes[i] = Math.max(0, Math.min(each, size - i * each));
    }
    return sizes;
  }
}
