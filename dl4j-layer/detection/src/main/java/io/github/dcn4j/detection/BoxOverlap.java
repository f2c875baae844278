package io.github.dcn4j.detection;

import lombok.Getter;

/**
 * How well a predicted box fits a true one, and how that changes with the prediction.
 *
 * <p>Boxes are (left, upper, right, lower). The generalised intersection over union (GIoU, arXiv
 * 1902.09630) is IoU − (C − U) / C, where U is the area of the union and C that of the smallest box
 * around both: −1 to 1, and unlike IoU not flat where the boxes do not touch.
 */
@Getter
public final class BoxOverlap {
  private static final int EDGES = 4;

  /** Intersection over union, 0 to 1. */
  private final double iou;

  /** Generalised intersection over union, −1 to 1. */
  private final double giou;

  /** The gradient of {@link #getGiou} with respect to the predicted box's edges. */
  private final double[] gradient = new double[EDGES];

  /**
   * Compares two boxes.
   *
   * @param box the prediction: left, upper, right and lower edge, in any unit; with an area
   * @param truth the true box, likewise
   */
  public BoxOverlap(double[] box, double[] truth) {
    double width = Math.min(box[2], truth[2]) - Math.max(box[0], truth[0]);
    double height = Math.min(box[3], truth[3]) - Math.max(box[1], truth[1]);
    boolean apart = width <= 0 || height <= 0;
    double shared = apart ? 0 : width * height;
    double union = area(box) + area(truth) - shared;
    double hullWidth = Math.max(box[2], truth[2]) - Math.min(box[0], truth[0]);
    double hullHeight = Math.max(box[3], truth[3]) - Math.min(box[1], truth[1]);
    double hull = hullWidth * hullHeight;
    iou = shared / union;
    giou = iou - 1 + union / hull;
    for (int edge = 0; edge < EDGES; edge++) {
      boolean horizontal = edge % 2 == 0;
      boolean far = edge >= 2; // the right or lower edge: the box grows as it grows
      double sign = far ? 1 : -1;
      boolean inside = far ? box[edge] < truth[edge] : box[edge] > truth[edge];
      double side = horizontal ? box[3] - box[1] : box[2] - box[0];
      double ofArea = sign * side;
      double ofShared = apart || !inside ? 0 : sign * (horizontal ? height : width);
      double ofHull = inside ? 0 : sign * (horizontal ? hullHeight : hullWidth);
      double ofUnion = ofArea - ofShared;
      gradient[edge] =
          (ofShared * union - shared * ofUnion) / (union * union)
              + (ofUnion * hull - union * ofHull) / (hull * hull);
    }
  }

  private static double area(double[] box) {
    return (box[2] - box[0]) * (box[3] - box[1]);
  }
}
