package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.impl.shape.Gather;
import org.nd4j.linalg.api.ops.impl.shape.StridedSlice;
import org.nd4j.linalg.factory.Nd4j;

/** Parts of arrays: what {@code Gather}, {@code Slice} and {@code Split} have in common. */
final class Indexing {
  private Indexing() {}

  /** Rows along an axis; negative indices count from the end. */
  static SDVariable gather(Node node, Value x, Value indices, int axis) {
    SDVariable index = Shapes.cast(indices.variable(), DataType.INT64);
    long[] known = indices.knownElements();
    boolean counted = known != null && Arrays.stream(known).allMatch(i -> i >= 0);
    if (!counted) {
      index = fromStart(node, index, x, axis);
    }
    long[] shape = indices.shape();
    if (shape == null) {
      throw node.refuse("indices: the number of their dimensions is not known");
    }
    long[] data = x.shape();
    if (shape.length == 1) {
      return rows(x.variable(), index, axis);
    }
    SDVariable flat = rows(x.variable(), node.sd().reshape(index, -1), axis);
    if (shape.length == 0) {
      return Shapes.squeezed(flat, axis);
    }
    long[] result =
        Sizes.concat(
            Arrays.copyOf(data, axis), shape, Arrays.copyOfRange(data, axis + 1, data.length));
    if (Arrays.stream(result).filter(size -> size < 0).count() <= 1) {
      return node.sd().reshape(flat, result);
    }
    SDVariable sizes = Shapes.cast(node.sd().shape(x.variable()), DataType.INT64);
    SDVariable own = Shapes.cast(node.sd().shape(indices.variable()), DataType.INT64);
    List<SDVariable> parts = new ArrayList<>();
    if (axis > 0) {
      parts.add(partOf(sizes, 1, 0, 0, axis));
    }
    parts.add(own);
    if (axis + 1 < data.length) {
      parts.add(partOf(sizes, 1, 0, axis + 1, data.length));
    }
    return node.sd()
        .reshape(
            flat, parts.size() == 1 ? own : node.sd().concat(0, parts.toArray(new SDVariable[0])));
  }

  /**
   * Rows along an axis, by a vector of indices: ND4J's op reads beyond the array for vectors
   * indexed by matrices. It is told to check the indices.
   */
  static SDVariable rows(SDVariable x, SDVariable index, int axis) {
    Gather gather = new Gather(x.getSameDiff(), Broadcasts.numeric(x), index, axis, false);
    gather.addBArgument(true);
    return Shapes.cast(gather.outputVariable(), x.dataType());
  }

  /** Indices from the start of an axis, of indices of which negative ones count from its end. */
  static SDVariable fromStart(Node node, SDVariable index, Value x, int axis) {
    long size = x.shape()[axis];
    SDVariable count =
        size >= 0
            ? node.scalar(DataType.INT64, size)
            : Shapes.cast(node.sd().sizeAt(x.variable(), axis), DataType.INT64);
    SDVariable negative = node.sd().lt(index, node.scalar(DataType.INT64, 0));
    return index.add(Shapes.cast(negative, DataType.INT64).mul(count));
  }

  private static SDVariable masked(
      SDVariable x, long[] begins, long[] ends, long[] steps, int beginMask, int endMask) {
    return new StridedSlice(x.getSameDiff(), x, begins, ends, steps, beginMask, endMask, 0, 0, 0)
        .outputVariable();
  }

  /** The part [begin, end) of an axis of an array of this rank. */
  static SDVariable partOf(SDVariable x, int rank, int axis, long begin, long end) {
    return partOf(x, rank, axis, begin, end, 1);
  }

  /** Every step-th of the part [begin, end) of an axis of an array of this rank. */
  static SDVariable partOf(SDVariable x, int rank, int axis, long begin, long end, long step) {
    long[] begins = new long[rank];
    long[] ends = new long[rank];
    long[] steps = new long[rank];
    Arrays.fill(steps, 1);
    begins[axis] = begin;
    ends[axis] = end;
    steps[axis] = step;
    int whole = ((1 << rank) - 1) & ~(1 << axis);
    return masked(x, begins, ends, steps, whole, whole);
  }

  /** Every step-th of an axis without so many elements at its beginning and its end. */
  static SDVariable openPartOf(
      SDVariable x, int rank, int axis, long before, long after, long step) {
    long[] begins = new long[rank];
    long[] ends = new long[rank];
    long[] steps = new long[rank];
    Arrays.fill(steps, 1);
    begins[axis] = before;
    ends[axis] = -after;
    steps[axis] = step;
    int all = (1 << rank) - 1;
    return masked(
        x, begins, ends, steps, all & ~(1 << axis), after == 0 ? all : all & ~(1 << axis));
  }

