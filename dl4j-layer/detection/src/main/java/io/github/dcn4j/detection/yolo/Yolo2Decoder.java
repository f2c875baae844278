package io.github.dcn4j.detection.yolo;

import io.github.dcn4j.detection.Detection;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Turns the output of a network that ends in Deeplearning4j's {@code Yolo2OutputLayer} (YOLO9000,
 * arXiv 1612.08242), such as the zoo's TinyYOLO, into detections.
 *
 * <p>The output is [minibatch, anchors · (5 + classes), rows, columns], as {@code network.output}
 * gives it: for each anchor the middle of the box from the cell's upper left corner (x, y) and its
 * size (width, height), in cells; the confidence; and the probabilities of the classes. The score
 * is the confidence times the probability of the most probable class.
 *
 * <p>Deeplearning4j's own {@code YoloUtils.getPredictedObjects} of 1.0.0-M2.1 finds the same boxes,
 * but classes only of the first anchors of the first image of a minibatch.
 */
public final class Yolo2Decoder extends GridDecoder {
  private Yolo2Decoder(int anchors, double cell, double minScore, double iouThreshold) {
    super(anchors, cell, minScore, iouThreshold);
  }

  /**
   * Detections, without those that a surer one of the same class overlaps too much.
   *
   * @param output the output of the network; where a number is NaN or infinite, nothing is detected
   * @param anchors number of the layer's bounding box priors
   * @param cell side of a cell in pixels, above 0
   * @param minScore least score of a detection, 0 to 1
   * @param iouThreshold largest intersection over union of two detections of one class, 0 to 1
   * @return for each image of the minibatch its detections, in pixels and not cut off at the
   *     image's edges, class by class, the surest of a class first
   * @throws IllegalArgumentException naming the argument that is out of range, or whose shape does
   *     not fit
   */
  public static List<List<Detection>> decode(
      INDArray output, int anchors, double cell, double minScore, double iouThreshold) {
    return new Yolo2Decoder(anchors, cell, minScore, iouThreshold).decode(output);
  }

  @Override
  double confidence(float... numbers) {
    return numbers[CONFIDENCE];
  }

  @Override
  double probability(int label, float... numbers) {
    return numbers[FIRST_CLASS + label];
  }

  @Override
  double[] edges(int anchor, float... numbers) {
    double halfWidth = numbers[2] / 2.0;
    double halfHeight = numbers[3] / 2.0;
    return new double[] {
      numbers[0] - halfWidth,
      numbers[1] - halfHeight,
      numbers[0] + halfWidth,
      numbers[1] + halfHeight
    };
  }
}
