package io.github.dcn4j.examples.data;

import io.github.dcn4j.examples.UserInputException;
import java.awt.Graphics2D;
import java.awt.Image;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/** Reads whole image files, and says which one is at fault if it can't. */
public final class ImageFiles {
  private ImageFiles() {}

  /**
   * Reads an image in any format of the JDK's ImageIO (JPEG, PNG, BMP, GIF, TIFF).
   *
   * @return the pixels, as {@link BufferedImage#TYPE_INT_RGB}
   * @throws UserInputException naming the file, if it is missing, damaged, cut short or no image
   */
  public static BufferedImage read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new UserInputException(file + ": there is no such file");
    }
    try (ImageInputStream in = ImageIO.createImageInputStream(file.toFile())) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
      if (!readers.hasNext()) {
        throw new UserInputException(file + ": not an image in a known format");
      }
      ImageReader reader = readers.next();
      try {
        return read(reader, in, file);
      } finally {
        reader.dispose();
      }
    } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) {
      throw new UserInputException(file + ": cannot be read as an image: " + e.getMessage(), e);
    }
  }

  private static BufferedImage read(ImageReader reader, ImageInputStream in, Path file)
      throws IOException {
    reader.setInput(in, true, true);
    AtomicBoolean cutShort = new AtomicBoolean();
    // The JPEG reader fills the missing part of a file that was cut short with grey, and warns.
    // It warns otherwise where only the end marker is missing; such files are whole.
    reader.addIIOReadWarningListener(
        (source, warning) -> {
          if (warning.contains("premature end")) {
            cutShort.set(true);
          }
        });
    BufferedImage decoded = reader.read(0);
    if (cutShort.get()) {
      throw new UserInputException(file + ": the image is cut short");
    }
    return drawn(decoded, decoded.getWidth(), decoded.getHeight());
  }

  /**
   * An image stretched to another size, each pixel the mean of those it stands for.
   *
   * @param width of the result, in pixels
   * @param height of the result, in pixels
   */
  public static BufferedImage resized(BufferedImage image, int width, int height) {
    if (image.getWidth() == width && image.getHeight() == height) {
      return image;
    }
    boolean smaller = width < image.getWidth() && height < image.getHeight();
    Image scaled =
        smaller ? image.getScaledInstance(width, height, Image.SCALE_AREA_AVERAGING) : image;
    return drawn(scaled, width, height);
  }

  private static BufferedImage drawn(Image image, int width, int height) {
    BufferedImage rgb = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = rgb.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
    graphics.drawImage(image, 0, 0, width, height, null);
    graphics.dispose();
    return rgb;
  }
}
