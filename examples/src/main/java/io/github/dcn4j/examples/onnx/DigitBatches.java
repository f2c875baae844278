package io.github.dcn4j.examples.onnx;

import io.github.dcn4j.examples.data.HandwrittenDigits;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.SplittableRandom;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Handwritten digits for a classifier, each turned by an angle of its own.
 *
 * <p>The angle depends on the seed and the digit only.
 */
public final class DigitBatches {
  private static final int SIDE = HandwrittenDigits.SIDE;
  private static final int CLASSES = 10;

  private final HandwrittenDigits digits;
  private final double maxAngle;
  private final long seed;

  /**
   * Makes batches of a set of digits.
   *
   * @param maxDegrees how far a digit may be turned, either way; 0 leaves them upright
   */
  public DigitBatches(HandwrittenDigits digits, double maxDegrees, long seed) {
    this.digits = digits;
    this.maxAngle = Math.toRadians(maxDegrees);
    this.seed = seed;
  }

  /** Some digits in a row: pictures [count, 1, 28, 28], 0 to 1; labels [count, 10], one-hot. */
  public DataSet batch(int first, int count) {
    float[][][][] pictures = new float[count][1][][];
    float[][] labels = new float[count][CLASSES];
    for (int i = 0; i < count; i++) {
      pictures[i][0] = pixels(picture(first + i));
      labels[i][digits.label(first + i)] = 1;
    }
    return new DataSet(Nd4j.createFromArray(pictures), Nd4j.createFromArray(labels));
  }

  /** One digit, turned: 28×28 pixels. */
  public BufferedImage picture(int index) {
    double angle =
        new SplittableRandom(seed + index).split().nextDouble() * 2 * maxAngle - maxAngle;
    BufferedImage turned = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = turned.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
    graphics.rotate(angle, SIDE / 2.0, SIDE / 2.0);
    graphics.drawImage(digits.picture(index), 0, 0, null);
    graphics.dispose();
    return turned;
  }

  private static float[][] pixels(BufferedImage picture) {
    float[][] pixels = new float[SIDE][SIDE];
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        pixels[y][x] = (picture.getRGB(x, y) & 255) / 255f;
      }
    }
    return pixels;
  }
}
