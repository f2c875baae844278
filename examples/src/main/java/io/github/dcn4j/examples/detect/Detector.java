package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.checkpoint.AtomicFile;
import io.github.dcn4j.examples.data.ImageFiles;
import io.github.dcn4j.examples.data.LabelledImage;
import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import lombok.Getter;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A network together with what its output means.
 *
 * <p>A saved detector is an ordinary Deeplearning4j model file, which {@code
 * ModelSerializer.restoreComputationGraph} reads too; the anchors are in the configuration of its
 * last layer, the class names and the input size in two further entries of the file.
 */
public final class Detector implements ObjectDetector {
  /** Detections less sure than this are not worth ranking. */
  private static final double MIN_SCORE = 0.02;

  /** Of two detections of one class that overlap more than this, the surer one stays. */
  private static final double MAX_IOU = 0.45;

  private static final String LABELS_ENTRY = "dcn4j-labels";
  private static final String SIDE_ENTRY = "dcn4j-input-side";

  @Getter private final ComputationGraph network;

  /** Class names; a detection's label is an index into this list. */
  @Getter private final List<String> labels;

  /** Rows and columns of the square images that the network takes. */
  @Getter private final int side;

  /**
   * Joins a network with its labels.
   *
   * @param network ends in a {@code Yolo2OutputLayer}; takes [N, 3, side, side], values −1 to 1
   * @param labels class names, in the order of the network's classes
   * @param side rows and columns of the input
   */
  public Detector(ComputationGraph network, List<String> labels, int side) {
    this.network = network;
    this.labels = List.copyOf(labels);
    this.side = side;
  }

  /**
   * What the network sees in an image of any size.
   *
   * @return detections in the image's pixels, in no particular order
   */
  public List<Detection> detect(BufferedImage image) {
    BufferedImage input = ImageFiles.resized(image, side, side);
    List<Detection> found = detect(List.of(new LabelledImage("", input, List.of()))).get(0);
    double scaleX = (double) image.getWidth() / side;
    double scaleY = (double) image.getHeight() / side;
    return found.stream()
        .map(d -> new Detection(d.getBox().scaled(scaleX, scaleY), d.getScore()))
        .collect(Collectors.toUnmodifiableList());
  }

  @Override
  public List<List<Detection>> detect(List<LabelledImage> images) {
    LabelledImage[] batch = images.toArray(new LabelledImage[0]);
    INDArray output = network.outputSingle(DetectionBatches.features(batch));
    double cell = (double) side / output.size(3);
    return YoloDecoder.decode(output, DetectorNetwork.anchors(network), cell, MIN_SCORE, MAX_IOU);
  }

  /** Writes the network, its updater's state, the labels and the input size to one file. */
  public void save(File file) throws IOException {
    AtomicFile.write(
        file.toPath(),
        part -> {
          network.save(part.toFile(), true);
          ModelSerializer.addObjectToFile(part.toFile(), LABELS_ENTRY, new ArrayList<>(labels));
          ModelSerializer.addObjectToFile(part.toFile(), SIDE_ENTRY, side);
        });
  }

  /** Reads what {@link #save} wrote. */
  public static Detector load(File file) throws IOException {
    ComputationGraph network = ModelSerializer.restoreComputationGraph(file);
    List<String> labels = ModelSerializer.getObjectFromFile(file, LABELS_ENTRY);
    Integer side = ModelSerializer.getObjectFromFile(file, SIDE_ENTRY);
    return new Detector(network, labels, side);
  }
}
