package io.github.dcn4j.detection.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class AugmentationTest {
  private static final int WIDTH = 120;
  private static final int HEIGHT = 80;
  private static final int SIDE = 96;

  /** In the image's pixels; off the middle, so that mirroring shows. */
  private static final Box BOX = Box.of(12, 16, 48, 56, 2);

  private final Letterbox letterbox = new Letterbox(WIDTH, HEIGHT, SIDE);

  private static BufferedImage image() {
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(new Color(20, 20, 20));
    graphics.fillRect(0, 0, WIDTH, HEIGHT);
    graphics.setColor(new Color(230, 230, 230));
    graphics.fillRect(12, 16, 36, 40);
    graphics.dispose();
    return image;
  }

  @Test
  void boxesLieWhereTheirPixelsDo() {
    int shown = 0;
    for (int seed = 0; seed < 200; seed++) {
      Augmentation variation = Augmentation.draw(letterbox, new SplittableRandom(seed));
      List<Box> boxes = variation.boxes(List.of(BOX));
      BufferedImage square = variation.draw(image());
      int left = SIDE;
      int right = -1;
      int top = SIDE;
      int bottom = -1;
      for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
          if (new Color(square.getRGB(x, y)).getGreen() > 145) { // padding is 128
            left = Math.min(left, x);
            right = Math.max(right, x);
            top = Math.min(top, y);
            bottom = Math.max(bottom, y);
          }
        }
      }
      if (!boxes.isEmpty()) {
        shown++;
        Box box = boxes.get(0);
        assertEquals(box.getX1(), left, 1.01, "seed " + seed);
        assertEquals(box.getX2(), right + 1, 1.01, "seed " + seed);
        assertEquals(box.getY1(), top, 1.01, "seed " + seed);
        assertEquals(box.getY2(), bottom + 1, 1.01, "seed " + seed);
        assertEquals(2, box.getLabel());
      }
    }
    assertTrue(shown > 150, "shown " + shown);
  }

  @Test
  void sizesPlacesSidesAndColoursVary() {
    double smallest = 1e9;
    double largest = 0;
    int mirrored = 0;
    int darkest = 255;
    int lightest = 0;
    for (int seed = 0; seed < 200; seed++) {
      Augmentation variation = Augmentation.draw(letterbox, new SplittableRandom(seed));
      Box small = variation.boxes(List.of(Box.of(58, 38, 62, 42, 0))).get(0);
      smallest = Math.min(smallest, small.width());
      largest = Math.max(largest, small.width());
      List<Box> halves =
          variation.boxes(List.of(Box.of(0, 36, 60, 44, 0), Box.of(60, 36, 120, 44, 1)));
      mirrored += halves.get(0).getX1() < halves.get(1).getX1() ? 0 : 1;
      int grey = new Color(variation.draw(image()).getRGB(0, SIDE / 2)).getRed();
      darkest = Math.min(darkest, grey);
      lightest = Math.max(lightest, grey);
    }
    assertTrue(smallest < 0.65 * 3.2 && smallest >= 0.58 * 3.2, "smallest " + smallest);
    assertTrue(largest > 1.35 * 3.2 && largest <= 1.42 * 3.2, "largest " + largest);
    assertTrue(mirrored > 70 && mirrored < 130, "mirrored " + mirrored);
    assertTrue(darkest < 20 && lightest > 20, darkest + " " + lightest);
  }

  @Test
  void paddingIsThatOfALetterbox() {
    for (int seed = 0; seed < 50; seed++) {
      BufferedImage square = Augmentation.draw(letterbox, new SplittableRandom(seed)).draw(image());
      int padding = 0;
      for (int y = 0; y < SIDE; y++) {
        padding += (square.getRGB(SIDE / 2, y) & 0xFFFFFF) == 0x808080 ? 1 : 0;
      }
      assertTrue(padding <= SIDE - 38, "seed " + seed + ": " + padding);
    }
  }

  @Test
  void whatTheCropLeavesLittleOfIsLeftOut() {
    int cut = 0;
    for (int seed = 0; seed < 300; seed++) {
      List<Box> boxes =
          Augmentation.draw(letterbox, new SplittableRandom(seed))
              .boxes(List.of(Box.of(0, 30, 12, 50, 0)));
      cut += boxes.isEmpty() ? 1 : 0;
      for (Box box : boxes) {
        assertTrue(box.getX1() >= 0 && box.getX2() <= SIDE, box.toString());
        // 12 × 20 pixels; a box cut to less than three tenths of its width would be narrower
        assertTrue(box.width() / box.height() >= 0.29 * 12 / 20, box.toString());
      }
    }
    assertTrue(cut > 20, "cut " + cut);
  }
}
