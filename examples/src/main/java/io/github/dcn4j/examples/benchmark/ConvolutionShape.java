package io.github.dcn4j.examples.benchmark;

import io.github.dcn4j.examples.UserInputException;
import java.io.Serializable;
import java.util.Arrays;
import lombok.Value;

/** The sizes of a convolution with a 3×3 kernel, stride 1 and padding 1. */
@Value
class ConvolutionShape implements Serializable {
  static final String NAMES = "N, C, H=W, O (G)";

  int images;
  int channels;
  int side;
  int outChannels;
  int deformableGroups;

  /**
   * Reads "N,C,H,O,G".
   *
   * @throws UserInputException if it is not five positive numbers, or if G does not divide C
   */
  static ConvolutionShape parse(String text) {
    try {
      int[] sizes = Arrays.stream(text.split(",", -1)).mapToInt(Integer::parseInt).toArray();
      if (sizes.length == 5
          && Arrays.stream(sizes).allMatch(size -> size >= 1)
          && sizes[1] % sizes[4] == 0) {
        return new ConvolutionShape(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]);
      }
    } catch (NumberFormatException e) {
      throw new UserInputException(complaint(text), e);
    }
    throw new UserInputException(complaint(text));
  }

  private static String complaint(String text) {
    return "--shapes: expected N,C,H,O,G, each at least 1 and G a divisor of C, got " + text;
  }

  @Override
  public String toString() {
    return String.format(
        "%d, %d, %d, %d (%d)", images, channels, side, outChannels, deformableGroups);
  }
}
