package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.examples.detect.Detection;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Non-maximum suppression. Written out: ND4J's op took a twelfth of the training time. */
final class Suppression {
  private Suppression() {}

  /**
   * Of boxes that overlap too much, keeps the one with the highest score, whatever the labels.
   *
   * @param candidates boxes with scores, in any order
   * @param maxIou largest intersection over union of two boxes that both stay
   * @param maxCount largest number of boxes to keep
   * @return those kept, from the highest score to the lowest
   */
  static List<Detection> strongest(List<Detection> candidates, double maxIou, int maxCount) {
    List<Detection> sorted = new ArrayList<>(candidates);
    sorted.sort(Comparator.comparingDouble(Detection::getScore).reversed());
    List<Detection> kept = new ArrayList<>();
    for (Detection candidate : sorted) {
      if (kept.size() < maxCount
          && kept.stream().noneMatch(k -> k.getBox().iou(candidate.getBox()) > maxIou)) {
        kept.add(candidate);
      }
    }
    return kept;
  }
}
