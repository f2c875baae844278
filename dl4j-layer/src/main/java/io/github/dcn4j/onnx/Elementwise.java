package io.github.dcn4j.onnx;

import java.util.function.BinaryOperator;
import org.nd4j.autodiff.samediff.SDVariable;

/** Arithmetic with broadcasting. */
final class Elementwise {
  private Elementwise() {}

  static void addTo(Converters all) {
    all.add("Add", 7, binary(SDVariable::add))
        .add("Sub", 7, binary(SDVariable::sub))
        .add("Mul", 7, binary(SDVariable::mul))
        .add("Div", 7, binary(SDVariable::div));
  }

  /** Two inputs of one type. */
  static Converter binary(BinaryOperator<SDVariable> op) {
    return node -> {
      long[] shape = Sizes.broadcast(node.input(0).shape(), node.input(1).shape());
      node.output(op.apply(node.variable(0), node.variable(1)), shape);
    };
  }
}
