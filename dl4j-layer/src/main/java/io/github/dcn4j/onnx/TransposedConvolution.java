package io.github.dcn4j.onnx;

import java.util.Arrays;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * {@code ConvTranspose}: pixel s·q + r of the output sums, over j, pixel q − j of the input times
 * weight s·j + r. So one plain convolution with ⌈k/s⌉ taps makes all s pixels of an output cell as
 * channels of their own, and these are then laid side by side. No product with a zero between
 * pixels is computed.
 */
final class TransposedConvolution {
  private final Node node;
  private final SameDiff sd;
  private final Window window;
  private final long groups;
  private final Value x;
  private final Value w;
  private final int axes;

  /** The output's sizes, open ones {@link Value#OPEN}. */
  private final long[] out;

  /** What is cut off of all pixels that an input reaches, before and after; negative: zeros. */
  private final long[] cut;

  private final long[] rest;

  private TransposedConvolution(Node node) {
    this.node = node;
    sd = node.sd();
    window = Window.of(node);
    groups = node.integer("group", 1);
    long[] givenExtra = node.integers("output_padding");
    long[] givenOut = node.integers("output_shape");
    x = node.floating(0);
    w = node.floating(1);
    long[] in = node.shape(0);
    long[] weights = node.shape(1, in.length);
    axes = in.length - 2;
    Convolutions.checkRank(node, axes);
    if (!w.isStatic()) {
      throw node.bad(1, "known sizes", Sizes.text(weights));
    }
    Convolutions.checkChannels(node, groups, in[1], weights[0], weights[1] * groups);
    long[] sizes = Arrays.copyOfRange(in, 2, in.length);
    window.over(
        window.isSame() ? Sizes.known(sizes) ? sizes : noSizes() : sizes,
        Arrays.copyOfRange(weights, 2, weights.length));
    long[] extra = givenExtra == null ? new long[axes] : givenExtra;
    if (extra.length != axes || Arrays.stream(extra).anyMatch(n -> n < 0)) {
      throw Attributes.bad(
          "output_padding", axes + " whole numbers of at least 0", Arrays.toString(extra));
    }
    if (givenOut != null
        && (givenOut.length != axes || Arrays.stream(givenOut).anyMatch(n -> n < 1))) {
      throw Attributes.bad(
          "output_shape", axes + " whole numbers of at least 1", Arrays.toString(givenOut));
    }
    out = new long[axes];
    cut = new long[axes];
    rest = new long[axes];
    for (int i = 0; i < axes; i++) {
      fit(i, sizes[i], extra[i], givenOut == null ? -1 : givenOut[i]);
    }
  }

  private long[] noSizes() {
    throw node.bad(0, "known sizes for an automatic padding", "open ones");
  }

  private void fit(int i, long size, long extra, long given) {
    long stride = window.strides[i];
    // What is computed is longer than what an input reaches by this.
    long surplus = cells(i) * stride - window.extent(i);
    if (given < 0 && !window.isSame()) {
      cut[i] = window.begin[i];
      rest[i] = surplus - extra + window.end[i];
      out[i] =
          size < 0
              ? Value.OPEN
              : Math.multiplyExact(stride, size - 1)
                  + extra
                  + window.extent(i)
                  - window.begin[i]
                  - window.end[i];
    } else {
      if (size < 0) {
        throw node.bad(0, "a known size for output_shape and auto_pad", "an open one");
      }
      out[i] = given < 0 ? Math.multiplyExact(size, stride) : given;
      long total = Math.multiplyExact(stride, size - 1) + extra + window.extent(i) - out[i];
      long half = Math.floorDiv(total, 2);
      cut[i] = window.isUpper() ? half : total - half;
      rest[i] = surplus - extra + total - cut[i];
    }
    if (out[i] != Value.OPEN && out[i] < 1) {
      throw node.refuse("the output would have " + out[i] + " pixels at axis " + (i + 2));
    }
  }

  /** Taps of the plain convolution along an axis. */
  private long cells(int axis) {
    return (window.extent(axis) + window.strides[axis] - 1) / window.strides[axis];
  }

