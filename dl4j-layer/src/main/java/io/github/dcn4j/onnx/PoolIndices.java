package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** {@code MaxPool} with its second output: where in the flat input each largest value stood. */
final class PoolIndices {
  private PoolIndices() {}

  static void convert(Node node, Window window, long[] in, long[] out, boolean columnMajor) {
    if (!Sizes.known(in)) {
      throw node.bad(0, "known sizes for the output of indices", Sizes.text(in));
    }
    Value x = node.floating(0);
    SameDiff sd = node.sd();
    long[] shape = Sizes.concat(Arrays.copyOf(in, 2), out);
    int axes = out.length;
    long taps = Sizes.product(window.kernel);
    if (taps > 4096) {
      throw Attributes.bad("kernel_shape", "at most 4096 taps", taps);
    }
    node.checkSize("the output", Sizes.product(shape));
    SDVariable padded = Pools.padded(x.variable(), window, in, out, Double.NEGATIVE_INFINITY);
    List<SDVariable> seen = new ArrayList<>();
    long[] offsets = new long[(int) taps];
    long[] steps = steps(in, columnMajor);
    for (int t = 0; t < taps; t++) {
      SDVariable slice = padded;
      long rest = t;
      for (int i = axes - 1; i >= 0; i--) {
        long tap = rest % window.kernel[i];
        rest /= window.kernel[i];
        slice = Pools.tap(slice, window, in.length, i, tap, out[i]);
        offsets[t] += tap * window.dilations[i] * steps[i];
      }
      seen.add(slice);
    }
    SDVariable stacked = sd.stack(0, seen.toArray(new SDVariable[0]));
    SDVariable best = Shapes.cast(sd.argmax(stacked, false, 0), DataType.INT64);
    SDVariable offset =
        sd.reshape(Indexing.rows(node.longs(offsets), sd.reshape(best, -1), 0), shape);
    node.output(0, sd.max(stacked, false, 0), shape);
    node.output(1, offset.add(node.constant(starts(window, in, out, steps))), shape);
  }

  /** How far apart neighbours along each spatial axis are in the flat input. */
  private static long[] steps(long[] in, boolean columnMajor) {
    int axes = in.length - 2;
    long[] steps = new long[axes];
    long step = 1;
    for (int i = 0; i < axes; i++) {
      int axis = columnMajor ? i : axes - 1 - i;
      steps[axis] = step;
      step *= in[axis + 2];
    }
    return steps;
  }

  /** The index of each window's first tap, [N, C, out…]; in the padding where that is. */
  private static INDArray starts(Window window, long[] in, long[] out, long[] steps) {
    long[] shape = Sizes.concat(Arrays.copyOf(in, 2), out);
    long plane = Sizes.product(Arrays.copyOfRange(in, 2, in.length));
    INDArray starts =
        Nd4j.arange(in[0] * in[1]).castTo(DataType.INT64).mul(plane).reshape(first(shape, 2));
    starts = starts.add(Nd4j.zeros(DataType.INT64, shape));
    for (int i = 0; i < out.length; i++) {
      long[] along = new long[(int) out[i]];
      for (int o = 0; o < along.length; o++) {
        along[o] = (o * window.strides[i] - window.begin[i]) * steps[i];
      }
      long[] axis = new long[shape.length];
      Arrays.fill(axis, 1);
      axis[i + 2] = out[i];
      starts = starts.add(Nd4j.createFromArray(along).reshape(axis));
    }
    return starts;
  }

  private static long[] first(long[] shape, int count) {
    long[] first = new long[shape.length];
    Arrays.fill(first, 1);
    System.arraycopy(shape, 0, first, 0, count);
    return first;
  }
}
