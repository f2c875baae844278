package io.github.dcn4j.ops;

import java.util.Collections;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The sigmoid of activations, for the layers of this library: ND4J's own is several times slower on
 * views of some channels.
 *
 * <p>Input and output: of one shape of rank 4, in any strides, and of one type, FLOAT, DOUBLE, HALF
 * or BFLOAT16. Exact to two units in the last place.
 */
public final class NativeSigmoid extends NativeOp<NoArguments> {
  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public NativeSigmoid() {}

  /**
   * The op on an array.
   *
   * @param input of rank 4
   */
  public NativeSigmoid(INDArray input) {
    super(new NoArguments(), input);
  }

  @Override
  public String opName() {
    return "dcn4j_sigmoid";
  }

  @Override
  NoArguments configOf(long[] integers, double[] floats) {
    return new NoArguments();
  }

  @Override
  public int getNumOutputs() {
    return 1;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> inputTypes) {
    return Collections.singletonList(inputTypes.get(0));
  }
}
