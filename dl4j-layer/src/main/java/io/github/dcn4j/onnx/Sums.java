package io.github.dcn4j.onnx;

import java.util.Arrays;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * Sums and means of arrays of any rank. ND4J (1.0.0-M2.1) fails where it takes an array of one or
 * two dimensions for a vector and nothing has to be added up; of three it does not.
 */
final class Sums {
  private Sums() {}

  /** What an op makes of an array along axes, which stay with size 1. */
  private interface Reduction {
    SDVariable of(SDVariable x, boolean keep, int... axes);
  }

  private static SDVariable kept(Reduction op, SDVariable x, int rank, int... axes) {
    int more = Math.max(0, 3 - rank);
    SDVariable y = op.of(wide(x, more), true, shifted(axes, more));
    for (int i = 0; i < more; i++) {
      y = x.getSameDiff().squeeze(y, 0);
    }
    return y;
  }

  /** Means along axes, which stay with size 1. */
  static SDVariable mean(SDVariable x, int rank, int... axes) {
    return kept(SDVariable::mean, x, rank, axes);
  }

  /** Sums along axes, which stay with size 1. */
  static SDVariable sum(SDVariable x, int rank, int... axes) {
    return kept(SDVariable::sum, x, rank, axes);
  }

  /** Largest values along axes, which stay with size 1. */
  static SDVariable max(SDVariable x, int rank, int... axes) {
    return kept(SDVariable::max, x, rank, axes);
  }

  /** Sums along one axis, which goes. */
  static SDVariable along(SDVariable x, int rank, int axis) {
    SameDiff sd = x.getSameDiff();
    int more = Math.max(0, 3 - rank);
    SDVariable y = Shapes.cast(sd.sum(wide(x, more), false, axis + more), x.dataType());
    for (int i = 0; i < more; i++) {
      y = sd.squeeze(y, 0);
    }
    return y;
  }

  private static SDVariable wide(SDVariable x, int more) {
    SDVariable y = x;
    for (int i = 0; i < more; i++) {
      y = x.getSameDiff().expandDims(y, 0);
    }
    return y;
  }

  private static int[] shifted(int[] axes, int by) {
    return Arrays.stream(axes).map(axis -> axis + by).toArray();
  }
}
