package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.data.Box;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.layers.objdetect.DetectedObject;
import org.deeplearning4j.nn.layers.objdetect.YoloUtils;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Turns the output of a {@code Yolo2OutputLayer} into detections.
 *
 * <p>The output is [minibatch, anchors · (5 + classes), grid, grid], and for each anchor holds the
 * box's middle (x, y) within the cell, 0 to 1, its size (width, height) in cells, the confidence,
 * and the probabilities of the classes. {@code YoloUtils.getPredictedObjects} does the same, but in
 * Deeplearning4j 1.0.0-M2.1 loses the class probabilities of some images of a minibatch (an empty
 * array and a meaningless class in their place).
 */
final class YoloDecoder {
  private static final int MIDDLE_X = 0;
  private static final int MIDDLE_Y = 1;
  private static final int WIDTH = 2;
  private static final int HEIGHT = 3;
  private static final int CONFIDENCE = 4;
  private static final int FIRST_CLASS = 5;

  private YoloDecoder() {}

  /**
   * Detections, without those that a surer one of the same class overlaps too much.
   *
   * @param output the activated output of the network
   * @param classes number of classes
   * @param cell side of a cell in pixels
   * @param minConfidence least confidence of a detection, 0 to 1
   * @param maxIou largest intersection over union of two detections of one class
   * @return for each image of the minibatch its detections, in pixels
   */
  static List<List<Detection>> decode(
      INDArray output, int classes, double cell, double minConfidence, double maxIou) {
    int images = (int) output.size(0);
    int height = (int) output.size(2);
    int width = (int) output.size(3);
    int plane = height * width;
    int perAnchor = FIRST_CLASS + classes;
    int anchors = (int) output.size(1) / perAnchor;
    float[] values = output.dup('c').data().asFloat();
    List<List<Detection>> result = new ArrayList<>();
    for (int image = 0; image < images; image++) {
      List<DetectedObject> objects = new ArrayList<>();
      for (int anchor = 0; anchor < anchors; anchor++) {
        for (int position = 0; position < plane; position++) {
          int at = (image * anchors + anchor) * perAnchor * plane + position;
          if (values[at + CONFIDENCE * plane] >= minConfidence) {
            float[] cellValues = new float[perAnchor];
            for (int i = 0; i < perAnchor; i++) {
              cellValues[i] = values[at + i * plane];
            }
            cellValues[MIDDLE_X] += position % width;
            cellValues[MIDDLE_Y] += position / width;
            objects.add(object(image, cellValues));
          }
        }
      }
      YoloUtils.nms(objects, maxIou);
      result.add(
          objects.stream()
              .map(object -> detection(object, cell))
              .collect(Collectors.toUnmodifiableList()));
    }
    return result;
  }

  private static DetectedObject object(int image, float[] values) {
    return new DetectedObject(
        image,
        values[MIDDLE_X],
        values[MIDDLE_Y],
        values[WIDTH],
        values[HEIGHT],
        Nd4j.createFromArray(Arrays.copyOfRange(values, FIRST_CLASS, values.length)),
        values[CONFIDENCE]);
  }

  private static Detection detection(DetectedObject object, double cell) {
    double[] upperLeft = object.getTopLeftXY();
    double[] lowerRight = object.getBottomRightXY();
    int label = object.getPredictedClass();
    Box box = Box.of(upperLeft[0], upperLeft[1], lowerRight[0], lowerRight[1], label);
    double score = object.getConfidence() * object.getClassPredictions().getDouble(label);
    return new Detection(box.scaled(cell, cell), score);
  }
}
