package io.github.dcn4j.onnx;

import io.github.dcn4j.ops.GatherWithGradient;
import java.util.Arrays;
import java.util.function.BinaryOperator;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.impl.transforms.custom.TopK;
import org.nd4j.linalg.api.ops.impl.transforms.segment.UnsortedSegmentMax;
import org.nd4j.linalg.api.ops.impl.transforms.segment.UnsortedSegmentMin;
import org.nd4j.linalg.api.ops.impl.transforms.segment.UnsortedSegmentProd;
import org.nd4j.linalg.api.ops.impl.transforms.segment.UnsortedSegmentSum;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Ops that read or write elements by indices. All of them work on the elements' places in the
 * flattened array, or in its first axes, which ND4J's ops on rows take.
 */
final class Selection {
  private Selection() {}

  static void addTo(Converters all) {
    all.add("GatherElements", 11, Selection::gatherElements)
        .add("GatherND", 11, Selection::gatherNd)
        .add("ScatterElements", 11, Selection::scatterElements)
        .add("Scatter", 9, 10, Selection::scatterElements)
        .add("ScatterND", 11, Selection::scatterNd)
        .add("TopK", 1, Selection::topK)
        .add("NonZero", 9, Selection::nonZero);
  }

  private static void gatherElements(Node node) {
    long given = node.integer("axis", 0);
    Value x = node.input(0);
    int rank = node.shape(0).length;
    Value indices = indices(node, rank);
    int axis = node.axis(given, rank);
    node.output(elementsAt(node, x, indices, axis), indices.shape());
  }

  private static Value indices(Node node, int rank) {
    node.shape(1, rank);
    return node.typed(1, DataType.INT64, DataType.INT32);
  }

  /** The elements of x that indices along an axis point to; their shape is the indices' one. */
  private static SDVariable elementsAt(Node node, Value x, Value indices, int axis) {
    SDVariable places = node.sd().reshape(places(node, x, indices, axis), -1);
    SDVariable flat = node.sd().reshape(Broadcasts.numeric(x.variable()), -1);
    SDVariable picked = Shapes.cast(Indexing.rows(flat, places, 0), x.type());
    return indices.isStatic()
        ? node.sd().reshape(picked, indices.shape())
        : node.sd().reshape(picked, Extents.all(node, indices));
  }

  /** Places in the flattened x: along one axis by the indices, along the others their own. */
  private static SDVariable places(Node node, Value x, Value indices, int axis) {
    SameDiff sd = node.sd();
    int rank = x.shape().length;
    SDVariable sum =
        Indexing.fromStart(node, Shapes.cast(indices.variable(), DataType.INT64), x, axis)
            .mul(Extents.product(node, x, axis + 1, rank));
    for (int i = 0; i < rank; i++) {
      if (i == axis || indices.shape()[i] == 1) {
        continue;
      }
      long[] along = new long[rank];
      Arrays.fill(along, 1);
      along[i] = -1;
      SDVariable own = Extents.range(node, indices, i).mul(Extents.product(node, x, i + 1, rank));
      sum = sum.add(sd.reshape(own, along));
    }
    return sum;
  }

  /**
   * Numbers of rows, [M], where a row is what is left of x after its first axes.
   *
   * @param indices […, count], along so many axes after the batch axes
   */
  private static SDVariable rowNumbers(Node node, Value x, Value indices, int batch, int count) {
    SameDiff sd = node.sd();
    SDVariable[] sizes = new SDVariable[count];
    SDVariable[] strides = new SDVariable[count];
    for (int i = 0; i < count; i++) {
      sizes[i] = Extents.one(node, x, batch + i);
      strides[i] = Extents.product(node, x, batch + i + 1, batch + count);
    }
    SDVariable index = Shapes.cast(indices.variable(), DataType.INT64);
    index = Extents.fromStart(node, index, Extents.vector(node, sizes));
    SDVariable weighted = index.mul(Extents.vector(node, strides));
    // With an axis of size 1 at the end, as ND4J fails to add up what it takes for a vector.
    SDVariable rows = sd.reshape(sd.reshape(weighted, -1, count, 1).sum(1), -1);
    if (batch == 0) {
      return rows;
    }
    SDVariable batches = Extents.product(node, x, 0, batch);
    SDVariable first =
        Extents.range(node, batches).mul(Extents.product(node, x, batch, batch + count));
    SDVariable table =
        sd.reshape(rows, Extents.vector(node, batches, node.scalar(DataType.INT64, -1)));
    return sd.reshape(table.add(sd.reshape(first, -1, 1)), -1);
  }

