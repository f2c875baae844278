package io.github.dcn4j.onnx;

import java.util.function.BiFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/** Functions of one number, and softmax. */
final class Activations {
  private Activations() {}

  static void addTo(Converters all) {
    all.add("Relu", 6, unary((sd, x) -> sd.nn().relu(x, 0)))
        .add("Sigmoid", 6, unary((sd, x) -> sd.nn().sigmoid(x)))
        .add("Tanh", 6, unary((sd, x) -> sd.math().tanh(x)));
  }

  /** An op on each number. */
  static Converter unary(BiFunction<SameDiff, SDVariable, SDVariable> op) {
    return node -> node.output(op.apply(node.sd(), node.variable(0)), node.input(0).shape());
  }
}
