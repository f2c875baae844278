package io.github.dcn4j.detection.data;

import io.github.dcn4j.detection.Box;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.ref.SoftReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.zip.Checksum;
import lombok.RequiredArgsConstructor;

/** An image file with its annotation. */
@RequiredArgsConstructor
final class AnnotatedImage {
  private final Path file;
  private final Annotation annotation;

  /** The pixels, kept as long as there is room. */
  private volatile SoftReference<Scaled> cache = new SoftReference<>(null);

  /** Whether the image has an object to learn. */
  boolean teaches() {
    return annotation.getObjects().stream().anyMatch(object -> !object.isDifficult());
  }

  void addLabelsTo(Set<String> labels) {
    annotation.getObjects().forEach(object -> labels.add(object.getName()));
  }

  /** Adds the name and the bytes of the image file, and its objects. */
  void addTo(Checksum checksum) {
    String description = FileNames.of(file) + " " + annotation.getObjects();
    checksum.update(description.getBytes(StandardCharsets.UTF_8));
    try {
      checksum.update(Files.readAllBytes(file));
    } catch (IOException e) {
      throw FileNames.complaint(file, "cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * The image in its letterbox.
   *
   * @param labels the names that become the boxes' labels
   * @param side of the square, in pixels
   * @param longest as in {@link #read}, at least {@code side}
   */
  LabelledImage labelled(List<String> labels, int side, int longest) {
    Scaled scaled = read(longest);
    Letterbox letterbox = new Letterbox(scaled.width, scaled.height, side);
    List<Box> boxes = annotation.boxes(labels, scaled.width, scaled.height);
    return new LabelledImage(
        FileNames.of(file), letterbox.place(scaled.pixels), letterbox.toSquare(boxes));
  }

  /** The image varied at random; otherwise as {@link #labelled}. */
  LabelledImage varied(List<String> labels, int side, int longest, SplittableRandom random) {
    Scaled scaled = read(longest);
    Augmentation variation =
        Augmentation.draw(new Letterbox(scaled.width, scaled.height, side), random);
    List<Box> boxes = annotation.boxes(labels, scaled.width, scaled.height);
    return new LabelledImage(
        FileNames.of(file), variation.draw(scaled.pixels), variation.boxes(boxes));
  }

  /**
   * Reads the image, if the memory does not hold it still.
   *
   * @param longest the image is made smaller until neither side has more pixels
   * @throws InvalidDataException naming the file at fault
   */
  Scaled read(int longest) {
    Scaled scaled = cache.get();
    if (scaled == null || scaled.longest != longest) {
      BufferedImage whole = ImageFiles.read(file);
      annotation.boxes(List.of(), whole.getWidth(), whole.getHeight());
      scaled = new Scaled(whole, longest);
      cache = new SoftReference<>(scaled);
    }
    return scaled;
  }

  /** An image made smaller, with the size that it had. */
  static final class Scaled {
    private final int width;
    private final int height;
    private final int longest;
    private final BufferedImage pixels;

    Scaled(BufferedImage whole, int longest) {
      width = whole.getWidth();
      height = whole.getHeight();
      this.longest = longest;
      Letterbox limit = new Letterbox(width, height, longest);
      pixels =
          Math.max(width, height) <= longest
              ? whole
              : ImageFiles.resized(whole, limit.scaledWidth(), limit.scaledHeight());
    }
  }
}