  /** The number of indices to an element, the last size of the second input. */
  private static int indexLength(Node node, int most) {
    long[] shape = node.shape(1);
    long count = shape.length == 0 ? 0 : shape[shape.length - 1];
    if (count < 1 || count > most) {
      throw node.bad(1, "a last size of 1 to " + most, Sizes.text(shape));
    }
    return (int) count;
  }

  /** x with its first axes made one; only that where these are all. */
  private static SDVariable asRows(Node node, Value x, int axes) {
    SDVariable numbers = Broadcasts.numeric(x.variable());
    if (axes == x.shape().length) {
      return node.sd().reshape(numbers, -1);
    }
    SDVariable count = Extents.product(node, x, 0, axes);
    SDVariable rest = Extents.product(node, x, axes, x.shape().length);
    return node.sd().reshape(numbers, Extents.vector(node, count, rest));
  }

  private static void gatherNd(Node node) {
    int batch = Math.toIntExact(node.integer("batch_dims", 0));
    Value x = node.input(0);
    Value indices = node.typed(1, DataType.INT64);
    long[] shape = node.shape(0);
    long[] at = node.shape(1);
    if (batch < 0 || batch >= Math.min(shape.length, at.length)) {
      throw Attributes.bad("batch_dims", "0 to below both ranks", batch);
    }
    int count = indexLength(node, shape.length - batch);
    int used = batch + count;
    SDVariable rows =
        Indexing.rows(asRows(node, x, used), rowNumbers(node, x, indices, batch, count), 0);
    long[] before = Arrays.copyOf(at, at.length - 1);
    long[] result = Sizes.concat(before, Arrays.copyOfRange(shape, used, shape.length));
    SDVariable[] sizes = new SDVariable[result.length];
    for (int i = 0; i < sizes.length; i++) {
      int after = i - before.length + used;
      sizes[i] = i < before.length ? Extents.one(node, indices, i) : Extents.one(node, x, after);
    }
    SDVariable shaped =
        Sizes.known(result)
            ? node.sd().reshape(rows, result)
            : node.sd().reshape(rows, Extents.vector(node, sizes));
    node.output(Shapes.cast(shaped, x.type()), result);
  }

  private static String reduction(Node node) {
    int opset = (int) node.opset();
    if (opset < 16) {
      return "none";
    }
    return opset < 18
        ? node.word("reduction", "none", "add", "mul")
        : node.word("reduction", "none", "add", "mul", "max", "min");
  }

  private static void scatterElements(Node node) {
    long given = node.integer("axis", 0);
    String reduction = reduction(node);
    Value x = node.input(0);
    int rank = node.shape(0).length;
    Value indices = indices(node, rank);
    Value updates = Elementwise.sameType(node, 2, x.type());
    long[] wanted = node.shape(2, rank);
    for (int i = 0; i < rank; i++) {
      long own = indices.shape()[i];
      if (own >= 0 && wanted[i] >= 0 && own != wanted[i]) {
        throw node.bad(
            2, "the shape of indices, " + Sizes.text(indices.shape()), Sizes.text(wanted));
      }
    }
    int axis = node.axis(given, rank);
    SDVariable places = node.sd().reshape(places(node, x, indices, axis), -1);
    SDVariable news = node.sd().reshape(Broadcasts.numeric(updates.variable()), -1);
    SDVariable size = Extents.product(node, x, 0, rank);
    scatter(node, x, asRows(node, x, rank), places, news, size, reduction);
  }

