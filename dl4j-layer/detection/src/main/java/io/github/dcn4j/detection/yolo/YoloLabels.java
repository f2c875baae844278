package io.github.dcn4j.detection.yolo;

import io.github.dcn4j.detection.Box;
import io.github.dcn4j.detection.anchors.Anchors;
import io.github.dcn4j.detection.data.ImageBatches;
import io.github.dcn4j.detection.data.LabelledImage;
import java.util.Arrays;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What a one-stage detector should have said of some images: labels for {@link YoloLoss}.
 *
 * <p>They have the shape of the network's output, [images, anchors · (5 + classes), grid, grid].
 * For each anchor stand the left, upper, right and lower edge of an object in cells, from the upper
 * left corner of the cell; a one; and a one for the object's class. Where there is no object all is
 * zero.
 *
 * <p>An object is taught to the cell that holds its middle and to the two cells nearest to it
 * beside and above or below that one, and there to all anchors that resemble it, at least the most
 * similar: so a few images teach much. Where objects compete, the larger wins, but none takes the
 * place of another's middle.
 */
public final class YoloLabels {
  /** An anchor resembles an object if no side differs by more than this factor. */
  private static final double MAX_RATIO = 2;

  private final double[][] anchors;
  private final int classes;
  private final int grid;
  private final float[] values;

  private YoloLabels(double[][] anchors, int classes, int grid, int images) {
    this.anchors = anchors;
    this.classes = classes;
    this.grid = grid;
    values = new float[images * anchors.length * numbers() * grid * grid];
  }

  /**
   * The labels of a minibatch.
   *
   * @param anchors [anchors][width, height] in cells, above 0
   * @param classes number of classes, at least 1
   * @param grid number of rows, and of columns, of the network's output
   * @param images at least one, all of one square size; their boxes have labels of 0 to {@code
   *     classes - 1}
   * @throws IllegalArgumentException naming what is out of range
   */
  public static INDArray of(double[][] anchors, int classes, int grid, LabelledImage... images) {
    Anchors.require("anchors", anchors);
    GridObjects.require(classes, grid, images);
    YoloLabels labels = new YoloLabels(anchors, classes, grid, images.length);
    for (int i = 0; i < images.length; i++) {
      List<Box> boxes = GridObjects.of(images[i], classes, grid);
      for (Box box : boxes) {
        labels.putBesideTheMiddle(i, box);
      }
      for (Box box : boxes) {
        labels.put(i, box, labels.cell(box.middleX()), labels.cell(box.middleY()));
      }
    }
    return Nd4j.createFromArray(labels.values)
        .reshape(images.length, (long) anchors.length * labels.numbers(), grid, grid);
  }

  /**
   * A minibatch with its labels.
   *
   * @param anchors [anchors][width, height] in cells, above 0
   * @param classes number of classes, at least 1
   * @param grid number of rows, and of columns, of the network's output
   * @param images at least one, all of one square size; their boxes have labels of 0 to {@code
   *     classes - 1}
   * @throws IllegalArgumentException naming what is out of range
   */
  public static DataSet minibatch(
      double[][] anchors, int classes, int grid, LabelledImage... images) {
    return new DataSet(ImageBatches.features(images), of(anchors, classes, grid, images));
  }

  private int numbers() {
    return AnchorBox.FIRST_CLASS + classes;
  }

  private int cell(double position) {
    return Math.min(grid - 1, (int) position);
  }

  private void putBesideTheMiddle(int image, Box box) {
    int column = cell(box.middleX());
    int row = cell(box.middleY());
    put(image, box, column + (box.middleX() - column < 0.5 ? -1 : 1), row);
    put(image, box, column, row + (box.middleY() - row < 0.5 ? -1 : 1));
  }

  private void put(int image, Box box, int column, int row) {
    if (column >= 0 && column < grid && row >= 0 && row < grid) {
      double[] ratios = Arrays.stream(anchors).mapToDouble(anchor -> ratio(anchor, box)).toArray();
      double limit = Math.max(MAX_RATIO, Arrays.stream(ratios).min().orElseThrow());
      for (int anchor = 0; anchor < anchors.length; anchor++) {
        if (ratios[anchor] <= limit) {
          put(image, anchor, box, column, row);
        }
      }
    }
  }

  /** By which factor, at least 1, the sides differ at most. */
  private static double ratio(double[] anchor, Box box) {
    double across = anchor[0] / box.width();
    double along = anchor[1] / box.height();
    return Math.max(Math.max(across, 1 / across), Math.max(along, 1 / along));
  }

  private void put(int image, int anchor, Box box, int column, int row) {
    int plane = grid * grid;
    int at = (image * anchors.length + anchor) * numbers() * plane + row * grid + column;
    values[at] = (float) (box.getX1() - column);
    values[at + plane] = (float) (box.getY1() - row);
    values[at + 2 * plane] = (float) (box.getX2() - column);
    values[at + 3 * plane] = (float) (box.getY2() - row);
    values[at + AnchorBox.CONFIDENCE * plane] = 1;
    for (int label = 0; label < classes; label++) {
      values[at + (AnchorBox.FIRST_CLASS + label) * plane] = label == box.getLabel() ? 1 : 0;
    }
  }
}
