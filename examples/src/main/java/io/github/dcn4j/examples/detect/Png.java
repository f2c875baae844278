package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.checkpoint.AtomicFile;
import java.awt.image.BufferedImage;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import lombok.experimental.UtilityClass;

/** Writes pictures. */
@UtilityClass
public class Png {
  /** Writes a PNG file, whole or not at all. */
  public static void write(BufferedImage picture, Path file) throws IOException {
    AtomicFile.write(
        file,
        part -> {
          // A stream of our own: a file's name may be one that java.io.File cannot say.
          try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(part));
              ImageOutputStream image = new MemoryCacheImageOutputStream(out)) {
            ImageIO.write(picture, "png", image);
          }
        });
  }
}