  private static void scatterNd(Node node) {
    String reduction = reduction(node);
    Value x = node.input(0);
    Value indices = node.typed(1, DataType.INT64);
    Value updates = Elementwise.sameType(node, 2, x.type());
    int rank = node.shape(0).length;
    int count = indexLength(node, rank);
    SDVariable numbers = Broadcasts.numeric(updates.variable());
    SDVariable rest = Extents.product(node, x, count, rank);
    SDVariable news =
        count == rank
            ? node.sd().reshape(numbers, -1)
            : node.sd()
                .reshape(numbers, Extents.vector(node, node.scalar(DataType.INT64, -1), rest));
    SDVariable size = Extents.product(node, x, 0, count);
    SDVariable places = rowNumbers(node, x, indices, 0, count);
    scatter(node, x, asRows(node, x, count), places, news, size, reduction);
  }

  /**
   * Updates of rows. Several of one row are combined in their order, without races; of those that
   * replace it the last one counts.
   */
  private static void scatter(
      Node node,
      Value x,
      SDVariable rows,
      SDVariable places,
      SDVariable updates,
      SDVariable size,
      String reduction) {
    SameDiff sd = node.sd();
    SDVariable result;
    switch (reduction) {
      case "add":
        result =
            rows.add(GatherWithGradient.segments(UnsortedSegmentSum::new, updates, places, size));
        break;
      case "mul":
        result = rows.mul(products(rows, updates, places, size));
        break;
      case "max":
        result =
            widely(
                rows,
                updates,
                (a, b) ->
                    sd.max(
                        a, GatherWithGradient.segments(UnsortedSegmentMax::new, b, places, size)));
        break;
      case "min":
        result =
            widely(
                rows,
                updates,
                (a, b) ->
                    sd.min(
                        a, GatherWithGradient.segments(UnsortedSegmentMin::new, b, places, size)));
        break;
      default:
        result = replaced(node, rows, places, updates, size);
    }
    SDVariable shaped =
        x.isStatic() ? sd.reshape(result, x.shape()) : sd.reshape(result, Extents.all(node, x));
    node.output(Shapes.cast(shaped, x.type()), x.shape());
  }

  /** ND4J's gradient of these needs their number, where it is known. */
  private static SDVariable products(
      SDVariable rows, SDVariable updates, SDVariable places, SDVariable size) {
    long count = size.isConstant() ? size.getArr().getLong(0) : Value.OPEN;
    return count < 0
        ? GatherWithGradient.segments(UnsortedSegmentProd::new, updates, places, size)
        : rows.getSameDiff().unsortedSegmentProd(updates, places, Math.toIntExact(count));
  }

  /** Unsigned numbers as INT64: of no unsigned ones ND4J's largest one is 1. */
  private static SDVariable widely(
      SDVariable rows, SDVariable updates, BinaryOperator<SDVariable> op) {
    DataType type = rows.dataType();
    return type.isFPType() || type.isSigned()
        ? op.apply(rows, updates)
        : op.apply(Shapes.cast(rows, DataType.INT64), Shapes.cast(updates, DataType.INT64));
  }

  private static SDVariable replaced(
      Node node, SDVariable rows, SDVariable places, SDVariable updates, SDVariable size) {
    SameDiff sd = node.sd();
    SDVariable numbers = Extents.range(node, Shapes.cast(sd.sizeAt(places, 0), DataType.INT64));
    SDVariable last = GatherWithGradient.segments(UnsortedSegmentMax::new, numbers, places, size);
    SDVariable zero = node.scalar(DataType.INT64, 0);
    SDVariable isHit = sd.gte(last, zero);
    SDVariable news = Indexing.rows(updates, sd.max(last, sd.zerosLike(last)), 0);
    return sd.where(news, rows, expanded(node, isHit, rows));
  }

