package io.github.dcn4j.examples.data;

import io.github.dcn4j.examples.UserInputException;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.ref.SoftReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lombok.Getter;

/**
 * A folder of images with boxes, laid out like Pascal VOC.
 *
 * <p>{@code JPEGImages} holds the images, {@code Annotations} one XML file of the same name for
 * each. {@code ImageSets/Main/train.txt} and {@code val.txt} list the names of the training and the
 * held-out images, one a line; if there is only one of them, the other part is all the rest; if
 * there is none, every fifth image in an order shuffled by the seed is held out.
 */
public final class VocFolder {
  /** One image of this many is held out where the folder does not say which. */
  private static final int HOLD_OUT_ONE_IN = 5;

  private static final Set<String> IMAGE_SUFFIXES =
      Set.of("jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff");

  /** Class names that occur in any annotation, in alphabetical order. */
  @Getter private final List<String> labels;

  private final List<Entry> training;
  private final List<Entry> heldOut;

  private VocFolder(List<String> labels, List<Entry> training, List<Entry> heldOut) {
    this.labels = labels;
    this.training = training;
    this.heldOut = heldOut;
  }

  /**
   * Reads all annotations of a folder; images are read when they are asked for.
   *
   * @param folder the folder that holds {@code JPEGImages} and {@code Annotations}
   * @param seed decides which images are held out, where the folder does not
   * @throws UserInputException naming the file or folder at fault
   */
  public static VocFolder open(Path folder, long seed) {
    Map<String, Path> images = filesByStem(folder.resolve("JPEGImages"), IMAGE_SUFFIXES);
    Map<String, Path> annotations = filesByStem(folder.resolve("Annotations"), Set.of("xml"));
    if (images.isEmpty()) {
      throw new UserInputException(folder.resolve("JPEGImages") + ": holds no images");
    }
    Path sets = folder.resolve("ImageSets").resolve("Main");
    List<String> trainingNames = names(sets.resolve("train.txt"));
    List<String> heldOutNames = names(sets.resolve("val.txt"));
    if (trainingNames == null && heldOutNames == null) {
      List<String> shuffled = new ArrayList<>(images.keySet());
      Collections.shuffle(shuffled, new Random(seed));
      int held = Math.max(1, shuffled.size() / HOLD_OUT_ONE_IN);
      heldOutNames = shuffled.subList(0, held);
    }
    if (trainingNames == null) {
      trainingNames = allBut(images, heldOutNames);
    } else if (heldOutNames == null) {
      heldOutNames = allBut(images, trainingNames);
    }
    List<Entry> training = entries(folder, trainingNames, images, annotations);
    List<Entry> heldOut = entries(folder, heldOutNames, images, annotations);
    if (training.isEmpty() || heldOut.isEmpty()) {
      throw new UserInputException(
          String.format(
              "%s: needs at least one image to train on and one held out, but has %d and %d",
              folder, training.size(), heldOut.size()));
    }
    Set<String> labels = new TreeSet<>();
    training.forEach(entry -> entry.addLabelsTo(labels));
    if (labels.isEmpty()) {
      throw new UserInputException(
          folder + ": the annotations of the training images hold no <object>, so no classes");
    }
    heldOut.forEach(entry -> entry.addLabelsTo(labels));
    return new VocFolder(List.copyOf(labels), training, heldOut);
  }

  /**
   * The training images, each stretched to a square.
   *
   * @param side of the square, in pixels
   */
  public DetectionDataset training(int side) {
    return new Part(labels, training, side);
  }

  /**
   * The held-out images, each stretched to a square.
   *
   * @param side of the square, in pixels
   */
  public DetectionDataset heldOut(int side) {
    return new Part(labels, heldOut, side);
  }

