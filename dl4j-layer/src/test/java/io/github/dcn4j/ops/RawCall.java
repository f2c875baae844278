package io.github.dcn4j.ops;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/** A call by an op's name, all parts of which can be changed. */
final class RawCall {
  final String op;

  /** What messages call the inputs, the absent ones left out. */
  final List<String> names = new ArrayList<>();

  final List<INDArray> inputs = new ArrayList<>();
  final List<INDArray> outputs = new ArrayList<>();
  final List<Integer> integers = new ArrayList<>();
  final List<Double> floats = new ArrayList<>();

  private RawCall(String op) {
    this.op = op;
  }

  static RawCall of(Problem p, boolean backward) {
    RawCall call = new RawCall("deformable_conv2d" + (backward ? "_bp" : ""));
    call.add("input", p.getInput());
    call.add("weights", p.getWeights());
    call.add("offset", p.getOffset());
    call.add("mask", p.getMask());
    call.add("bias", p.getBias());
    call.add("gradOutput", backward ? p.getGradOutput() : null);
    Arrays.stream(p.getConfig().toIArgs()).forEach(i -> call.integers.add((int) i));
    return call;
  }

  static RawCall of(PoolingProblem p, boolean backward) {
    RawCall call = new RawCall("deformable_psroi_pooling" + (backward ? "_bp" : ""));
    call.add("input", p.getInput());
    call.add("rois", p.getRois());
    call.add("trans", p.getTrans());
    call.add("count", backward ? p.getCount() : null);
    call.add("gradOutput", backward ? p.getGradOutput() : null);
    Arrays.stream(p.getConfig().toIArgs()).forEach(i -> call.integers.add((int) i));
    Arrays.stream(p.getConfig().toTArgs()).forEach(call.floats::add);
    return call;
  }

  private void add(String name, INDArray input) {
    if (input != null) {
      names.add(name);
      inputs.add(input);
    }
  }

  boolean isBackward() {
    return op.endsWith("_bp");
  }

  INDArray[] exec() {
    DynamicCustomOp.DynamicCustomOpsBuilder call =
        DynamicCustomOp.builder(op)
            .addInputs(inputs.toArray(new INDArray[0]))
            .addIntegerArguments(integers.stream().mapToInt(Integer::intValue).toArray())
            .addFloatingPointArguments(floats.toArray(new Double[0]));
    if (!outputs.isEmpty()) {
      call.addOutputs(outputs.toArray(new INDArray[0]));
    }
    return Nd4j.exec(call.build());
  }

  /** The messages of an exception and its causes. */
  static String messages(Throwable thrown) {
    StringBuilder all = new StringBuilder();
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      all.append(Objects.toString(t.getMessage())).append('\n');
    }
    return all.toString();
  }
}
