package io.github.dcn4j.detection.anchors;

import io.github.dcn4j.detection.Box;
import java.util.List;

/**
 * Which object, if any, an anchor or a region should be taken for (Faster R-CNN, arXiv 1506.01497).
 */
public final class Matching {
  /** The box shows nothing. */
  public static final int BACKGROUND = -1;

  /** The box does not count: it shows too little of an object, or one marked as difficult. */
  public static final int IGNORED = -2;

  private Matching() {}

  /**
   * Matches a box with the object that it overlaps most.
   *
   * @param positiveIou least intersection over union of a box that shows the object, above 0
   * @param negativeIou a box with less than this shows nothing; above 0, not above {@code
   *     positiveIou}
   * @return the index of the object, {@link #BACKGROUND} or {@link #IGNORED}
   * @throws IllegalArgumentException if the two do not bound what lies between them
   */
  public static int match(Box box, List<Box> objects, double positiveIou, double negativeIou) {
    if (!(negativeIou > 0 && negativeIou <= positiveIou && positiveIou <= 1)) {
      throw new IllegalArgumentException(
          String.format(
              "positiveIou, negativeIou: expected 0 < negativeIou ≤ positiveIou ≤ 1, got %s and %s",
              positiveIou, negativeIou));
    }
    double overlap = 0;
    int nearest = BACKGROUND;
    for (int i = 0; i < objects.size(); i++) {
      double iou = box.iou(objects.get(i));
      if (iou > overlap) {
        overlap = iou;
        nearest = i;
      }
    }
    if (overlap < negativeIou) {
      return BACKGROUND;
    }
    return overlap < positiveIou || objects.get(nearest).isDifficult() ? IGNORED : nearest;
  }
}