  private static Map<String, Path> filesByStem(Path folder, Set<String> suffixes) {
    if (!Files.isDirectory(folder)) {
      throw new UserInputException(folder + ": there is no such folder");
    }
    Map<String, Path> found = new TreeMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().collect(Collectors.toList())) {
        String name = file.getFileName().toString();
        int dot = name.lastIndexOf('.');
        if (dot > 0
            && suffixes.contains(name.substring(dot + 1).toLowerCase(java.util.Locale.ROOT))) {
          Path other = found.put(name.substring(0, dot), file);
          if (other != null) {
            throw new UserInputException(
                String.format("%s and %s: which one is meant is not clear", other, file));
          }
        }
      }
    } catch (IOException e) {
      throw new UserInputException(folder + ": cannot be listed: " + e.getMessage(), e);
    }
    return found;
  }

  /** The first word of each line, or null if there is no such file. */
  private static List<String> names(Path list) {
    if (!Files.exists(list)) {
      return null;
    }
    try (Stream<String> lines = Files.lines(list)) {
      return lines
          .map(String::trim)
          .filter(line -> !line.isEmpty())
          .map(line -> line.split("\\s+")[0])
          .distinct()
          .collect(Collectors.toList());
    } catch (IOException | java.io.UncheckedIOException e) {
      throw new UserInputException(list + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static List<String> allBut(Map<String, Path> images, List<String> names) {
    Set<String> rest = new TreeSet<>(images.keySet());
    rest.removeAll(Set.copyOf(names));
    return List.copyOf(rest);
  }

  private static List<Entry> entries(
      Path folder, List<String> names, Map<String, Path> images, Map<String, Path> annotations) {
    List<Entry> entries = new ArrayList<>();
    for (String name : names) {
      Path image = images.get(name);
      Path annotation = annotations.get(name);
      if (image == null) {
        throw new UserInputException(
            folder.resolve("JPEGImages") + ": there is no image '" + name + "'");
      }
      if (annotation == null) {
        throw new UserInputException(
            image
                + ": has no annotation "
                + folder.resolve("Annotations").resolve(name + ".xml")
                + " (an image without objects needs one too, without <object>)");
      }
      entries.add(new Entry(image, VocAnnotation.read(annotation)));
    }
    return List.copyOf(entries);
  }

  /** An image file with its annotation. */
  private static final class Entry {
    final Path image;
    final VocAnnotation annotation;

    Entry(Path image, VocAnnotation annotation) {
      this.image = image;
      this.annotation = annotation;
    }

    void addLabelsTo(Set<String> labels) {
      annotation.getObjects().forEach(object -> labels.add(object.getName()));
    }
  }

  /** Some of the images, kept in memory as long as there is room. */
  private static final class Part implements DetectionDataset {
    private final List<String> labels;
    private final List<Entry> entries;
    private final int side;
    private final AtomicReferenceArray<SoftReference<LabelledImage>> cache;

    Part(List<String> labels, List<Entry> entries, int side) {
      this.labels = labels;
      this.entries = entries;
      this.side = side;
      this.cache = new AtomicReferenceArray<>(entries.size());
    }

    @Override
    public List<String> labels() {
      return labels;
    }

    @Override
    public int size() {
      return entries.size();
    }

    @Override
    public LabelledImage get(int index) {
      SoftReference<LabelledImage> cached = cache.get(index);
      LabelledImage image = cached == null ? null : cached.get();
      if (image == null) {
        image = read(entries.get(index));
        cache.set(index, new SoftReference<>(image));
      }
      return image;
    }

    private LabelledImage read(Entry entry) {
      BufferedImage image = ImageFiles.read(entry.image);
      entry.annotation.check(image.getWidth(), image.getHeight());
      double scaleX = (double) side / image.getWidth();
      double scaleY = (double) side / image.getHeight();
      List<Box> boxes =
          entry.annotation.getObjects().stream()
              .map(
                  object ->
                      new Box(
                              object.getX1(),
                              object.getY1(),
                              object.getX2(),
                              object.getY2(),
                              labels.indexOf(object.getName()),
                              object.isDifficult())
                          .scaled(scaleX, scaleY))
              .collect(Collectors.toUnmodifiableList());
      return new LabelledImage(
          entry.image.getFileName().toString(), ImageFiles.resized(image, side, side), boxes);
    }
  }
}
