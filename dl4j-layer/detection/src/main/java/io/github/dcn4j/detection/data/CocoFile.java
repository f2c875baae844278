package io.github.dcn4j.detection.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lombok.RequiredArgsConstructor;
import org.nd4j.shade.jackson.core.JsonFactory;
import org.nd4j.shade.jackson.core.JsonParser;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.core.JsonToken;

/**
 * One JSON file of COCO's object annotations: {@code images}, {@code annotations} and {@code
 * categories}.
 *
 * <p>It is read as a stream, so that only names and boxes are kept of it, whatever its size. Boxes
 * are [x, y, width, height] in pixels; those without area are left out, as COCO's own files hold
 * some. Those of crowds count as difficult. Ids may be any numbers or strings.
 */
@RequiredArgsConstructor
final class CocoFile {
  /** How much the sum of two normalised numbers may be above 1. */
  private static final double ROUNDING = 1e-6;

  private static final Set<String> YES = Set.of("1", "true");

  private final Path file;
  private final BadFiles badFiles;
  private final Map<String, String> categories = new HashMap<>();
  private final Map<String, Element> images = new LinkedHashMap<>();
  private final Map<String, List<Element>> annotations = new HashMap<>();
  private final Map<Path, Map<String, Path>> listings = new HashMap<>();
  private int empty;

  /** What matters of an image, an annotation or a category; null where it is missing. */
  private static final class Element {
    private String id;
    private String imageId;
    private String categoryId;
    private String name;
    private String fileName;
    private int width;
    private int height;
    private boolean crowd;
    private double[] box;
  }

  /**
   * Reads a file.
   *
   * @param badFiles gets what cannot be used; it is left out
   * @throws InvalidDataException naming the file, if it is no JSON, or no annotations
   */
  static CocoFile read(Path file, BadFiles badFiles) {
    CocoFile read = new CocoFile(file, badFiles);
    try (InputStream in = Files.newInputStream(file);
        JsonParser parser = new JsonFactory().createParser(in)) {
      read.parse(parser);
    } catch (JsonProcessingException e) {
      throw FileNames.complaint(
          file,
          String.format(
              "cannot be read as JSON: %s (line %d, column %d)",
              e.getOriginalMessage(),
              e.getLocation() == null ? 0 : e.getLocation().getLineNr(),
              e.getLocation() == null ? 0 : e.getLocation().getColumnNr()),
          e);
    } catch (IOException e) {
      throw FileNames.complaint(file, "cannot be read: " + e.getMessage(), e);
    }
    read.checkReferences();
    return read;
  }

