package io.github.dcn4j.detection.anchors;

import io.github.dcn4j.detection.Box;

/**
 * A box as four numbers relative to another: the shift of its middle in units of the other's width
 * and height, and the logarithms of the ratios of their sizes (R-CNN, arXiv 1311.2524, appendix C).
 *
 * <p>The numbers are divided by typical deviations, so that all four weigh alike in a loss.
 */
public final class BoxDeltas {
  /** Numbers for a box. */
  public static final int COUNT = 4;

  private static final double MIDDLE_DEVIATION = 0.2;
  private static final double SIZE_DEVIATION = 0.3;

  /** A box grows or shrinks by no more than this factor. */
  private static final double MAX_RATIO = 8;

  private static final double MAX_LOG_RATIO = Math.log(MAX_RATIO);

  private BoxDeltas() {}

  /**
   * How to get from the reference to the box.
   *
   * @param box one with an area
   * @param reference an anchor or a region with an area
   * @return x, y, width, height, without a unit
   * @throws IllegalArgumentException if one is empty
   */
  public static float[] encode(Box box, Box reference) {
    requireArea("box", box);
    requireArea("reference", reference);
    return new float[] {
      (float) ((box.middleX() - reference.middleX()) / reference.width() / MIDDLE_DEVIATION),
      (float) ((box.middleY() - reference.middleY()) / reference.height() / MIDDLE_DEVIATION),
      (float) (Math.log(box.width() / reference.width()) / SIZE_DEVIATION),
      (float) (Math.log(box.height() / reference.height()) / SIZE_DEVIATION)
    };
  }

  /**
   * The reverse of {@link #encode}.
   *
   * @param deltas x, y, width, height as {@link #encode} gives them
   * @param reference an anchor or a region with an area
   * @param label of the box
   * @return the box, at most 8 times as wide and as high as the reference, and at least an eighth
   * @throws IllegalArgumentException if a number is NaN, or x or y infinite
   */
  public static Box decode(float[] deltas, Box reference, int label) {
    double x = reference.middleX() + deltas[0] * MIDDLE_DEVIATION * reference.width();
    double y = reference.middleY() + deltas[1] * MIDDLE_DEVIATION * reference.height();
    double halfWidth = reference.width() * ratio(deltas[2]) / 2;
    double halfHeight = reference.height() * ratio(deltas[3]) / 2;
    return Box.of(x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight, label);
  }

  private static void requireArea(String name, Box box) {
    if (!(box.width() > 0 && box.height() > 0)) {
      throw new IllegalArgumentException(
          name + ": expected a width and a height above 0, got " + box);
    }
  }

  private static double ratio(float delta) {
    double log = delta * SIZE_DEVIATION;
    return Math.exp(Math.max(-MAX_LOG_RATIO, Math.min(MAX_LOG_RATIO, log)));
  }
}
