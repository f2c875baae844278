package io.github.dcn4j.detection.anchors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MatchingTest {
  @Test
  void aBoxIsMatchedWithWhatItOverlapsMost() {
    Box object = Box.of(0, 0, 20, 20, 4);
    Box difficult = new Box(60, 60, 90, 90, 2, true);
    List<Box> objects = List.of(difficult, object);
    assertEquals(1, Matching.match(Box.of(1, 1, 21, 21, 0), objects, 0.5, 0.3));
    assertEquals(Matching.IGNORED, Matching.match(Box.of(60, 62, 90, 90, 0), objects, 0.5, 0.3));
    assertEquals(Matching.IGNORED, Matching.match(Box.of(0, 0, 20, 8, 0), objects, 0.5, 0.3));
    assertEquals(Matching.BACKGROUND, Matching.match(Box.of(0, 0, 20, 5, 0), objects, 0.5, 0.3));
    assertEquals(Matching.BACKGROUND, Matching.match(object, List.of(), 0.5, 0.3));
  }

  @ParameterizedTest
  @CsvSource({"0.3, 0.5", "0.5, 0", "1.1, 0.5", "NaN, 0.5", "0.5, NaN"})
  void boundsThatLeaveNoRoomAreNamed(double positiveIou, double negativeIou) {
    Box box = Box.of(0, 0, 1, 1, 0);
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> Matching.match(box, List.of(), positiveIou, negativeIou))
            .getMessage();
    assertTrue(message.contains("negativeIou ≤ positiveIou"), message);
  }
}
