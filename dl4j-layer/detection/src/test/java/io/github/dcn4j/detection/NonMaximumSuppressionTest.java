package io.github.dcn4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

class NonMaximumSuppressionTest {
  @Test
  void ofBoxesThatDoNotOverlapTheThousandSurestOfEachLabelStay() {
    List<Detection> candidates = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      candidates.add(new Detection(Box.of(2 * i, 0, 2 * i + 1, 1, i % 2), i / 3000.0));
    }
    List<Detection> kept = NonMaximumSuppression.applyPerClass(candidates, 0.5);
    assertEquals(2000, kept.size());
    assertEquals(1000 / 3000.0, kept.stream().mapToDouble(Detection::getScore).min().getAsDouble());
  }

  @Test
  void suppressionKeepsTheStrongestOfThoseThatOverlap() {
    Detection weak = new Detection(Box.of(1, 0, 11, 10, 0), 0.5);
    Detection strong = new Detection(Box.of(0, 0, 10, 10, 1), 0.9);
    Detection apart = new Detection(Box.of(50, 50, 60, 60, 0), -0.3);
    List<Detection> all = List.of(weak, apart, strong);
    assertEquals(List.of(strong, apart), NonMaximumSuppression.apply(all, 0.5, 9));
    assertEquals(List.of(strong), NonMaximumSuppression.apply(all, 0.5, 1));
    assertEquals(3, NonMaximumSuppression.apply(all, 0.9, 9).size());
    assertEquals(List.of(), NonMaximumSuppression.apply(List.of(), 0.5, 9));
  }

  @Test
  void ofEqualScoresTheFirstStays() {
    Detection first = new Detection(Box.of(0, 0, 10, 10, 0), 0.5);
    Detection second = new Detection(Box.of(0, 0, 10, 9, 0), 0.5);
    assertEquals(List.of(first), NonMaximumSuppression.apply(List.of(first, second), 0.5, 9));
    assertEquals(List.of(second), NonMaximumSuppression.apply(List.of(second, first), 0.5, 9));
  }

  @Test
  void overlapAtTheThresholdStays() {
    Detection whole = new Detection(Box.of(0, 0, 10, 10, 0), 0.9);
    Detection half = new Detection(Box.of(0, 0, 10, 5, 0), 0.5);
    assertEquals(2, NonMaximumSuppression.apply(List.of(whole, half), 0.5, 9).size());
    assertEquals(1, NonMaximumSuppression.apply(List.of(whole, half), 0.49, 9).size());
  }

  @Test
  void emptyBoxesSuppressNothing() {
    Detection empty = new Detection(Box.of(3, 3, 3, 3, 0), 0.9);
    assertEquals(2, NonMaximumSuppression.apply(List.of(empty, empty), 0, 9).size());
  }

  /** No pair overlaps by exactly one of these thresholds, where the op differs. */
  @ParameterizedTest
  @CsvSource({
    "0.31, 1000",
    "0.51, 1000",
    "0.51, 7",
    "0.71, 40",
    "1e-9, 1000",
    "1, 1000",
    "0.51, 1"
  })
  void itIsNd4jsOp(double iouThreshold, int maxOutputSize) {
    for (int seed = 0; seed < 20; seed++) {
      Random random = new Random(seed);
      List<Detection> all = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        // Quarters, so that nothing is rounded in the floats of the op.
        double x = random.nextInt(80) / 4.0;
        double y = random.nextInt(80) / 4.0;
        Box box =
            Box.of(x, y, x + 1 + random.nextInt(60) / 4.0, y + 1 + random.nextInt(60) / 4.0, 0);
        all.add(new Detection(box, (float) random.nextDouble()));
      }
      assertEquals(
          Arrays.stream(byOp(all, iouThreshold, maxOutputSize))
              .mapToObj(all::get)
              .collect(Collectors.toList()),
          NonMaximumSuppression.apply(all, iouThreshold, maxOutputSize),
          "seed " + seed);
    }
  }

  private static int[] byOp(List<Detection> all, double iouThreshold, int maxOutputSize) {
    INDArray boxes = Nd4j.zeros(all.size(), 4);
    INDArray scores = Nd4j.zeros(all.size());
    for (int i = 0; i < all.size(); i++) {
      Box box = all.get(i).getBox();
      double[] edges = {box.getY1(), box.getX1(), box.getY2(), box.getX2()};
      for (int edge = 0; edge < 4; edge++) {
        boxes.putScalar(i, edge, edges[edge]);
      }
      scores.putScalar(i, all.get(i).getScore());
    }
    return Nd4j.exec(
        DynamicCustomOp.builder("non_max_suppression_v3")
            .addInputs(boxes, scores)
            .addIntegerArguments(maxOutputSize)
            .addFloatingPointArguments(iouThreshold, -1.0)
            .build())[0]
        .toIntVector();
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1.1, Double.NaN, Double.POSITIVE_INFINITY})
  void aThresholdThatIsNoneIsNamed(double threshold) {
    for (Runnable call :
        List.<Runnable>of(
            () -> NonMaximumSuppression.apply(List.of(), threshold, 1),
            () -> NonMaximumSuppression.applyPerClass(List.of(), threshold))) {
      String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
      assertTrue(message.equals("iouThreshold: expected 0 to 1, got " + threshold), message);
    }
  }

  @Test
  void aNegativeNumberOfDetectionsIsNamed() {
    Exception e =
        assertThrows(
            IllegalArgumentException.class, () -> NonMaximumSuppression.apply(List.of(), 0.5, -1));
    assertEquals("maxOutputSize: expected 0 or more, got -1", e.getMessage());
    assertEquals(List.of(), NonMaximumSuppression.apply(List.of(), 0.5, 0));
  }
}
