package io.github.dcn4j.ops;

import java.util.Arrays;
import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Multi-scale deformable attention, the operator of Deformable DETR (arXiv 2010.04159, equation 3)
 * and its followers: each query sums samples of feature maps of several sizes. Numerically the same
 * function as the module's PyTorch core, which composes it of {@code grid_sample}.
 *
 * <p>Inputs, for N images, M heads of D channels, L levels, Q queries and P points a level:
 *
 * <ul>
 *   <li>value [N, S, M, D], the levels one after another, each row by row; S = Σ H·W
 *   <li>spatialShapes [L, 2], each (H, W); INT or LONG
 *   <li>samplingLocations [N, Q, M, L, P, 2], each (x, y): 0 is where the first pixel of the level
 *       begins, 1 where the last ends
 *   <li>attentionWeights [N, Q, M, L, P], multiplied in as they are, without a softmax
 * </ul>
 *
 * <p>Output: [N, Q, M·D]. All arrays but spatialShapes have one type: FLOAT, DOUBLE, HALF or
 * BFLOAT16. A sample is at pixel (y·H − 0.5, x·W − 0.5); one with y ≤ −1, y ≥ H, x ≤ −1 or x ≥ W is
 * 0, others are bilinear with corners outside counting as 0.
 *
 * <p>{@link #run} throws an IllegalArgumentException for an argument that does not fit; it names
 * the argument, what was expected and what was given.
 */
public class MultiScaleDeformableAttention extends OpOfArrays {
  /** The name of the native op. */
  public static final String OP_NAME = "multi_scale_deformable_attention";

  /** For ND4J, which makes ops by reflection; the op has no arguments but its arrays. */
  public MultiScaleDeformableAttention() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param value [N, S, M, D]
   * @param spatialShapes [L, 2], each (H, W); INT or LONG
   * @param samplingLocations [N, Q, M, L, P, 2], each (x, y) in 0…1
   * @param attentionWeights [N, Q, M, L, P]
   */
  public MultiScaleDeformableAttention(
      SameDiff sd,
      SDVariable value,
      SDVariable spatialShapes,
      SDVariable samplingLocations,
      SDVariable attentionWeights) {
    super(OP_NAME, sd, value, spatialShapes, samplingLocations, attentionWeights);
  }

  /**
   * The op on arrays.
   *
   * @param value [N, S, M, D]
   * @param spatialShapes [L, 2], each (H, W); INT or LONG
   * @param samplingLocations [N, Q, M, L, P, 2], each (x, y) in 0…1
   * @param attentionWeights [N, Q, M, L, P]
   */
  public MultiScaleDeformableAttention(
      INDArray value,
      INDArray spatialShapes,
      INDArray samplingLocations,
      INDArray attentionWeights) {
    super(OP_NAME, value, spatialShapes, samplingLocations, attentionWeights);
  }

  @Override
  public String opName() {
    return OP_NAME;
  }

  /** The gradients of the inputs; zeros for spatialShapes. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    SDVariable[] all = inputsAnd(gradients.get(0));
    SDVariable[] result =
        new MultiScaleDeformableAttentionDerivative(sameDiff, all).outputVariables();
    return Arrays.asList(result[0], sameDiff.zerosLike(args()[1]), result[1], result[2]);
  }
}