  /** Without so many elements at the beginning and at the end of each axis. */
  static SDVariable cropped(SDVariable x, int rank, long[] before, long[] after) {
    long[] begins = new long[rank];
    long[] ends = new long[rank];
    long[] steps = new long[rank];
    Arrays.fill(steps, 1);
    int beginMask = 0;
    int endMask = 0;
    for (int i = 0; i < rank; i++) {
      begins[i] = Math.max(0, before[i]);
      ends[i] = -Math.max(0, after[i]);
      beginMask |= begins[i] == 0 ? 1 << i : 0;
      endMask |= ends[i] == 0 ? 1 << i : 0;
    }
    boolean whole = beginMask == endMask && beginMask == (1 << rank) - 1;
    return whole ? x : masked(x, begins, ends, steps, beginMask, endMask);
  }

  static void sliceByInputs(Node node) {
    Value starts = node.input(1);
    Value ends = node.input(2);
    Value axes = node.optional(3);
    Value steps = node.optional(4);
    boolean known = true;
    for (Value value : new Value[] {starts, ends, axes, steps}) {
      known &= value == null || value.knownElements() != null;
    }
    if (known) {
      slice(
          node,
          starts.knownElements(),
          ends.knownElements(),
          axes == null ? null : axes.knownElements(),
          steps == null ? null : steps.knownElements());
    } else {
      node.shape(0);
      new DynamicShapes(node).slice(node.input(0), starts, ends, axes, steps);
    }
  }

  /** A slice whose bounds are known; axes and steps may be null. */
  static void slice(Node node, long[] starts, long[] ends, long[] axes, long[] steps) {
    Value x = node.input(0);
    long[] shape = node.shape(0);
    int rank = shape.length;
    int count = starts.length;
    if (ends.length != count
        || (axes != null && axes.length != count)
        || (steps != null && steps.length != count)
        || count > rank) {
      throw node.refuse("starts, ends, axes, steps: expected as many of each");
    }
    long[] begins = new long[rank];
    long[] stops = new long[rank];
    long[] strides = new long[rank];
    Arrays.fill(strides, 1);
    int beginMask = (1 << rank) - 1;
    int endMask = beginMask;
    boolean[] backward = new boolean[rank];
    SDVariable y = x.variable();
    long[] result = shape.clone();
    long[] elements = x.elements();
    for (int i = 0; i < count; i++) {
      int axis = node.axis(axes == null ? i : axes[i], rank);
      // No axis is longer; ND4J's steps are of 32 bits.
      long step =
          steps == null ? 1 : Math.max(-Integer.MAX_VALUE, Math.min(steps[i], Integer.MAX_VALUE));
      long size = shape[axis];
      if (step == 0) {
        throw node.refuse("steps: expected others than 0");
      }
      if (size < 0) {
        result[axis] = Value.OPEN;
        if (!fitsAny(starts[i], ends[i], step)) {
          y = new DynamicShapes(node).part(x, y, axis, starts[i], ends[i], step);
          continue;
        }
        begins[axis] = starts[i];
        strides[axis] = step;
        if (starts[i] != 0) {
          beginMask &= ~(1 << axis);
        }
        continue;
      }
      long begin = clamp(starts[i], size, step > 0 ? 0 : 0, step > 0 ? size : size - 1);
      long end = clamp(ends[i], size, step > 0 ? 0 : -1, step > 0 ? size : size - 1);
      long taken = Math.max(0, step > 0 ? ceil(end - begin, step) : ceil(begin - end, -step));
      result[axis] = taken;
      // ND4J reads and writes beyond arrays where steps are negative.
      backward[axis] = step < 0;
      begins[axis] = step < 0 ? begin + (taken - 1) * step : begin;
      stops[axis] = step < 0 ? begin + 1 : end;
      strides[axis] = Math.abs(step);
      beginMask &= ~(1 << axis);
      endMask &= ~(1 << axis);
      if (elements != null && rank == 1) {
        long[] all = elements;
        long[] some = new long[(int) taken];
        for (int j = 0; j < taken; j++) {
          some[j] = all[(int) (begin + j * step)];
        }
        elements = some;
      }
    }
    if (Arrays.stream(result).anyMatch(size -> size == 0)) {
      if (!Sizes.known(result)) {
        throw node.bad(0, "known sizes where nothing is taken", Sizes.text(shape));
      }
      node.constantOutput(0, Nd4j.createUninitialized(x.type(), result));
      return;
    }
    SDVariable part = masked(y, begins, stops, strides, beginMask, endMask);
    int[] turned = IntStream.range(0, rank).filter(axis -> backward[axis]).toArray();
    node.output(0, turned.length == 0 ? part : node.sd().reverse(part, turned), result, elements);
  }

  /**
   * Whether bounds take something of any size but 0: ND4J refuses those that it would have to
   * clamp, and returns a row where there is none.
   */
  private static boolean fitsAny(long start, long end, long step) {
    return step > 0 && (start == 0 || start == -1) && end >= Integer.MAX_VALUE;
  }

  private static long clamp(long index, long size, long least, long most) {
    long counted = index < 0 ? index + size : index;
    return Math.max(least, Math.min(most, counted));
  }

  private static long ceil(long length, long step) {
    return step >= length && length > 0 ? 1 : (length + step - 1) / step;
  }
}
