package io.github.dcn4j.detection.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.detection.Box;
import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

class ImageBatchesTest {
  private static final int SIDE = 32;

  private static LabelledImage image(int rgb, Box... boxes) {
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    image.setRGB(5, 3, rgb);
    return new LabelledImage("image", image, List.of(boxes));
  }

  @Test
  void pixelsBecomeRedGreenBluePlanes() {
    INDArray features = ImageBatches.features(image(0), image(0xFF0080));
    assertArrayEquals(new long[] {2, 3, SIDE, SIDE}, features.shape());
    assertEquals(1, features.getDouble(1, 0, 3, 5), 1e-6);
    assertEquals(-1, features.getDouble(1, 1, 3, 5), 1e-6);
    assertEquals(0x80 / 127.5 - 1, features.getDouble(1, 2, 3, 5), 1e-6);
    assertEquals(-1, features.getDouble(0, 0, 3, 5), 1e-6);
  }

  @Test
  void imagesOfDifferentSizesAreNamed() {
    LabelledImage other =
        new LabelledImage("", new BufferedImage(8, 9, BufferedImage.TYPE_INT_RGB), List.of());
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> ImageBatches.features(image(0), other));
    assertTrue(e.getMessage().contains("32×32 as the first, got 8×9"), e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> ImageBatches.features());
  }
}
