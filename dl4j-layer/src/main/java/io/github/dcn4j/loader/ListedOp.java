package io.github.dcn4j.loader;

import lombok.Getter;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.ops.CustomOpDescriptor;
import org.nd4j.linalg.util.HashUtil;

/** An op of the native library: its class, for SameDiff, and its entry in ND4J's list of ops. */
@Getter
public final class ListedOp {
  /** An instance of its class, which SameDiff makes others from. */
  private final DifferentialFunction op;

  /** As the native library declares it. */
  private final CustomOpDescriptor descriptor;

  /**
   * An op as the native library declares it, with any number of inputs.
   *
   * @param op an instance of its class
   * @param outputs the number of its outputs; −1 if the op looks at it itself
   * @param floats the number of its float arguments; −1 if the op looks at it itself
   * @param integers the number of its integer arguments; −1 if the op looks at it itself
   */
  public ListedOp(DifferentialFunction op, int outputs, int floats, int integers) {
    this.op = op;
    descriptor =
        CustomOpDescriptor.builder()
            // as libnd4j's HashHelper, which it finds the op by
            .hash(HashUtil.getLongHash(op.opName()))
            .numInputs(-1)
            .numOutputs(outputs)
            .allowsInplace(false)
            .numTArgs(floats)
            .numIArgs(integers)
            .build();
  }

  /** The op's name. */
  public String getName() {
    return op.opName();
  }
}
