package io.github.dcn4j.onnx;

import java.util.Arrays;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Repeating along axes of size 1, where ND4J's ops don't do it, or not their gradients. */
final class Broadcasts {
  private Broadcasts() {}

  /** The shape that all of some values broadcast to; null if not even its length is known. */
  static long[] shape(Value... values) {
    long[] shape = new long[0];
    for (Value value : values) {
      shape = Sizes.broadcast(shape, value.shape());
    }
    return shape;
  }

  /**
   * Variables of the shape that all broadcast to; those that have it already are as they were. BOOL
   * becomes INT8, which {@link #where} and {@link #back} take.
   */
  static SDVariable[] common(Value... values) {
    long[] shape = shape(values);
    boolean known = Sizes.known(shape);
    SDVariable[] result = new SDVariable[values.length];
    SDVariable[] zeros = new SDVariable[values.length];
    boolean allFit = true;
    for (int i = 0; i < values.length; i++) {
      result[i] = numeric(values[i].variable());
      boolean fits = known && Arrays.equals(values[i].shape(), shape);
      allFit &= fits;
      zeros[i] = fits ? null : result[i];
    }
    if (allFit) {
      return result;
    }
    SameDiff sd = result[0].getSameDiff();
    SDVariable zero = null; // of the common shape, in INT8
    for (SDVariable variable : result) {
      SDVariable own = Shapes.cast(sd.zerosLike(variable), DataType.INT8);
      zero = zero == null ? own : zero.add(own);
    }
    for (int i = 0; i < result.length; i++) {
      if (zeros[i] != null) {
        result[i] = result[i].add(Shapes.cast(zero, result[i].dataType()));
      }
    }
    return result;
  }

  /** BOOL as INT8, for ops of ND4J that take numbers only. */
  static SDVariable numeric(SDVariable x) {
    return x.dataType() == DataType.BOOL ? Shapes.cast(x, DataType.INT8) : x;
  }

  /** As {@link #numeric(SDVariable)}. */
  static INDArray numeric(INDArray x) {
    return x.castTo(numericType(x.dataType()));
  }

  /** A value repeated to a shape that it broadcasts to, given as a variable too. */
  static SDVariable to(SDVariable x, SDVariable shape) {
    SDVariable zeros = x.getSameDiff().fill(shape, numericType(x.dataType()), 0);
    return Shapes.cast(numeric(x).add(zeros), x.dataType());
  }

  static DataType numericType(DataType type) {
    return type == DataType.BOOL ? DataType.INT8 : type;
  }

  /** Elements of x where a condition (BOOL) holds, else of y; x and y of one type. */
  static SDVariable where(Value condition, Value x, Value y) {
    SDVariable[] all = common(condition, x, y);
    return Shapes.cast(
        x.variable().getSameDiff().where(all[1], all[2], Shapes.cast(all[0], DataType.BOOL)),
        x.type());
  }

  /** As {@link #where(Value, Value, Value)}, of variables that have one shape. */
  static SDVariable where(SDVariable condition, SDVariable x, SDVariable y) {
    SDVariable chosen = x.getSameDiff().where(numeric(x), numeric(y), condition);
    return Shapes.cast(chosen, x.dataType());
  }
}
