package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** Ops that make one number of many along axes. */
final class Reductions {
  private Reductions() {}

  /** An op along axes of an array of numbers. */
  private interface Reduction {
    SDVariable of(SDVariable x, boolean keep, int... axes);
  }

  static void addTo(Converters all) {
    add(all, "ReduceSum", 13, 0, SDVariable::sum);
    add(all, "ReduceMean", 18, Double.NaN, Reductions::mean);
    add(all, "ReduceMax", 18, Double.NEGATIVE_INFINITY, SDVariable::max);
    add(all, "ReduceMin", 18, Double.POSITIVE_INFINITY, SDVariable::min);
    add(all, "ReduceProd", 18, 1, SDVariable::prod);
    add(all, "ReduceL1", 18, 0, (x, keep, axes) -> abs(x).sum(keep, axes));
    add(all, "ReduceL2", 18, 0, Reductions::norm);
    add(all, "ReduceSumSquare", 18, 0, (x, keep, axes) -> x.mul(x).sum(keep, axes));
    add(all, "ReduceLogSum", 18, Double.NEGATIVE_INFINITY, Reductions::logSum);
    add(all, "ReduceLogSumExp", 18, Double.NEGATIVE_INFINITY, Reductions::logSumExp);
    all.add("ArgMax", 1, node -> extremum(node, true))
        .add("ArgMin", 1, node -> extremum(node, false))
        .add("CumSum", 11, Reductions::cumulative);
  }

  /**
   * One of the reductions.
   *
   * @param byInput the first opset in which the axes are an input
   * @param none what it makes of no numbers
   */
  private static void add(
      Converters all, String op, int byInput, double none, Reduction reduction) {
    all.add(op, 1, node -> reduce(node, byInput, none, reduction));
  }

  private static SDVariable abs(SDVariable x) {
    return x.getSameDiff().math().abs(x);
  }

  /** Of whole numbers: in DOUBLE, and cut. */
  private static SDVariable inFloats(SDVariable x, boolean keep, int[] axes, Reduction reduction) {
    return x.dataType().isFPType()
        ? reduction.of(x, keep, axes)
        : Shapes.cast(reduction.of(Shapes.cast(x, DataType.DOUBLE), keep, axes), x.dataType());
  }

  private static SDVariable mean(SDVariable x, boolean keep, int... axes) {
    return inFloats(x, keep, axes, SDVariable::mean);
  }

  private static SDVariable norm(SDVariable x, boolean keep, int... axes) {
    return inFloats(x, keep, axes, (y, k, a) -> y.getSameDiff().math().sqrt(y.mul(y).sum(k, a)));
  }

  private static SDVariable logSum(SDVariable x, boolean keep, int... axes) {
    return inFloats(x, keep, axes, (y, k, a) -> y.getSameDiff().math().log(y.sum(k, a)));
  }

  private static SDVariable logSumExp(SDVariable x, boolean keep, int... axes) {
    return inFloats(x, keep, axes, Reductions::floatLogSumExp);
  }

  /** By way of the largest one, for which exp must not be infinite. */
  private static SDVariable floatLogSumExp(SDVariable x, boolean keep, int... axes) {
    SameDiff sd = x.getSameDiff();
    double bound = x.dataType() == DataType.FLOAT16 ? 65504 : 3e38;
    // Infinite ones are kept out of differences of infinities.
    SDVariable largest = sd.math().clipByValue(x.max(true, axes), -bound, bound);
    SDVariable sum = sd.math().exp(x.sub(largest)).sum(true, axes);
    SDVariable result = sd.math().log(sum).add(largest);
    for (int i = axes.length - 1; i >= 0 && !keep; i--) {
      result = sd.squeeze(result, axes[i]);
    }
    return result;
  }