  private void parse(JsonParser parser) throws IOException {
    Set<String> missing = new HashSet<>(Set.of("images", "annotations", "categories"));
    if (parser.nextToken() == JsonToken.START_OBJECT) {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.getCurrentName();
        parser.nextToken();
        missing.remove(name);
        switch (name) {
          case "images":
            elements(parser, name, this::addImage);
            break;
          case "annotations":
            elements(
                parser,
                name,
                element ->
                    annotations
                        .computeIfAbsent(element.imageId, id -> new ArrayList<>())
                        .add(element));
            break;
          case "categories":
            elements(parser, name, this::addCategory);
            break;
          default:
            parser.skipChildren();
        }
      }
    }
    if (!missing.isEmpty()) {
      throw FileNames.complaint(
          file,
          "expected COCO's images, annotations and categories, but the file lacks "
              + missing.stream().sorted().collect(Collectors.joining(", ")));
    }
  }

  private void elements(JsonParser parser, String name, Consumer<Element> consumer)
      throws IOException {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw FileNames.complaint(file, "\"" + name + "\" is no list");
    }
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.START_OBJECT) {
        throw FileNames.complaint(file, "\"" + name + "\" holds something that is no object");
      }
      consumer.accept(element(parser));
    }
  }

  private static Element element(JsonParser parser) throws IOException {
    Element element = new Element();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.getCurrentName();
      parser.nextToken();
      switch (name) {
        case "id":
          element.id = text(parser);
          break;
        case "image_id":
          element.imageId = text(parser);
          break;
        case "category_id":
          element.categoryId = text(parser);
          break;
        case "name":
          element.name = text(parser);
          break;
        case "file_name":
          element.fileName = text(parser);
          break;
        case "width":
          element.width = (int) number(parser);
          break;
        case "height":
          element.height = (int) number(parser);
          break;
        case "iscrowd":
          String crowd = text(parser);
          element.crowd = crowd != null && YES.contains(crowd);
          break;
        case "bbox":
          element.box = numbers(parser);
          break;
        default:
          parser.skipChildren();
      }
    }
    return element;
  }

  /** A number or a string as text, 1.0 as 1; null if it is neither. */
  private static String text(JsonParser parser) throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_NUMBER_FLOAT) {
      double number = parser.getDoubleValue();
      return number == Math.rint(number) ? Long.toString((long) number) : parser.getText();
    }
    boolean scalar = parser.currentToken().isScalarValue();
    parser.skipChildren();
    return scalar && parser.currentToken() != JsonToken.VALUE_NULL ? parser.getText() : null;
  }

  private static double number(JsonParser parser) throws IOException {
    boolean numeric = parser.currentToken().isNumeric();
    parser.skipChildren();
    return numeric ? parser.getDoubleValue() : Double.NaN;
  }

  private static double[] numbers(JsonParser parser) throws IOException {
    List<Double> numbers = new ArrayList<>();
    if (parser.currentToken() == JsonToken.START_ARRAY) {
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        numbers.add(number(parser));
      }
    }
    parser.skipChildren();
    return numbers.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private void addImage(Element image) {
    if (image.id == null || image.fileName == null) {
      throw FileNames.complaint(file, "one of the \"images\" lacks its id or its file_name");
    }
    Element other = images.putIfAbsent(image.id, image);
    if (other != null && !other.fileName.equals(image.fileName)) {
      throw FileNames.complaint(
          file,
          String.format(
              "the images '%s' and '%s' have the same id %s",
              other.fileName, image.fileName, image.id));
    }
  }

  private void addCategory(Element category) {
    if (category.id == null || category.name == null || category.name.isBlank()) {
      throw FileNames.complaint(file, "one of the \"categories\" lacks its id or its name");
    }
    String name = FileNames.normalised(category.name.trim());
    String other = categories.put(category.id, name);
    if (other != null && !other.equals(name)) {
      throw FileNames.complaint(
          file,
          String.format(
              "the categories '%s' and '%s' have the same id %s", other, name, category.id));
    }
  }

  /** Annotations of images that are not there: they may be of those that a user wants. */
  private void checkReferences() {
    Map<String, List<Element>> stray = new HashMap<>(annotations);
    stray.keySet().removeAll(images.keySet());
    badFiles.isFine(
        () -> {
          if (!stray.isEmpty()) {
            Element first = stray.values().iterator().next().get(0);
            throw FileNames.complaint(
                file,
                String.format(
                    "%d annotations are of images that are not listed, such as annotation %s of"
                        + " image %s",
                    stray.values().stream().mapToInt(List::size).sum(), first.id, first.imageId));
          }
        });
  }

  /**
   * Finds the image files.
   *
   * @param roots folders to look into, in this order
   * @param whole folder that no image may lie outside of
   * @return the files with the images' ids, in the file's order, without what cannot be used
   */
  Map<Path, String> locate(List<Path> roots, Path whole) {
    Map<Path, String> found = new LinkedHashMap<>();
    Map<Path, String> twice = new HashMap<>();
    for (Element image : images.values()) {
      badFiles.isFine(
          () -> {
            Path path = locate(image.fileName, roots, whole);
            String other = found.putIfAbsent(path, image.id);
            if (other != null) {
              twice.put(path, other);
              throw new InvalidDataException(
                  String.format(
                      "%s: the image has two ids, %s and %s", source(image), other, image.id));
            }
          });
    }
    found.keySet().removeAll(twice.keySet());
    return found;
  }

  private Path locate(String name, List<Path> roots, Path whole) {
    Path limit = whole.toAbsolutePath().normalize();
    boolean inside = false;
    for (Path root : roots) {
      Path path;
      try {
        path = FileNames.resolve(root, name.replace('\\', '/')).normalize();
      } catch (InvalidPathException e) {
        throw FileNames.complaint(file, "the image '" + name + "' cannot be a file's name", e);
      }
      if (path.toAbsolutePath().normalize().startsWith(limit)) {
        inside = true;
        Path found = Files.isRegularFile(path) ? path : likewiseCalled(path);
        if (found != null) {
          return found;
        }
      }
    }
    throw FileNames.complaint(
        file,
        inside
            ? String.format(
                "there is no image '%s' in %s",
                name, roots.stream().map(FileNames::text).collect(Collectors.joining(" or ")))
            : "the image '" + name + "' lies outside of " + FileNames.text(whole));
  }

  /** The file whose name is the same but for how its accents are written. */
  private Path likewiseCalled(Path path) {
    String name = FileNames.of(path);
    if (path.getParent() == null || name.chars().allMatch(c -> c < 0x80)) {
      return null;
    }
    return listings.computeIfAbsent(path.getParent(), CocoFile::listing).get(name);
  }

  private static Map<String, Path> listing(Path folder) {
    if (!Files.isDirectory(folder)) {
      return Map.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(Files::isRegularFile)
          .collect(Collectors.toMap(FileNames::of, path -> path, (first, second) -> first));
    } catch (IOException e) {
      throw FileNames.complaint(folder, "cannot be listed: " + e.getMessage(), e);
    }
  }

  /** The images that were found, with their annotations. */
  List<AnnotatedImage> images(Map<Path, String> found) {
    List<AnnotatedImage> result = new ArrayList<>();
    empty = 0;
    found.forEach(
        (path, id) ->
            badFiles.isFine(
                () -> result.add(new AnnotatedImage(path, annotation(images.get(id))))));
    if (empty > 0) {
      badFiles.note(FileNames.text(file) + ": left out " + empty + " boxes without area");
    }
    return List.copyOf(result);
  }

  private String source(Element image) {
    return FileNames.text(file) + ": image '" + image.fileName + "'";
  }

  private Annotation annotation(Element image) {
    List<AnnotatedObject> objects = new ArrayList<>();
    boolean normalised = true;
    for (Element annotation : annotations.getOrDefault(image.id, List.of())) {
      double[] box = box(image, annotation);
      String name = categories.get(annotation.categoryId);
      if (name == null) {
        throw new InvalidDataException(
            String.format(
                "%s: annotation %s is of category %s, which is not listed",
                source(image), annotation.id, annotation.categoryId));
      }
      if (box[2] == 0 || box[3] == 0) {
        empty++;
      } else {
        AnnotatedObject object =
            new AnnotatedObject(
                name, annotation.crowd, box[0], box[1], box[0] + box[2], box[1] + box[3]);
        normalised &= object.getX1() >= 0 && object.getX2() <= 1 + ROUNDING;
        normalised &= object.getY1() >= 0 && object.getY2() <= 1 + ROUNDING;
        objects.add(object);
      }
    }
    return new Annotation(
        source(image),
        image.width,
        image.height,
        objects.stream().distinct().collect(Collectors.toUnmodifiableList()),
        normalised && !objects.isEmpty());
  }

  private double[] box(Element image, Element annotation) {
    double[] box = annotation.box;
    boolean fine =
        box != null
            && box.length == 4
            && Arrays.stream(box).allMatch(Double::isFinite)
            && box[2] >= 0
            && box[3] >= 0;
    if (!fine) {
      throw new InvalidDataException(
          String.format(
              "%s: annotation %s: expected a bbox of x, y, width and height, got %s",
              source(image), annotation.id, Arrays.toString(box)));
    }
    return box;
  }
}
