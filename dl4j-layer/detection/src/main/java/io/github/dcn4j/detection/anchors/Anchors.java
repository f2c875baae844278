package io.github.dcn4j.detection.anchors;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.DetectionDataset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.commons.math3.ml.clustering.CentroidCluster;
import org.apache.commons.math3.ml.clustering.DoublePoint;
import org.apache.commons.math3.ml.clustering.KMeansPlusPlusClusterer;
import org.apache.commons.math3.random.JDKRandomGenerator;

/**
 * Typical box sizes, found by k-means over a data set's boxes.
 *
 * <p>The distance is 1 − intersection over union of boxes laid concentrically, as in YOLO9000
 * (arXiv 1612.08242, section 2), so that small boxes weigh as much as large ones.
 */
public final class Anchors {
  private static final int MAX_ITERATIONS = 100;

  /** Boxes to cluster, unless a data set has fewer. */
  private static final int MAX_BOXES = 2000;

  private Anchors() {}

  /**
   * Clusters the boxes of a data set, or of its first images if there are many. Those that are
   * difficult do not count.
   *
   * @param count sizes wanted, at least 1; fewer are returned if there are fewer different boxes
   * @param seed of the random start
   * @return [sizes][width, height] in pixels, ascending by area
   * @throws IllegalArgumentException if the data set has no boxes that count, or no sizes are
   *     wanted
   */
  public static double[][] of(DetectionDataset dataset, int count, long seed) {
    List<Box> boxes = new ArrayList<>();
    for (int i = 0; i < dataset.size() && boxes.size() < MAX_BOXES; i++) {
      dataset.get(i).getBoxes().stream().filter(box -> !box.isDifficult()).forEach(boxes::add);
    }
    return cluster(boxes, count, seed);
  }

  /**
   * Clusters boxes by size.
   *
   * @param boxes the boxes, at least one
   * @param count sizes wanted, at least 1; fewer are returned if there are fewer different boxes
   * @param seed of the random start
   * @return [sizes][width, height] in the boxes' unit, ascending by area
   * @throws IllegalArgumentException if there are no boxes, one is empty, or no sizes are wanted
   */
  public static double[][] cluster(List<Box> boxes, int count, long seed) {
    if (boxes.isEmpty()) {
      throw new IllegalArgumentException("boxes: expected at least one, got none");
    }
    if (count < 1) {
      throw new IllegalArgumentException("count: expected at least 1, got " + count);
    }
    boxes.stream()
        .filter(box -> !(box.width() > 0 && box.height() > 0))
        .findFirst()
        .ifPresent(
            empty -> {
              throw new IllegalArgumentException(
                  "boxes: expected a width and a height above 0, got " + empty);
            });
    List<DoublePoint> sizes =
        boxes.stream()
            .map(box -> new DoublePoint(new double[] {box.width(), box.height()}))
            .collect(Collectors.toCollection(ArrayList::new));
    int different = (int) sizes.stream().distinct().count();
    JDKRandomGenerator random = new JDKRandomGenerator();
    random.setSeed(seed);
    KMeansPlusPlusClusterer<DoublePoint> clusterer =
        new KMeansPlusPlusClusterer<>(
            Math.min(count, different), MAX_ITERATIONS, Anchors::distance, random);
    List<CentroidCluster<DoublePoint>> clusters = clusterer.cluster(sizes);
    return clusters.stream()
        .map(cluster -> cluster.getCenter().getPoint())
        .sorted(Comparator.comparingDouble(size -> size[0] * size[1]))
        .toArray(double[][]::new);
  }

  /**
   * Makes sure that sizes are some.
   *
   * @param name of the argument, for the message
   * @param sizes [sizes][width, height], above 0, at least one
   * @throws IllegalArgumentException if they are not
   */
  public static void require(String name, double[][] sizes) {
    boolean fine =
        sizes != null
            && sizes.length > 0
            && Arrays.stream(sizes)
                .allMatch(size -> size != null && size.length == 2 && isSize(size));
    if (!fine) {
      throw new IllegalArgumentException(
          name + ": expected [anchors][width, height] above 0, got " + Arrays.deepToString(sizes));
    }
  }

  private static boolean isSize(double... size) {
    return Arrays.stream(size).allMatch(length -> length > 0 && Double.isFinite(length));
  }

  private static double distance(double[] a, double[] b) {
    double shared = Math.min(a[0], b[0]) * Math.min(a[1], b[1]);
    return 1 - shared / (a[0] * a[1] + b[0] * b[1] - shared);
  }
}
