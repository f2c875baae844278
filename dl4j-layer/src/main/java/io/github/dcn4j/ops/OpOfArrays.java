package io.github.dcn4j.ops;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/** An op that its arrays tell everything. */
abstract class OpOfArrays extends NativeOp<NoArguments> {
  OpOfArrays() {}

  OpOfArrays(String name, SameDiff sd, SDVariable... inputs) {
    super(name, sd, new NoArguments(), inputs);
  }

  OpOfArrays(String name, INDArray... inputs) {
    super(name, new NoArguments(), inputs);
  }

  @Override
  NoArguments configOf(long[] integers, double[] floats) {
    return new NoArguments();
  }
}
