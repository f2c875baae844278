package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.data.Box;
import io.github.dcn4j.examples.data.LabelledImage;
import java.awt.image.BufferedImage;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Images as minibatches for a network that ends in a {@code Yolo2OutputLayer}.
 *
 * <p>Features are [minibatch, 3, side, side], values −1 to 1. Labels are [minibatch, 4 + classes,
 * grid, grid]: in the grid cell that holds the middle of an object stand the object's left, upper,
 * right and lower edges in units of cells and a one for its class; all else is zero. Of two objects
 * with their middles in one cell, the larger is kept.
 */
@UtilityClass
public class DetectionBatches {
  /**
   * One minibatch.
   *
   * @param classes number of classes
   * @param grid number of rows, and of columns, of the network's output
   * @param images all of one square size
   */
  static DataSet of(int classes, int grid, LabelledImage... images) {
    return new DataSet(features(images), labels(classes, grid, images));
  }

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

  private static INDArray labels(int classes, int grid, LabelledImage... images) {
    int channels = 4 + classes;
    float[] values = new float[images.length * channels * grid * grid];
    for (int i = 0; i < images.length; i++) {
      double cellWidth = (double) images[i].getImage().getWidth() / grid;
      double cellHeight = (double) images[i].getImage().getHeight() / grid;
      int image = i * channels * grid * grid;
      images[i].getBoxes().stream()
          .filter(box -> !box.isDifficult())
          .map(box -> box.scaled(1 / cellWidth, 1 / cellHeight))
          .sorted((a, b) -> Double.compare(a.area(), b.area()))
          .forEach(box -> encode(box, values, image, classes, grid));
    }
    return Nd4j.createFromArray(values).reshape(images.length, channels, grid, grid);
  }

  /** Writes one object over whatever smaller one has its middle in the same cell. */
  private static void encode(Box box, float[] values, int image, int classes, int grid) {
    int column = Math.min(grid - 1, (int) ((box.getX1() + box.getX2()) / 2));
    int row = Math.min(grid - 1, (int) ((box.getY1() + box.getY2()) / 2));
    int plane = grid * grid;
    int at = image + row * grid + column;
    for (int label = 0; label < classes; label++) {
      values[at + (4 + label) * plane] = label == box.getLabel() ? 1 : 0;
    }
    values[at] = (float) box.getX1();
    values[at + plane] = (float) box.getY1();
    values[at + 2 * plane] = (float) box.getX2();
    values[at + 3 * plane] = (float) box.getY2();
  }
}
