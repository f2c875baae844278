package io.github.dcn4j.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.function.Executable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/** Calls by the ops' names, as programs make them that don't use this library's classes. */
final class Calls {
  private Calls() {}

  static DynamicCustomOp.DynamicCustomOpsBuilder forward(Problem p) {
    return call(
        "deformable_conv2d",
        p,
        p.getInput(),
        p.getWeights(),
        p.getOffset(),
        p.getMask(),
        p.getBias());
  }

  static DynamicCustomOp.DynamicCustomOpsBuilder backward(Problem p) {
    return call(
        "deformable_conv2d_bp",
        p,
        p.getInput(),
        p.getWeights(),
        p.getOffset(),
        p.getMask(),
        p.getBias(),
        p.getGradOutput());
  }

  private static DynamicCustomOp.DynamicCustomOpsBuilder call(
      String name, Problem p, INDArray... inputs) {
    return DynamicCustomOp.builder(name)
        .addInputs(Arrays.stream(inputs).filter(Objects::nonNull).toArray(INDArray[]::new))
        .addIntegerArguments(
            Arrays.stream(p.getConfig().toIArgs()).mapToInt(Math::toIntExact).toArray());
  }

  /** The arguments with another number in one place. */
  static int[] with(int place, int number, int[] arguments) {
    int[] changed = arguments.clone();
    changed[place] = number;
    return changed;
  }

  /** Asserts that the call throws an exception of exactly this message. */
  static void assertMessage(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** Asserts that the call throws, with this in the message of the exception or of a cause. */
  static void assertRefused(DynamicCustomOp.DynamicCustomOpsBuilder call, String message) {
    Throwable thrown = assertThrows(RuntimeException.class, () -> Nd4j.exec(call.build()));
    StringBuilder all = new StringBuilder();
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      all.append(t.getMessage()).append('\n');
    }
    assertTrue(all.toString().contains(message), "expected '" + message + "' in\n" + all);
  }

  static DynamicCustomOp.DynamicCustomOpsBuilder forward(PoolingProblem p) {
    return call("deformable_psroi_pooling", p, p.getInput(), p.getRois(), p.getTrans());
  }

  static DynamicCustomOp.DynamicCustomOpsBuilder backward(PoolingProblem p) {
    return call(
        "deformable_psroi_pooling_bp",
        p,
        p.getInput(),
        p.getRois(),
        p.getTrans(),
        p.getCount(),
        p.getGradOutput());
  }

  private static DynamicCustomOp.DynamicCustomOpsBuilder call(
      String name, PoolingProblem p, INDArray... inputs) {
    return DynamicCustomOp.builder(name)
        .addInputs(Arrays.stream(inputs).filter(Objects::nonNull).toArray(INDArray[]::new))
        .addIntegerArguments(
            Arrays.stream(p.getConfig().toIArgs()).mapToInt(Math::toIntExact).toArray())
        .addFloatingPointArguments(
            Arrays.stream(p.getConfig().toTArgs()).boxed().toArray(Double[]::new));
  }
}
