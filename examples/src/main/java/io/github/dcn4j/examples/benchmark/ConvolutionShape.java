package io.github.dcn4j.examples.benchmark;

import io.github.dcn4j.examples.UserInputException;
import java.io.Serializable;
import java.util.Arrays;
import lombok.AllArgsConstructor;
import lombok.Value;
import lombok.With;
import org.apache.commons.lang3.ArrayUtils;

/** The sizes of a convolution with a square kernel and half of it as padding. */
@Value
@With
@AllArgsConstructor
class ConvolutionShape implements Serializable {
  static final String NAMES = "N, C, H=W, O (G)";

  int images;
  int channels;
  int side;
  int outChannels;
  int deformableGroups;
  int groups;
  int stride;
  int kernel;

  /** One group, stride 1, 3×3. */
  ConvolutionShape(int images, int channels, int side, int outChannels, int deformableGroups) {
    this(images, channels, side, outChannels, deformableGroups, 1, 1, 3);
  }

  /**
   * Reads "N,C,H,O,G", after which there may be the groups, the stride and the kernel's size.
   *
   * @throws UserInputException if it is not five to eight positive numbers, if G or the groups
   *     don't divide C, the groups don't divide O, or the kernel's size is even
   */
  static ConvolutionShape parse(String text) {
    try {
      int[] sizes = Arrays.stream(text.split(",", -1)).mapToInt(Integer::parseInt).toArray();
      if (sizes.length >= 5
          && sizes.length <= 8
          && Arrays.stream(sizes).allMatch(size -> size >= 1)) {
        ConvolutionShape shape =
            new ConvolutionShape(
                sizes[0],
                sizes[1],
                sizes[2],
                sizes[3],
                sizes[4],
                sizes.length > 5 ? sizes[5] : 1,
                sizes.length > 6 ? sizes[6] : 1,
                sizes.length > 7 ? sizes[7] : 3);
        if (shape.isConsistent()) {
          return shape;
        }
      }
    } catch (NumberFormatException e) {
      throw new UserInputException(complaint(text), e);
    }
    throw new UserInputException(complaint(text));
  }

  private boolean isConsistent() {
    return channels % deformableGroups == 0
        && channels % groups == 0
        && outChannels % groups == 0
        && kernel % 2 == 1;
  }

  private static String complaint(String text) {
    return "--shapes: expected N,C,H,O,G[,groups[,stride[,kernel]]], each at least 1, G and groups"
        + " divisors of C, groups one of O, and kernel odd, got "
        + text;
  }

  int getPadding() {
    return kernel / 2;
  }

  int getOutSide() {
    return (side - 1) / stride + 1;
  }

  int getTaps() {
    return kernel * kernel;
  }

  /** An op's integer arguments: kernel, stride, padding, dilation, and others after them. */
  long[] arguments(long... others) {
    long[] window = {kernel, kernel, stride, stride, getPadding(), getPadding(), 1, 1};
    return ArrayUtils.addAll(window, others);
  }

  /** Floating-point operations of the forward pass's product, without sampling. */
  double operations() {
    return 2.0 * images * channels / groups * outChannels * getTaps() * getOutSide() * getOutSide();
  }

  @Override
  public String toString() {
    String text =
        String.format("%d, %d, %d, %d (%d)", images, channels, side, outChannels, deformableGroups);
    if (groups > 1) {
      text += ", " + groups + " groups";
    }
    if (stride > 1) {
      text += ", stride " + stride;
    }
    return kernel == 3 ? text : text + ", " + kernel + "×" + kernel;
  }
}
