package io.github.dcn4j.examples;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.detection.data.ImageFiles;
import io.github.dcn4j.detection.data.InvalidDataException;
import io.github.dcn4j.examples.checkpoint.AtomicFile;
import io.github.dcn4j.examples.checkpoint.Json;
import io.github.dcn4j.examples.detect.DetectionPicture;
import io.github.dcn4j.examples.detect.ObjectDetector;
import io.github.dcn4j.layers.SamplingPositions;
import java.awt.geom.Point2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Finds objects in images with a trained model. */
@Command(
    name = "detect",
    description = {
      "Finds objects in images with a model that train or train-two-stage wrote.",
      "Writes to the --output folder: for each image IMAGE-detections.png, and detections.json with"
          + " the file, class, score and box (in the image's own pixels) of all that was found."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false)
final class DetectCommand implements Callable<Integer> {
  private static final String LAST = "last";

  @Spec private CommandSpec spec;

  @Mixin private ModelArguments arguments = new ModelArguments("detections");

  @Option(
      names = "--source",
      paramLabel = "IMAGE|FOLDER",
      required = true,
      description = "An image, or a folder whose images are taken (not those of its folders).")
  private Path source;

  @Option(
      names = "--min-score",
      paramLabel = "S",
      defaultValue = "0.3",
      description =
          "Least score of what is written, 0 to 1; models drop all below 0.02 themselves.")
  private double minScore;

  @Option(
      names = "--show-sampling",
      paramLabel = "LAYER",
      arity = "0..1",
      fallbackValue = LAST,
      description =
          "Also writes IMAGE-sampling.png: where the taps of a deformable layer look for the middle"
              + " of each box. The layer by its name, or by its number from 1 on; without one, the"
              + " last.")
  private String layer;

  @Option(
      names = "--point",
      paramLabel = "X,Y",
      split = ",",
      description = "Shows the sampling of this point of the image instead, in its pixels.")
  private double[] point;

  @Override
  public Integer call() throws IOException {
    if (!(minScore >= 0 && minScore <= 1)) {
      throw new ParameterException(
          spec.commandLine(), "--min-score: expected 0 to 1, got " + minScore);
    }
    if (point != null && (point.length != 2 || layer == null)) {
      throw new ParameterException(
          spec.commandLine(), "--point: expected X,Y together with --show-sampling");
    }
    refuseOwnPictures();
    List<Path> images = Files.isDirectory(source) ? ImageFiles.in(source) : List.of(source);
    ObjectDetector detector = ModelFiles.load(arguments.model());
    String shown = layer == null ? null : layerName(detector);
    List<Object> found = new ArrayList<>();
    List<String> bad = new ArrayList<>();
    for (Path file : images) {
      BufferedImage image;
      try {
        image = ImageFiles.read(file);
        requirePointIn(image, file);
      } catch (InvalidDataException | UserInputException e) {
        if (images.size() == 1) {
          throw e;
        }
        bad.add(e.getMessage());
        continue;
      }
      found.add(detect(detector, file, image, shown));
    }
    if (found.isEmpty()) {
      printLeftOut(bad);
      throw new UserInputException("none of the images can be used");
    }
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("model", FileNames.text(arguments.model()));
    all.put("minScore", minScore);
    all.put("images", found);
    AtomicFile.write(
        arguments.output().resolve("detections.json"), part -> Files.write(part, Json.bytes(all)));
    return report(found.size(), bad);
  }

  /** In the folder of the images, the pictures of one run would be images of the next. */
  private void refuseOwnPictures() throws IOException {
    if (Files.isDirectory(source)
        && Files.exists(arguments.output())
        && Files.isSameFile(source, arguments.output())) {
      throw new UserInputException(
          "--output: expected another folder than that of --source, got "
              + FileNames.text(arguments.output()));
    }
  }

  private int report(int images, List<String> bad) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        "Written to %s: detections.json and pictures of %d images%n",
        FileNames.text(arguments.output()), images);
    out.flush();
    printLeftOut(bad);
    return bad.isEmpty() ? 0 : Failures.INPUT;
  }

  private void printLeftOut(List<String> bad) {
    PrintWriter err = spec.commandLine().getErr();
    bad.forEach(complaint -> err.println(spec.name() + ": left out: " + complaint));
    err.flush();
  }

  private String layerName(ObjectDetector detector) {
    List<String> names = SamplingPositions.names(detector.getNetwork());
    if (names.isEmpty()) {
      throw new UserInputException("--show-sampling: the model has no deformable layers");
    }
    if (layer.equals(LAST)) {
      return names.get(names.size() - 1);
    }
    if (names.contains(layer)) {
      return layer;
    }
    if (layer.matches("\\d{1,6}")) {
      int number = Integer.parseInt(layer);
      if (number >= 1 && number <= names.size()) {
        return names.get(number - 1);
      }
    }
    throw new UserInputException(
        "--show-sampling: expected 1 to "
            + names.size()
            + " or one of "
            + String.join(", ", names)
            + ", got "
            + layer);
  }

  /** Writes the pictures of an image, and gives its entry of the JSON. */
  private Map<String, Object> detect(
      ObjectDetector detector, Path file, BufferedImage image, String shown) throws IOException {
    List<Detection> detections =
        detector.detect(image).stream()
            .filter(detection -> detection.getScore() >= minScore)
            .sorted(Comparator.comparingDouble(Detection::getScore).reversed())
            .collect(Collectors.toList());
    List<String> labels = detector.getLabels();
    String name = FileNames.text(file.getFileName());
    OutputFolder.make(arguments.output());
    new DetectionPicture(image)
        .draw(detections, labels)
        .write(FileNames.resolve(arguments.output(), name + "-detections.png"));
    if (shown != null) {
      new DetectionPicture(image)
          .drawSampling(detector, shown, points(detections))
          .write(FileNames.resolve(arguments.output(), name + "-sampling.png"));
    }
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("file", name);
    entry.put("width", image.getWidth());
    entry.put("height", image.getHeight());
    entry.put(
        "detections", detections.stream().map(d -> entry(d, labels)).collect(Collectors.toList()));
    return entry;
  }

  private List<Point2D> points(List<Detection> detections) {
    if (point != null) {
      return List.of(new Point2D.Double(point[0], point[1]));
    }
    return detections.stream()
        .map(detection -> DetectionPicture.middle(detection.getBox()))
        .collect(Collectors.toList());
  }

  private void requirePointIn(BufferedImage image, Path file) {
    if (point == null) {
      return;
    }
    boolean inside =
        point[0] >= 0
            && point[0] <= image.getWidth()
            && point[1] >= 0
            && point[1] <= image.getHeight();
    if (!inside) {
      throw new UserInputException(
          String.format(
              "%s: --point: expected a point within %d,%d, got %s",
              FileNames.text(file), image.getWidth(), image.getHeight(), Arrays.toString(point)));
    }
  }

  private static Map<String, Object> entry(Detection detection, List<String> labels) {
    Box box = detection.getBox();
    Map<String, Object> corners = new LinkedHashMap<>();
    corners.put("x1", box.getX1());
    corners.put("y1", box.getY1());
    corners.put("x2", box.getX2());
    corners.put("y2", box.getY2());
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("label", labels.get(box.getLabel()));
    entry.put("score", detection.getScore());
    entry.put("box", corners);
    return entry;
  }
}
