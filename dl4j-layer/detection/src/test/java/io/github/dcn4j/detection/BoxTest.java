package io.github.dcn4j.detection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BoxTest {
  @ParameterizedTest
  @CsvSource({
    "NaN, 0, 1, 1, x1",
    "0, NaN, 1, 1, y1",
    "0, 0, NaN, 1, x2",
    "0, 0, 1, NaN, y2",
    "-Infinity, 0, 1, 1, x1",
    "0, 0, 1, Infinity, y2",
    "2, 0, 1, 1, x2",
    "0, 2, 1, 1, y2",
  })
  void edgesThatMakeNoBoxAreNamed(double x1, double y1, double x2, double y2, String name) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Box.of(x1, y1, x2, y2, 0)).getMessage();
    assertTrue(message.contains(name) && message.contains("expected finite numbers"), message);
  }

  @Test
  void aBoxMayBeEmptyAndOverlapsNothingThen() {
    Box empty = Box.of(3, 3, 3, 8, 0);
    assertEquals(0, empty.area());
    assertEquals(0, empty.iou(empty));
    assertEquals(0, empty.iou(Box.of(0, 0, 9, 9, 0)));
  }

  @Test
  void boxesThatTouchShareNothing() {
    assertEquals(0, Box.of(0, 0, 4, 4, 0).iou(Box.of(4, 0, 8, 4, 0)));
    assertEquals(1.0 / 7, Box.of(0, 0, 4, 4, 0).iou(Box.of(2, 2, 6, 6, 1)), 1e-15);
  }

  @Test
  void stretchingKeepsAllElse() {
    assertEquals(new Box(2, 6, 4, 12, 5, true), new Box(1, 2, 2, 4, 5, true).scaled(2, 3));
    assertThrows(IllegalArgumentException.class, () -> Box.of(1, 2, 2, 4, 0).scaled(-1, 1));
    assertThrows(IllegalArgumentException.class, () -> Box.of(1, 2, 2, 4, 0).scaled(1, Double.NaN));
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void aScoreThatCannotBeRankedIsNamed(double score) {
    String message =
        assertThrows(
                IllegalArgumentException.class, () -> new Detection(Box.of(0, 0, 1, 1, 0), score))
            .getMessage();
    assertEquals("score: expected a finite number, got " + score, message);
  }
}
