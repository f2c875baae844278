package io.github.dcn4j.ops;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradients of {@link DeformablePSROIPooling}.
 *
 * <p>Inputs: those of the forward op, in their order, then its second output, the count, then
 * gradOutput, shaped as its first. Outputs: the gradient of the input and, where there is one, of
 * trans; rois have none. Where a sample is at an integer position its slope is 0. Bit-identical
 * from run to run and for any number of threads.
 */
public class DeformablePSROIPoolingDerivative extends NativeOp<DeformablePSROIPoolingConfig> {
  /** The name of the native op. */
  public static final String OP_NAME = "deformable_psroi_pooling_bp";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public DeformablePSROIPoolingDerivative() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param inputs the forward op's inputs, its count, then the gradient of its output
   * @param config the geometry
   */
  public DeformablePSROIPoolingDerivative(
      SameDiff sd, SDVariable[] inputs, DeformablePSROIPoolingConfig config) {
    super(OP_NAME, sd, config, inputs);
  }

  /**
   * The op on arrays.
   *
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param count the second output of the forward op, [R, outputDim, pooledSize, pooledSize]
   * @param gradOutput the gradient of the first output, of the same shape
   * @param config the geometry
   */
  public DeformablePSROIPoolingDerivative(
      INDArray input,
      INDArray rois,
      INDArray trans,
      INDArray count,
      INDArray gradOutput,
      DeformablePSROIPoolingConfig config) {
    super(OP_NAME, config, input, rois, trans, count, gradOutput);
  }

  @Override
  public String opName() {
    return OP_NAME;
  }

  @Override
  DeformablePSROIPoolingConfig configOf(long[] integers, double[] floats) {
    return DeformablePSROIPoolingConfig.fromArgs(integers, floats);
  }

  /** One, or two if there is a trans: one for each input but rois, count and gradOutput. */
  @Override
  public int getNumOutputs() {
    return inputs() - 3;
  }
}
