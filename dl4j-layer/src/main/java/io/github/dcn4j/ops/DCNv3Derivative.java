package io.github.dcn4j.ops;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradients of {@link DCNv3}.
 *
 * <p>Inputs: input, offset, mask, then gradOutput, shaped as the output. Outputs: the gradients of
 * the first three. Where the function has a kink (a sample at an integer position) the gradient of
 * the offset is the right derivative. Bit-identical from run to run and for any number of threads.
 */
public class DCNv3Derivative extends NativeOp<DCNv3Config> {
  /** The name of the native op. */
  public static final String OP_NAME = "dcnv3_bp";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public DCNv3Derivative() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param inputs the forward op's inputs, then the gradient of its output
   * @param config the geometry
   */
  public DCNv3Derivative(SameDiff sd, SDVariable[] inputs, DCNv3Config config) {
    super(OP_NAME, sd, config, inputs);
  }

  /**
   * The op on arrays.
   *
   * @param input [N, H, W, G·D]
   * @param offset [N, oH, oW, G·K·2]
   * @param mask [N, oH, oW, G·K]
   * @param gradOutput the gradient of the output, [N, oH, oW, G·D]
   * @param config the geometry
   */
  public DCNv3Derivative(
      INDArray input, INDArray offset, INDArray mask, INDArray gradOutput, DCNv3Config config) {
    super(OP_NAME, config, input, offset, mask, gradOutput);
  }

  @Override
  public String opName() {
    return OP_NAME;
  }

  @Override
  DCNv3Config configOf(long[] integers, double[] floats) {
    return DCNv3Config.fromArgs(integers, floats);
  }

  @Override
  public int getNumOutputs() {
    return 3;
  }
}
