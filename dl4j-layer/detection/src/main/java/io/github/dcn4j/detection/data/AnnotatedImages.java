package io.github.dcn4j.detection.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import lombok.Getter;
import lombok.RequiredArgsConstructor;

/**
 * A user's images with boxes, one part to train on and one held out: a {@link VocFolder} or a
 * {@link CocoFolder}.
 *
 * <p>Where the data do not say which is which, every fifth image in an order shuffled by the seed
 * is held out. The data sets that are made of them read an image when it is asked for, scale it
 * into a square ({@link Letterbox}), and throw an {@link InvalidDataException} that names the file
 * if it cannot be read or its annotation does not fit it.
 */
public final class AnnotatedImages {
  /** One image of this many is held out where the data do not say which. */
  private static final int HOLD_OUT_ONE_IN = 5;

  /** Class names that occur in any annotation, in alphabetical order. */
  @Getter private final List<String> labels;

  private final Path data;
  private final long seed;
  private final Parts parts;
  private final List<AnnotatedImage> training;
  private final List<AnnotatedImage> heldOut;

  /** Longest side of the training images that are kept in memory, or 0 if it is not decided. */
  private final int longest;

  private AnnotatedImages(Path data, long seed, Parts parts, int longest) {
    this.data = data;
    this.seed = seed;
    this.parts = parts;
    this.longest = longest;
    List<AnnotatedImage> shuffled = new ArrayList<>(parts.getUndivided());
    Collections.shuffle(shuffled, new Random(seed));
    int held = shuffled.isEmpty() ? 0 : Math.max(1, shuffled.size() / HOLD_OUT_ONE_IN);
    heldOut = joined(parts.getHeldOut(), shuffled.subList(0, held));
    training = joined(parts.getTraining(), shuffled.subList(held, shuffled.size()));
    Set<String> names = new TreeSet<>();
    training.forEach(image -> image.addLabelsTo(names));
    heldOut.forEach(image -> image.addLabelsTo(names));
    labels = List.copyOf(names);
  }

  private static <T> List<T> joined(List<T> first, List<T> second) {
    List<T> all = new ArrayList<>(first);
    all.addAll(second);
    return List.copyOf(all);
  }

  /**
   * Reads all annotations; images are read when they are asked for.
   *
   * @param data a Pascal VOC folder, a folder with COCO's {@code instances_*.json}, or such a file
   * @param seed decides which images are held out, where the data do not
   * @throws InvalidDataException naming the files at fault, up to five
   */
  public static AnnotatedImages open(Path data, long seed) {
    BadFiles badFiles = new BadFiles(BadFiles.Policy.REFUSE);
    AnnotatedImages images = open(data, seed, badFiles);
    badFiles.settle();
    return images;
  }

  /**
   * Reads all annotations; images are read when they are asked for. What is wrong with either is
   * settled in {@link #readable}, so that all of it is named at once.
   *
   * @param data a Pascal VOC folder, a folder with COCO's {@code instances_*.json}, or such a file
   * @param seed decides which images are held out, where the data do not
   * @param badFiles gets the images and annotations that lack each other, and the annotations that
   *     cannot be read; they are left out
   * @throws InvalidDataException naming the folder or file at fault
   */
  public static AnnotatedImages open(Path data, long seed, BadFiles badFiles) {
    return new AnnotatedImages(data, seed, find(data, badFiles), 0);
  }

  private static Parts find(Path data, BadFiles badFiles) {
    if (Files.isRegularFile(data)) {
      return CocoFolder.openFile(data, badFiles);
    }
    if (!Files.isDirectory(data)) {
      throw FileNames.complaint(data, "there is no such folder or file");
    }
    if (!VocFolder.isOne(data) && CocoFolder.isOne(data)) {
      return CocoFolder.open(data, badFiles);
    }
    return VocFolder.open(data, badFiles);
  }

  /** Number of images in both parts. */
  public int size() {
    return training.size() + heldOut.size();
  }

  /**
   * Reads all images; the memory keeps what it has room for.
   *
   * @param side of the squares that are wanted, in pixels
   * @param augment whether the training images are to be varied
   * @param badFiles what {@link #open} found, and what to do about it and about images that cannot
   *     be read, or that their annotation does not fit
   * @param step is run after each image, by any thread
   * @return the data without the bad ones; what the folder left undivided is divided anew
   * @throws InvalidDataException naming the files at fault
   */
  public AnnotatedImages readable(int side, boolean augment, BadFiles badFiles, Runnable step) {
    int longestTraining = augment ? (int) Math.ceil(side * Augmentation.MAX_ZOOM) : side;
    Set<AnnotatedImage> toTrain = Set.copyOf(training);
    Parts readable =
        new Parts(
            readable(parts.getTraining(), toTrain, longestTraining, side, badFiles, step),
            readable(parts.getHeldOut(), toTrain, longestTraining, side, badFiles, step),
            readable(parts.getUndivided(), toTrain, longestTraining, side, badFiles, step));
    badFiles.settle();
    return new AnnotatedImages(data, seed, readable, longestTraining);
  }

