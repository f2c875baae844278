package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.data.Letterbox;
import io.github.dcn4j.examples.UserInputException;
import io.github.dcn4j.examples.checkpoint.Json;
import io.github.dcn4j.examples.checkpoint.NetworkFile;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import lombok.Value;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonInclude;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * What the output of a detector's network means: the entry {@code detector.json} of a model file,
 * which is a {@link NetworkFile} without the state of the updater.
 */
@Value
public class ModelDescription {
  private static final String ENTRY = "detector.json";

  /** Goes up with a change that makes earlier versions of the program misread a file. */
  private static final int FORMAT = 1;

  private static final int MAX_SIDE = 1 << 14;

  /** The kinds of detectors. */
  public enum Kind {
    /** A {@link Detector}. */
    @JsonProperty("one-stage")
    ONE_STAGE,
    /** A {@code TwoStageDetector}. */
    @JsonProperty("two-stage")
    TWO_STAGE
  }

  /** Version of this description: 1. */
  int format;

  /** What kind of detector it is. */
  Kind kind;

  /** How a two-stage detector pools regions; null for the other kind. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  String pooling;

  /** Class names, in the order of the network's classes; at least one. */
  List<String> labels;

  /** Rows and columns of the square images that the network takes. */
  int inputSize;

  /** Each channel, 0 to 255, of the bars beside an image that is not square. */
  int letterboxPadding;

  /** [anchors][width, height] in pixels of the input. */
  double[][] anchors;

  /** A description of a detector that this version makes. */
  public ModelDescription(
      Kind kind, String pooling, List<String> labels, int inputSize, double[][] anchors) {
    this(FORMAT, kind, pooling, labels, inputSize, Letterbox.PADDING, anchors);
  }

  @JsonCreator
  private ModelDescription(
      @JsonProperty(value = "format", required = true) int format,
      @JsonProperty(value = "kind", required = true) Kind kind,
      @JsonProperty("pooling") String pooling,
      @JsonProperty(value = "labels", required = true) List<String> labels,
      @JsonProperty(value = "inputSize", required = true) int inputSize,
      @JsonProperty(value = "letterboxPadding", required = true) int letterboxPadding,
      @JsonProperty(value = "anchors", required = true) double[][] anchors) {
    require(format == FORMAT, "format", FORMAT, format);
    require(kind != null, "kind", "one-stage or two-stage", kind);
    require(
        labels != null && !labels.isEmpty() && labels.stream().allMatch(Objects::nonNull),
        "labels",
        "names",
        labels);
    require(inputSize >= 1 && inputSize <= MAX_SIDE, "inputSize", "1 to " + MAX_SIDE, inputSize);
    require(
        letterboxPadding == Letterbox.PADDING,
        "letterboxPadding",
        Letterbox.PADDING,
        letterboxPadding);
    require(
        anchors != null
            && anchors.length >= 1
            && Arrays.stream(anchors).allMatch(ModelDescription::isSize),
        "anchors",
        "[width, height] of each, in pixels",
        Arrays.deepToString(anchors));
    this.format = format;
    this.kind = kind;
    this.pooling = pooling;
    this.labels = List.copyOf(labels);
    this.inputSize = inputSize;
    this.letterboxPadding = letterboxPadding;
    this.anchors = anchors;
  }

  private static void require(boolean fine, String name, Object expected, Object given) {
    if (!fine) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + given);
    }
  }

  private static boolean isSize(double[] size) {
    return size != null
        && size.length == 2
        && Arrays.stream(size).allMatch(length -> length > 0 && Double.isFinite(length));
  }

  /** Writes a model file; a kill or a full disk leaves it whole, or as it was before. */
  public void save(Path file, Model network) throws IOException {
    NetworkFile.write(file, ENTRY, this, network, false);
  }

  /** Makes a detector of a model file's description and network. */
  @FunctionalInterface
  public interface Factory<D extends ObjectDetector> {
    /**
     * Makes the detector.
     *
     * @throws IllegalArgumentException if the two do not fit each other
     */
    D create(ModelDescription description, ComputationGraph network);
  }

  /**
   * Reads a model file.
   *
   * @throws UserInputException in one line that names the file, if it cannot be read, is damaged or
   *     is something else
   */
  public static <D extends ObjectDetector> D load(Path file, Factory<D> factory) {
    try {
      NetworkFile read = NetworkFile.read(file, ENTRY);
      ModelDescription description = Json.read(read.getDescription(), ModelDescription.class);
      Model network = read.network();
      if (!(network instanceof ComputationGraph)) {
        throw new IllegalArgumentException("expected a graph, got a network of layers");
      }
      D detector = factory.create(description, (ComputationGraph) network);
      int side = description.getInputSize();
      BufferedImage blank = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
      detector.detect(List.of(new LabelledImage("", blank, List.of()))); // or they do not fit
      return detector;
    } catch (UserInputException e) {
      throw e;
    } catch (NoSuchFileException e) {
      throw new UserInputException(FileNames.text(file) + ": there is no such file", e);
    } catch (IOException | RuntimeException | OutOfMemoryError e) { // of any layer
      throw new UserInputException(
          FileNames.text(file) + ": is no whole model file of a detector: " + e.getMessage(), e);
    }
  }
}
