package io.github.dcn4j.inference;

import io.github.dcn4j.ops.PlainConv2D;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Constant weights of plain convolutions as the native product reads them, output channels last:
 * where images are small it takes longer to lay them out than to multiply by them. All plans of a
 * session share them.
 */
final class PackedWeights {
  private static final int WEIGHTS = 1;

  /** Of images of more pixels the product takes far longer. */
  private static final long MOST_PIXELS = 1024;

  /** Numbers in all. */
  private static final long MOST_NUMBERS = 1L << 24;

  private final Map<INDArray, INDArray> packed = new IdentityHashMap<>();
  private long numbers;

  /** Forgets all, when constants have changed. */
  void clear() {
    packed.clear();
    numbers = 0;
  }

  /** Lets convolutions read packed weights. */
  void replace(List<Step> steps) {
    if (!Nd4j.getEnvironment().isCPU()) {
      return;
    }
    for (Step step : steps) {
      if (step.op().opName().equals(PlainConv2D.OP_NAME)) {
        Slot weights = step.inputs().get(WEIGHTS);
        if (weights.constant && pays(step, weights.array)) {
          INDArray array = packed.computeIfAbsent(weights.array, this::pack);
          step.inputs().set(WEIGHTS, new Slot(array, null, true, null));
        }
      }
    }
  }

  private boolean pays(Step step, INDArray weights) {
    INDArray output = step.outputs().get(0).array;
    boolean known = packed.containsKey(weights);
    boolean fits = known || numbers + weights.length() <= MOST_NUMBERS;
    boolean real = weights.dataType() == DataType.FLOAT || weights.dataType() == DataType.DOUBLE;
    return real && fits && output.length() <= MOST_PIXELS * weights.size(0);
  }

  /** The same [O, C, kH, kW], in memory [kH][kW][C][O]. */
  private INDArray pack(INDArray weights) {
    numbers += weights.length();
    return weights.permute(2, 3, 1, 0).dup('c').permute(3, 2, 0, 1);
  }
}
