package io.github.dcn4j.detection.yolo;

import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.anchors.Anchors;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Turns the output of a network that learnt by {@link YoloLoss} into detections.
 *
 * <p>The output is [minibatch, anchors · (5 + classes), rows, columns] of any floating point type,
 * before any activation function, and holds for each anchor the numbers of {@link AnchorBox}. The
 * most probable class is that of the detection, and its score the confidence times the probability
 * of that class (YOLO, arXiv 1506.02640, equation 1). {@link Yolo2Decoder} reads the older coding
 * of Deeplearning4j's {@code Yolo2OutputLayer}.
 */
public final class YoloDecoder extends GridDecoder {
  private final double[][] anchors;

  private YoloDecoder(double[][] anchors, double cell, double minScore, double iouThreshold) {
    super(anchors.length, cell, minScore, iouThreshold);
    this.anchors = anchors;
  }

  /**
   * Detections, without those that a surer one of the same class overlaps too much.
   *
   * @param output the output of the network; where a number is NaN or infinite, nothing is detected
   * @param anchors [anchors][width, height] in cells, above 0
   * @param cell side of a cell in pixels, above 0
   * @param minScore least score of a detection, 0 to 1
   * @param iouThreshold largest intersection over union of two detections of one class, 0 to 1
   * @return for each image of the minibatch its detections, in pixels and not cut off at the
   *     image's edges, class by class, the surest of a class first
   * @throws IllegalArgumentException naming the argument that is out of range, or whose shape does
   *     not fit
   */
  public static List<List<Detection>> decode(
      INDArray output, double[][] anchors, double cell, double minScore, double iouThreshold) {
    Anchors.require("anchors", anchors);
    return new YoloDecoder(anchors, cell, minScore, iouThreshold).decode(output);
  }

  @Override
  double confidence(float... numbers) {
    return AnchorBox.sigmoid(numbers[CONFIDENCE]);
  }

  /** By softmax. */
  @Override
  double probability(int label, float... numbers) {
    double sum = 0;
    for (int i = FIRST_CLASS; i < numbers.length; i++) {
      sum += Math.exp(numbers[i] - numbers[FIRST_CLASS + label]);
    }
    return 1 / sum;
  }

  @Override
  double[] edges(int anchor, float... numbers) {
    return new AnchorBox(anchors[anchor], numbers, 0).edges();
  }
}
