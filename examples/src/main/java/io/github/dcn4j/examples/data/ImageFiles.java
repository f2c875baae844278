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
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/** Reads whole image files, and says which one is at fault if it can't. */
public final class ImageFiles {
  /** An image may say that it is huge, and so take all memory. */
  private static final long MAX_PIXELS = 100_000_000;

  /** The JDK's JPEG reader warns of these, and makes the missing pixels up. */
  private static final List<String> DAMAGES =
      List.of("premature end", "bad Huffman code", "instead of RST");

  private ImageFiles() {}

  /**
   * Reads an image in any format of the JDK's ImageIO (JPEG, PNG, BMP, GIF, TIFF).
   *
   * @return the pixels, as {@link BufferedImage#TYPE_INT_RGB}
   * @throws UserInputException naming the file, if it is missing, empty, damaged, cut short, too
   *     large or no image
   */
  public static BufferedImage read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new UserInputException(file + ": there is no such file");
    }
    try (ImageInputStream in = ImageIO.createImageInputStream(file.toFile())) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
      if (!readers.hasNext()) {
        boolean empty = Files.size(file) == 0;
        throw new UserInputException(
            file + (empty ? ": the file is empty" : ": not an image in a known format"));
      }
      ImageReader reader = readers.next();
      try {
        return read(reader, in, file);
      } finally {
        reader.dispose();
      }
    } catch (UserInputException e) {
      throw e;
    } catch (IOException | RuntimeException e) { // what the JDK's readers throw differs widely
      throw new UserInputException(file + ": cannot be read as an image: " + e.getMessage(), e);
    }
  }

  private static BufferedImage read(ImageReader reader, ImageInputStream in, Path file)
      throws IOException {
    reader.setInput(in, true, true);
    long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
    if (pixels > MAX_PIXELS) {
      throw new UserInputException(
          String.format(
              "%s: the image has %d pixels, and at most %d can be read", file, pixels, MAX_PIXELS));
    }
    AtomicReference<String> damage = new AtomicReference<>();
    // The JPEG reader fills the missing part of a file that was cut short with grey, and warns.
    // It warns otherwise where only the end marker is missing; such files are whole.
    reader.addIIOReadWarningListener(
        (source, warning) -> {
          if (DAMAGES.stream().anyMatch(warning::contains)) {
            damage.set(warning);
          }
        });
    BufferedImage decoded = reader.read(0);
    if (damage.get() != null) {
      throw new UserInputException(
          file + ": the image is cut short or damaged (" + damage.get() + ")");
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
