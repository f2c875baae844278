package io.github.dcn4j.detection.yolo;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.NonMaximumSuppression;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import lombok.RequiredArgsConstructor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the decoders of all YOLOs have in common: a grid of cells, in each of which every anchor has
 * four numbers of a box, a confidence, and a number for each class.
 */
@RequiredArgsConstructor
abstract class GridDecoder {
  /** Which of an anchor's numbers is the confidence. */
  static final int CONFIDENCE = 4;

  /** Which of an anchor's numbers is that of the first class. */
  static final int FIRST_CLASS = 5;

  private final int anchors;

  /** Side of a cell in pixels. */
  private final double cell;

  private final double minScore;
  private final double iouThreshold;

  /** How sure it is, 0 to 1, that there is an object, and that the box fits it. */
  abstract double confidence(float... numbers);

  /** The probability of a class, 0 to 1. */
  abstract double probability(int label, float... numbers);

  /** Left, upper, right and lower edge, in cells from the cell's upper left corner. */
  abstract double[] edges(int anchor, float... numbers);

  List<List<Detection>> decode(INDArray output) {
    requireArguments(output);
    int columns = (int) output.size(3);
    int plane = columns * (int) output.size(2);
    float[] numbers = new float[(int) output.size(1) / anchors];
    float[] values = output.dup('c').data().asFloat();
    List<List<Detection>> result = new ArrayList<>();
    for (int image = 0; image < output.size(0); image++) {
      List<Detection> found = new ArrayList<>();
      for (int anchor = 0; anchor < anchors; anchor++) {
        int first = (image * anchors + anchor) * numbers.length * plane;
        for (int position = 0; position < plane; position++) {
          double sum = 0; // finite if all numbers are
          for (int i = 0; i < numbers.length; i++) {
            numbers[i] = values[first + i * plane + position];
            sum += numbers[i];
          }
          if (confidence(numbers) >= minScore && Double.isFinite(sum)) {
            found.add(detection(anchor, position % columns, position / columns, numbers));
          }
        }
      }
      found.removeIf(detection -> detection.getScore() < minScore);
      result.add(NonMaximumSuppression.applyPerClass(found, iouThreshold));
    }
    return result;
  }

  private Detection detection(int anchor, int column, int row, float... numbers) {
    int label = mostProbable(numbers);
    double[] edges = edges(anchor, numbers);
    Box box = Box.of(edges[0] + column, edges[1] + row, edges[2] + column, edges[3] + row, label);
    return new Detection(box.scaled(cell, cell), confidence(numbers) * probability(label, numbers));
  }

  private static int mostProbable(float... numbers) {
    int best = FIRST_CLASS;
    for (int i = best; i < numbers.length; i++) {
      best = numbers[i] > numbers[best] ? i : best;
    }
    return best - FIRST_CLASS;
  }

  private void requireArguments(INDArray output) {
    long numbers = output.rank() == 4 && anchors > 0 ? output.size(1) / anchors : 0;
    if (numbers <= FIRST_CLASS || output.size(1) % anchors != 0) {
      throw new IllegalArgumentException(
          String.format(
              "output: expected [minibatch, %d anchors · (5 + classes), rows, columns], got %s",
              anchors, Arrays.toString(output.shape())));
    }
    if (!(cell > 0) || !Double.isFinite(cell)) {
      throw new IllegalArgumentException("cell: expected more than 0 pixels, got " + cell);
    }
    if (!(minScore >= 0 && minScore <= 1)) {
      throw new IllegalArgumentException("minScore: expected 0 to 1, got " + minScore);
    }
  }
}
