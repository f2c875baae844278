package io.github.dcn4j.ops;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradients of {@link DeformableConv2D}.
 *
 * <p>Inputs: those of the forward op, in their order, then gradOutput, shaped as its output.
 * Outputs: the gradient of each forward input, in their order. Where the function has a kink (a
 * sample at an integer position) the gradient of the offset is the right derivative, as
 * torchvision's. Bit-identical from run to run and for any number of threads.
 */
public class DeformableConv2DDerivative extends NativeOp<DeformableConv2DConfig> {
  /** The name of the native op. */
  public static final String OP_NAME = "deformable_conv2d_bp";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public DeformableConv2DDerivative() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param inputs the forward op's inputs, then the gradient of its output
   * @param config the geometry
   */
  public DeformableConv2DDerivative(
      SameDiff sd, SDVariable[] inputs, DeformableConv2DConfig config) {
    super(OP_NAME, sd, config, inputs);
  }

  /**
   * The op on arrays; shapes in NCHW.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param offset [N, 2·deformableGroups·kH·kW, oH, oW], in pixels
   * @param mask [N, deformableGroups·kH·kW, oH, oW]; null for Deformable ConvNets v1
   * @param bias [O]; null for none
   * @param gradOutput the gradient of the output, [N, O, oH, oW]
   * @param config the geometry
   */
  public DeformableConv2DDerivative(
      INDArray input,
      INDArray weights,
      INDArray offset,
      INDArray mask,
      INDArray bias,
      INDArray gradOutput,
      DeformableConv2DConfig config) {
    super(OP_NAME, config, input, weights, offset, mask, bias, gradOutput);
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
    return inputs() - 1;
  }
}
