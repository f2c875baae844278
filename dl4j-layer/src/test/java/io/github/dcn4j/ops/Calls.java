package io.github.dcn4j.ops;

import java.util.Arrays;
import java.util.Objects;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;

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
}
