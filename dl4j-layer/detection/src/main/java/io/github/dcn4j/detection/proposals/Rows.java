package io.github.dcn4j.detection.proposals;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Numbers of arrays for plain Java to work on: asking an array for one after the other is slow. */
final class Rows {
  private Rows() {}

  /** All numbers of an array in its order of dimensions, the last running fastest. */
  static float[] flat(INDArray array) {
    return array.isEmpty() ? new float[0] : array.dup('c').data().asFloat();
  }

  /** Whether no number is NaN or infinite. */
  static boolean allFinite(float... numbers) {
    for (float number : numbers) {
      if (!Float.isFinite(number)) {
        return false;
      }
    }
    return true;
  }

  /** The rows of a matrix; none of an empty one. */
  static float[][] of(INDArray matrix) {
    float[] all = flat(matrix);
    int columns = (int) matrix.size(1);
    float[][] rows = new float[all.length / columns][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOfRange(all, i * columns, (i + 1) * columns);
    }
    return rows;
  }
}
