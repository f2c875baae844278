package io.github.dcn4j.examples.data;

import io.github.dcn4j.examples.UserInputException;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.ref.SoftReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.zip.Checksum;
import lombok.AccessLevel;
import lombok.RequiredArgsConstructor;

/** An image file of a {@link VocFolder} with its annotation. */
@RequiredArgsConstructor(access = AccessLevel.PRIVATE)
final class VocEntry {
  private final Path image;
  private final VocAnnotation annotation;

  /** The pixels, kept as long as there is room. */
  private volatile SoftReference<Scaled> cache = new SoftReference<>(null);

  /**
   * Reads an annotation; the image is read when it is asked for.
   *
   * @param image the image file called {@code name}, or null if there is none
   * @param annotation the annotation called {@code name}, or null if there is none
   * @throws UserInputException naming the file at fault
   */
  static VocEntry of(Path folder, String name, Path image, Path annotation) {
    if (image == null) {
      String missing = folder.resolve("JPEGImages") + ": there is no image '" + name + "'";
      throw new UserInputException(
          annotation == null ? missing : annotation + ": has no image; in " + missing);
    }
    if (annotation == null) {
      throw new UserInputException(
          image
              + ": has no annotation "
              + folder.resolve("Annotations").resolve(name + ".xml")
              + " (an image without objects needs one too, without <object>)");
    }
    return new VocEntry(image, VocAnnotation.read(annotation));
  }

  /** Whether the image has no objects. */
  boolean isBackground() {
    return annotation.getObjects().isEmpty();
  }

  void addLabelsTo(Set<String> labels) {
    annotation.getObjects().forEach(object -> labels.add(object.getName()));
  }

  /** Adds the name and the bytes of the image file, and its objects. */
  void addTo(Checksum checksum) {
    String description = image.getFileName() + " " + annotation.getObjects();
    checksum.update(description.getBytes(StandardCharsets.UTF_8));
    try {
      checksum.update(Files.readAllBytes(image));
    } catch (IOException e) {
      throw new UserInputException(image + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * The image, stretched to a square.
   *
   * @param labels the names that become the boxes' labels
   * @param side of the square, in pixels
   */
  LabelledImage labelled(List<String> labels, int side) {
    Scaled scaled = read(side);
    List<Box> boxes =
        annotation.getObjects().stream()
            .map(
                object ->
                    new Box(
                            object.getX1(),
                            object.getY1(),
                            object.getX2(),
                            object.getY2(),
                            labels.indexOf(object.getName()),
                            object.isDifficult())
                        .scaled(scaled.scaleX, scaled.scaleY))
            .collect(Collectors.toUnmodifiableList());
    return new LabelledImage(image.getFileName().toString(), scaled.pixels, boxes);
  }

  /**
   * Reads the image, if the memory does not hold it still.
   *
   * @throws UserInputException naming the file at fault
   */
  Scaled read(int side) {
    Scaled scaled = cache.get();
    if (scaled == null || scaled.pixels.getWidth() != side) {
      BufferedImage whole = ImageFiles.read(image);
      annotation.check(whole.getWidth(), whole.getHeight());
      scaled =
          new Scaled(
              ImageFiles.resized(whole, side, side),
              (double) side / whole.getWidth(),
              (double) side / whole.getHeight());
      cache = new SoftReference<>(scaled);
    }
    return scaled;
  }

  /** An image after stretching, and how much wider and higher it became. */
  @RequiredArgsConstructor
  static final class Scaled {
    private final BufferedImage pixels;
    private final double scaleX;
    private final double scaleY;
  }
}
