package io.github.dcn4j.examples.detect;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dcn4j.examples.data.Box;
import io.github.dcn4j.examples.data.LabelledImage;
import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

class DetectionBatchesTest {
  private static final int SIDE = 32;
  private static final int GRID = 4;

  private static LabelledImage image(int rgb, Box... boxes) {
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    image.setRGB(5, 3, rgb);
    return new LabelledImage("image", image, List.of(boxes));
  }

  @Test
  void pixelsBecomeRedGreenBluePlanes() {
    INDArray features = DetectionBatches.features(image(0), image(0xFF0080));
    assertArrayEquals(new long[] {2, 3, SIDE, SIDE}, features.shape());
    assertEquals(1, features.getDouble(1, 0, 3, 5), 1e-6);
    assertEquals(-1, features.getDouble(1, 1, 3, 5), 1e-6);
    assertEquals(0x80 / 127.5 - 1, features.getDouble(1, 2, 3, 5), 1e-6);
    assertEquals(-1, features.getDouble(0, 0, 3, 5), 1e-6);
  }

  @Test
  void boxesStandInTheCellOfTheirMiddle() {
    // Cells are 8 pixels; the middle (12, 20) lies in column 1 and row 2.
    LabelledImage image = image(0, Box.of(4, 16, 20, 24, 1));
    INDArray labels = DetectionBatches.of(2, GRID, image).getLabels();
    assertArrayEquals(new long[] {1, 6, GRID, GRID}, labels.shape());
    double[] expected = {0.5, 2, 2.5, 3, 0, 1};
    for (int channel = 0; channel < expected.length; channel++) {
      assertEquals(expected[channel], labels.getDouble(0, channel, 2, 1), 1e-6);
    }
    assertEquals(8 + 1, labels.sumNumber().doubleValue(), 1e-5);
  }

  @Test
  void theLargerOfTwoObjectsInACellIsKeptAndDifficultOnesAreLeftOut() {
    Box large = Box.of(0, 0, 8, 8, 0);
    Box small = Box.of(2, 2, 6, 6, 1);
    Box difficult = new Box(16, 16, 32, 32, 1, true);
    for (Box[] order : new Box[][] {{large, small, difficult}, {difficult, small, large}}) {
      INDArray labels = DetectionBatches.of(2, GRID, image(0, order)).getLabels();
      assertEquals(1, labels.getDouble(0, 4, 0, 0), 1e-6);
      assertEquals(0, labels.getDouble(0, 5, 0, 0), 1e-6);
      assertEquals(2 + 1, labels.sumNumber().doubleValue(), 1e-6);
    }
  }
}
