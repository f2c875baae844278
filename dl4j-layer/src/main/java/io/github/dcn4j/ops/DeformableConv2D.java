package io.github.dcn4j.ops;

import java.util.Arrays;
import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Deformable convolution: Deformable ConvNets v1 (arXiv 1703.06211, equation 2) and, with a mask,
 * v2 (arXiv 1811.11168, equation 1). Numerically the same function as {@code
 * torchvision.ops.deform_conv2d} and ONNX {@code DeformConv}.
 *
 * <p>Inputs, for G deformable groups and data format NCHW (in NHWC, all but the weights have their
 * channels last):
 *
 * <ul>
 *   <li>input [N, C, H, W]
 *   <li>weights [O, C/groups, kH, kW]
 *   <li>offset [N, 2·G·kH·kW, oH, oW], in pixels, channels group-major, then tap (row-major), then
 *       (dy, dx)
 *   <li>optionally mask [N, G·kH·kW, oH, oW], channels group-major, then tap; multiplied in as it
 *       is, without a sigmoid
 *   <li>optionally bias [O]
 * </ul>
 *
 * <p>Output: [N, O, oH, oW]. All arrays have one type: FLOAT, DOUBLE, HALF or BFLOAT16. A sample at
 * (y, x) with y ≤ −1, y ≥ H, x ≤ −1 or x ≥ W is 0, others are bilinear with corners outside
 * counting as 0.
 *
 * <p>{@link #run} throws an IllegalArgumentException for an argument that does not fit; it names
 * the argument, what was expected and what was given.
 */
public class DeformableConv2D extends NativeOp<DeformableConv2DConfig> {
  /** The name of the native op. */
  public static final String OP_NAME = "deformable_conv2d";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public DeformableConv2D() {}

  /**
   * The op in a graph; shapes in NCHW.
   *
   * @param sd the graph
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param offset [N, 2·deformableGroups·kH·kW, oH, oW], in pixels
   * @param mask [N, deformableGroups·kH·kW, oH, oW]; null for Deformable ConvNets v1
   * @param bias [O]; null for none
   * @param config the geometry
   */
  public DeformableConv2D(
      SameDiff sd,
      SDVariable input,
      SDVariable weights,
      SDVariable offset,
      SDVariable mask,
      SDVariable bias,
      DeformableConv2DConfig config) {
    super(OP_NAME, sd, config, input, weights, offset, mask, bias);
  }

  /**
   * The op on arrays; shapes in NCHW.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param offset [N, 2·deformableGroups·kH·kW, oH, oW], in pixels
   * @param mask [N, deformableGroups·kH·kW, oH, oW]; null for Deformable ConvNets v1
   * @param bias [O]; null for none
   * @param config the geometry
   */
  public DeformableConv2D(
      INDArray input,
      INDArray weights,
      INDArray offset,
      INDArray mask,
      INDArray bias,
      DeformableConv2DConfig config) {
    super(OP_NAME, config, input, weights, offset, mask, bias);
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
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    SDVariable[] all = inputsAnd(gradients.get(0));
    return Arrays.asList(
        new DeformableConv2DDerivative(sameDiff, all, getConfig()).outputVariables());
  }
}
