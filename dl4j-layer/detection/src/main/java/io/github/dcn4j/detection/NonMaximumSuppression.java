package io.github.dcn4j.detection;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import lombok.experimental.UtilityClass;

/**
 * Of detections that overlap too much, keeps the one with the highest score.
 *
 * <p>What stays is what torchvision's {@code nms} and TensorFlow's {@code non_max_suppression}
 * keep: greedily, from the highest score down, a detection stays unless its intersection over union
 * with one that stays is above the threshold. Of equal scores the first given comes first. (ND4J's
 * op {@code non_max_suppression_v3} also drops what overlaps by exactly the threshold; and it took
 * a twelfth of the training time of a small detector.)
 */
@UtilityClass
public class NonMaximumSuppression {
  /** Detections of a class that are looked at; an untrained detector gives tens of thousands. */
  public static final int MAX_PER_CLASS = 1000;

  /**
   * Whatever the classes.
   *
   * @param candidates detections in any order; stays as it is
   * @param iouThreshold largest intersection over union of two that both stay, 0 to 1
   * @param maxOutputSize largest number that stay, 0 or more
   * @return those that stay, from the highest score to the lowest
   * @throws IllegalArgumentException naming the argument that is out of range
   */
  public static List<Detection> apply(
      List<Detection> candidates, double iouThreshold, int maxOutputSize) {
    requireThreshold("iouThreshold", iouThreshold);
    if (maxOutputSize < 0) {
      throw new IllegalArgumentException("maxOutputSize: expected 0 or more, got " + maxOutputSize);
    }
    List<Detection> kept = new ArrayList<>();
    for (Detection candidate : sorted(candidates)) {
      if (kept.size() == maxOutputSize) {
        break;
      }
      if (kept.stream().noneMatch(k -> k.getBox().iou(candidate.getBox()) > iouThreshold)) {
        kept.add(candidate);
      }
    }
    return kept;
  }

  /**
   * For each class alone, as torchvision's {@code batched_nms}.
   *
   * @param candidates detections in any order; stays as it is
   * @param iouThreshold largest intersection over union of two of one class that both stay, 0 to 1
   * @return those that stay of the {@link #MAX_PER_CLASS} surest of each class, class by class,
   *     from the highest score to the lowest
   * @throws IllegalArgumentException naming the argument that is out of range
   */
  public static List<Detection> applyPerClass(List<Detection> candidates, double iouThreshold) {
    requireThreshold("iouThreshold", iouThreshold);
    Map<Integer, List<Detection>> classes =
        candidates.stream()
            .collect(
                Collectors.groupingBy(
                    candidate -> candidate.getBox().getLabel(), TreeMap::new, Collectors.toList()));
    return classes.values().stream()
        .map(ofClass -> sorted(ofClass).subList(0, Math.min(MAX_PER_CLASS, ofClass.size())))
        .flatMap(surest -> apply(surest, iouThreshold, MAX_PER_CLASS).stream())
        .collect(Collectors.toUnmodifiableList());
  }

  private static List<Detection> sorted(List<Detection> detections) {
    List<Detection> sorted = new ArrayList<>(detections);
    sorted.sort(Comparator.comparingDouble(Detection::getScore).reversed());
    return sorted;
  }

  private static void requireThreshold(String name, double threshold) {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw new IllegalArgumentException(name + ": expected 0 to 1, got " + threshold);
    }
  }
}