  private static List<AnnotatedImage> readable(
      List<AnnotatedImage> images,
      Set<AnnotatedImage> toTrain,
      int longestTraining,
      int side,
      BadFiles badFiles,
      Runnable step) {
    return images.parallelStream()
        .filter(
            image -> {
              int longest = toTrain.contains(image) ? longestTraining : side;
              boolean fine = badFiles.isFine(() -> image.read(longest));
              step.run();
              return fine;
            })
        .collect(Collectors.toUnmodifiableList());
  }

  /**
   * Makes sure that there is something to train on and something to measure on.
   *
   * @throws InvalidDataException naming the data, if too little is there
   */
  public void requireEnough() {
    if (training.isEmpty() || heldOut.isEmpty()) {
      throw FileNames.complaint(
          data,
          String.format(
              "needs at least one image to train on and one held out, but has %d and %d",
              training.size(), heldOut.size()));
    }
    if (training.stream().noneMatch(AnnotatedImage::teaches)) {
      throw FileNames.complaint(
          data, "the annotations of the training images hold no objects, so no classes");
    }
  }

  /** A checksum of the names and the bytes of the image files, and of their objects. */
  public long fingerprint() {
    CRC32 checksum = new CRC32();
    for (List<AnnotatedImage> part : List.of(training, heldOut)) {
      for (AnnotatedImage image : part) {
        image.addTo(checksum);
      }
      checksum.update('/');
    }
    return checksum.getValue();
  }

  /**
   * The training images, each in its {@link Letterbox}.
   *
   * @param side of the square, in pixels
   */
  public DetectionDataset training(int side) {
    return training(side, labels);
  }

  /**
   * The training images for a detector of other labels.
   *
   * @param detected the detector's class names; boxes of other classes have the label −1
   */
  public DetectionDataset training(int side, List<String> detected) {
    return new Part(List.copyOf(detected), training, side, side);
  }

  /**
   * The training images, each in its {@link Letterbox}; those that {@link
   * DetectionDataset#forEpoch} gives are varied at random ({@link Augmentation}).
   *
   * @param side of the square, in pixels
   */
  public DetectionDataset augmented(int side) {
    return new Augmented(labels, training, side, Math.max(side, longest), seed);
  }

  /**
   * The held-out images, each in its {@link Letterbox}.
   *
   * @param side of the square, in pixels
   */
  public DetectionDataset heldOut(int side) {
    return heldOut(side, labels);
  }

  /**
   * The held-out images for a detector of other labels.
   *
   * @param detected the detector's class names; boxes of other classes have the label −1
   */
  public DetectionDataset heldOut(int side, List<String> detected) {
    return new Part(List.copyOf(detected), heldOut, side, side);
  }

  /**
   * All images, for a detector of other labels.
   *
   * @param detected the detector's class names; boxes of other classes have the label −1
   */
  public DetectionDataset all(int side, List<String> detected) {
    return new Part(List.copyOf(detected), joined(training, heldOut), side, side);
  }

  /** Some of the images. */
  @RequiredArgsConstructor
  private static class Part implements DetectionDataset {
    final List<String> labels;
    final List<AnnotatedImage> images;
    final int side;
    final int longest;

    @Override
    public List<String> labels() {
      return labels;
    }

    @Override
    public int size() {
      return images.size();
    }

    @Override
    public LabelledImage get(int index) {
      return images.get(index).labelled(labels, side, longest);
    }
  }

  /** Images that every pass varies in its own way, whatever passes were before. */
  private static final class Augmented extends Part {
    private final long seed;

    Augmented(List<String> labels, List<AnnotatedImage> images, int side, int longest, long seed) {
      super(labels, images, side, longest);
      this.seed = seed;
    }

    @Override
    public DetectionDataset forEpoch(int epoch) {
      return new Part(labels, images, side, longest) {
        @Override
        public LabelledImage get(int index) {
          return images.get(index).varied(labels, side, longest, Draws.of(seed, epoch, index));
        }
      };
    }
  }
}