  /** A condition on rows as one on their elements. */
  private static SDVariable expanded(Node node, SDVariable ofRows, SDVariable rows) {
    SameDiff sd = node.sd();
    SDVariable none = Shapes.cast(sd.zerosLike(rows), DataType.INT8);
    SDVariable perRow = sd.reshape(Broadcasts.numeric(ofRows), -1, 1);
    // A vector of rows has one element in each.
    SDVariable table =
        sd.reshape(none, Extents.vector(node, sd.sizeAt(rows, 0), node.scalar(DataType.INT64, -1)));
    SDVariable all = sd.reshape(table.add(perRow), sd.shape(rows));
    return Shapes.cast(all, DataType.BOOL);
  }

  /** ND4J's own constructors give the native op its arguments in the wrong order. */
  private static final class Top extends TopK {
    Top(SameDiff sd, SDVariable x, int k) {
      super(sd, x, k, true);
      iArguments.clear();
      addIArgument(k, 1);
    }
  }

  private static void topK(Node node) {
    long given = node.integer("axis", -1);
    boolean largest = node.opset() < 11 || node.flag("largest", true);
    if (node.opset() >= 11) {
      node.flag("sorted", true); // in any order where it is not; so in this one
    }
    long[] k = node.opset() < 10 ? new long[] {node.integer("k")} : null;
    Value x = node.input(0);
    Value count = node.opset() < 10 ? null : node.input(1);
    k = count == null ? k : count.knownElements();
    long[] shape = node.shape(0);
    int axis = node.axis(given, shape.length);
    long size = shape[axis];
    if (k != null && (k.length != 1 || k[0] < 0 || (size >= 0 && k[0] > size))) {
      throw node.refuse("k: expected 0 to " + size + ", got " + Arrays.toString(k));
    }
    if (k == null && size < 0) {
      throw node.bad(
          0, "a known size at axis " + axis + " where k is not known", Sizes.text(shape));
    }
    long[] result = Sizes.with(shape, axis, k == null ? Value.OPEN : k[0]);
    if (k != null && k[0] == 0) {
      if (!Sizes.known(result)) {
        throw node.bad(0, "known sizes where k is 0", Sizes.text(shape));
      }
      node.constantOutput(0, Nd4j.createUninitialized(x.type(), result));
      node.constantOutput(1, Nd4j.createUninitialized(DataType.INT64, result));
      return;
    }
    SameDiff sd = node.sd();
    int last = shape.length - 1;
    int[] order = swapped(shape.length, axis, last);
    SDVariable rows = axis == last ? x.variable() : sd.permute(x.variable(), order);
    long[] rowShape = Arrays.stream(order).mapToLong(i -> shape[i]).toArray();
    SDVariable index = order(node, rows, size, largest, k == null ? size : k[0]);
    if (k == null) {
      SDVariable some = Shapes.cast(count.variable(), DataType.INT64);
      SDVariable wanted = sd.reshape(some, new long[0]);
      index = Indexing.rows(index, Extents.range(node, wanted), last);
    }
    long[] picked = Sizes.with(rowShape, last, k == null ? Value.OPEN : k[0]);
    SDVariable values =
        elementsAt(
            node,
            Value.of(x.name(), rows, rowShape, null),
            Value.of(x.name(), index, picked, null),
            last);
    if (axis != last) {
      values = sd.permute(values, order);
      index = sd.permute(index, order);
    }
    node.output(0, values, result);
    node.output(1, index, result);
  }

