package io.github.dcn4j.inference;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import lombok.Getter;
import lombok.experimental.Accessors;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.Op;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;
import org.nd4j.linalg.factory.Nd4j;

/** An op of a plan with its arrays. */
@Getter
@Accessors(fluent = true)
final class Step {
  private final DifferentialFunction op;
  private final List<Slot> inputs;
  private final List<Slot> outputs;

  /** Whether the sizes of the outputs are as planned whatever is in the inputs. */
  private final boolean settled;

  /** Whether negative results become zeros, see {@link Fusion}. */
  private final boolean isRectified;

  private OpContext context;
  private Threads.Kind threads;

  Step(DifferentialFunction op, List<Slot> inputs, List<Slot> outputs, boolean settled) {
    this(op, inputs, outputs, settled, false);
  }

  private Step(
      DifferentialFunction op,
      List<Slot> inputs,
      List<Slot> outputs,
      boolean settled,
      boolean isRectified) {
    this.op = op;
    this.inputs = new ArrayList<>(inputs);
    this.outputs = outputs;
    this.settled = settled;
    this.isRectified = isRectified;
  }

  /** The step with one more input, and other outputs. */
  Step withAddend(Slot addend, List<Slot> results) {
    List<Slot> all = new ArrayList<>(inputs);
    all.add(addend);
    return new Step(op, all, results, settled, isRectified);
  }

  /** The step with zeros for negative results, and other outputs. */
  Step rectified(List<Slot> results) {
    return new Step(op, inputs, results, settled, true);
  }

  /** Takes the arrays that the slots have now. */
  void prepare() {
    threads = Threads.of(this);
    context = Nd4j.getExecutioner().buildContext();
    if (op instanceof CustomOp) {
      CustomOp custom = (CustomOp) op;
      context.setArgs(null, custom.iArgs(), custom.dArgs(), custom.tArgs(), custom.bArgs());
      if (isRectified) {
        long[] integers = custom.iArgs();
        long[] more = Arrays.copyOf(integers, integers.length + 1);
        more[integers.length] = 1;
        context.setIArguments(more);
      }
      context.shapeFunctionOverride(settled);
    }
    for (int i = 0; i < inputs.size(); i++) {
      context.setInputArray(i, inputs.get(i).array);
    }
    for (int i = 0; i < outputs.size(); i++) {
      context.setOutputArray(i, outputs.get(i).array);
    }
    if (op.opName().equals("permute") && inputs.size() == 1) {
      mergeAxes();
    }
  }

  /** Permutes fewer axes, where the arrays are the plan's for good. */
  private void mergeAxes() {
    Slot from = inputs.get(0);
    Slot to = outputs.get(0);
    long[] order = ((CustomOp) op).iArgs();
    if (from.placeholder != null || to.root().output || order.length != from.array.rank()) {
      return;
    }
    Permutation few = Permutation.of(from.array.shape(), order);
    INDArray input = Permutation.view(from.array, few.from());
    INDArray output = Permutation.view(to.array, few.to());
    boolean fewer = few.order().length > 1 && few.order().length < order.length;
    if (fewer && input != null && output != null) {
      context.setIArguments(few.order());
      context.setInputArray(0, input);
      context.setOutputArray(0, output);
    }
  }

  void setInput(int index, INDArray array) {
    context.setInputArray(index, array);
  }

  void setOutput(int index, INDArray array) {
    context.setOutputArray(index, array);
  }

  /** Runs the op, and says whether the outputs have the sizes that were planned. */
  boolean run() {
    if (!settled && !fits()) {
      return false;
    }
    if (op instanceof CustomOp) {
      Nd4j.getExecutioner().exec((CustomOp) op, context);
    } else {
      Nd4j.getExecutioner().exec((Op) op, context);
    }
    return true;
  }

  private boolean fits() {
    List<LongShapeDescriptor> shapes =
        op instanceof CustomOp
            ? ((CustomOp) op).calculateOutputShape(context)
            : op.calculateOutputShape(context);
    boolean fits = shapes.size() == outputs.size();
    for (int i = 0; fits && i < shapes.size(); i++) {
      INDArray planned = outputs.get(i).array;
      fits =
          shapes.get(i).isEmpty() == planned.isEmpty()
              && Arrays.equals(shapes.get(i).getShape(), planned.shape());
    }
    return fits;
  }
}