  private static void reduce(Node node, int byInput, double none, Reduction reduction) {
    boolean keep = node.flag("keepdims", true);
    boolean asInput = node.opset() >= byInput;
    boolean nothing = asInput && node.flag("noop_with_empty_axes", false);
    long[] axes = asInput ? null : node.integers("axes");
    Value x = node.input(0);
    long[] shape = node.shape(0);
    Value given = asInput ? node.optional(1) : null;
    if (given != null && given.knownElements() == null) {
      reduceOverComputedAxes(node, x, given, keep, reduction);
      return;
    }
    axes = given == null ? axes : given.knownElements();
    if (axes == null || (asInput && axes.length == 0)) {
      axes = nothing ? new long[0] : IntStream.range(0, shape.length).asLongStream().toArray();
    }
    int rank = shape.length;
    int[] from =
        Arrays.stream(axes).mapToInt(a -> node.axis(a, rank)).sorted().distinct().toArray();
    long[] kept = shape.clone();
    boolean ofNone = false;
    for (int axis : from) {
      ofNone |= shape[axis] == 0;
      kept[axis] = 1;
    }
    long[] result = keep ? kept : without(shape, from);
    if (ofNone) {
      output(node, x.type(), none, result);
      return;
    }
    SDVariable numbers = Broadcasts.numeric(x.variable());
    boolean several = from.length > 0 && Arrays.stream(from).allMatch(axis -> shape[axis] > 1);
    SDVariable reduced =
        several || rank > 2 && from.length > 0
            ? reduction.of(numbers, keep, from)
            : ofVectors(numbers, rank, keep, from, reduction);
    node.output(back(node, reduced, x.type()), result);
  }

  /**
   * Over an axis of its own too. ND4J fails where it takes an array for a vector and nothing has to
   * be added up.
   */
  private static SDVariable ofVectors(
      SDVariable x, int rank, boolean keep, int[] axes, Reduction reduction) {
    SameDiff sd = x.getSameDiff();
    SDVariable wide = x;
    int most = Math.max(3, rank + 1);
    for (int i = rank; i < most; i++) {
      wide = sd.expandDims(wide, i);
    }
    int[] all = axes.length == 0 ? new int[] {rank} : axes;
    SDVariable result = reduction.of(wide, true, all);
    for (int axis = most - 1; axis >= 0; axis--) {
      int own = axis;
      boolean goes = axis >= rank || (!keep && Arrays.stream(axes).anyMatch(a -> a == own));
      result = goes ? sd.squeeze(result, axis) : result;
    }
    return result;
  }

  /** In the type of the input; the lowest INT8, of none, is no truth. */
  private static SDVariable back(Node node, SDVariable x, DataType type) {
    return type == DataType.BOOL
        ? node.sd().gt(x, node.scalar(x.dataType(), 0))
        : Shapes.cast(x, type);
  }

  private static long[] without(long[] shape, int[] axes) {
    long[] result = shape;
    for (int i = axes.length - 1; i >= 0; i--) {
      result = Sizes.without(result, axes[i]);
    }
    return result;
  }

  private static void output(Node node, DataType type, double value, long[] shape) {
    if (!Sizes.known(shape)) {
      throw node.bad(0, "known sizes where one is 0", Sizes.text(shape));
    }
    node.checkSize("the result", Sizes.product(shape));
    node.constantOutput(
        0,
        Sizes.product(shape) == 0
            ? Nd4j.createUninitialized(type, shape)
            : Nd4j.valueArrayOf(shape, type == DataType.BOOL ? Math.max(0, value) : value, type));
  }

  /**
   * Each axis becomes two, the second of which is reduced: it has the size of the axis where that
   * is among the axes, else 1.
   */
  private static void reduceOverComputedAxes(
      Node node, Value x, Value axes, boolean keep, Reduction reduction) {
    SameDiff sd = node.sd();
    int rank = x.shape().length;
    long[] count = axes.shape();
    if (count == null || count.length != 1 || count[0] < 0 || rank == 0) {
      throw node.bad(1, "a known number of axes", Sizes.text(count));
    }
    SDVariable chosen = chosen(node, axes, rank);
    SDVariable others = node.scalar(DataType.INT64, 1).sub(chosen);
    SDVariable sizes = Extents.all(node, x);
    SDVariable outer = sizes.mul(others).add(chosen);
    SDVariable inner = sizes.mul(chosen).add(others);
    SDVariable pairs =
        sd.concat(1, sd.reshape(outer, rank, 1), sd.reshape(inner, rank, 1)).reshape(2 * rank);
    int[] odd = IntStream.range(0, rank).map(i -> 2 * i + 1).toArray();
    SDVariable split = sd.reshape(Broadcasts.numeric(x.variable()), pairs);
    SDVariable reduced = back(node, reduction.of(split, false, odd), x.type());
    if (keep) {
      node.output(reduced, Sizes.open(rank));
      return;
    }
    int left = Math.max(0, rank - Math.toIntExact(count[0]));
    node.output(
        left == 0
            ? sd.reshape(reduced, new long[0])
            : sd.reshape(reduced, sizesOf(node, others, sizes, rank, left)),
        Sizes.open(left));
  }

