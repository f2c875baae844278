package io.github.dcn4j.detection;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Mean average precision of detections against true boxes, as COCO's own evaluation defines it
 * (pycocotools' {@code COCOeval} for boxes of any size): its numbers are the same.
 *
 * <p>For each class and threshold:
 *
 * <ul>
 *   <li>In each image the 100 detections with the highest scores are taken in the order of these.
 *       Each finds the true box of its class that it overlaps most among those that no earlier one
 *       found, if their intersection over union is at least the threshold; otherwise it is a false
 *       positive. So of several detections of one object all but the first are false positives.
 *   <li>A detection that meets the threshold only with boxes marked as difficult is neither a true
 *       nor a false positive, however many do, and such boxes do not count as objects to be found.
 *       (COCO has no such mark; it treats its "crowds" so, but measures overlap with these in
 *       another way.)
 *   <li>Over all images, the detections down to each one give one point: precision is the share of
 *       true positives among them, recall the share of true boxes found. Those of equal score keep
 *       the order of their images.
 *   <li>Average precision is the mean over the 101 recalls 0, 0.01, … 1 of the highest precision at
 *       that or a higher recall, 0 where none is as high.
 * </ul>
 *
 * <p>The mean is over the classes that have at least one true box that is not difficult; the others
 * have no average precision.
 */
public final class MeanAveragePrecision {
  /** Detections of one class in an image that count. */
  private static final int MAX_DETECTIONS = 100;

  private final int classes;
  private final List<List<Box>> truths = new ArrayList<>();
  private final List<List<Detection>> detections = new ArrayList<>();

  /**
   * An empty collection.
   *
   * @param classes number of classes, at least 1; labels are 0 to {@code classes - 1}
   * @throws IllegalArgumentException if there are less
   */
  public MeanAveragePrecision(int classes) {
    if (classes < 1) {
      throw new IllegalArgumentException("classes: expected at least 1, got " + classes);
    }
    this.classes = classes;
  }

  /**
   * Adds an image.
   *
   * @param truths its true boxes; those of labels that are no class, such as −1, do not count
   * @param detections what was detected in it, in any order
   */
  public void add(List<Box> truths, List<Detection> detections) {
    this.truths.add(List.copyOf(truths));
    this.detections.add(List.copyOf(detections));
  }

  /**
   * Mean over the classes of {@link #averagePrecision}.
   *
   * @param threshold least intersection over union of a true positive, above 0 and at most 1
   * @return 0 to 1; NaN if there are no true boxes
   * @throws IllegalArgumentException if the threshold is out of range
   */
  public double mean(double threshold) {
    double sum = 0;
    int counted = 0;
    for (int label = 0; label < classes; label++) {
      double precision = averagePrecision(label, threshold);
      if (!Double.isNaN(precision)) {
        sum += precision;
        counted++;
      }
    }
    return counted == 0 ? Double.NaN : sum / counted;
  }

  /**
   * Mean of {@link #mean} over the thresholds 0.5, 0.55, … 0.95: COCO's choice, mAP@[.5:.95].
   *
   * @return 0 to 1; NaN if there are no true boxes
   */
  public double meanOverThresholds() {
    double sum = 0;
    for (int percent = 50; percent < 100; percent += 5) {
      sum += mean(percent / 100.0);
    }
    return sum / 10;
  }

  /**
   * Average precision of one class.
   *
   * @param label the class, 0 to {@code classes - 1}
   * @param threshold least intersection over union of a true positive, above 0 and at most 1
   * @return 0 to 1; NaN if the class has no true boxes
   * @throws IllegalArgumentException if the label or the threshold is out of range
   */
  public double averagePrecision(int label, double threshold) {
    require(label, threshold);
    int objects = objects(label);
    return objects == 0 ? Double.NaN : area(precisionAndRecall(label, threshold));
  }

  /**
   * Mean of {@link #averagePrecision} over the thresholds of {@link #meanOverThresholds}.
   *
   * @return 0 to 1; NaN if the class has no true boxes
   */
  public double averageOverThresholds(int label) {
    double sum = 0;
    for (int percent = 50; percent < 100; percent += 5) {
      sum += averagePrecision(label, percent / 100.0);
    }
    return sum / 10;
  }

  /** Number of true boxes of a class that are not difficult. */
  public int objects(int label) {
    return (int)
        truths.stream()
            .flatMap(List::stream)
            .filter(box -> box.getLabel() == label && !box.isDifficult())
            .count();
  }

  /** Number of detections of a class, sure or not. */
  public int detections(int label) {
    return (int)
        detections.stream()
            .flatMap(List::stream)
            .filter(detection -> detection.getBox().getLabel() == label)
            .count();
  }

  /**
   * The points of precision and recall of one class, from the surest detection on.
   *
   * @param label the class, 0 to {@code classes - 1}
   * @param threshold least intersection over union of a true positive, above 0 and at most 1
   * @return [2][points]: the precision of each point, and its recall, both 0 to 1; the recall is
   *     NaN if the class has no true boxes
   * @throws IllegalArgumentException if the label or the threshold is out of range
   */
  public double[][] precisionAndRecall(int label, double threshold) {
    require(label, threshold);
    List<Judged> judged = new ArrayList<>();
    for (int image = 0; image < truths.size(); image++) {
      List<Box> boxes = new ArrayList<>(truths.get(image));
      boxes.removeIf(box -> box.getLabel() != label);
      judge(detections.get(image), label, boxes, threshold, judged);
    }
    judged.sort(Comparator.comparingDouble((Judged j) -> j.score).reversed());
    int objects = objects(label);
    double[] recall = new double[judged.size()];
    double[] precision = new double[judged.size()];
    int truePositives = 0;
    for (int i = 0; i < recall.length; i++) {
      truePositives += judged.get(i).truePositive ? 1 : 0;
      recall[i] = (double) truePositives / objects;
      precision[i] = truePositives / (i + 1.0);
    }
    return new double[][] {precision, recall};
  }

  private static void judge(
      List<Detection> candidates, int label, List<Box> boxes, double threshold, List<Judged> into) {
    boolean[] found = new boolean[boxes.size()];
    List<Detection> sorted = new ArrayList<>(candidates);
    sorted.removeIf(detection -> detection.getBox().getLabel() != label);
    sorted.sort(Comparator.comparingDouble(Detection::getScore).reversed());
    for (Detection detection : sorted.subList(0, Math.min(MAX_DETECTIONS, sorted.size()))) {
      int best = -1;
      double bestIou = threshold;
      boolean difficult = false;
      for (int i = 0; i < boxes.size(); i++) {
        double iou = boxes.get(i).iou(detection.getBox());
        if (boxes.get(i).isDifficult()) {
          difficult |= iou >= threshold;
        } else if (!found[i] && iou >= bestIou) { // of equal ones COCO takes the last
          bestIou = iou;
          best = i;
        }
      }
      if (best >= 0) {
        found[best] = true;
      }
      if (best >= 0 || !difficult) {
        into.add(new Judged(detection.getScore(), best >= 0));
      }
    }
  }

  private static double area(double[][] precisionAndRecall) {
    double[] precision = precisionAndRecall[0];
    double[] recall = precisionAndRecall[1];
    double sum = 0;
    double highest = 0;
    int i = recall.length - 1;
    for (int percent = 100; percent >= 0; percent--) {
      for (; i >= 0 && recall[i] >= percent * 0.01; i--) {
        highest = Math.max(highest, precision[i]);
      }
      sum += highest;
    }
    return sum / 101;
  }

  private void require(int label, double threshold) {
    if (label < 0 || label >= classes) {
      throw new IllegalArgumentException(
          String.format("label: expected 0 to %d, got %d", classes - 1, label));
    }
    if (!(threshold > 0 && threshold <= 1)) {
      throw new IllegalArgumentException(
          "threshold: expected more than 0 and at most 1, got " + threshold);
    }
  }

  /** A detection's score, and whether it found an object that no surer one found. */
  private static final class Judged {
    final double score;
    final boolean truePositive;

    Judged(double score, boolean truePositive) {
      this.score = score;
      this.truePositive = truePositive;
    }
  }
}
