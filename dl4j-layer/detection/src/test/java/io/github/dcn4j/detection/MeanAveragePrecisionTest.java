package io.github.dcn4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

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
  void precisionIsTakenAtRecallsOfAHundredth() {
    // Right, wrong, right of three: precision 1 at recalls 0 to 0.33, 2/3 at 0.34 to 0.66, then 0.
    assertEquals(
        (34 + 33 * 2.0 / 3) / 101,
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
    // Right, wrong (again A), right: 1 at recalls 0 to 0.5, 2/3 at 0.51 to 1.
    assertEquals(
        (51 + 50 * 2.0 / 3) / 101,
        precision(List.of(A, B), at(A, 0.9), at(A, 0.8), at(B, 0.7)),
        EXACT);
  }

  @Test
  void overlapAtTheThresholdIsEnough() {
    Box half = Box.of(0, 0, 10, 5, 0);
    assertEquals(1, precision(List.of(A), at(half, 0.9)), EXACT);
    Box less = Box.of(0, 0, 10, 4.9, 0);
    assertEquals(0, precision(List.of(A), at(less, 0.9)), EXACT);
  }

  @Test
  void detectionsOfEqualScoreKeepTheOrderOfTheirImages() {
    MeanAveragePrecision one = new MeanAveragePrecision(1);
    one.add(List.of(A), List.of(at(A, 0.5)));
    one.add(List.of(), List.of(at(NOWHERE, 0.5)));
    assertEquals(1, one.averagePrecision(0, 0.5), EXACT);
    MeanAveragePrecision other = new MeanAveragePrecision(1);
    other.add(List.of(), List.of(at(NOWHERE, 0.5)));
    other.add(List.of(A), List.of(at(A, 0.5)));
    assertEquals(0.5, other.averagePrecision(0, 0.5), EXACT);
  }

  @Test
  void aDetectionFindsTheNextBestObjectIfTheBestIsTaken() {
    Box near = Box.of(0, 0, 10, 12, 0);
    assertEquals(1, precision(List.of(A, near), at(A, 0.9), at(A, 0.8)), EXACT);
  }

  @Test
  void onlyAHundredDetectionsOfAnImageCount() {
    Detection[] many = new Detection[101];
    Arrays.fill(many, at(NOWHERE, 0.9));
    many[100] = at(A, 0.1);
    assertEquals(0, precision(List.of(A), many), EXACT);
    assertEquals(0.01, precision(List.of(A), Arrays.copyOfRange(many, 1, 101)), EXACT);
  }

  @Test
  void labelsThatAreNoClassDoNotCount() {
    Box other = Box.of(0, 0, 10, 10, -1);
    Box beyond = Box.of(0, 0, 10, 10, 1);
    assertEquals(1, precision(List.of(A, other, beyond), at(other, 0.9), at(A, 0.5)), EXACT);
  }

  @Test
  void withoutTrueBoxesThereIsNoPrecision() {
    MeanAveragePrecision precision = new MeanAveragePrecision(2);
    assertTrue(Double.isNaN(precision.mean(0.5)));
    precision.add(List.of(), List.of(at(A, 0.5)));
    assertTrue(Double.isNaN(precision.meanOverThresholds()));
    assertTrue(Double.isNaN(precision.averageOverThresholds(0)));
    assertEquals(0, precision.objects(0));
    assertEquals(1, precision.detections(0));
    precision.add(List.of(A), List.of(at(A, 0.9)));
    assertEquals(1, precision.mean(0.5), EXACT); // class 1 has no true boxes, and no part in it
  }

  @Test
  void whatIsOutOfRangeIsNamed() {
    assertThrows(IllegalArgumentException.class, () -> new MeanAveragePrecision(0));
    MeanAveragePrecision precision = new MeanAveragePrecision(2);
    for (int label : new int[] {-1, 2}) {
      Exception e =
          assertThrows(
              IllegalArgumentException.class, () -> precision.averagePrecision(label, 0.5));
      assertEquals("label: expected 0 to 1, got " + label, e.getMessage());
    }
    for (double threshold : new double[] {0, -1, 1.01, Double.NaN}) {
      Exception e =
          assertThrows(
              IllegalArgumentException.class, () -> precision.precisionAndRecall(0, threshold));
      assertTrue(e.getMessage().startsWith("threshold: expected"), e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> precision.mean(threshold));
    }
  }

  /** A fixed set of boxes with many equal scores; the file says how its numbers were made. */
  @Test
  void agreesWithPycocotools() throws IOException {
    JsonNode fixture;
    try (InputStream in = getClass().getResourceAsStream("coco-boxes.json")) {
      fixture = new ObjectMapper().readTree(in);
    }
    JsonNode expected = fixture.get("expected");
    MeanAveragePrecision precision = new MeanAveragePrecision(expected.get("byClass").size());
    for (int image = 0; image < fixture.get("images").asInt(); image++) {
      List<Box> truths = new ArrayList<>();
      for (JsonNode row : rowsOf(fixture.get("truths"), image)) {
        truths.add(box(row));
      }
      List<Detection> detections = new ArrayList<>();
      for (JsonNode row : rowsOf(fixture.get("detections"), image)) {
        detections.add(at(box(row), row.get(6).asDouble()));
      }
      precision.add(truths, detections);
    }
    for (int label = 0; label < expected.get("byClass").size(); label++) {
      for (int t = 0; t < 10; t++) {
        double wanted = expected.get("byClass").get(label).get(t).asDouble(Double.NaN);
        double threshold = 0.5 + 0.05 * t;
        assertEquals(wanted, precision.averagePrecision(label, threshold), EXACT);
      }
    }
    assertEquals(expected.get("map50").asDouble(), precision.mean(0.5), EXACT);
    assertEquals(expected.get("map75").asDouble(), precision.mean(0.75), EXACT);
    assertEquals(expected.get("map").asDouble(), precision.meanOverThresholds(), EXACT);
  }

  /** The rows that begin with the number of an image. */
  private static List<JsonNode> rowsOf(JsonNode rows, int image) {
    List<JsonNode> found = new ArrayList<>();
    rows.forEach(
        row -> {
          if (row.get(0).asInt() == image) {
            found.add(row);
          }
        });
    return found;
  }

  /** Image, class, x, y, width, height. */
  private static Box box(JsonNode row) {
    double x = row.get(2).asDouble();
    double y = row.get(3).asDouble();
    return Box.of(x, y, x + row.get(4).asDouble(), y + row.get(5).asDouble(), row.get(1).asInt());
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