  /**
   * Places of the largest or smallest along the last axis, of equal ones the first ones first; ND4J
   * takes any of equal ones, so keys that are never equal take their place.
   */
  private static SDVariable order(Node node, SDVariable x, long size, boolean largest, long k) {
    SameDiff sd = node.sd();
    DataType type = x.dataType();
    if (type == DataType.DOUBLE || size < 0 || size > 1 << 20) {
      return top(sd, largest ? x : x.neg(), k); // any of equal ones
    }
    SDVariable places = Shapes.cast(Extents.range(node, size), DataType.DOUBLE);
    if (type != DataType.INT64 && type != DataType.UINT64) {
      SDVariable wide = Shapes.cast(x, DataType.DOUBLE);
      return top(sd, keys(largest ? wide : wide.neg(), places, type.isFPType()), k);
    }
    // In two steps, as DOUBLE holds only half of such a number beside its place.
    SDVariable falling = largest ? x : sd.zerosLike(x).sub(1).sub(x);
    SDVariable high = sd.bitwise().rightShift(falling, node.scalar(type, 32));
    SDVariable low =
        Shapes.cast(
            falling.sub(sd.bitwise().leftShift(high, node.scalar(type, 32))), DataType.DOUBLE);
    SDVariable byLow = top(sd, keys(low, places, false), size);
    long[] shape = Sizes.with(Sizes.open(node.shape(0).length), node.shape(0).length - 1, size);
    SDVariable sorted = along(node, Shapes.cast(high, DataType.DOUBLE), byLow, shape, size);
    SDVariable byHigh = top(sd, keys(sorted, places, false), k);
    return along(node, byLow, byHigh, shape, k);
  }

  /** Elements at places along the last axis, of arrays that are open in the others. */
  private static SDVariable along(
      Node node, SDVariable x, SDVariable places, long[] shape, long k) {
    int last = shape.length - 1;
    return elementsAt(
        node,
        Value.of("x", x, shape, null),
        Value.of("places", places, Sizes.with(shape, last, k), null),
        last);
  }

  /** Falls with the place by less than two unlike numbers differ, of up to 32 bits. */
  private static SDVariable keys(SDVariable x, SDVariable places, boolean floats) {
    if (!floats) {
      return x.sub(places.mul(0x1p-20));
    }
    SameDiff sd = x.getSameDiff();
    SDVariable finite = sd.math().clipByValue(x, -1e39, 1e39);
    return finite.sub(sd.math().abs(finite).add(1e-60).mul(places.mul(0x1p-50)));
  }

  private static SDVariable top(SameDiff sd, SDVariable keys, long k) {
    SDVariable[] outputs = new Top(sd, keys, Math.toIntExact(k)).outputVariables();
    return Shapes.cast(outputs[1], DataType.INT64);
  }

  private static int[] swapped(int rank, int a, int b) {
    int[] order = new int[rank];
    Arrays.setAll(order, i -> i == a ? b : i == b ? a : i);
    return order;
  }

  private static void nonZero(Node node) {
    Value x = node.input(0);
    int rank = node.shape(0).length;
    if (rank == 0) {
      throw node.bad(0, "at least one dimension", "a scalar");
    }
    SameDiff sd = node.sd();
    SDVariable places = places(node, x);
    SDVariable[] coordinates = new SDVariable[rank];
    for (int i = 0; i < rank; i++) {
      SDVariable stride = Extents.product(node, x, i + 1, rank);
      SDVariable size = Extents.one(node, x, i);
      coordinates[i] =
          sd.reshape(sd.math().floorMod(sd.math().floorDiv(places, stride), size), 1, -1);
    }
    SDVariable all = rank == 1 ? coordinates[0] : sd.concat(0, coordinates);
    node.output(all, new long[] {rank, Value.OPEN});
  }

  /** The places in the flattened x of what is not 0. */
  static SDVariable places(Node node, Value x) {
    SameDiff sd = node.sd();
    SDVariable numbers = Broadcasts.numeric(x.variable());
    SDVariable holds = Broadcasts.numeric(sd.neq(numbers, node.scalar(numbers.dataType(), 0)));
    // One more that holds: ND4J gives no vector of no places.
    SDVariable one = node.constant(Nd4j.ones(DataType.INT8, 1));
    SDVariable more = Shapes.cast(sd.concat(0, sd.reshape(holds, -1), one), DataType.BOOL);
    SDVariable found = sd.reshape(Shapes.cast(sd.where(more), DataType.INT64), -1);
    return sd.slice(found, node.longs(0), Extents.vector(node, sd.sizeAt(found, 0).sub(1)));
  }
}
