package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.data.ImageBatches;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.yolo.YoloDecoder;
import io.github.dcn4j.detection.yolo.YoloLoss;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import lombok.Getter;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A one-stage detector: a network that learnt by {@link YoloLoss}. */
public final class Detector implements ObjectDetector {
  /** Detections less sure than this are not worth ranking. */
  private static final double MIN_SCORE = 0.02;

  /** Of two detections of one class that overlap more than this, the surer one stays. */
  private static final double MAX_IOU = 0.45;

  @Getter private final ModelDescription description;

  @Getter private final ComputationGraph network;

  /**
   * Joins a network with what its output means.
   *
   * @param network takes [N, 3, side, side], values −1 to 1
   */
  public Detector(ModelDescription description, ComputationGraph network) {
    if (description.getKind() != ModelDescription.Kind.ONE_STAGE) {
      throw new IllegalArgumentException("kind: expected one-stage, got another");
    }
    this.description = description;
    this.network = network;
  }

  /**
   * Reads a model file.
   *
   * @throws io.github.dcn4j.examples.UserInputException in one line that names the file, if it is
   *     none of a one-stage detector
   */
  public static Detector load(Path file) {
    return ModelDescription.load(file, Detector::new);
  }

  @Override
  public INDArray[] inputs(LabelledImage... images) {
    return new INDArray[] {ImageBatches.features(images)};
  }

  @Override
  public List<List<Detection>> detect(List<LabelledImage> images) {
    INDArray output = network.outputSingle(inputs(images.toArray(new LabelledImage[0])));
    int classes = getLabels().size();
    int anchors = description.getAnchors().length;
    if (output.rank() != 4 || output.size(1) != (long) anchors * (5 + classes)) {
      throw new IllegalArgumentException(
          String.format(
              "expected a network that says 5 numbers and %d classes of %d anchors in each cell,"
                  + " got one with the output %s",
              classes, anchors, Arrays.toString(output.shape())));
    }
    double cell = (double) getSide() / output.size(3);
    return YoloDecoder.decode(output, anchorsInCells(cell), cell, MIN_SCORE, MAX_IOU);
  }

  private double[][] anchorsInCells(double cell) {
    return Arrays.stream(description.getAnchors())
        .map(size -> new double[] {size[0] / cell, size[1] / cell})
        .toArray(double[][]::new);
  }
}
