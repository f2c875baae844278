package io.github.dcn4j.onnx;

import java.util.Arrays;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** Slices, splits and added or removed axes that are told only while the graph runs. */
final class DynamicShapes {
  private final Node node;
  private final SameDiff sd;

  DynamicShapes(Node node) {
    this.node = node;
    sd = node.sd();
  }

  private SDVariable longs(SDVariable x) {
    return Shapes.cast(x, DataType.INT64);
  }

  private SDVariable scalar(long value) {
    return node.scalar(DataType.INT64, value);
  }

  private SDVariable counting(int count) {
    long[] numbers = new long[count];
    Arrays.setAll(numbers, i -> i);
    return node.longs(numbers);
  }

  /** How many axes a vector names; its length must be known. */
  private int count(Value axes) {
    long[] shape = axes.shape();
    if (shape == null || shape.length > 1 || (shape.length == 1 && shape[0] < 0)) {
      throw node.refuse("axes: expected their number to be known before the graph runs");
    }
    return shape.length == 0 ? 1 : Math.toIntExact(shape[0]);
  }

  /** [count, rank] of 1 where an axis, counted from the end where negative, is that of a column. */
  private SDVariable matches(Value axes, int count, int rank) {
    SDVariable a = sd.reshape(longs(axes.variable()), count, 1);
    a = a.add(longs(sd.lt(a, scalar(0))).mul(scalar(rank)));
    SDVariable columns = node.constant(Nd4j.arange(rank).castTo(DataType.INT64).reshape(1, rank));
    return longs(sd.eq(a, columns));
  }

  /** Sums over the first of two axes. */
  private SDVariable sumOfRows(SDVariable matrix) {
    return Sums.along(matrix, 2, 0);
  }

  /** For each i, the sum of the elements up to it. */
  private SDVariable cumulative(SDVariable vector, int length) {
    long[][] upTo = new long[length][length];
    for (int i = 0; i < length; i++) {
      Arrays.fill(upTo[i], 0, i + 1, 1);
    }
    SDVariable lower = node.constant(Nd4j.createFromArray(upTo));
    return Sums.along(lower.mul(sd.reshape(vector, 1, length)), 2, 1);
  }

  void unsqueeze(Value x, Value axes) {
    int rank = x.shape().length;
    int target = rank + count(axes);
    SDVariable added = sumOfRows(matches(axes, target - rank, target));
    SDVariable kept = scalar(1).sub(added);
    SDVariable shape = added;
    if (rank > 0) {
      SDVariable from = cumulative(kept, target).sub(scalar(1));
      from = sd.math().max(from, scalar(0));
      SDVariable sizes = Indexing.rows(longs(sd.shape(x.variable())), from, 0);
      shape = added.add(sizes.mul(kept));
    }
    node.output(sd.reshape(x.variable(), shape), Sizes.open(target));
  }

  void squeeze(Value x, Value axes) {
    int rank = x.shape().length;
    int target = rank - count(axes);
    if (target < 0) {
      throw node.refuse("axes: expected at most " + rank + ", got " + (rank - target));
    }
    SDVariable kept = scalar(1).sub(sumOfRows(matches(axes, rank - target, rank)));
    if (target == 0) {
      node.output(sd.reshape(x.variable(), new long[0]), new long[0]);
      return;
    }
    SDVariable place = sd.reshape(cumulative(kept, rank).sub(scalar(1)), 1, rank);
    SDVariable wanted = sd.reshape(counting(target), target, 1);
    SDVariable picks = longs(sd.eq(place, wanted)).mul(sd.reshape(kept, 1, rank));
    SDVariable sizes = sd.reshape(longs(sd.shape(x.variable())), 1, rank);
    node.output(sd.reshape(x.variable(), Sums.along(picks.mul(sizes), 2, 1)), Sizes.open(target));
  }

  /** An element of a vector, a scalar. */
  private SDVariable element(SDVariable vector, long index) {
    return sd.reshape(Indexing.partOf(vector, 1, 0, index, index + 1), new long[0]);
  }

