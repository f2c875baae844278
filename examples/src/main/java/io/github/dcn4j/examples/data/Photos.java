package io.github.dcn4j.examples.data;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;

/** The bundled photographs, all CC0 or in the public domain. */
final class Photos {
  /** File names of the photographs behind training scenes. */
  static final List<String> TRAINING =
      List.of(
          "coffee.jpg",
          "rocket.jpg",
          "hubble_deep_field.jpg",
          "brick.jpg",
          "gravel.jpg",
          "retina.jpg");

  /** File names of the photographs behind held-out scenes; none is in {@link #TRAINING}. */
  static final List<String> HELD_OUT =
      List.of("chelsea.jpg", "grass.jpg", "clock_motion.jpg", "camera.jpg");

  private Photos() {}

  /** Reads photographs as {@link BufferedImage#TYPE_INT_RGB}. */
  static List<BufferedImage> read(List<String> names) {
    return names.stream().map(Photos::read).collect(Collectors.toUnmodifiableList());
  }

  private static BufferedImage read(String name) {
    try (InputStream in = Photos.class.getResourceAsStream("photos/" + name)) {
      if (in == null) {
        throw new IOException("the jar lacks its photograph " + name);
      }
      BufferedImage decoded = ImageIO.read(in);
      BufferedImage rgb =
          new BufferedImage(decoded.getWidth(), decoded.getHeight(), BufferedImage.TYPE_INT_RGB);
      Graphics2D graphics = rgb.createGraphics();
      graphics.drawImage(decoded, 0, 0, null);
      graphics.dispose();
      return rgb;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
