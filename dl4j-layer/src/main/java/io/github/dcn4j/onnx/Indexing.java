package io.github.dcn4j.onnx;

import java.util.Arrays;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.impl.shape.StridedSlice;

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
    return node.sd().gather(x.variable(), index, axis);
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

  /** The part [begin, end) of an axis. */
  static SDVariable part(Node node, Value x, int axis, long begin, long end) {
    long[] shape = x.shape();
    long[] begins = new long[shape.length];
    long[] ends = new long[shape.length];
    long[] steps = new long[shape.length];
    Arrays.fill(steps, 1);
    int whole = 0;
    for (int i = 0; i < shape.length; i++) {
      if (i == axis) {
        begins[i] = begin;
        ends[i] = end;
      } else {
        whole |= 1 << i;
      }
    }
    return masked(node, x, begins, ends, steps, whole, whole);
  }

  private static SDVariable masked(
      Node node, Value x, long[] begins, long[] ends, long[] steps, int beginMask, int endMask) {
    return new StridedSlice(
            node.sd(), x.variable(), begins, ends, steps, beginMask, endMask, 0, 0, 0)
        .outputVariable();
  }

  static void sliceByInputs(Node node) {
    Value starts = node.input(1);
    Value ends = node.input(2);
    node.optional(3);
    node.optional(4);
    if (starts.knownElements() == null || ends.knownElements() == null) {
      throw node.refuse("starts and ends: expected to be known before the graph runs");
    }
    slice(
        node,
        starts.knownElements(),
        ends.knownElements(),
        node.knownIntegers(3),
        node.knownIntegers(4));
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
    long[] result = shape.clone();
    long[] elements = x.elements();
    for (int i = 0; i < count; i++) {
      int axis = node.axis(axes == null ? i : axes[i], rank);
      long step = steps == null ? 1 : steps[i];
      long size = shape[axis];
      if (step == 0) {
        throw node.refuse("steps: expected others than 0");
      }
      if (size < 0) {
        if (step < 0) {
          throw node.bad(0, "a known size at axis " + axis, Sizes.text(shape));
        }
        // ND4J counts negative bounds from the end, and clamps them.
        begins[axis] = Math.max(starts[i], -Integer.MAX_VALUE);
        stops[axis] = Math.min(ends[i], Integer.MAX_VALUE);
        strides[axis] = step;
        if (starts[i] != 0 && starts[i] > -Integer.MAX_VALUE) {
          beginMask &= ~(1 << axis);
        }
        if (ends[i] < Integer.MAX_VALUE) {
          endMask &= ~(1 << axis);
        }
        result[axis] = Value.OPEN;
        continue;
      }
      long begin = clamp(starts[i], size, step > 0 ? 0 : 0, step > 0 ? size : size - 1);
      long end = clamp(ends[i], size, step > 0 ? 0 : -1, step > 0 ? size : size - 1);
      long taken = Math.max(0, step > 0 ? ceil(end - begin, step) : ceil(begin - end, -step));
      result[axis] = taken;
      begins[axis] = begin;
      stops[axis] = end;
      strides[axis] = step;
      beginMask &= ~(1 << axis);
      if (end >= 0) {
        endMask &= ~(1 << axis);
      }
      if (elements != null && rank == 1) {
        long[] all = elements;
        long[] some = new long[(int) taken];
        for (int j = 0; j < taken; j++) {
          some[j] = all[(int) (begin + j * step)];
        }
        elements = some;
      }
    }
    node.output(0, masked(node, x, begins, stops, strides, beginMask, endMask), result, elements);
  }

  private static long clamp(long index, long size, long least, long most) {
    long counted = index < 0 ? index + size : index;
    return Math.max(least, Math.min(most, counted));
  }

  private static long ceil(long length, long step) {
    return step >= length && length > 0 ? 1 : (length + step - 1) / step;
  }
}