  void split(Value x, Value sizes, int axis) {
    long[] shape = x.shape();
    SDVariable all = longs(sizes.variable());
    SDVariable begin = scalar(0);
    for (int i = 0; i < node.outputCount(); i++) {
      SDVariable end = begin.add(element(all, i));
      SDVariable rows = sd.range(begin, end, scalar(1), DataType.INT64);
      node.output(i, Indexing.rows(x.variable(), rows, axis), Sizes.with(shape, axis, Value.OPEN));
      begin = end;
    }
  }

  /** Each axis that may be cut becomes a choice of its rows. */
  void slice(Value x, Value starts, Value ends, Value axes, Value steps) {
    long[] shape = x.shape();
    int rank = shape.length;
    long[] known = axes == null ? null : axes.knownElements();
    int count = count(starts);
    SDVariable begin = longs(starts.variable());
    SDVariable end = longs(ends.variable());
    SDVariable step = steps == null ? null : longs(steps.variable());
    SDVariable y = x.variable();
    long[] result = shape.clone();
    SDVariable matches = known == null && axes != null ? matches(axes, count, rank) : null;
    for (int axis = 0; axis < rank; axis++) {
      SDVariable b;
      SDVariable e;
      SDVariable s;
      if (matches == null) {
        int at = indexOf(axis, known, count, rank);
        if (at < 0) {
          continue;
        }
        b = element(begin, at);
        e = element(end, at);
        s = step == null ? scalar(1) : element(step, at);
      } else {
        SDVariable column = sd.reshape(Indexing.partOf(matches, 2, 1, axis, axis + 1), -1);
        SDVariable cut = total(column, count);
        SDVariable whole = scalar(1).sub(cut);
        b = total(begin.mul(column), count);
        e = total(end.mul(column), count).add(whole.mul(scalar(Long.MAX_VALUE / 2)));
        s = (step == null ? cut : total(step.mul(column), count)).add(whole);
      }
      y = Indexing.rows(y, rows(x, axis, b, e, s), axis);
      result[axis] = Value.OPEN;
    }
    node.output(y, result);
  }

  /** A part of an axis of y, whose size there is that of x. */
  SDVariable part(Value x, SDVariable y, int axis, long start, long end, long step) {
    long last = Math.max(-Long.MAX_VALUE / 2, Math.min(end, Long.MAX_VALUE / 2));
    return Indexing.rows(y, rows(x, axis, scalar(start), scalar(last), scalar(step)), axis);
  }

  private SDVariable total(SDVariable vector, int count) {
    SDVariable sum = Sums.along(sd.reshape(vector, 1, 1, count), 3, 2);
    return sd.reshape(sum, new long[0]);
  }

  private int indexOf(int axis, long[] axes, int count, int rank) {
    for (int i = 0; i < count; i++) {
      if ((axes == null ? i : node.axis(axes[i], rank)) == axis) {
        return i;
      }
    }
    return -1;
  }

  /** The rows from one to before another, clamped as the standard has it. */
  private SDVariable rows(Value x, int axis, SDVariable b, SDVariable e, SDVariable s) {
    SDVariable size = longs(sd.sizeAt(x.variable(), axis));
    SDVariable zero = scalar(0);
    SDVariable backward = longs(sd.lt(s, zero));
    SDVariable begin = b.add(longs(sd.lt(b, zero)).mul(size));
    SDVariable end = e.add(longs(sd.lt(e, zero)).mul(size));
    SDVariable most = size.sub(backward);
    begin = sd.math().min(sd.math().max(begin, zero), most);
    end = sd.math().min(sd.math().max(end, zero.sub(backward)), most);
    // ND4J's range rounds the number of negative steps down.
    SDVariable step = Shapes.cast(s, DataType.DOUBLE);
    SDVariable length = Shapes.cast(end.sub(begin), DataType.DOUBLE);
    SDVariable count = sd.math().max(longs(sd.math().ceil(length.div(step))), zero);
    return sd.range(zero, count, scalar(1), DataType.INT64).mul(s).add(begin);
  }
}
