package io.github.dcn4j.inference;

import io.github.dcn4j.ops.NativeOp;
import io.github.dcn4j.ops.OneThread;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Lets ND4J's small ops run in the thread that calls them: ND4J wakes others for a broadcast of a
 * hundred numbers, and each waking takes 50 µs. The results don't depend on it.
 */
final class Threads {
  /** Of the largest array of an op that is better off in one thread. */
  private static final long MOST_NUMBERS = 1 << 15;

  /** Ops that work long on few numbers, or whose BLAS might add in another order. */
  private static final Set<String> LONG =
      Set.of(
          "conv1d",
          "conv2d",
          "conv3dnew",
          "deconv2d",
          "deconv3d",
          "depthwise_conv2d",
          "gru",
          "lstm",
          "lstmLayer",
          "matmul",
          "mmul",
          "svd",
          "tensormmul");

  /** What a step is to run with. */
  enum Kind {
    ALONE,
    TOGETHER,
    /** The op decides itself. */
    ANY
  }

  private static final CustomOp ALONE = new OneThread(true);
  private static final CustomOp TOGETHER = new OneThread(false);

  private final OpContext alone = context(ALONE);
  private final OpContext together = context(TOGETHER);
  private boolean isAlone;

  private static OpContext context(CustomOp op) {
    OpContext context = Nd4j.getExecutioner().buildContext();
    context.setArgs(null, op.iArgs(), op.dArgs(), op.tArgs(), op.bArgs());
    context.setInputArrays(op.inputArguments());
    context.setOutputArray(0, Nd4j.createUninitializedDetached(DataType.FLOAT, 1));
    return context;
  }

  /** What is right for an op. */
  static Kind of(Step step) {
    if (step.op() instanceof NativeOp || !Nd4j.getEnvironment().isCPU()) {
      return Kind.ANY;
    }
    return LONG.contains(step.op().opName()) || largest(step) > MOST_NUMBERS
        ? Kind.TOGETHER
        : Kind.ALONE;
  }

  private static long largest(Step step) {
    return Stream.of(step.inputs(), step.outputs())
        .flatMap(List::stream)
        .mapToLong(slot -> slot.array.length())
        .max()
        .orElse(0);
  }

  /** Before a step; after the last one, {@link Kind#TOGETHER}. */
  void set(Kind kind) {
    boolean wanted = kind == Kind.ANY ? isAlone : kind == Kind.ALONE;
    if (wanted != isAlone) {
      Nd4j.getExecutioner().exec(wanted ? ALONE : TOGETHER, wanted ? alone : together);
      isAlone = wanted;
    }
  }
}
