package io.github.dcn4j.detection.anchors;

import io.github.dcn4j.detection.Box;
import java.util.List;

/** Which object, if any, a box should be taken for. */
public final class Matching {
  /** The box shows nothing. */
  public static final int BACKGROUND = -1;

  /** The box does not count: it shows too little of an object, or one marked as difficult. */
  public static final int IGNORED = -2;

  private Matching() {}

  /**
   * Matches a box with the object that it overlaps most.
   *
   * @param right least intersection over union of a box that shows the object
   * @param wrong a box with less than this shows nothing; not above {@code right}
   * @return the index of the object, {@link #BACKGROUND} or {@link #IGNORED}
   */
  public static int match(Box box, List<Box> objects, double right, double wrong) {
    double overlap = 0;
    int nearest = BACKGROUND;
    for (int i = 0; i < objects.size(); i++) {
      double iou = box.iou(objects.get(i));
      if (iou > overlap) {
        overlap = iou;
        nearest = i;
      }
    }
    if (overlap < wrong) {
      return BACKGROUND;
    }
    return overlap < right || objects.get(nearest).isDifficult() ? IGNORED : nearest;
  }
}