  static void convert(Node node) {
    TransposedConvolution c = new TransposedConvolution(node);
    long[] in = c.x.shape();
    long channels = c.w.shape()[1] * c.groups;
    long[] shape = Sizes.concat(new long[] {in[0], channels}, c.out);
    Value b = node.optional(2);
    boolean constant = c.w.constant() != null && (b == null || b.constant() != null);
    node.lazyOutput(
        shape,
        () -> c.make(c.w, b),
        !constant
            ? null
            : (factors, addends) -> {
              long[] perGroup = {c.groups, 1, channels / c.groups};
              long[] shapeOfW = c.w.shape();
              long rest = Sizes.product(Arrays.copyOfRange(shapeOfW, 2, shapeOfW.length));
              INDArray scaled =
                  c.w
                      .constant()
                      .reshape(c.groups, shapeOfW[0] / c.groups, shapeOfW[1], rest)
                      .mul(factors.reshape(perGroup[0], 1, perGroup[2], 1))
                      .reshape(shapeOfW);
              INDArray shifted = Convolutions.rescaledBias(b, factors, addends);
              return c.make(
                  Value.constant(c.w.name(), scaled, () -> node.constant(scaled)),
                  Value.constant("", shifted, () -> node.constant(shifted)));
            });
  }

  private SDVariable make(Value weights, Value b) {
    if (axes == 3) {
      return volume(weights, b);
    }
    SDVariable image = axes == 1 ? sd.expandDims(x.variable(), 2) : x.variable();
    long[] in = x.shape();
    SDVariable y =
        images(image, new long[] {in[0], axes == 1 ? 1 : in[2], in[in.length - 1]}, weights, 0);
    if (axes == 1) {
      y = sd.squeeze(y, 2);
    }
    return withBias(y, b);
  }

  private SDVariable withBias(SDVariable y, Value b) {
    if (b == null) {
      return y;
    }
    long[] shape = new long[axes + 2];
    Arrays.fill(shape, 1);
    shape[1] = -1;
    return y.add(node.computed(v -> v[0].getSameDiff().reshape(v[0], shape), b));
  }

  /**
   * Of images [N, C, H, W].
   *
   * @param in N, H, W, open ones {@link Value#OPEN}
   * @param skip so many axes of the window come before
   */
  private SDVariable images(SDVariable image, long[] in, Value weights, int skip) {
    long[] s = new long[2];
    long[] j = new long[2];
    for (int i = 0; i < 2; i++) {
      s[i] = axes == 1 && i == 0 ? 1 : window.strides[axes == 1 ? 0 : i + skip];
      j[i] = axes == 1 && i == 0 ? 1 : cells(axes == 1 ? 0 : i + skip);
    }
    long[] shapeOfW = weights.shape();
    node.checkSize("the weights", Sizes.product(shapeOfW[0], shapeOfW[1], s[0], j[0], s[1], j[1]));
    SDVariable plain = node.computed(v -> plainWeights(v[0], s, j), weights);
    Convolutions.Plane plane = new Convolutions.Plane();
    plane.kernel = j;
    plane.strides = new long[] {1, 1};
    plane.dilations = new long[] {1, 1};
    plane.begin = new long[] {j[0] - 1, j[1] - 1};
    plane.end = plane.begin;
    SDVariable cells = Convolutions.conv2d(image, plain, null, plane, groups);
    return cropped(sideBySide(cells, in, s, j), skip);
  }

  /**
   * Weights [C, O/g, kH, kW] as the plain convolution has them, [O·sH·sW, C/g, jH, jW], mirrored.
   */
  private SDVariable plainWeights(SDVariable given, long[] s, long[] j) {
    SameDiff in = given.getSameDiff();
    long[] shape = w.shape();
    long c = shape[0] / groups;
    long o = shape[1];
    long height = axes == 1 ? 1 : window.kernel[axes - 2];
    long width = window.kernel[axes - 1];
    long dilation = axes == 1 ? 1 : window.dilations[axes - 2];
    SDVariable v = spread(given, shape[0] * o, height, width, dilation, s[0] * j[0]);
    v = spread(v, shape[0] * o * s[0] * j[0], width, 1, window.dilations[axes - 1], s[1] * j[1]);
    v = in.reshape(v, groups, c, o, j[0], s[0], j[1], s[1]);
    v = in.permute(v, 0, 2, 4, 6, 1, 3, 5);
    v = in.reshape(v, groups * o * s[0] * s[1], c, j[0], j[1]);
    return in.reverse(v, 2, 3);
  }

