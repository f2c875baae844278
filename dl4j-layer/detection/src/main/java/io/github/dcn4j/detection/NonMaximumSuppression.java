package io.github.dcn4j.detection;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import lombok.experimental.UtilityClass;

/**
 * Of boxes that overlap too much, keeps the one with the highest score. Written out: ND4J's op took
 * a twelfth of the training time.
 */
@UtilityClass
public class NonMaximumSuppression {
  /** Boxes of a label that are looked at; an untrained detector gives tens of thousands. */
  private static final int MOST_OF_A_LABEL = 1000;

  /**
   * Whatever the labels.
   *
   * @param candidates boxes with scores, in any order
   * @param maxIou largest intersection over union of two boxes that both stay
   * @param maxCount largest number of boxes to keep
   * @return those kept, from the highest score to the lowest
   */
  public static List<Detection> strongest(List<Detection> candidates, double maxIou, int maxCount) {
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

  /**
   * For each label alone.
   *
   * @param candidates boxes with scores, in any order
   * @param maxIou largest intersection over union of two boxes of one label that both stay
   * @return those kept of the thousand surest of each label, label by label, from the highest score
   *     to the lowest
   */
  public static List<Detection> strongestOfEachLabel(List<Detection> candidates, double maxIou) {
    Map<Integer, List<Detection>> labels =
        candidates.stream()
            .collect(
                Collectors.groupingBy(
                    candidate -> candidate.getBox().getLabel(), TreeMap::new, Collectors.toList()));
    return labels.values().stream()
        .flatMap(ofLabel -> strongest(surest(ofLabel), maxIou, MOST_OF_A_LABEL).stream())
        .collect(Collectors.toUnmodifiableList());
  }

  private static List<Detection> surest(List<Detection> candidates) {
    return candidates.stream()
        .sorted(Comparator.comparingDouble(Detection::getScore).reversed())
        .limit(MOST_OF_A_LABEL)
        .collect(Collectors.toList());
  }
}
