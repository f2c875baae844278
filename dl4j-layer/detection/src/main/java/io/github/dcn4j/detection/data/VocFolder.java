package io.github.dcn4j.detection.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lombok.RequiredArgsConstructor;

/**
 * A folder of images with boxes, laid out like Pascal VOC.
 *
 * <p>{@code JPEGImages} holds the images, {@code Annotations} one XML file of the same name for
 * each. {@code ImageSets/Main/train.txt} and {@code val.txt} list the names of the training and the
 * held-out images, one a line; if there is only one of them, the other part is all the rest. Hidden
 * files do not count.
 */
@RequiredArgsConstructor
final class VocFolder {
  private static final String IMAGES = "JPEGImages";
  private static final String ANNOTATIONS = "Annotations";

  /** The lists of single classes say after each name whether the class is in the image. */
  private static final Pattern NAME_AND_FLAG = Pattern.compile("(.*\\S)\\s+(?:-1|0|1)");

  private static final char BYTE_ORDER_MARK = '\uFEFF';

  private final Path folder;
  private final Map<String, List<Path>> images;
  private final Map<String, List<Path>> annotations;
  private final BadFiles badFiles;

  /** Whether a folder looks like one. */
  static boolean isOne(Path folder) {
    return Files.isDirectory(folder.resolve(IMAGES));
  }

  /**
   * Reads all annotations.
   *
   * @param badFiles gets the images and annotations that lack each other, and the annotations that
   *     cannot be read; they are left out
   * @throws InvalidDataException naming the folder at fault
   */
  static Parts open(Path folder, BadFiles badFiles) {
    Map<String, List<Path>> images = filesByStem(folder.resolve(IMAGES), ImageFiles.SUFFIXES);
    Map<String, List<Path>> annotations = filesByStem(folder.resolve(ANNOTATIONS), Set.of("xml"));
    if (images.isEmpty()) {
      throw FileNames.complaint(folder.resolve(IMAGES), "holds no images");
    }
    return new VocFolder(folder, images, annotations, badFiles).parts();
  }

  private Parts parts() {
    Set<String> rest = new TreeSet<>(images.keySet());
    rest.addAll(annotations.keySet());
    Path sets = folder.resolve("ImageSets").resolve("Main");
    Path trainingList = sets.resolve("train.txt");
    Path heldOutList = sets.resolve("val.txt");
    Set<String> training = names(trainingList, rest);
    Set<String> heldOut = names(heldOutList, rest);
    if (training == null && heldOut == null) {
      return Parts.undivided(entries(rest));
    }
    if (training == null) {
      rest.removeAll(heldOut);
      training = rest;
    } else if (heldOut == null) {
      rest.removeAll(training);
      heldOut = rest;
    }
    removeCommon(training, heldOut, trainingList, heldOutList);
    return new Parts(entries(training), entries(heldOut), List.of());
  }

  private void removeCommon(
      Set<String> training, Set<String> heldOut, Path trainingList, Path heldOutList) {
    Set<String> common = new TreeSet<>(training);
    common.retainAll(heldOut);
    for (String name : common) {
      badFiles.isFine(
          () -> {
            String also = FileNames.text(heldOutList) + " names '" + name + "'";
            throw FileNames.complaint(
                trainingList, also + " too: an image is to train on or held out, not both");
          });
    }
    training.removeAll(common);
    heldOut.removeAll(common);
  }

  private List<AnnotatedImage> entries(Set<String> names) {
    List<AnnotatedImage> entries = new ArrayList<>();
    for (String name : names) {
      badFiles.isFine(() -> entries.add(entry(name)));
    }
    return List.copyOf(entries);
  }

  private AnnotatedImage entry(String name) {
    Path image = onlyOne(images.getOrDefault(name, List.of()));
    Path annotation = onlyOne(annotations.getOrDefault(name, List.of()));
    if (image == null) {
      String missing =
          FileNames.text(folder.resolve(IMAGES)) + ": there is no image '" + name + "'";
      throw annotation == null
          ? new InvalidDataException(missing)
          : FileNames.complaint(annotation, "has no image; in " + missing);
    }
    if (annotation == null) {
      throw FileNames.complaint(
          image,
          String.format(
              "has no annotation %s/%s.xml (an image without objects needs one too, without"
                  + " <object>)",
              FileNames.text(folder.resolve(ANNOTATIONS)), name));
    }
    return new AnnotatedImage(image, VocAnnotation.read(annotation));
  }

  private static Path onlyOne(List<Path> files) {
    if (files.size() > 1) {
      String others =
          files.stream().skip(1).map(FileNames::text).collect(Collectors.joining(" and "));
      throw FileNames.complaint(
          files.get(0), "there is also " + others + ": which one is meant is not clear");
    }
    return files.isEmpty() ? null : files.get(0);
  }

  private static Map<String, List<Path>> filesByStem(Path folder, Set<String> suffixes) {
    if (!Files.isDirectory(folder)) {
      throw FileNames.complaint(
          folder,
          "there is no such folder; expected "
              + IMAGES
              + " and "
              + ANNOTATIONS
              + " as in Pascal VOC, or annotations/instances_*.json as in COCO");
    }
    Map<String, List<Path>> found = new TreeMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().collect(Collectors.toList())) {
        String name = FileNames.of(file);
        if (!FileNames.isHidden(name)
            && suffixes.contains(FileNames.suffix(name))
            && !Files.isDirectory(file)) {
          found.computeIfAbsent(FileNames.stem(name), stem -> new ArrayList<>()).add(file);
        }
      }
    } catch (IOException e) {
      throw FileNames.complaint(folder, "cannot be listed: " + e.getMessage(), e);
    }
    return found;
  }

  /**
   * The names in a list, or null if there is no such file.
   *
   * @param known names that there are
   */
  private static Set<String> names(Path list, Set<String> known) {
    if (!Files.exists(list)) {
      return null;
    }
    try {
      return text(Files.readAllBytes(list))
          .lines()
          .map(line -> FileNames.normalised(line.trim()))
          .filter(line -> !line.isEmpty())
          .map(line -> name(line, known))
          .collect(Collectors.toCollection(LinkedHashSet::new));
    } catch (IOException e) {
      throw FileNames.complaint(list, "cannot be read: " + e.getMessage(), e);
    }
  }

  /** Text in UTF-8, or in UTF-16 as Windows writes it; both may begin with a mark. */
  private static String text(byte[] bytes) throws IOException {
    boolean wide =
        bytes.length >= 2
            && (bytes[0] & 0xFF) + (bytes[1] & 0xFF) == 0xFE + 0xFF
            && Math.max(bytes[0] & 0xFF, bytes[1] & 0xFF) == 0xFF;
    Charset charset = wide ? StandardCharsets.UTF_16 : StandardCharsets.UTF_8;
    String text = charset.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    return !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK ? text.substring(1) : text;
  }

  /** What a line means: a known name, perhaps of several words, with a flag or a suffix or not. */
  private static String name(String line, Set<String> known) {
    Matcher flagged = NAME_AND_FLAG.matcher(line);
    String plain = flagged.matches() ? flagged.group(1) : line;
    for (String name : List.of(line, plain)) {
      if (known.contains(name)) {
        return name;
      }
      String stem = FileNames.stem(name);
      if (ImageFiles.SUFFIXES.contains(FileNames.suffix(name)) && known.contains(stem)) {
        return stem;
      }
    }
    return plain;
  }
}
