package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.data.Box;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Mean average precision of detections against true boxes, as Pascal VOC defines it since 2010.
 *
 * <p>For each class:
 *
 * <ul>
 *   <li>In each image the detections are taken from the highest score to the lowest. Each is
 *       compared with the true box of its class that it overlaps most. It is right if their
 *       intersection over union is at least the threshold and no earlier detection was right about
 *       that box; otherwise it is wrong. So of several detections of one object all but the first
 *       are wrong.
 *   <li>A detection that meets the threshold with a box marked as difficult is neither right nor
 *       wrong, and such boxes do not count as objects to be found.
 *   <li>Over all images, the detections down to each score give one point: precision is the share
 *       of right ones among them, recall the share of true boxes found. Equal scores enter
 *       together, so that the order of images does not matter.
 *   <li>Average precision is the area under the curve of precision over recall, after each
 *       precision has been raised to the highest at the same or a higher recall. Every point counts
 *       ("all-point interpolation"); neither VOC 2007's 11 nor COCO's 101 recall levels are used.
 * </ul>
 *
 * <p>The mean is over the classes that have at least one true box that is not difficult; the others
 * have no average precision.
 */
public final class MeanAveragePrecision {
  private final int classes;
  private final List<List<Box>> truths = new ArrayList<>();
  private final List<List<Detection>> detections = new ArrayList<>();

  /**
   * An empty collection.
   *
   * @param classes number of classes; labels are 0 to {@code classes - 1}
   */
  public MeanAveragePrecision(int classes) {
    this.classes = classes;
  }

  /** Adds an image's true boxes, and what was detected in it in any order. */
  public void add(List<Box> truths, List<Detection> detections) {
    this.truths.add(List.copyOf(truths));
    this.detections.add(List.copyOf(detections));
  }

  /**
   * Mean over the classes of {@link #averagePrecision}.
   *
   * @param threshold least intersection over union of a right detection, above 0
   * @return 0 to 1; NaN if there are no true boxes
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

  /** Mean of {@link #mean} over the thresholds 0.5, 0.55, … 0.95: COCO's choice of thresholds. */
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
   * @param threshold least intersection over union of a right detection, above 0
   * @return 0 to 1; NaN if the class has no true boxes
   */
  public double averagePrecision(int label, double threshold) {
    int objects = 0;
    List<Judged> judged = new ArrayList<>();
    for (int image = 0; image < truths.size(); image++) {
      List<Box> boxes = new ArrayList<>();
      for (Box box : truths.get(image)) {
        if (box.getLabel() == label) {
          boxes.add(box);
          objects += box.isDifficult() ? 0 : 1;
        }
      }
      judge(detections.get(image), label, boxes, threshold, judged);
    }
    return objects == 0 ? Double.NaN : area(judged, objects);
  }

  private static void judge(
      List<Detection> candidates, int label, List<Box> boxes, double threshold, List<Judged> into) {
    boolean[] found = new boolean[boxes.size()];
    List<Detection> sorted = new ArrayList<>(candidates);
    sorted.removeIf(detection -> detection.getBox().getLabel() != label);
    sorted.sort(Comparator.comparingDouble(Detection::getScore).reversed());
    for (Detection detection : sorted) {
      int best = -1;
      double bestIou = 0;
      for (int i = 0; i < boxes.size(); i++) {
        double iou = boxes.get(i).iou(detection.getBox());
        if (iou > bestIou) {
          bestIou = iou;
          best = i;
        }
      }
      boolean meets = best >= 0 && bestIou >= threshold;
      if (meets && boxes.get(best).isDifficult()) {
        continue;
      }
      boolean right = meets && !found[best];
      if (right) {
        found[best] = true;
      }
      into.add(new Judged(detection.getScore(), right));
    }
  }

  private static double area(List<Judged> judged, int objects) {
    judged.sort(Comparator.comparingDouble((Judged j) -> j.score).reversed());
    List<double[]> curve = new ArrayList<>();
    int right = 0;
    for (int i = 0; i < judged.size(); i++) {
      right += judged.get(i).right ? 1 : 0;
      if (i + 1 == judged.size() || judged.get(i + 1).score != judged.get(i).score) {
        curve.add(new double[] {(double) right / objects, right / (i + 1.0)});
      }
    }
    double area = 0;
    double highest = 0;
    for (int i = curve.size() - 1; i >= 0; i--) {
      highest = Math.max(highest, curve.get(i)[1]);
      double previousRecall = i == 0 ? 0 : curve.get(i - 1)[0];
      area += (curve.get(i)[0] - previousRecall) * highest;
    }
    return area;
  }

  /** A detection's score and whether it was right. */
  private static final class Judged {
    final double score;
    final boolean right;

    Judged(double score, boolean right) {
      this.score = score;
      this.right = right;
    }
  }
}
