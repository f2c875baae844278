package io.github.dcn4j.onnx;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The attributes of one {@code DeformConv} node (ONNX opset 19 and later), with the standard's
 * defaults, checked.
 */
final class DeformConvAttributes {
  private static final List<String> KNOWN =
      Arrays.asList("dilations", "group", "kernel_shape", "offset_group", "pads", "strides");

  private final String node;
  private final Map<String, ? extends Object> attributes;
  private final DeformableConv2DConfig config;

  // Rows and columns of zeros that one side has more than the other: the op pads both sides alike.
  private final long top;
  private final long bottom;
  private final long left;
  private final long right;

  private DeformConvAttributes(
      String node, Map<String, ? extends Object> attributes, long[] weightShape) {
    this.node = node;
    this.attributes = attributes;
    for (String name : new TreeSet<>(attributes.keySet())) {
      if (!KNOWN.contains(name)) {
        throw bad(name, "one of " + KNOWN, "an attribute of that name");
      }
    }
    long[] kernel = kernel(weightShape);
    long[] strides = numbers("strides", 1, 1, 1);
    long[] dilations = numbers("dilations", 1, 1, 1);
    long[] pads = numbers("pads", 0, 0, 0, 0, 0); // begin of y, of x, then the ends
    long pH = Math.min(pads[0], pads[2]);
    long pW = Math.min(pads[1], pads[3]);
    top = pads[0] - pH;
    bottom = pads[2] - pH;
    left = pads[1] - pW;
    right = pads[3] - pW;
    config =
        DeformableConv2DConfig.builder()
            .kH(kernel[0])
            .kW(kernel[1])
            .sH(strides[0])
            .sW(strides[1])
            .pH(pH)
            .pW(pW)
            .dH(dilations[0])
            .dW(dilations[1])
            .groups(number("group"))
            .deformableGroups(number("offset_group"))
            .build();
  }

  /**
   * Reads the attributes.
   *
   * @param node the node's name, for messages
   * @param attributes a Long or a list of Long each, absent ones left out
   * @param weightShape of the weights, or null where it is not known
   * @throws IllegalArgumentException naming the node and the attribute
   */
  static DeformConvAttributes of(
      String node, Map<String, ? extends Object> attributes, long[] weightShape) {
    return new DeformConvAttributes(node, attributes, weightShape);
  }

  /** The op's arguments; its padding is what both sides have in common. */
  DeformableConv2DConfig config() {
    return config;
  }

  /** True if the input must be padded with zeros before the op sees it. */
  boolean padsFirst() {
    return top + bottom + left + right > 0;
  }

  /** What ND4J's pad wants: rows and columns of zeros before and after each axis, [4, 2]. */
  INDArray excessPadding() {
    return Nd4j.createFromArray(new int[][] {{0, 0}, {0, 0}, ints(top, bottom), ints(left, right)});
  }

  private static int[] ints(long before, long after) {
    return new int[] {Math.toIntExact(before), Math.toIntExact(after)};
  }

  /** As given, or as the weights have it. */
  private long[] kernel(long[] weightShape) {
    if (weightShape != null && weightShape.length != 4) {
      throw new IllegalArgumentException(
          "DeformConv "
              + node
              + ": input W: expected [O, C/group, kH, kW], got "
              + Arrays.toString(weightShape));
    }
    long[] ofWeights =
        weightShape == null ? null : Arrays.copyOfRange(weightShape, 2, weightShape.length);
    if (!attributes.containsKey("kernel_shape")) {
      if (ofWeights == null) {
        throw bad("kernel_shape", "it, as the shape of W is not known", "none");
      }
      return ofWeights;
    }
    long[] given = numbers("kernel_shape", 1, 1, 1);
    if (ofWeights != null && !Arrays.equals(given, ofWeights)) {
      throw bad("kernel_shape", Arrays.toString(ofWeights) + " as W has", Arrays.toString(given));
    }
    return given;
  }

  private long number(String name) {
    Object value = attributes.get(name);
    if (value == null) {
      return 1;
    }
    if (!(value instanceof Long) || (Long) value < 1) {
      throw bad(name, "a whole number of at least 1", value);
    }
    return (Long) value;
  }

  private long[] numbers(String name, long least, long... standard) {
    Object value = attributes.get(name);
    if (value == null) {
      return standard;
    }
    String expected = standard.length + " whole numbers of at least " + least;
    if (!(value instanceof Collection) || ((Collection<?>) value).size() != standard.length) {
      throw bad(name, expected, value);
    }
    long[] numbers = new long[standard.length];
    int i = 0;
    for (Object element : (Collection<?>) value) {
      if (!(element instanceof Long) || (Long) element < least) {
        throw bad(name, expected, value);
      }
      numbers[i++] = (Long) element;
    }
    return numbers;
  }

  private IllegalArgumentException bad(String name, String expected, Object got) {
    return new IllegalArgumentException(
        "DeformConv " + node + ": attribute " + name + ": expected " + expected + ", got " + got);
  }
}
