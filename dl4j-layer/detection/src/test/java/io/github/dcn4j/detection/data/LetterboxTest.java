package io.github.dcn4j.detection.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LetterboxTest {
  private static final double EXACT = 1e-9;

  private static void assertBox(double x1, double y1, double x2, double y2, Box box) {
    assertEquals(x1, box.getX1(), EXACT);
    assertEquals(y1, box.getY1(), EXACT);
    assertEquals(x2, box.getX2(), EXACT);
    assertEquals(y2, box.getY2(), EXACT);
  }

  @ParameterizedTest
  @CsvSource({
    // image, side, scaled image, padding left and above
    "640, 480, 320, 320, 240, 0, 40",
    "480, 640, 320, 240, 320, 40, 0",
    "128, 128, 128, 128, 128, 0, 0",
    "10, 10, 32, 32, 32, 0, 0",
    "500, 333, 320, 320, 213, 0, 53",
    "1, 1, 32, 32, 32, 0, 0",
    "5000, 1, 32, 32, 1, 0, 15",
  })
  void theImageIsScaledAsAWholeIntoTheMiddle(
      int width, int height, int side, int scaledWidth, int scaledHeight, int left, int top) {
    Letterbox letterbox = new Letterbox(width, height, side);
    assertEquals(scaledWidth, letterbox.scaledWidth());
    assertEquals(scaledHeight, letterbox.scaledHeight());
    assertEquals(left, letterbox.left());
    assertEquals(top, letterbox.top());
    Box whole = letterbox.toSquare(Box.of(0, 0, width, height, 3));
    assertBox(left, top, left + scaledWidth, top + scaledHeight, whole);
    assertBox(0, 0, width, height, letterbox.toImage(whole));
    Box part = new Box(width * 0.25, height * 0.5, width * 0.75, height * 0.625, 3, true);
    Box back = letterbox.toImage(letterbox.toSquare(part));
    assertBox(part.getX1(), part.getY1(), part.getX2(), part.getY2(), back);
    assertEquals(3, back.getLabel());
    assertTrue(back.isDifficult());
  }

  @Test
  void boxesAreCutOffAtTheImagesEdges() {
    Letterbox letterbox = new Letterbox(640, 480, 320);
    assertBox(0, 0, 20, 480, letterbox.toImage(Box.of(-3, 10, 10, 300, 0)));
    assertEquals(0, letterbox.toImage(Box.of(5, 5, 20, 30, 0)).area());
  }

  @Test
  void pixelsLieWhereBoxesDo() {
    BufferedImage image = new BufferedImage(200, 100, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(Color.RED);
    graphics.fillRect(100, 20, 40, 60);
    graphics.dispose();
    Letterbox letterbox = new Letterbox(200, 100, 100);
    assertBox(50, 35, 70, 65, letterbox.toSquare(Box.of(100, 20, 140, 80, 0)));
    BufferedImage square = letterbox.draw(image);
    for (int y = 0; y < 100; y++) {
      for (int x = 0; x < 100; x++) {
        boolean red = x >= 50 && x < 70 && y >= 35 && y < 65;
        boolean padding = y < 25 || y >= 75;
        int expected = padding ? 0x808080 : red ? 0xFF0000 : 0;
        assertEquals(expected, square.getRGB(x, y) & 0xFFFFFF, x + ", " + y);
      }
    }
  }

  @Test
  void sizesThatCannotBeAreNamed() {
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> new Letterbox(0, 5, 32))
            .getMessage()
            .contains("got 0, 5 and 32"));
    Letterbox letterbox = new Letterbox(4, 5, 32);
    BufferedImage other = new BufferedImage(5, 4, BufferedImage.TYPE_INT_RGB);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> letterbox.draw(other))
            .getMessage()
            .contains("expected 4×5 pixels, got 5×4"));
  }
}
