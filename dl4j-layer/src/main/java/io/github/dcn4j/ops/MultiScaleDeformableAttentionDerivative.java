package io.github.dcn4j.ops;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The gradients of {@link MultiScaleDeformableAttention}.
 *
 * <p>Inputs: those of the forward op, in their order, then gradOutput, shaped as its output.
 * Outputs: the gradients of value, samplingLocations and attentionWeights. Where the function has a
 * kink (a sample at an integer position) the gradient of the location is the right derivative.
 * Bit-identical from run to run and for any number of threads.
 */
public class MultiScaleDeformableAttentionDerivative extends OpOfArrays {
  /** The name of the native op. */
  public static final String OP_NAME = "multi_scale_deformable_attention_bp";

  /** For ND4J, which makes ops by reflection; the op has no arguments but its arrays. */
  public MultiScaleDeformableAttentionDerivative() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param inputs the forward op's inputs, then the gradient of its output
   */
  public MultiScaleDeformableAttentionDerivative(SameDiff sd, SDVariable[] inputs) {
    super(OP_NAME, sd, inputs);
  }

  /**
   * The op on arrays.
   *
   * @param value [N, S, M, D]
   * @param spatialShapes [L, 2], each (H, W); INT or LONG
   * @param samplingLocations [N, Q, M, L, P, 2], each (x, y) in 0…1
   * @param attentionWeights [N, Q, M, L, P]
   * @param gradOutput the gradient of the output, [N, Q, M·D]
   */
  public MultiScaleDeformableAttentionDerivative(
      INDArray value,
      INDArray spatialShapes,
      INDArray samplingLocations,
      INDArray attentionWeights,
      INDArray gradOutput) {
    super(OP_NAME, value, spatialShapes, samplingLocations, attentionWeights, gradOutput);
  }

  @Override
  public String opName() {
    return OP_NAME;
  }

  @Override
  public int getNumOutputs() {
    return 3;
  }
}