  /** 1 for each axis that is among some, else 0; [rank]. */
  private static SDVariable chosen(Node node, Value axes, int rank) {
    SameDiff sd = node.sd();
    SDVariable fromStart =
        Extents.fromStart(node, axes.variable(), node.scalar(DataType.INT64, rank));
    SDVariable all = Extents.range(node, rank);
    SDVariable equal = sd.eq(sd.reshape(fromStart, -1, 1, 1), sd.reshape(all, 1, 1, rank));
    return sd.reshape(Shapes.cast(equal, DataType.INT64).max(0), rank);
  }

  /** The sizes of the axes that are kept, in their order; [left]. */
  private static SDVariable sizesOf(
      Node node, SDVariable kept, SDVariable sizes, int rank, int left) {
    SameDiff sd = node.sd();
    SDVariable before =
        node.constant(Nd4j.tri(rank, rank, -1).castTo(DataType.INT64))
            .mul(sd.reshape(kept, 1, rank))
            .sum(1);
    SDVariable places = sd.reshape(Extents.range(node, left), left, 1);
    SDVariable fits = Shapes.cast(sd.eq(places, sd.reshape(before, 1, rank)), DataType.INT64);
    return fits.mul(sd.reshape(kept.mul(sizes), 1, rank)).sum(1);
  }

  private static void extremum(Node node, boolean largest) {
    long given = node.integer("axis", 0);
    boolean keep = node.flag("keepdims", true);
    boolean last = node.opset() >= 12 && node.flag("select_last_index", false);
    Value x = node.input(0);
    long[] shape = node.shape(0);
    int axis = node.axis(given, Math.max(1, shape.length));
    if (shape.length == 0) {
      node.constantOutput(0, Nd4j.scalar(DataType.INT64, 0));
      return;
    }
    SDVariable numbers = last ? node.sd().reverse(x.variable(), axis) : x.variable();
    SDVariable index =
        largest ? node.sd().argmax(numbers, keep, axis) : node.sd().argmin(numbers, keep, axis);
    index = Shapes.cast(index, DataType.INT64);
    if (last) {
      index = Extents.one(node, x, axis).sub(1).sub(index);
    }
    node.output(index, keep ? Sizes.with(shape, axis, 1) : Sizes.without(shape, axis));
  }

  private static void cumulative(Node node) {
    boolean exclusive = node.flag("exclusive", false);
    boolean reverse = node.flag("reverse", false);
    Value x = node.input(0);
    Value axis = node.input(1);
    int rank = node.shape(0).length;
    SameDiff sd = node.sd();
    SDVariable numbers = x.isFloat() ? x.variable() : Shapes.cast(x.variable(), DataType.DOUBLE);
    long[] known = axis.knownElements();
    SDVariable sums;
    if (known != null) {
      if (known.length != 1) {
        throw node.bad(1, "one axis", Arrays.toString(known));
      }
      sums = sd.cumsum(numbers, exclusive, reverse, node.axis(known[0], rank));
    } else { // along the middle one of three axes
      SDVariable sizes = Extents.all(node, x);
      SDVariable own =
          sd.reshape(
              Extents.fromStart(node, axis.variable(), node.scalar(DataType.INT64, rank)), 1);
      SDVariable all = Extents.range(node, rank);
      SDVariable before = Shapes.cast(sd.lt(all, own), DataType.INT64);
      SDVariable at = Shapes.cast(sd.eq(all, own), DataType.INT64);
      SDVariable one = node.scalar(DataType.INT64, 1);
      SDVariable first = sizes.sub(one).mul(before).add(one).prod(0);
      SDVariable middle = sizes.mul(at).sum(0);
      SDVariable three = Extents.vector(node, first, middle, node.scalar(DataType.INT64, -1));
      sums = sd.reshape(sd.cumsum(sd.reshape(numbers, three), exclusive, reverse, 1), sizes);
    }
    node.output(Shapes.cast(sums, x.type()), x.shape());
  }
}
