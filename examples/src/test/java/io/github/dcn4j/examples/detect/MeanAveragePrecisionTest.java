package io.github.dcn4j.examples.detect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.examples.data.Box;
import java.util.List;
import org.junit.jupiter.api.Test;

class MeanAveragePrecisionTest {
  private static final double EXACT = 1e-12;

  /** Three squares far from each other, of class 0. */
  private static final Box A = Box.of(0, 0, 10, 10, 0);

  private static final Box B = Box.of(100, 0, 110, 10, 0);
  private static final Box C = Box.of(200, 0, 210, 10, 0);
  private static final Box NOWHERE = Box.of(500, 500, 510, 510, 0);

  private static Detection at(Box box, double score) {
    return new Detection(box, score);
  }

  private static double precision(List<Box> truths, Detection... detections) {
    MeanAveragePrecision precision = new MeanAveragePrecision(1);
    precision.add(truths, List.of(detections));
    return precision.averagePrecision(0, 0.5);
  }

  @Test
  void everythingFoundIsOne() {
    assertEquals(1, precision(List.of(A, B), at(B, 0.2), at(A, 0.9)), EXACT);
  }

  @Test
  void nothingFoundIsZero() {
    assertEquals(0, precision(List.of(A, B)), EXACT);
    assertEquals(0, precision(List.of(A), at(NOWHERE, 0.9)), EXACT);
  }

  @Test
  void areaUnderTheEnvelopeIsTaken() {
    // Right, wrong, right of three: recall 1/3 at precision 1, then 2/3 at precision 2/3.
    assertEquals(
        1.0 / 3 + 1.0 / 3 * 2 / 3,
        precision(List.of(A, B, C), at(A, 0.9), at(NOWHERE, 0.8), at(B, 0.7)),
        EXACT);
  }

  @Test
  void precisionIsRaisedToTheBestAtHigherRecall() {
    // Wrong, right, right of two: precisions 0, 1/2, 2/3; the envelope is 2/3 throughout.
    assertEquals(
        2.0 / 3, precision(List.of(A, B), at(NOWHERE, 0.9), at(A, 0.8), at(B, 0.7)), EXACT);
  }

  @Test
  void aSecondDetectionOfAnObjectIsWrong() {
    // Right, wrong (again A), right: 1/2 · 1 + 1/2 · 2/3.
    assertEquals(
        0.5 + 0.5 * 2 / 3, precision(List.of(A, B), at(A, 0.9), at(A, 0.8), at(B, 0.7)), EXACT);
  }

  @Test
  void overlapAtTheThresholdIsEnough() {
    Box half = Box.of(0, 0, 10, 5, 0);
    assertEquals(1, precision(List.of(A), at(half, 0.9)), EXACT);
    Box less = Box.of(0, 0, 10, 4.9, 0);
    assertEquals(0, precision(List.of(A), at(less, 0.9)), EXACT);
  }

  @Test
  void equalScoresEnterTogetherWhateverTheOrderOfImages() {
    MeanAveragePrecision one = new MeanAveragePrecision(1);
    one.add(List.of(A), List.of(at(A, 0.5)));
    one.add(List.of(), List.of(at(NOWHERE, 0.5)));
    MeanAveragePrecision other = new MeanAveragePrecision(1);
    other.add(List.of(), List.of(at(NOWHERE, 0.5)));
    other.add(List.of(A), List.of(at(A, 0.5)));
    assertEquals(0.5, one.averagePrecision(0, 0.5), EXACT);
    assertEquals(0.5, other.averagePrecision(0, 0.5), EXACT);
  }

  @Test
  void objectsOfOtherImagesAndClassesAreNotFound() {
    MeanAveragePrecision precision = new MeanAveragePrecision(2);
    Box otherClass = Box.of(0, 0, 10, 10, 1);
    precision.add(List.of(A), List.of(at(otherClass, 0.9)));
    precision.add(List.of(otherClass), List.of(at(A, 0.9)));
    assertEquals(0, precision.averagePrecision(0, 0.5), EXACT);
    assertEquals(0, precision.averagePrecision(1, 0.5), EXACT);
  }

  @Test
  void classesWithoutObjectsDoNotCount() {
    MeanAveragePrecision precision = new MeanAveragePrecision(3);
    precision.add(List.of(A), List.of(at(A, 0.9), at(Box.of(0, 0, 9, 9, 2), 0.9)));
    assertTrue(Double.isNaN(precision.averagePrecision(1, 0.5)));
    assertTrue(Double.isNaN(precision.averagePrecision(2, 0.5)));
    assertEquals(1, precision.mean(0.5), EXACT);
  }

  @Test
  void withoutAnyObjectTheMeanIsNotANumber() {
    assertTrue(Double.isNaN(new MeanAveragePrecision(2).mean(0.5)));
  }

  @Test
  void difficultObjectsNeitherHelpNorHurt() {
    Box difficult = new Box(100, 0, 110, 10, 0, true);
    assertEquals(1, precision(List.of(A, difficult), at(difficult, 0.9), at(A, 0.8)), EXACT);
    assertEquals(1, precision(List.of(A, difficult), at(A, 0.8)), EXACT);
    assertTrue(Double.isNaN(precision(List.of(difficult), at(difficult, 0.9))));
  }

  @Test
  void meanOverThresholdsAveragesTen() {
    MeanAveragePrecision precision = new MeanAveragePrecision(1);
    precision.add(List.of(A), List.of(at(Box.of(0, 0, 10, 7.2, 0), 0.9)));
    // IoU 0.72 meets 0.50, 0.55, 0.60, 0.65 and 0.70.
    assertEquals(0.5, precision.meanOverThresholds(), EXACT);
  }
}
