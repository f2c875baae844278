package io.github.dcn4j.onnx;

import org.nd4j.autodiff.samediff.SDVariable;

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
    SDVariable y = op.of(wide(x, more), true, axes);
    return narrow(y, more);
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
    int more = Math.max(0, 3 - rank);
    SDVariable sum = x.getSameDiff().sum(wide(x, more), true, axis);
    return Shapes.squeezed(narrow(Shapes.cast(sum, x.dataType()), more), axis);
  }

  /** The last axes, of size 1, go. */
  private static SDVariable narrow(SDVariable x, int less) {
    if (less == 2) {
      return x.getSameDiff().reshape(x, -1);
    }
    return less == 1 ? x.getSameDiff().squeeze(x, 2) : x;
  }

  /** With axes of size 1 at the end: ND4J adds none before those of a single number. */
  private static SDVariable wide(SDVariable x, int more) {
    if (more == 2) {
      return x.getSameDiff().reshape(x, -1, 1, 1);
    }
    return more == 1 ? x.getSameDiff().expandDims(x, 2) : x;
  }
}
