package io.github.dcn4j.detection.anchors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dcn4j.detection.Box;
import org.junit.jupiter.api.Test;

class BoxDeltasTest {
  private static final Box REFERENCE = Box.of(10, 20, 40, 60, 0);

  @Test
  void decodingReversesEncoding() {
    Box box = Box.of(4, 30, 50, 45, 3);
    Box decoded = BoxDeltas.decode(BoxDeltas.encode(box, REFERENCE), REFERENCE, 3);
    assertEquals(box.getX1(), decoded.getX1(), 1e-4);
    assertEquals(box.getY1(), decoded.getY1(), 1e-4);
    assertEquals(box.getX2(), decoded.getX2(), 1e-4);
    assertEquals(box.getY2(), decoded.getY2(), 1e-4);
    assertEquals(3, decoded.getLabel());
    assertArrayEquals(new float[4], BoxDeltas.encode(REFERENCE, REFERENCE));
  }

  @Test
  void aBoxGrowsNoMoreThanEightfold() {
    Box decoded = BoxDeltas.decode(new float[] {0, 0, 1000, -1000}, REFERENCE, 0);
    assertEquals(8 * 30, decoded.width(), 1e-9);
    assertEquals(40 / 8.0, decoded.height(), 1e-9);
  }

  @Test
  void whatMakesNoBoxIsRefused() {
    Box empty = Box.of(4, 4, 4, 9, 0);
    assertThrows(IllegalArgumentException.class, () -> BoxDeltas.encode(empty, REFERENCE));
    assertThrows(IllegalArgumentException.class, () -> BoxDeltas.encode(REFERENCE, empty));
    float[] notANumber = {0, 0, Float.NaN, 0};
    assertThrows(IllegalArgumentException.class, () -> BoxDeltas.decode(notANumber, REFERENCE, 0));
    float[] infinite = {Float.POSITIVE_INFINITY, 0, 0, 0};
    assertThrows(IllegalArgumentException.class, () -> BoxDeltas.decode(infinite, REFERENCE, 0));
  }
}
