package io.github.dcn4j.onnx;

import java.util.Arrays;

/**
 * The sliding window of convolutions and pools: kernel, strides, dilations and padding along each
 * spatial axis, out of the attributes of these names and {@code auto_pad}.
 */
final class Window {
  private static final String NOTSET = "NOTSET";
  private static final String SAME_UPPER = "SAME_UPPER";
  private static final String SAME_LOWER = "SAME_LOWER";
  private static final String VALID = "VALID";

  private final Node node;
  private final String autoPad;
  private final long[] givenKernel;
  private final long[] givenStrides;
  private final long[] givenDilations;
  private final long[] givenPads;

  long[] kernel;
  long[] strides;
  long[] dilations;

  /** Zeros before and after each axis, or for a transposed convolution what is cut off. */
  long[] begin;

  long[] end;

  private Window(Node node) {
    this.node = node;
    autoPad = node.word("auto_pad", NOTSET, SAME_UPPER, SAME_LOWER, VALID);
    givenKernel = node.integers("kernel_shape");
    givenStrides = node.integers("strides");
    givenDilations = node.integers("dilations");
    givenPads = node.integers("pads");
  }

  /** Reads the attributes; {@link #over} checks them. */
  static Window of(Node node) {
    return new Window(node);
  }

  /**
   * Fits the window to an input.
   *
   * @param sizes of the input's spatial axes, open ones {@link Value#OPEN}
   * @param weights the kernel as the weights have it, or null where there are none
   */
  Window over(long[] sizes, long[] weights) {
    int axes = sizes.length;
    kernel = fit("kernel_shape", givenKernel, axes, weights == null ? null : weights);
    if (kernel == null) {
      throw Attributes.bad("kernel_shape", axes + " whole numbers", "none");
    }
    if (weights != null && !Arrays.equals(kernel, weights)) {
      throw Attributes.bad(
          "kernel_shape", Arrays.toString(weights) + " as W has", Arrays.toString(kernel));
    }
    strides = fit("strides", givenStrides, axes, ones(axes));
    dilations = fit("dilations", givenDilations, axes, ones(axes));
    begin = new long[axes];
    end = new long[axes];
    pad(sizes);
    return this;
  }

  private static long[] ones(int axes) {
    long[] ones = new long[axes];
    Arrays.fill(ones, 1);
    return ones;
  }

  private long[] fit(String name, long[] given, int axes, long[] standard) {
    if (given == null) {
      return standard;
    }
    if (given.length != axes || Arrays.stream(given).anyMatch(n -> n < 1)) {
      throw Attributes.bad(name, axes + " whole numbers of at least 1", Arrays.toString(given));
    }
    return given;
  }

  boolean isAutomatic() {
    return !autoPad.equals(NOTSET);
  }

  boolean isSame() {
    return autoPad.equals(SAME_UPPER) || autoPad.equals(SAME_LOWER);
  }

  boolean isUpper() {
    return autoPad.equals(SAME_UPPER);
  }

  /** Without automatic padding: the attribute. */
  private void pad(long[] sizes) {
    int axes = sizes.length;
    long[] pads = givenPads == null ? new long[2 * axes] : givenPads;
    if (pads.length != 2 * axes || Arrays.stream(pads).anyMatch(n -> n < 0)) {
      throw Attributes.bad(
          "pads", 2 * axes + " whole numbers of at least 0", Arrays.toString(pads));
    }
    if (isAutomatic() && Arrays.stream(pads).anyMatch(n -> n != 0)) {
      throw Attributes.bad("pads", "none beside auto_pad " + autoPad, Arrays.toString(pads));
    }
    System.arraycopy(pads, 0, begin, 0, axes);
    System.arraycopy(pads, axes, end, 0, axes);
    for (int i = 0; i < axes && isSame(); i++) {
      long total = sameTotal(i, sizes[i]);
      begin[i] = isUpper() ? total / 2 : total - total / 2;
      end[i] = total - begin[i];
    }
  }

  /** The pixels that a window covers. */
  long extent(int axis) {
    return Math.addExact(Math.multiplyExact(dilations[axis], kernel[axis] - 1), 1);
  }

  private long sameTotal(int axis, long size) {
    long extent = extent(axis);
    if (size >= 0) {
      long out = (size + strides[axis] - 1) / strides[axis];
      return Math.max(0, (out - 1) * strides[axis] + extent - size);
    }
    if (strides[axis] == 1) {
      return extent - 1;
    }
    throw node.bad(0, "known sizes for auto_pad " + autoPad + " with strides", "open ones");
  }

  /** The sizes after the window has slid over an input; open for open ones. */
  long[] outputs(long[] sizes, boolean ceil) {
    long[] result = new long[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      result[i] = sizes[i] < 0 ? Value.OPEN : output(i, sizes[i], ceil);
    }
    return result;
  }

  private long output(int axis, long size, boolean ceil) {
    long room = Math.addExact(size, Math.addExact(begin[axis], end[axis])) - extent(axis);
    if (room < 0) {
      throw node.bad(
          0,
          "at least the window's " + extent(axis) + " pixels with padding at axis " + (axis + 2),
          size + begin[axis] + end[axis]);
    }
    long out = (ceil ? room + strides[axis] - 1 : room) / strides[axis] + 1;
    // A window must not begin in the padding after the input.
    if (ceil && (out - 1) * strides[axis] >= size + begin[axis]) {
      out--;
    }
    return out;
  }
}
