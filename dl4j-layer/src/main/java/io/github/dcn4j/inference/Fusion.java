package io.github.dcn4j.inference;

import io.github.dcn4j.ops.PlainConv2D;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.scalar.RectifiedLinear;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Lets this library's plain convolution do what follows it: the addition of an array of the same
 * shape, and max(x, 0). The op does both to what it would have stored, so the results are the same
 * bits.
 */
final class Fusion {
  /** Input, weights and bias. */
  private static final int INPUTS = 3;

  private final List<Step> steps;
  private final Map<Slot, Integer> readers = new IdentityHashMap<>();
  private final Map<Slot, Step> makers = new IdentityHashMap<>();

  private Fusion(List<Step> steps) {
    this.steps = new ArrayList<>(steps);
    for (Step step : steps) {
      step.inputs().forEach(slot -> readers.merge(slot.root(), 1, Integer::sum));
      step.outputs().forEach(slot -> makers.put(slot, step));
    }
  }

  /** The steps with fewer of them. */
  static List<Step> of(List<Step> steps) {
    return Nd4j.getEnvironment().isCPU() ? new Fusion(steps).fused() : steps;
  }

  private List<Step> fused() {
    for (int i = 0; i < steps.size(); i++) {
      Step step = steps.get(i);
      Step convolution = null;
      Slot addend = null;
      if (step.op().opName().equals("add") && step.inputs().size() == 2) {
        for (int side = 0; side < 2 && convolution == null; side++) {
          addend = step.inputs().get(1 - side);
          convolution = convolution(step, side);
          if (convolution != null && !takes(convolution, addend)) {
            convolution = null;
          }
        }
        if (convolution != null) {
          replace(i, step, convolution, convolution.withAddend(addend, step.outputs()));
        }
      } else if (isRectifier(step.op())) {
        convolution = convolution(step, 0);
        if (convolution != null) {
          replace(i, step, convolution, convolution.rectified(step.outputs()));
        }
      }
    }
    steps.removeIf(Objects::isNull);
    return steps;
  }

  /** The convolution that makes an input for this step alone, and does nothing after it yet. */
  private Step convolution(Step step, int input) {
    Slot slot = step.inputs().get(input);
    Step maker = makers.get(slot);
    boolean alone = slot.source == null && !slot.output && readers.getOrDefault(slot, 0) == 1;
    boolean fits =
        maker != null
            && alone
            && maker.op().opName().equals(PlainConv2D.OP_NAME)
            && !maker.isRectified()
            && slot.array.dataType() != DataType.BFLOAT16; // of which ND4J's bits are not known
    return fits && sameShape(slot.array, step.outputs().get(0).array) ? maker : null;
  }

  private static boolean takes(Step convolution, Slot addend) {
    return convolution.inputs().size() == INPUTS
        && sameShape(addend.array, convolution.outputs().get(0).array);
  }

  private static boolean sameShape(INDArray a, INDArray b) {
    return a.dataType() == b.dataType()
        && Arrays.equals(a.shape(), b.shape())
        && Arrays.equals(a.stride(), b.stride());
  }

  private static boolean isRectifier(DifferentialFunction op) {
    if (!(op instanceof RectifiedLinear)) {
      return false;
    }
    INDArray least = ((RectifiedLinear) op).scalar();
    return least != null && least.getDouble(0) == 0;
  }

  /** Puts one step at the place of the later of two; what it reads was made before that. */
  private void replace(int at, Step step, Step convolution, Step both) {
    for (int i = 0; i < at; i++) {
      if (steps.get(i) == convolution) {
        steps.set(i, null);
      }
    }
    steps.set(at, both);
    both.outputs().forEach(slot -> makers.put(slot, both));
  }
}
