package io.github.dcn4j.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The sigmoid of activations, for the layers of this library: ND4J's own is several times slower on
 * views of some channels.
 *
 * <p>Input and output: of one shape of rank 4, in any strides, and of one type, FLOAT, DOUBLE, HALF
 * or BFLOAT16. Exact to two units in the last place; 0 below -87 (DOUBLE: -708).
 */
public final class NativeSigmoid extends OpOfArrays {
  private static final String OP_NAME = "dcn4j_sigmoid";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public NativeSigmoid() {}

  /**
   * The op on an array.
   *
   * @param input of rank 4
   */
  public NativeSigmoid(INDArray input) {
    super(OP_NAME, input);
  }

  @Override
  public String opName() {
    return OP_NAME;
  }
}
