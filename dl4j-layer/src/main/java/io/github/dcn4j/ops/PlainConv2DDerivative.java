package io.github.dcn4j.ops;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradients of {@link PlainConv2D}.
 *
 * <p>Inputs: those of the forward op, in their order, then gradOutput, shaped as its output.
 * Outputs: the gradient of each forward input, in their order. Bit-identical from run to run and
 * for any number of threads.
 */
public class PlainConv2DDerivative extends NativeOp<DeformableConv2DConfig> {
  /** The name of the native op. */
  public static final String OP_NAME = "dcn4j_conv2d_bp";

  /** Whether the last input is added to the input's gradient. */
  private boolean adds;

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public PlainConv2DDerivative() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param inputs the forward op's inputs, then the gradient of its output
   * @param config the geometry
   */
  public PlainConv2DDerivative(SameDiff sd, SDVariable[] inputs, DeformableConv2DConfig config) {
    super(OP_NAME, sd, PlainConv2D.checked(config), inputs);
  }

  /**
   * The op on arrays; shapes in NCHW.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param gradOutput the gradient of the output, [N, O, oH, oW]
   * @param config the geometry, with one deformable group
   */
  public PlainConv2DDerivative(
      INDArray input,
      INDArray weights,
      INDArray bias,
      INDArray gradOutput,
      DeformableConv2DConfig config) {
    super(OP_NAME, PlainConv2D.checked(config), input, weights, bias, gradOutput);
  }

  /**
   * The op on arrays, with another gradient of the input, which is added to its own; shapes in
   * NCHW.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param gradOutput the gradient of the output, [N, O, oH, oW]
   * @param addend [N, C, H, W]; unchanged
   * @param config the geometry, with one deformable group
   */
  public PlainConv2DDerivative(
      INDArray input,
      INDArray weights,
      INDArray bias,
      INDArray gradOutput,
      INDArray addend,
      DeformableConv2DConfig config) {
    super(OP_NAME, PlainConv2D.checked(config), input, weights, bias, gradOutput, addend);
    adds = true;
    addIArgument(1); // after those of the configuration: there is an addend
  }

  @Override
  public String opName() {
    return OP_NAME;
  }

  @Override
  DeformableConv2DConfig configOf(long[] integers, double[] floats) {
    return DeformableConv2DConfig.fromIArgs(integers);
  }

  @Override
  public int getNumOutputs() {
    return inputs() - (adds ? 2 : 1);
  }
}
