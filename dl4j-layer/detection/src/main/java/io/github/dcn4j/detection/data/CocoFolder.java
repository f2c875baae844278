package io.github.dcn4j.detection.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lombok.experimental.UtilityClass;

/**
 * A folder of images with boxes, laid out like COCO.
 *
 * <p>{@code instances_NAME.json} lies in the folder {@code annotations} or beside the images, which
 * are in {@code NAME}, {@code images/NAME}, {@code images} or the folder itself. What is called
 * {@code train…} is to train on, what is called {@code val…} is held out; if there is only one such
 * file, it is not said which of its images are. {@code NAME/_annotations.coco.json} beside the
 * images in {@code NAME}, as some tools export it, is read likewise.
 */
@UtilityClass
class CocoFolder {
  private static final String PREFIX = "instances_";
  private static final String SUFFIX = ".json";
  private static final String EXPORTED = "_annotations.coco.json";
  private static final String TRAINING = "train";
  private static final String HELD_OUT = "val";

  /** Whether a folder looks like one. */
  static boolean isOne(Path folder) {
    return !files(folder).isEmpty();
  }

  /**
   * Reads all annotations of a folder.
   *
   * @param badFiles gets what cannot be used; it is left out
   * @throws InvalidDataException naming the file at fault
   */
  static Parts open(Path folder, BadFiles badFiles) {
    Map<Path, String> files = files(folder);
    Path training = onlyOne(files, TRAINING);
    Path heldOut = onlyOne(files, HELD_OUT);
    if (training != null && heldOut != null) {
      return parts(folder, training, heldOut, badFiles);
    }
    Path only = training != null ? training : heldOut != null ? heldOut : onlyOne(files, "");
    return Parts.undivided(images(folder, only, badFiles));
  }

  /**
   * Reads one file; beside {@code instances_trainNAME.json}, {@code instances_valNAME.json} holds
   * the held-out images if it is there.
   *
   * @param badFiles gets what cannot be used; it is left out
   * @throws InvalidDataException naming the file at fault
   */
  static Parts openFile(Path file, BadFiles badFiles) {
    Path parent = file.toAbsolutePath().getParent();
    boolean apart = FileNames.of(parent).equals("annotations") && parent.getParent() != null;
    Path folder = apart ? parent.getParent() : parent;
    String name = FileNames.of(file);
    if (name.startsWith(PREFIX + TRAINING)) {
      String other = PREFIX + HELD_OUT + name.substring((PREFIX + TRAINING).length());
      Path heldOut = FileNames.resolve(parent, other);
      if (Files.isRegularFile(heldOut)) {
        return parts(folder, file, heldOut, badFiles);
      }
    }
    return Parts.undivided(images(folder, file, badFiles));
  }

  private static Parts parts(Path folder, Path training, Path heldOut, BadFiles badFiles) {
    CocoFile first = CocoFile.read(training, badFiles);
    CocoFile second = CocoFile.read(heldOut, badFiles);
    Map<Path, String> toTrain = first.locate(folders(folder, training), folder);
    Map<Path, String> toMeasure = second.locate(folders(folder, heldOut), folder);
    Set<Path> common = new LinkedHashSet<>(toTrain.keySet());
    common.retainAll(toMeasure.keySet());
    for (Path image : common) {
      badFiles.isFine(
          () -> {
            throw FileNames.complaint(
                image,
                String.format(
                    "is in %s and in %s: an image is to train on or held out, not both",
                    FileNames.text(training), FileNames.text(heldOut)));
          });
    }
    toTrain.keySet().removeAll(common);
    toMeasure.keySet().removeAll(common);
    return new Parts(first.images(toTrain), second.images(toMeasure), List.of());
  }

  private static List<AnnotatedImage> images(Path folder, Path file, BadFiles badFiles) {
    CocoFile coco = CocoFile.read(file, badFiles);
    return coco.images(coco.locate(folders(folder, file), folder));
  }

  /** Where the images of a file may be. */
  private static List<Path> folders(Path folder, Path file) {
    Set<Path> folders = new LinkedHashSet<>();
    String name = name(file);
    folders.add(FileNames.resolve(folder, name));
    folders.add(FileNames.resolve(folder.resolve("images"), name));
    folders.add(folder.resolve("images"));
    folders.add(folder);
    folders.add(file.toAbsolutePath().getParent());
    return folders.stream().filter(Files::isDirectory).collect(Collectors.toList());
  }

  private static String name(Path file) {
    String name = FileNames.of(file);
    if (name.equals(EXPORTED)) {
      return FileNames.of(file.toAbsolutePath().getParent());
    }
    String stem = FileNames.stem(name);
    return stem.startsWith(PREFIX) ? stem.substring(PREFIX.length()) : stem;
  }

  private static Path onlyOne(Map<Path, String> files, String beginning) {
    List<Path> found =
        files.keySet().stream()
            .filter(file -> files.get(file).startsWith(beginning))
            .collect(Collectors.toList());
    if (found.size() > 1) {
      throw FileNames.complaint(
          found.get(0),
          String.format(
              "there is also %s: give the path of one of them instead of the folder's",
              FileNames.text(found.get(1))));
    }
    return found.isEmpty() ? null : found.get(0);
  }

  /** The files of annotations, with their names for what is in them. */
  private static Map<Path, String> files(Path folder) {
    Map<Path, String> found = new TreeMap<>();
    for (Path inner : List.of(folder, folder.resolve("annotations"))) {
      for (Path file : listed(inner)) {
        String name = FileNames.of(file);
        if (name.startsWith(PREFIX) && name.endsWith(SUFFIX)) {
          found.put(file, name(file));
        }
        Path exported = file.resolve(EXPORTED);
        if (Files.isRegularFile(exported)) {
          found.put(exported, name);
        }
      }
    }
    return found;
  }

  private static List<Path> listed(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return new ArrayList<>(files.sorted().collect(Collectors.toList()));
    } catch (IOException e) {
      throw FileNames.complaint(folder, "cannot be listed: " + e.getMessage(), e);
    }
  }
}
