package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.function.BinaryOperator;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.MaxPooling2D;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling2DConfig;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Pools of any number of axes. Largest value and sum of a box are computed one axis after the
 * other, each from as many strided slices as the window has taps.
 */
final class Pools {
  /** Each tap is an op of the graph. */
  private static final long MOST_TAPS = 4096;

  private Pools() {}

  static void addTo(Converters all) {
    all.add("MaxPool", 1, Pools::max)
        .add("AveragePool", 1, Pools::average)
        .add("LpPool", 2, Pools::norm)
        .add("GlobalLpPool", 2, Pools::globalNorm)
        .add("GlobalMaxPool", 1, node -> global(node, true))
        .add("GlobalAveragePool", 1, node -> global(node, false));
  }

  private static void global(Node node, boolean max) {
    Value x = node.input(0);
    long[] shape = node.shape(0);
    if (shape.length < 3) {
      throw node.bad(0, "at least 3 dimensions", Sizes.text(shape));
    }
    int[] axes = IntStream.range(2, shape.length).toArray();
    long[] result = shape.clone();
    Arrays.fill(result, 2, result.length, 1);
    SDVariable v = x.variable();
    node.output(max ? node.sd().max(v, true, axes) : node.sd().mean(v, true, axes), result);
  }

  /** A node's window on its way over the input: from [N, C, sizes…] to [N, C, out…]. */
  private static final class Pass {
    final SameDiff sd;
    final Window window;
    final long[] in;
    final long[] sizes;
    final long[] out;

    Pass(Node node, boolean ceil) {
      sd = node.sd();
      window = Window.of(node);
      in = node.shape(0);
      sizes = spatial(node, in);
      window.over(sizes, null);
      out = outputs(node, window, sizes, ceil);
    }

    long[] shape() {
      return Sizes.concat(Arrays.copyOf(in, 2), out);
    }

    SDVariable slid(SDVariable x, double padding, BinaryOperator<SDVariable> fold) {
      return Pools.slid(sd, x, window, in, out, padding, fold);
    }
  }

  private static void max(Node node) {
    boolean ceil = node.flag("ceil_mode", false);
    boolean columnMajor = node.flag("storage_order", false);
    Value x = node.input(0);
    Pass pass = new Pass(node, ceil);
    if (node.wants(1)) {
      PoolIndices.convert(node, pass.window, pass.in, pass.out, columnMajor);
      return;
    }
    double least = x.isFloat() ? Double.NEGATIVE_INFINITY : x.type() == DataType.UINT8 ? 0 : -128;
    SDVariable y =
        isNative(pass.window, ceil) && x.isFloat()
            ? nativeMax(x.variable(), pass.window)
            : pass.slid(x.variable(), least, node.sd().math()::max);
    node.output(y, pass.shape());
  }

  static long[] spatial(Node node, long[] in) {
    if (in.length < 3) {
      throw node.bad(0, "at least 3 dimensions", Sizes.text(in));
    }
    return Arrays.copyOfRange(in, 2, in.length);
  }

  private static long[] outputs(Node node, Window window, long[] sizes, boolean ceil) {
    boolean strided = Arrays.stream(window.strides).anyMatch(s -> s > 1);
    if (ceil && strided && !Sizes.known(sizes)) {
      throw node.bad(0, "known sizes for ceil_mode with strides", Sizes.text(sizes));
    }
    return window.outputs(sizes, ceil);
  }

  /** What ND4J's own op does as ONNX has it. */
  private static boolean isNative(Window window, boolean ceil) {
    return window.kernel.length == 2
        && !ceil
        && Arrays.equals(window.begin, window.end)
        && Arrays.stream(window.dilations).allMatch(d -> d == 1);
  }

  private static SDVariable nativeMax(SDVariable x, Window window) {
    Pooling2DConfig config =
        Pooling2DConfig.builder()
            .kH(window.kernel[0])
            .kW(window.kernel[1])
            .sH(window.strides[0])
            .sW(window.strides[1])
            .pH(window.begin[0])
            .pW(window.begin[1])
            .build();
    return new MaxPooling2D(x.getSameDiff(), x, config).outputVariable();
  }

  /** Folds the values that a window sees, along one axis after the other. */
  private static SDVariable slid(
      SameDiff sd,
      SDVariable x,
      Window window,
      long[] in,
      long[] out,
      double padding,
      BinaryOperator<SDVariable> fold) {
    long taps = Arrays.stream(window.kernel).sum();
    if (taps > MOST_TAPS) {
      throw Attributes.bad("kernel_shape", "at most " + MOST_TAPS + " in all", taps);
    }
    SDVariable y = padded(x, window, in, out, padding);
    for (int i = 0; i < out.length; i++) {
      SDVariable seen = null;
      for (long tap = 0; tap < window.kernel[i]; tap++) {
        SDVariable slice = tap(y, window, in.length, i, tap, out[i]);
        seen = seen == null ? slice : fold.apply(seen, slice);
      }
      y = seen;
    }
    return y;
  }

