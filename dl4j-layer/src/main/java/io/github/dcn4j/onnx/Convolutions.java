package io.github.dcn4j.onnx;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.SDDeformable;
import java.util.Arrays;
import java.util.function.BiFunction;
import java.util.stream.LongStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.Pad;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Convolutions by this library's own op {@code dcn4j_conv2d}: images of one and three axes are made
 * of images of two.
 */
final class Convolutions {
  private Convolutions() {}

  static void addTo(Converters all) {
    all.add("Conv", 1, Convolutions::conv)
        .add("ConvTranspose", 1, TransposedConvolution::convert)
        .add("DeformConv", 19, Convolutions::deformConv);
  }

  private static void conv(Node node) {
    Window window = Window.of(node);
    long groups = node.integer("group", 1);
    Value x = node.floating(0);
    Value w = node.floating(1);
    Value b = node.optional(2);
    long[] in = node.shape(0);
    long[] weights = node.shape(1, in.length);
    int axes = in.length - 2;
    checkRank(node, axes);
    if (!w.isStatic()) {
      throw node.bad(1, "known sizes", Sizes.text(weights));
    }
    checkChannels(node, groups, in[1], weights[1] * groups, weights[0]);
    long[] kernel = Arrays.copyOfRange(weights, 2, weights.length);
    long[] sizes = Arrays.copyOfRange(in, 2, in.length);
    window.over(sizes, kernel);
    long[] out = Sizes.concat(new long[] {in[0], weights[0]}, window.outputs(sizes, false));
    boolean constant = w.constant() != null && (b == null || b.constant() != null);
    node.lazyOutput(
        out,
        () -> conv(node, x, w.variable(), b == null ? null : b.variable(), window, groups),
        !constant
            ? null
            : (factors, addends) ->
                conv(
                    node,
                    x,
                    node.constant(scaledRows(w.constant(), factors)),
                    node.constant(rescaledBias(b, factors, addends)),
                    window,
                    groups));
  }

  static INDArray scaledRows(INDArray weights, INDArray factors) {
    long[] shape = new long[weights.rank()];
    Arrays.fill(shape, 1);
    shape[0] = factors.length();
    return weights.mul(factors.reshape(shape));
  }

  /** The bias, if there is one, of what is multiplied and added to. */
  static INDArray rescaledBias(Value bias, INDArray factors, INDArray addends) {
    return bias == null ? addends : bias.constant().mul(factors).addi(addends);
  }

  static void checkRank(Node node, int axes) {
    if (axes < 1 || axes > 3) {
      throw node.bad(0, "1 to 3 spatial axes", axes);
    }
  }

  static void checkChannels(Node node, long groups, long given, long expected, long outputs) {
    if (groups < 1 || outputs % groups != 0 || expected % groups != 0) {
      throw Attributes.bad("group", "a divisor of " + expected + " and " + outputs, groups);
    }
    if (given >= 0 && given != expected) {
      throw node.bad(0, expected + " channels, as W has", given);
    }
  }

  private static SDVariable conv(
      Node node, Value x, SDVariable w, SDVariable b, Window window, long groups) {
    long[] in = x.shape();
    int axes = in.length - 2;
    if (axes == 3) {
      return VolumeConvolution.conv(node, x, w, b, window, groups);
    }
    SDVariable image = x.variable();
    if (axes == 1) {
      image = node.sd().expandDims(image, 2);
      w = node.sd().expandDims(w, 2);
    }
    SDVariable y = conv2d(image, w, b, Plane.of(window, axes == 1 ? 0 : axes - 2), groups);
    return axes == 1 ? node.sd().squeeze(y, 2) : y;
  }

  /** The last two axes of a window; of an image of one axis, that and one pixel. */
  static final class Plane {
    long[] kernel;
    long[] strides;
    long[] dilations;
    long[] begin;
    long[] end;

    static Plane of(Window window, int skip) {
      Plane plane = new Plane();
      plane.kernel = last(window.kernel, skip, 1);
      plane.strides = last(window.strides, skip, 1);
      plane.dilations = last(window.dilations, skip, 1);
      plane.begin = last(window.begin, skip, 0);
      plane.end = last(window.end, skip, 0);
      return plane;
    }