  /** Zeros between dilated weights and after them: an axis [before, k, after] to a length. */
  private static SDVariable spread(
      SDVariable v, long before, long k, long after, long dilation, long length) {
    SameDiff in = v.getSameDiff();
    SDVariable r = in.reshape(v, before, k, 1, after);
    r = Convolutions.pad(r, new long[4], new long[] {0, 0, dilation - 1, 0}, 0);
    long spread = k * dilation;
    r = in.reshape(r, before, spread, after);
    return spread > length
        ? Indexing.partOf(r, 3, 1, 0, length)
        : Convolutions.pad(r, new long[3], new long[] {0, length - spread, 0}, 0);
  }

  /** Channels (o, rH, rW) to pixels: [N, O·sH·sW, H, W] to [N, O, H·sH, W·sW]. */
  private SDVariable sideBySide(SDVariable cells, long[] in, long[] s, long[] j) {
    if (s[0] == 1 && s[1] == 1) {
      return cells;
    }
    long channels = w.shape()[1] * groups;
    long[] shape = {in[0], channels * s[0] * s[1], in[1], in[2]};
    for (int i = 0; i < 2; i++) {
      shape[i + 2] = in[i + 1] < 0 ? Value.OPEN : in[i + 1] + j[i] - 1;
    }
    return PixelShuffle.channelsToPixels(cells, shape, channels, s[0], s[1]);
  }

  private SDVariable cropped(SDVariable y, int skip) {
    long[] before = new long[4];
    long[] after = new long[4];
    SDVariable result = y;
    for (int i = 0; i < 2; i++) {
      if (axes == 1 && i == 0) {
        continue;
      }
      int axis = axes == 1 ? 0 : i + skip;
      before[i + 2] = cut[axis];
      after[i + 2] = rest[axis];
    }
    return crop(result, 4, before, after);
  }

  /** Cuts off so much at each side, or adds zeros where that is negative. */
  private static SDVariable crop(SDVariable y, int rank, long[] before, long[] after) {
    long[] zerosBefore = Arrays.stream(before).map(n -> Math.max(0, -n)).toArray();
    long[] zerosAfter = Arrays.stream(after).map(n -> Math.max(0, -n)).toArray();
    SDVariable padded = Convolutions.pad(y, zerosBefore, zerosAfter, 0);
    return Indexing.cropped(padded, rank, before, after);
  }

  /** The sum over the kernel's depth of transposed convolutions of the frames. */
  private SDVariable volume(Value weights, Value b) {
    long[] in = x.shape();
    long[] shape = weights.shape();
    if (!Sizes.known(in)) {
      throw node.bad(0, "known sizes", Sizes.text(in));
    }
    SDVariable frames =
        sd.reshape(sd.permute(x.variable(), 0, 2, 1, 3, 4), in[0] * in[2], in[1], in[3], in[4]);
    long stride = window.strides[0];
    long channels = shape[1] * groups;
    long length = in[2] * stride + window.extent(0) - 1;
    SDVariable sum = null;
    for (long tap = 0; tap < shape[2]; tap++) {
      long at = tap;
      SDVariable slice =
          node.computed(
              v -> v[0].getSameDiff().squeeze(Indexing.partOf(v[0], 5, 2, at, at + 1), 2), weights);
      long[] planeShape = Sizes.without(shape, 2);
      Value plane = Value.of("", slice, planeShape, null);
      SDVariable y = images(frames, new long[] {in[0] * in[2], in[3], in[4]}, plane, 1);
      y = sd.reshape(y, in[0], in[2], 1, channels * out[1] * out[2]);
      y = Convolutions.pad(y, new long[4], new long[] {0, 0, stride - 1, 0}, 0);
      y = sd.reshape(y, in[0], in[2] * stride, channels * out[1] * out[2]);
      long before = tap * window.dilations[0];
      y =
          Convolutions.pad(
              y, new long[] {0, before, 0}, new long[] {0, window.extent(0) - 1 - before, 0}, 0);
      sum = sum == null ? y : sum.add(y);
    }
    // Of the whole length, out[0] pixels from cut[0] on
    sum = crop(sum, 3, new long[] {0, cut[0], 0}, new long[] {0, length - cut[0] - out[0], 0});
    sum = sd.reshape(sum, in[0], out[0], channels, out[1], out[2]);
    return withBias(sd.permute(sum, 0, 2, 1, 3, 4), b);
  }
}
