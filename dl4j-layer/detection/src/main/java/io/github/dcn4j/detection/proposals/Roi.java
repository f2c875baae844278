package io.github.dcn4j.detection.proposals;

import io.github.dcn4j.detection.Box;
import java.util.ArrayList;
import java.util.List;
import lombok.Value;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A region of interest: a box in one of the images of a minibatch. */
@Value
public class Roi {
  /** Numbers of a region in an array: image, x1, y1, x2, y2. */
  public static final int NUMBERS = 5;

  /** Index of the image. */
  int image;

  /** In the image's pixels; its label means nothing. */
  Box box;

  /**
   * Regions as the pooling ops and vertices of {@code dl4j-layer} take them, and those of other
   * libraries: (index of the image, x1, y1, x2, y2), the lower right corner being the last pixel
   * inside the region.
   *
   * @return [R, 5] of FLOAT; R may be 0
   */
  public static INDArray toArray(List<Roi> rois) {
    if (rois.isEmpty()) {
      return Nd4j.create(DataType.FLOAT, 0, NUMBERS);
    }
    float[][] rows = new float[rois.size()][];
    for (int i = 0; i < rows.length; i++) {
      Box box = rois.get(i).box;
      rows[i] =
          new float[] {
            rois.get(i).image,
            (float) box.getX1(),
            (float) box.getY1(),
            (float) box.getX2() - 1,
            (float) box.getY2() - 1
          };
    }
    return Nd4j.createFromArray(rows);
  }

  /**
   * The reverse of {@link #toArray}.
   *
   * @param array [R, 5]; R may be 0
   * @throws IllegalArgumentException if a number is NaN or infinite, or a region ends before it
   *     begins
   */
  public static List<Roi> fromArray(INDArray array) {
    List<Roi> rois = new ArrayList<>();
    for (float[] row : Rows.of(array)) {
      rois.add(new Roi((int) row[0], Box.of(row[1], row[2], row[3] + 1, row[4] + 1, 0)));
    }
    return rois;
  }
}