  /** With as much around it as the windows reach. */
  static SDVariable padded(SDVariable x, Window window, long[] in, long[] out, double value) {
    long[] before = new long[in.length];
    long[] after = new long[in.length];
    for (int i = 0; i < out.length; i++) {
      before[i + 2] = window.begin[i];
      after[i + 2] =
          out[i] < 0
              ? window.end[i]
              : Math.max(
                  0,
                  (out[i] - 1) * window.strides[i] + window.extent(i) - in[i + 2] - before[i + 2]);
    }
    return Convolutions.pad(x, before, after, value);
  }

  /** What one tap along an axis sees of a padded array. */
  static SDVariable tap(SDVariable x, Window window, int rank, int axis, long tap, long out) {
    long first = tap * window.dilations[axis];
    long stride = window.strides[axis];
    if (window.kernel[axis] == 1 && stride == 1) {
      return x;
    }
    if (out >= 0) {
      return Indexing.partOf(x, rank, axis + 2, first, first + (out - 1) * stride + 1, stride);
    }
    return Indexing.openPartOf(x, rank, axis + 2, first, window.extent(axis) - 1 - first, stride);
  }

  private static long power(Node node) {
    long p = node.integer("p", 2);
    if (p < 1) {
      throw Attributes.bad("p", "at least 1", p);
    }
    return p;
  }

  /** The p-th root of the sum of p-th powers. */
  private static void norm(Node node) {
    long p = power(node);
    Value x = node.floating(0);
    Pass pass = new Pass(node, node.opset() >= 18 && node.flag("ceil_mode", false));
    SDVariable sum = pass.slid(raised(x.variable(), p), 0, SDVariable::add);
    node.output(root(sum, p), pass.shape());
  }

  private static void globalNorm(Node node) {
    long p = power(node);
    Value x = node.floating(0);
    long[] shape = node.shape(0);
    spatial(node, shape);
    long[] result = shape.clone();
    Arrays.fill(result, 2, result.length, 1);
    int[] axes = IntStream.range(2, shape.length).toArray();
    node.output(root(raised(x.variable(), p).sum(true, axes), p), result);
  }

  private static SDVariable raised(SDVariable x, long p) {
    SDVariable size = x.getSameDiff().math().abs(x);
    return p == 1 ? size : p == 2 ? x.mul(x) : x.getSameDiff().math().pow(size, p);
  }

  private static SDVariable root(SDVariable x, long p) {
    return p == 1
        ? x
        : p == 2 ? x.getSameDiff().math().sqrt(x) : x.getSameDiff().math().pow(x, 1.0 / p);
  }

  private static void average(Node node) {
    boolean countPadding = node.flag("count_include_pad", false);
    Value x = node.floating(0);
    Pass pass = new Pass(node, node.flag("ceil_mode", false));
    SDVariable sum = pass.slid(x.variable(), 0, SDVariable::add);
    SDVariable count;
    if (Sizes.known(pass.out)) {
      node.checkSize("the output", Sizes.product(pass.out));
      count =
          node.constant(counts(pass.window, pass.sizes, pass.out, countPadding).castTo(x.type()));
    } else {
      SDVariable one = x.variable();
      for (int i = 0; i < 2; i++) {
        one = Indexing.partOf(one, pass.in.length, i, 0, 1);
      }
      long[] of = pass.in.clone();
      of[0] = 1;
      of[1] = 1;
      SDVariable ones = node.sd().onesLike(one);
      double padding = countPadding ? 1 : 0;
      count = slid(node.sd(), ones, pass.window, of, pass.out, padding, SDVariable::add);
    }
    node.output(sum.div(count), pass.shape());
  }

  /** How many values each window averages, [1, 1, out…]. */
  private static INDArray counts(Window window, long[] sizes, long[] out, boolean countPadding) {
    long[] shape = new long[out.length + 2];
    Arrays.fill(shape, 1);
    INDArray counts = Nd4j.ones(DataType.DOUBLE, shape);
    for (int i = 0; i < out.length; i++) {
      double[] along = new double[Math.toIntExact(out[i])];
      for (int o = 0; o < along.length; o++) {
        for (long tap = 0; tap < window.kernel[i]; tap++) {
          long at = o * window.strides[i] - window.begin[i] + tap * window.dilations[i];
          long first = countPadding ? -window.begin[i] : 0;
          long last = sizes[i] + (countPadding ? window.end[i] : 0);
          along[o] += at >= first && at < last ? 1 : 0;
        }
      }
      long[] axis = shape.clone();
      axis[i + 2] = out[i];
      counts = counts.mul(Nd4j.createFromArray(along).reshape(axis));
    }
    return counts;
  }
}
