package io.github.dcn4j.layers;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import java.util.Arrays;
import lombok.AccessLevel;
import lombok.Builder;
import lombok.Getter;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.weights.IWeightInit;
import org.deeplearning4j.util.ConvolutionUtils;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The geometry of a convolution: its sizes, and the checks of what they are to fit. */
@Builder(toBuilder = true)
@Getter(AccessLevel.PACKAGE)
final class Geometry {
  /** Says whose geometry it is, for messages. */
  private final String owner;

  private final int[] kernel;
  private final int[] stride;
  private final int[] padding;
  private final int[] dilation;
  private final ConvolutionMode mode;
  private final CNN2DFormat format;
  private final int deformableGroups;
  private final int groups;

  /** Lombok's, but for defaults. */
  static class GeometryBuilder {
    /** Where activations have their channels; NCHW for null, as ConvolutionLayer takes it. */
    GeometryBuilder format(CNN2DFormat format) {
      this.format = format == null ? CNN2DFormat.NCHW : format;
      return this;
    }
  }

  static int atLeastOne(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + ": expected at least 1, got " + value);
    }
    return value;
  }

  /** Refuses a size that is neither set nor, as 0 says, yet to be set. */
  static void notNegative(String name, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(name + ": expected at least 1, got " + value);
    }
  }

  /** Refuses a window that no input can fit. */
  static void checkWindow(
      ConvolutionMode mode, int[] kernel, int[] stride, int[] padding, int[] dilation) {
    ConvolutionUtils.validateConvolutionModePadding(mode, padding);
    ConvolutionUtils.validateCnnKernelStridePadding(kernel, stride, padding);
    atLeastOne("dilation", dilation[0]);
    atLeastOne("dilation", dilation[1]);
  }

  /** Sampled positions of an output pixel: deformable groups × taps. */
  long sampledTaps() {
    return (long) deformableGroups * kernel[0] * kernel[1];
  }

  private boolean same() {
    return mode == ConvolutionMode.Same;
  }

  /** Where the channels are in an activation array's shape. */
  private int channelDimension() {
    return format == CNN2DFormat.NHWC ? 3 : 1;
  }

  /** Refuses the modes of other layers. */
  void checkMode() {
    if (mode == ConvolutionMode.Causal) {
      throw new DL4JInvalidConfigException(
          owner + ": convolutionMode: expected Strict, Truncate or Same, got Causal (1D only)");
    }
  }

  /** Refuses groups that do not divide the channels. */
  void checkChannels(long nIn, long nOut) {
    checkMode();
    checkDivides("groups", groups, "nIn", nIn);
    checkDivides("groups", groups, "nOut", nOut);
    checkDivides("deformableGroups", deformableGroups, "nIn", nIn);
  }

  private void checkDivides(String name, int divisor, String of, long number) {
    if (divisor < 1 || number % divisor != 0) {
      throw new DL4JInvalidConfigException(
          owner
              + ": "
              + name
              + ": expected a divisor of "
              + of
              + "="
              + number
              + ", got "
              + divisor);
    }
  }

  /** Fills weights [nOut, nIn/groups, kH, kW], in 'c' order. */
  void initWeights(IWeightInit init, INDArray weights, long nIn, long nOut) {
    double taps = kernel[0] * kernel[1];
    double fanIn = nIn / groups * taps;
    double fanOut = nOut / groups * taps / (stride[0] * stride[1]);
    init.init(fanIn, fanOut, weights.shape(), 'c', weights.reshape(weights.length()));
  }

  /**
   * Checks an input of nIn channels.
   *
   * @param where the layer's name and index, for messages
   */
  void checkInput(INDArray input, long nIn, String where) {
    if (input.rank() != 4) {
      throw new DL4JInvalidInputException(
          owner
              + ": input: expected rank 4 "
              + format.dimensionNames()
              + ", got rank "
              + input.rank()
              + " with shape "
              + Arrays.toString(input.shape())
              + (input.rank() == 2 ? " (wrong input type? See InputType.convolutionalFlat())" : "")
              + " "
              + where);
    }
    if (input.size(channelDimension()) != nIn) {
      boolean otherFormat = input.size(4 - channelDimension()) == nIn;
      throw new DL4JInvalidInputException(
          owner
              + ": input: expected "
              + nIn
              + " channels in "
              + format
              + ", got "
              + input.size(channelDimension())
              + " in shape "
              + Arrays.toString(input.shape())
              + " "
              + where
              + (otherFormat ? "\n" + ConvolutionUtils.NCHW_NHWC_ERROR_MSG : ""));
    }
  }

  /** Checks an offset or a mask. */
  void checkShape(String name, INDArray given, long[] expected) {
    if (!Arrays.equals(expected, given.shape())) {
      throw new DL4JInvalidInputException(
          owner
              + ": "
              + name
              + ": expected "
              + Arrays.toString(expected)
              + " in "
              + format
              + ", got "
              + Arrays.toString(given.shape()));
    }
  }

  /** The mask of the output for a mask of the input, as ConvolutionLayer's; null for null. */
  INDArray reduceMask(INDArray mask) {
    return mask == null
        ? null
        : ConvolutionUtils.cnn2dMaskReduction(mask, kernel, stride, padding, dilation, mode);
  }

  /** The shape of an output of this many channels, with the checks of the convolution mode. */
  long[] outputShape(INDArray input, long channels) {
    int[] size =
        ConvolutionUtils.getOutputSize(
            input, kernel, stride, same() ? null : padding, mode, dilation, format);
    return format == CNN2DFormat.NHWC
        ? new long[] {input.size(0), size[0], size[1], channels}
        : new long[] {input.size(0), channels, size[0], size[1]};
  }

  /** An activation array as [N, channels, H, W], a view of it. */
  INDArray channelsFirst(INDArray activations) {
    return format == CNN2DFormat.NHWC ? activations.permute(0, 3, 1, 2) : activations;
  }

  /** An activation array as [N, H, W, channels], a view of it. */
  INDArray channelsLast(INDArray activations) {
    return format == CNN2DFormat.NHWC ? activations : activations.permute(0, 2, 3, 1);
  }

  /** This geometry for activations with their channels last. */
  Geometry channelsLast() {
    return toBuilder().format(CNN2DFormat.NHWC).build();
  }

  /**
   * Rows above and columns left of an input that the kernel reaches first; in the mode Same as
   * ND4J's conv2d has them, possibly negative.
   */
  int[] paddingBefore(INDArray input) {
    if (!same()) {
      return padding;
    }
    int[] before = new int[2];
    for (int axis = 0; axis < 2; axis++) {
      int length = (int) channelsFirst(input).size(2 + axis);
      int outputs = (length + stride[axis] - 1) / stride[axis];
      int reach = (outputs - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1;
      before[axis] = (reach - length) / 2;
    }
    return before;
  }

  /** From the middle of an output pixel to that of what the undeformed kernel sees. */
  PixelMap pixelMap(INDArray input) {
    return PixelMap.window(kernel, stride, paddingBefore(input), dilation);
  }

  /** A view of some of an activation array's channels. */
  INDArray channels(INDArray activations, long from, long to) {
    long[] shape = activations.shape().clone();
    shape[channelDimension()] = to - from;
    long first = activations.offset() + from * activations.stride(channelDimension());
    // As get() makes it, without the indices, which take as long as a small op.
    return Nd4j.create(
        activations.data(), shape, activations.stride(), first, activations.ordering());
  }

  /** What the native ops are told. */
  DeformableConv2DConfig config() {
    return DeformableConv2DConfig.builder()
        .kH(kernel[0])
        .kW(kernel[1])
        .sH(stride[0])
        .sW(stride[1])
        .pH(padding[0])
        .pW(padding[1])
        .dH(dilation[0])
        .dW(dilation[1])
        .same(same())
        .dataFormat(format.name())
        .deformableGroups(deformableGroups)
        .groups(groups)
        .build();
  }

  /** This geometry without groups: that of the convolution that predicts offsets. */
  Geometry ungrouped() {
    return toBuilder().groups(1).deformableGroups(1).build();
  }
}
