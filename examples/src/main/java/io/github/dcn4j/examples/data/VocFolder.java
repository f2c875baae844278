package io.github.dcn4j.examples.data;

import io.github.dcn4j.examples.UserInputException;
import java.io.IOException;
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
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import lombok.Getter;
import lombok.RequiredArgsConstructor;

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

  private final Path folder;
  private final List<VocEntry> training;
  private final List<VocEntry> heldOut;

  private VocFolder(Path folder, List<VocEntry> training, List<VocEntry> heldOut) {
    Set<String> names = new TreeSet<>();
    training.forEach(entry -> entry.addLabelsTo(names));
    heldOut.forEach(entry -> entry.addLabelsTo(names));
    this.folder = folder;
    this.training = training;
    this.heldOut = heldOut;
    labels = List.copyOf(names);
  }

  /**
   * Reads all annotations of a folder; images are read when they are asked for. What is wrong with
   * either is settled in {@link #readable}, so that all of it is named at once.
   *
   * @param folder the folder that holds {@code JPEGImages} and {@code Annotations}
   * @param seed decides which images are held out, where the folder does not
   * @param badFiles gets the images and annotations that lack each other, and the annotations that
   *     cannot be read; they are left out
   * @throws UserInputException naming the folder at fault
   */
  public static VocFolder open(Path folder, long seed, BadFiles badFiles) {
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
    Set<String> all = new TreeSet<>(images.keySet());
    all.addAll(annotations.keySet());
    if (trainingNames == null) {
      trainingNames = allBut(all, heldOutNames);
    } else if (heldOutNames == null) {
      heldOutNames = allBut(all, trainingNames);
    }
    List<VocEntry> training = entries(folder, trainingNames, images, annotations, badFiles);
    List<VocEntry> heldOut = entries(folder, heldOutNames, images, annotations, badFiles);
    return new VocFolder(folder, training, heldOut);
  }

  /** Number of images in both parts. */
  public int size() {
    return training.size() + heldOut.size();
  }

  /**
   * Reads all images; the memory keeps what it has room for.
   *
   * @param side of the squares to stretch them to, in pixels
   * @param badFiles what {@link #open} found, and what to do about it and about images that cannot
   *     be read, or that their annotation does not fit
   * @param step is run after each image, by any thread
   * @return the folder without the bad ones
   * @throws UserInputException naming the files at fault, or the folder if too little is left
   */
  public VocFolder readable(int side, BadFiles badFiles, Runnable step) {
    List<VocEntry> readableTraining = readable(training, side, badFiles, step);
    List<VocEntry> readableHeldOut = readable(heldOut, side, badFiles, step);
    badFiles.settle();
    VocFolder readable = new VocFolder(folder, readableTraining, readableHeldOut);
    readable.requireEnough();
    return readable;
  }

  private void requireEnough() {
    if (training.isEmpty() || heldOut.isEmpty()) {
      throw new UserInputException(
          String.format(
              "%s: needs at least one image to train on and one held out, but has %d and %d",
              folder, training.size(), heldOut.size()));
    }
    if (training.stream().allMatch(VocEntry::isBackground)) {
      throw new UserInputException(
          folder + ": the annotations of the training images hold no <object>, so no classes");
    }
  }

  private static List<VocEntry> readable(
      List<VocEntry> entries, int side, BadFiles badFiles, Runnable step) {
    return entries.parallelStream()
        .filter(
            entry -> {
              boolean fine = badFiles.isFine(() -> entry.read(side));
              step.run();
              return fine;
            })
        .collect(Collectors.toUnmodifiableList());
  }

  /** A checksum of the names and the bytes of the image files, and of their objects. */
  public long fingerprint() {
    CRC32 checksum = new CRC32();
    for (List<VocEntry> part : List.of(training, heldOut)) {
      for (VocEntry entry : part) {
        entry.addTo(checksum);
      }
      checksum.update('/');
    }
    return checksum.getValue();
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

  private static List<String> allBut(Set<String> all, List<String> names) {
    Set<String> rest = new TreeSet<>(all);
    rest.removeAll(Set.copyOf(names));
    return List.copyOf(rest);
  }

  private static List<VocEntry> entries(
      Path folder,
      List<String> names,
      Map<String, Path> images,
      Map<String, Path> annotations,
      BadFiles badFiles) {
    List<VocEntry> entries = new ArrayList<>();
    for (String name : names) {
      badFiles.isFine(
          () -> entries.add(VocEntry.of(folder, name, images.get(name), annotations.get(name))));
    }
    return List.copyOf(entries);
  }

  /** Some of the images. */
  @RequiredArgsConstructor
  private static final class Part implements DetectionDataset {
    private final List<String> labels;
    private final List<VocEntry> entries;
    private final int side;

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
      return entries.get(index).labelled(labels, side);
    }
  }
}
