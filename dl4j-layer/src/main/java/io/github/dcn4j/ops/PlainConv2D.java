package io.github.dcn4j.ops;

import java.util.Arrays;
import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Plain convolution, without offsets: the function of ND4J's {@code conv2d}, with groups, by the
 * kernels of the deformable one. Its results and gradients are bit-identical from run to run and
 * for any number of threads, and depend on no BLAS.
 *
 * <p>Inputs, for data format NCHW (in NHWC, input and output have their channels last):
 *
 * <ul>
 *   <li>input [N, C, H, W]
 *   <li>weights [O, C/groups, kH, kW], in both formats
 *   <li>optionally bias [O]
 * </ul>
 *
 * <p>Output: [N, O, oH, oW]. All arrays have one type: FLOAT, DOUBLE, HALF or BFLOAT16. With
 * explicit padding oH = ⌊(H + 2·pH − dH·(kH − 1) − 1)/sH⌋ + 1; with {@code same} oH = ⌈H/sH⌉ and
 * ⌊p/2⌋ of the p rows of zeros that this takes are above; oW alike. Depth-wise convolution is
 * {@code groups} = C.
 *
 * <p>{@link #run} throws an IllegalArgumentException for an argument that does not fit; it names
 * the argument, what was expected and what was given.
 */
public class PlainConv2D extends NativeOp<DeformableConv2DConfig> {
  /** The name of the native op. */
  public static final String OP_NAME = "dcn4j_conv2d";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public PlainConv2D() {}

  /**
   * The op in a graph; shapes in NCHW.
   *
   * @param sd the graph
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param config the geometry, with one deformable group
   */
  public PlainConv2D(
      SameDiff sd,
      SDVariable input,
      SDVariable weights,
      SDVariable bias,
      DeformableConv2DConfig config) {
    super(OP_NAME, sd, checked(config), input, weights, bias);
  }

  /**
   * The op on arrays; shapes in NCHW.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param config the geometry, with one deformable group
   */
  public PlainConv2D(
      INDArray input, INDArray weights, INDArray bias, DeformableConv2DConfig config) {
    super(OP_NAME, checked(config), input, weights, bias);
  }

  /** Refuses what a plain convolution would ignore. */
  static DeformableConv2DConfig checked(DeformableConv2DConfig config) {
    if (Arguments.required("config", config).getDeformableGroups() != 1) {
      throw new IllegalArgumentException(
          OP_NAME
              + ": deformableGroups: expected 1 in a plain convolution, got "
              + config.getDeformableGroups());
    }
    return config;
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
    return Arrays.asList(new PlainConv2DDerivative(sameDiff, all, getConfig()).outputVariables());
  }
}
