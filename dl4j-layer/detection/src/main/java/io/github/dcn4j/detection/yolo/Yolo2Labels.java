package io.github.dcn4j.detection.yolo;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.data.ImageBatches;
import io.github.dcn4j.detection.data.LabelledImage;
import lombok.experimental.UtilityClass;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Labels for Deeplearning4j's {@code Yolo2OutputLayer}, as its {@code ObjectDetectionRecordReader}
 * makes them.
 *
 * <p>They are [images, 4 + classes, rows, columns]. In the cell that holds the middle of an object
 * stand its left, upper, right and lower edge, in cells from the image's upper left corner, and a
 * one for its class. All else is zero. Of several objects in one cell the largest stays. Difficult
 * ones are left out.
 */
@UtilityClass
public class Yolo2Labels {
  /** Edges of a box. */
  private static final int EDGES = 4;

  /**
   * The labels of a minibatch.
   *
   * @param classes number of classes, at least 1
   * @param grid number of rows, and of columns, of the network's output, at least 1
   * @param images at least one, all of one square size; their boxes have labels of 0 to {@code
   *     classes - 1}
   * @throws IllegalArgumentException naming what is out of range
   */
  public static INDArray of(int classes, int grid, LabelledImage... images) {
    GridObjects.require(classes, grid, images);
    INDArray labels = Nd4j.zeros(images.length, EDGES + classes, grid, grid);
    for (int i = 0; i < images.length; i++) {
      for (Box box : GridObjects.of(images[i], classes, grid)) {
        put(labels, i, box);
      }
    }
    return labels;
  }

  private static void put(INDArray labels, int image, Box box) {
    int last = (int) labels.size(3) - 1;
    int column = Math.max(0, Math.min(last, (int) box.middleX()));
    int row = Math.max(0, Math.min(last, (int) box.middleY()));
    double[] edges = {box.getX1(), box.getY1(), box.getX2(), box.getY2()};
    for (int i = 0; i < labels.size(1); i++) {
      double value = i < EDGES ? edges[i] : i - EDGES == box.getLabel() ? 1 : 0;
      labels.putScalar(new int[] {image, i, row, column}, value);
    }
  }

  /**
   * A minibatch with its labels, to {@code fit} a network that ends in a {@code Yolo2OutputLayer}.
   *
   * @param classes number of classes, at least 1
   * @param grid number of rows, and of columns, of the network's output, at least 1
   * @param images at least one, all of one square size; their boxes have labels of 0 to {@code
   *     classes - 1}
   * @return pixels as {@link ImageBatches} makes them, and the labels
   * @throws IllegalArgumentException naming what is out of range
   */
  public static DataSet minibatch(int classes, int grid, LabelledImage... images) {
    return new DataSet(ImageBatches.features(images), of(classes, grid, images));
  }
}
