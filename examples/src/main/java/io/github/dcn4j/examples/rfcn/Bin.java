package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.detection.Box;
import lombok.Value;

/** One of the k² parts of a region that the pooling takes the mean of. */
@Value
class Bin {
  /** Where plain pooling has it, in pixels. */
  Box regular;

  /** Where it was moved to. */
  Box moved;

  /** Weight of what lies in it, 0 to 1. */
  double weight;

  /**
   * A bin of a region.
   *
   * @param shiftX as a share of the region's width
   * @param shiftY as a share of the region's height
   */
  static Bin of(Box region, int row, int column, double shiftX, double shiftY, double weight) {
    return new Bin(
        part(region, row, column, 0, 0), part(region, row, column, shiftX, shiftY), weight);
  }

  private static Box part(Box region, int row, int column, double shiftX, double shiftY) {
    double width = region.width() / Pooling.BINS;
    double height = region.height() / Pooling.BINS;
    double x = region.getX1() + column * width + shiftX * region.width();
    double y = region.getY1() + row * height + shiftY * region.height();
    return Box.of(x, y, x + width, y + height, region.getLabel());
  }
}
