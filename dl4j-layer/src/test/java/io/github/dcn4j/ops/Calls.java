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
        p.getConfig(),
        p.getInput(),
        p.getWeights(),
        p.getOffset(),
        p.getMask(),
        p.getBias());
  }

  static DynamicCustomOp.DynamicCustomOpsBuilder backward(Problem p) {
    return call(
        "deformable_conv2d_bp",
        p.getConfig(),
        p.getInput(),
        p.getWeights(),
        p.getOffset(),
        p.getMask(),
        p.getBias(),
        p.getGradOutput());
  }

  /** An op on arrays, of which those that are null are left out, with what a config says. */
  static DynamicCustomOp.DynamicCustomOpsBuilder call(
      String name, OpConfig config, INDArray... inputs) {
    return DynamicCustomOp.builder(name)
        .addInputs(Arrays.stream(inputs).filter(Objects::nonNull).toArray(INDArray[]::new))
        .addIntegerArguments(Arrays.stream(config.toIArgs()).mapToInt(Math::toIntExact).toArray())
        .addFloatingPointArguments(Arrays.stream(config.toTArgs()).boxed().toArray(Double[]::new));
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
    return call("deformable_psroi_pooling", p.getConfig(), p.getInput(), p.getRois(), p.getTrans());
  }

  static DynamicCustomOp.DynamicCustomOpsBuilder backward(PoolingProblem p) {
    return call(
        "deformable_psroi_pooling_bp",
        p.getConfig(),
        p.getInput(),
        p.getRois(),
        p.getTrans(),
        p.getCount(),
        p.getGradOutput());
  }
}
