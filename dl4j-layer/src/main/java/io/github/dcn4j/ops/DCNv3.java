package io.github.dcn4j.ops;

import java.util.Arrays;
import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The operator of DCNv3 (InternImage, arXiv 2211.05778, equation 2) and, with a mask that no
 * softmax bounds, of DCNv4 (arXiv 2401.06197): every channel of a group is a weighted sum of its
 * samples. There are no weights; numerically the same function as InternImage's PyTorch core.
 *
 * <p>Inputs, for G groups of D channels and K = kH·kW taps, one less with {@code removeCenter}:
 *
 * <ul>
 *   <li>input [N, H, W, G·D]
 *   <li>offset [N, oH, oW, G·K·2], channels group-major, then tap, then (x, y)
 *   <li>mask [N, oH, oW, G·K], channels group-major, then tap; multiplied in as it is, without a
 *       softmax
 * </ul>
 *
 * <p>Output: [N, oH, oW, G·D], oH = ⌊(H + 2·pH − dH·(kH − 1) − 1)/sH⌋ + 1, oW alike. All arrays
 * have one type: FLOAT, DOUBLE, HALF or BFLOAT16.
 *
 * <p>Tap i·kH + j is in column i and row j of the kernel: columns are the outer index. Its sample
 * is at x = ox·sW − pW + cW + (i·dW − cW + offsetX)·offsetScale, with cW = dW·(kW − 1)/2 rounded
 * down; y alike. A sample at (y, x) with y ≤ −1, y ≥ H, x ≤ −1 or x ≥ W is 0, others are bilinear
 * with corners outside counting as 0.
 *
 * <p>{@link #run} throws an IllegalArgumentException for an argument that does not fit; it names
 * the argument, what was expected and what was given.
 */
public class DCNv3 extends NativeOp<DCNv3Config> {
  /** The name of the native op. */
  public static final String OP_NAME = "dcnv3";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public DCNv3() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param input [N, H, W, G·D]
   * @param offset [N, oH, oW, G·K·2]
   * @param mask [N, oH, oW, G·K]
   * @param config the geometry
   */
  public DCNv3(
      SameDiff sd, SDVariable input, SDVariable offset, SDVariable mask, DCNv3Config config) {
    super(OP_NAME, sd, config, input, offset, mask);
  }

  /**
   * The op on arrays.
   *
   * @param input [N, H, W, G·D]
   * @param offset [N, oH, oW, G·K·2]
   * @param mask [N, oH, oW, G·K]
   * @param config the geometry
   */
  public DCNv3(INDArray input, INDArray offset, INDArray mask, DCNv3Config config) {
    super(OP_NAME, config, input, offset, mask);
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
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    SDVariable[] all = inputsAnd(gradients.get(0));
    return Arrays.asList(new DCNv3Derivative(sameDiff, all, getConfig()).outputVariables());
  }
}
