package io.github.dcn4j.detection.data;

import java.awt.image.BufferedImage;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Images as minibatches for a network. */
@UtilityClass
public class ImageBatches {
  /**
   * Pixels as a network takes them.
   *
   * @param images at least one, all of one size
   * @return [images, 3, height, width] of FLOAT: red, green and blue, each −1 to 1
   * @throws IllegalArgumentException if there is no image, or their sizes differ
   */
  public static INDArray features(LabelledImage... images) {
    if (images.length == 0) {
      throw new IllegalArgumentException("images: expected at least one, got none");
    }
    int width = images[0].getImage().getWidth();
    int height = images[0].getImage().getHeight();
    int plane = width * height;
    float[] values = new float[images.length * 3 * plane];
    int[] pixels = new int[plane];
    for (int i = 0; i < images.length; i++) {
      BufferedImage image = images[i].getImage();
      if (image.getWidth() != width || image.getHeight() != height) {
        throw new IllegalArgumentException(
            String.format(
                "images: expected all of one size, %d×%d as the first, got %d×%d",
                width, height, image.getWidth(), image.getHeight()));
      }
      image.getRGB(0, 0, width, height, pixels, 0, width);
      for (int p = 0; p < plane; p++) {
        int at = i * 3 * plane + p;
        values[at] = scaled(pixels[p] >> 16);
        values[at + plane] = scaled(pixels[p] >> 8);
        values[at + 2 * plane] = scaled(pixels[p]);
      }
    }
    return Nd4j.createFromArray(values).reshape(images.length, 3, height, width);
  }

  private static float scaled(int channel) {
    return (channel & 0xFF) / 127.5f - 1;
  }
}
