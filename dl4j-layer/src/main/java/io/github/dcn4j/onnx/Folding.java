package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import lombok.RequiredArgsConstructor;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Computes nodes whose inputs are all constants while importing, in a graph of their own. */
@RequiredArgsConstructor
final class Folding {
  /** Larger results stay in the graph: a file of some bytes may claim any size. */
  private static final long MOST_ELEMENTS = 1 << 22;

  /** Ops whose results have no more elements than a few times those of their inputs. */
  private static final Set<String> BOUNDED =
      Set.of("Compress", "NonMaxSuppression", "NonZero", "Unique");

  private final Onnx.NodeProto proto;
  private final long opset;

  /** The outputs as constants, or null where they have to be computed by the graph. */
  Value[] fold(Converter converter, List<Value> inputs) {
    long elements = 0;
    for (Value input : inputs) {
      if (input != null && (input.isRefused() || input.constant() == null)) {
        return null;
      }
      elements += input == null ? 0 : input.constant().length();
    }
    if (inputs.isEmpty() || elements > MOST_ELEMENTS) {
      return null;
    }
    SameDiff sd = SameDiff.create();
    List<Value> constants = new ArrayList<>();
    for (Value input : inputs) {
      constants.add(
          input == null
              ? null
              : Value.constant(
                  input.name(), input.constant(), () -> sd.constant(input.constant())));
    }
    Value[] outputs = new Value[proto.getOutputCount()];
    GraphImport.convert(
        converter, new Node(proto, opset, sd, constants, outputs, Collections.emptyMap()));
    for (int i = 0; i < outputs.length; i++) {
      if (outputs[i] != null && outputs[i].constant() == null) {
        boolean few = BOUNDED.contains(proto.getOpType());
        boolean known = outputs[i].isStatic();
        if (!(known ? Sizes.product(outputs[i].shape()) <= MOST_ELEMENTS : few)) {
          return null;
        }
        outputs[i] = evaluated(outputs[i]);
      }
    }
    return outputs;
  }

  private static Value evaluated(Value output) {
    SDVariable variable = output.variable();
    INDArray array;
    try {
      array = variable.eval().dup('c');
    } catch (RuntimeException e) {
      throw new Refusal(e.getMessage() == null ? e.toString() : e.getMessage());
    }
    return Value.constant(output.name(), array, () -> variable);
  }
}
