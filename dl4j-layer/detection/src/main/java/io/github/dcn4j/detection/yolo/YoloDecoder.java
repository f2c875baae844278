package io.github.dcn4j.detection.yolo;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.NonMaximumSuppression;
import io.github.dcn4j.detection.anchors.Anchors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Turns the output of a network that learnt by {@link YoloLoss} into detections.
 *
 * <p>The output is [minibatch, anchors · (5 + classes), rows, columns] of any floating point type,
 * before any activation function, and holds for each anchor the numbers of {@link AnchorBox}. The
 * most probable class is that of the detection, and its score the confidence times the probability
 * of that class (YOLO, arXiv 1506.02640, equation 1). For the older coding of Deeplearning4j's
 * {@code Yolo2OutputLayer} see its {@code YoloUtils}.
 */
public final class YoloDecoder {
  private YoloDecoder() {}

  /**
   * Detections, without those that a surer one of the same class overlaps too much.
   *
   * @param output the output of the network; where a number is NaN or infinite, nothing is detected
   * @param anchors [anchors][width, height] in cells, above 0
   * @param cell side of a cell in pixels, above 0
   * @param minScore least score of a detection, 0 to 1
   * @param iouThreshold largest intersection over union of two detections of one class, 0 to 1
   * @return for each image of the minibatch its detections, in pixels and not cut off at the
   *     image's edges, class by class, the surest of a class first
   * @throws IllegalArgumentException naming the argument that is out of range, or whose shape does
   *     not fit
   */
  public static List<List<Detection>> decode(
      INDArray output, double[][] anchors, double cell, double minScore, double iouThreshold) {
    Anchors.require("anchors", anchors);
    requireShape(output, anchors.length);
    if (!(cell > 0) || !(minScore >= 0 && minScore <= 1)) {
      throw new IllegalArgumentException(
          String.format(
              "cell, minScore: expected more than 0, and 0 to 1, got %s and %s", cell, minScore));
    }
    int grid = (int) output.size(3);
    int plane = grid * (int) output.size(2);
    float[] numbers = new float[(int) output.size(1) / anchors.length];
    float[] values = output.dup('c').data().asFloat();
    List<List<Detection>> result = new ArrayList<>();
    for (int image = 0; image < output.size(0); image++) {
      List<Detection> found = new ArrayList<>();
      for (int anchor = 0; anchor < anchors.length; anchor++) {
        int first = (image * anchors.length + anchor) * numbers.length * plane;
        for (int position = 0; position < plane; position++) {
          double sum = 0; // finite if all numbers are
          for (int i = 0; i < numbers.length; i++) {
            numbers[i] = values[first + i * plane + position];
            sum += numbers[i];
          }
          if (AnchorBox.sigmoid(numbers[AnchorBox.CONFIDENCE]) >= minScore
              && Double.isFinite(sum)) {
            double[] edges = new AnchorBox(anchors[anchor], numbers, 0).edges();
            int column = position % grid;
            int row = position / grid;
            int label = mostProbable(numbers);
            Box box =
                Box.of(edges[0] + column, edges[1] + row, edges[2] + column, edges[3] + row, label);
            found.add(new Detection(box.scaled(cell, cell), score(numbers, label)));
          }
        }
      }
      found.removeIf(detection -> detection.getScore() < minScore);
      result.add(NonMaximumSuppression.applyPerClass(found, iouThreshold));
    }
    return result;
  }

  private static void requireShape(INDArray output, int anchors) {
    long numbers = output.rank() == 4 ? output.size(1) / anchors : 0;
    if (numbers <= AnchorBox.FIRST_CLASS || output.size(1) % anchors != 0) {
      throw new IllegalArgumentException(
          String.format(
              "output: expected [minibatch, %d · (5 + classes), rows, columns], got %s",
              anchors, Arrays.toString(output.shape())));
    }
  }

  private static int mostProbable(float... numbers) {
    int best = AnchorBox.FIRST_CLASS;
    for (int i = best; i < numbers.length; i++) {
      best = numbers[i] > numbers[best] ? i : best;
    }
    return best - AnchorBox.FIRST_CLASS;
  }

  /** The confidence times the probability of the class. */
  private static double score(float[] numbers, int label) {
    double sum = 0;
    for (int i = AnchorBox.FIRST_CLASS; i < numbers.length; i++) {
      sum += Math.exp(numbers[i] - numbers[AnchorBox.FIRST_CLASS + label]);
    }
    return AnchorBox.sigmoid(numbers[AnchorBox.CONFIDENCE]) / sum;
  }
}