    private static long[] last(long[] values, int skip, long standard) {
      return values.length == 1
          ? new long[] {standard, values[0]}
          : Arrays.copyOfRange(values, skip, skip + 2);
    }
  }

  /** Padding that the two sides have in common is the op's own, the rest comes before it. */
  static SDVariable conv2d(SDVariable x, SDVariable w, SDVariable b, Plane plane, long groups) {
    DeformableConv2DConfig config = config(plane).groups(groups).build();
    return new SDDeformable(x.getSameDiff()).conv2d(padExcess(x, plane), w, b, config);
  }

  private static DeformableConv2DConfig.DeformableConv2DConfigBuilder config(Plane plane) {
    return DeformableConv2DConfig.builder()
        .kH(plane.kernel[0])
        .kW(plane.kernel[1])
        .sH(plane.strides[0])
        .sW(plane.strides[1])
        .pH(Math.min(plane.begin[0], plane.end[0]))
        .pW(Math.min(plane.begin[1], plane.end[1]))
        .dH(plane.dilations[0])
        .dW(plane.dilations[1]);
  }

  private static SDVariable padExcess(SDVariable x, Plane plane) {
    long[] before = new long[4];
    long[] after = new long[4];
    for (int i = 0; i < 2; i++) {
      long common = Math.min(plane.begin[i], plane.end[i]);
      before[i + 2] = plane.begin[i] - common;
      after[i + 2] = plane.end[i] - common;
    }
    return pad(x, before, after, 0);
  }

  /** Adds constant values around an array. */
  static SDVariable pad(SDVariable x, long[] before, long[] after, double value) {
    if (LongStream.concat(Arrays.stream(before), Arrays.stream(after)).allMatch(n -> n == 0)) {
      return x;
    }
    int[][] padding = new int[before.length][];
    for (int i = 0; i < before.length; i++) {
      padding[i] = Sizes.ints(before[i], after[i]);
    }
    SameDiff sd = x.getSameDiff();
    SDVariable widths = sd.constant(Nd4j.createFromArray(padding));
    return new Pad(sd, x, widths, Pad.Mode.CONSTANT, value).outputVariable();
  }

  private static void deformConv(Node node) {
    Window window = Window.of(node);
    if (window.isAutomatic()) {
      throw Attributes.bad("auto_pad", "none", "one");
    }
    long groups = node.integer("group", 1);
    long offsetGroups = node.integer("offset_group", 1);
    if (groups < 1 || offsetGroups < 1) {
      throw Attributes.bad(
          groups < 1 ? "group" : "offset_group", "at least 1", Math.min(groups, offsetGroups));
    }
    Value x = node.floating(0);
    Value w = node.floating(1);
    Value offset = node.floating(2);
    Value b = node.optional(3);
    Value mask = node.optional(4);
    long[] in = node.shape(0, 4);
    long[] weights = node.shape(1);
    if (weights.length != 4 || !w.isStatic()) {
      throw new Refusal("input W: expected [O, C/group, kH, kW], got " + Sizes.text(weights));
    }
    checkChannels(node, groups, in[1], weights[1] * groups, weights[0]);
    long[] sizes = Arrays.copyOfRange(in, 2, 4);
    window.over(sizes, Arrays.copyOfRange(weights, 2, 4));
    long[] out = Sizes.concat(new long[] {in[0], weights[0]}, window.outputs(sizes, false));
    Plane plane = Plane.of(window, 0);
    DeformableConv2DConfig config =
        config(plane).groups(groups).deformableGroups(offsetGroups).build();
    boolean constant = w.constant() != null && (b == null || b.constant() != null);
    BiFunction<SDVariable, SDVariable, SDVariable> make =
        (kernel, bias) ->
            new SDDeformable(node.sd())
                .deformableConv2d(
                    padExcess(x.variable(), plane),
                    kernel,
                    offset.variable(),
                    mask == null ? null : mask.variable(),
                    bias,
                    config);
    node.lazyOutput(
        out,
        () -> make.apply(w.variable(), b == null ? null : b.variable()),
        !constant
            ? null
            : (factors, addends) ->
                make.apply(
                    node.constant(scaledRows(w.constant(), factors)),
                    node.constant(rescaledBias(b, factors, addends))));
  }
}
