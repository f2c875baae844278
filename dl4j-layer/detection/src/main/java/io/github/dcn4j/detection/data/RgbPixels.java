package io.github.dcn4j.detection.data;

import java.awt.Graphics2D;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import lombok.experimental.UtilityClass;

/**
 * Decoded images of any colour model as red, green and blue.
 *
 * <p>The values are those that the file holds, as other readers (Pillow, OpenCV) give them: grey 93
 * is red, green and blue 93. Java2D takes most kinds of grey for linear light and would make it
 * 163. Transparency is dropped: what a half or wholly transparent pixel holds is what counts.
 */
@UtilityClass
class RgbPixels {
  private static final int MAX = 255;

  private static final int CMYK_BANDS = 4;

  /** Reads the samples of one row, [width · bands], as red, green and blue. */
  @FunctionalInterface
  private interface Pixel {
    /** The colour of a pixel whose samples begin at an index. */
    int rgb(float[] samples, int at);
  }

  /** The image as {@link BufferedImage#TYPE_INT_RGB}. */
  static BufferedImage of(BufferedImage image) {
    ColorModel model = image.getColorModel();
    int colours = model.getNumColorComponents();
    boolean floats = image.getRaster().getTransferType() >= DataBuffer.TYPE_FLOAT;
    if (floats && (colours == 1 || colours == 3)) {
      double scale = MAX / highest(image.getRaster(), colours);
      return map(
          image,
          (samples, at) ->
              packed(
                  samples[at] * scale,
                  samples[at + colours / 2] * scale,
                  samples[at + colours - 1] * scale));
    }
    if (model.getColorSpace().getType() == ColorSpace.TYPE_GRAY) {
      double scale = (double) MAX / ((1L << model.getComponentSize(0)) - 1);
      return map(image, (s, at) -> packed(s[at] * scale, s[at] * scale, s[at] * scale));
    }
    if (model.getColorSpace().getType() == ColorSpace.TYPE_CMYK && colours == CMYK_BANDS) {
      double max = (1L << model.getComponentSize(0)) - 1;
      return map(
          image,
          (s, at) -> {
            double light = MAX * (1 - s[at + 3] / max);
            return packed(
                light * (1 - s[at] / max),
                light * (1 - s[at + 1] / max),
                light * (1 - s[at + 2] / max));
          });
    }
    return model.hasAlpha() ? withoutAlpha(image) : drawn(image);
  }

  private static int packed(double red, double green, double blue) {
    return channel(red) << 16 | channel(green) << 8 | channel(blue);
  }

  private static int channel(double value) {
    return (int) Math.round(Math.max(0, Math.min(MAX, value)));
  }

  private static BufferedImage map(BufferedImage image, Pixel pixel) {
    int width = image.getWidth();
    Raster raster = image.getRaster();
    int bands = raster.getNumBands();
    BufferedImage rgb = new BufferedImage(width, image.getHeight(), BufferedImage.TYPE_INT_RGB);
    float[] samples = new float[width * bands];
    int[] row = new int[width];
    for (int y = 0; y < image.getHeight(); y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, samples);
      for (int x = 0; x < width; x++) {
        row[x] = pixel.rgb(samples, x * bands);
      }
      rgb.setRGB(0, y, width, 1, row, 0, width);
    }
    return rgb;
  }

  /**
   * The value of full light in an image of floating point numbers: 255 if there are values that
   * mean that, else 1. Resampling leaves values a little below 0 and above 1.
   */
  private static double highest(Raster raster, int colours) {
    double highest = 0;
    float[] row = new float[raster.getWidth()];
    for (int band = 0; band < colours; band++) {
      for (int y = 0; y < raster.getHeight(); y++) {
        raster.getSamples(raster.getMinX(), raster.getMinY() + y, raster.getWidth(), 1, band, row);
        for (float value : row) {
          if (!(value > -1 && value <= MAX)) {
            throw new IllegalArgumentException(
                "expected floating point values of 0 to 1 or of 0 to 255, got " + value);
          }
          highest = Math.max(highest, value);
        }
      }
    }
    return highest < 2 ? 1 : MAX;
  }

  private static BufferedImage withoutAlpha(BufferedImage image) {
    int width = image.getWidth();
    BufferedImage rgb = new BufferedImage(width, image.getHeight(), BufferedImage.TYPE_INT_RGB);
    int[] row = new int[width];
    for (int y = 0; y < image.getHeight(); y++) {
      image.getRGB(0, y, width, 1, row, 0, width);
      rgb.setRGB(0, y, width, 1, row, 0, width); // which takes no notice of alpha
    }
    return rgb;
  }

  private static BufferedImage drawn(BufferedImage image) {
    BufferedImage rgb =
        new BufferedImage(image.getWidth(), image.getHeight(), BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = rgb.createGraphics();
    graphics.drawImage(image, 0, 0, null);
    graphics.dispose();
    return rgb;
  }
}
