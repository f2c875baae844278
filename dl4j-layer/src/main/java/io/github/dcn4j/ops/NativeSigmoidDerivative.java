package io.github.dcn4j.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradient of a {@link NativeSigmoid}'s input: gradient · (s · (1 − s)) for the sigmoid s.
 *
 * <p>Inputs and output: of one shape of rank 4, in any strides, and of one type.
 */
public final class NativeSigmoidDerivative extends OpOfArrays {
  private static final String OP_NAME = "dcn4j_sigmoid_bp";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public NativeSigmoidDerivative() {}

  /**
   * The op on arrays.
   *
   * @param sigmoid what the forward op gave, of rank 4
   * @param gradOutput the gradient of that, of its shape
   */
  public NativeSigmoidDerivative(INDArray sigmoid, INDArray gradOutput) {
    super(OP_NAME, sigmoid, gradOutput);
  }

  @Override
  public String opName() {
    return OP_NAME;
  }
}
