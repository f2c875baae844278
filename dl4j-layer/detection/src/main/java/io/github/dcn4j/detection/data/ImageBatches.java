package io.github.dcn4j.detection.data;

import java.awt.image.BufferedImage;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Images as minibatches for a network. */
@UtilityClass
public class ImageBatches {
  /** Pixels as [images, 3, height, width], values −1 to 1; all images have one size. */
  public static INDArray features(LabelledImage... images) {
    int width = images[0].getImage().getWidth();
    int height = images[0].getImage().getHeight();
    int plane = width * height;
    float[] values = new float[images.length * 3 * plane];
    int[] pixels = new int[plane];
    for (int i = 0; i < images.length; i++) {
      BufferedImage image = images[i].getImage();
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
