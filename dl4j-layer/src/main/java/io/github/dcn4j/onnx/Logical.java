package io.github.dcn4j.onnx;

import java.util.function.BinaryOperator;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/** Comparisons, and what is made of their results. */
final class Logical {
  private Logical() {}

  static void addTo(Converters all) {
    all.add("And", 7, onBits((a, b) -> a.getSameDiff().bitwise().and(a, b)))
        .add("Or", 7, onBits((a, b) -> a.getSameDiff().bitwise().or(a, b)))
        .add("Xor", 7, onBits((a, b) -> a.getSameDiff().bitwise().xor(a, b)))
        .add("Not", 1, Logical::not)
        .add("Equal", 7, comparison(SDVariable::eq))
        .add("Greater", 7, comparison(SDVariable::gt))
        .add("GreaterOrEqual", 12, comparison(SDVariable::gte))
        .add("Less", 7, comparison(SDVariable::lt))
        .add("LessOrEqual", 12, comparison(SDVariable::lte))
        .add("Where", 9, Logical::where)
        .add("IsNaN", 9, Logical::isNaN)
        .add("IsInf", 10, Logical::isInfinite);
  }

  /** ND4J's ops on BOOL read it beyond its first bit. */
  private static Converter onBits(BinaryOperator<SDVariable> op) {
    return node -> {
      Value a = node.typed(0, DataType.BOOL);
      Value b = node.typed(1, DataType.BOOL);
      SDVariable bits =
          op.apply(Broadcasts.numeric(a.variable()), Broadcasts.numeric(b.variable()));
      node.output(Shapes.cast(bits, DataType.BOOL), Broadcasts.shape(a, b));
    };
  }

  private static void not(Node node) {
    Value x = node.typed(0, DataType.BOOL);
    SDVariable bits = Broadcasts.numeric(x.variable());
    node.output(node.sd().eq(bits, node.scalar(DataType.INT8, 0)), x.shape());
  }

  private static Converter comparison(BinaryOperator<SDVariable> op) {
    return node -> {
      Value a = node.input(0);
      Value b = Elementwise.sameType(node, 1, a.type());
      SDVariable result =
          op.apply(Broadcasts.numeric(a.variable()), Broadcasts.numeric(b.variable()));
      node.output(result, Broadcasts.shape(a, b));
    };
  }

  private static void where(Node node) {
    Value condition = node.typed(0, DataType.BOOL);
    Value x = node.input(1);
    Value y = Elementwise.sameType(node, 2, x.type());
    node.output(Broadcasts.where(condition, x, y), Broadcasts.shape(condition, x, y));
  }

  private static void isNaN(Node node) {
    Value x = node.floating(0);
    node.output(node.sd().math().isNaN(x.variable()), x.shape());
  }

  private static void isInfinite(Node node) {
    boolean negative = node.flag("detect_negative", true);
    boolean positive = node.flag("detect_positive", true);
    Value x = node.floating(0);
    SameDiff sd = node.sd();
    SDVariable zero = node.scalar(x.type(), 0);
    SDVariable infinite = Broadcasts.numeric(sd.math().isInfinite(x.variable()));
    if (!negative) {
      infinite = infinite.mul(Broadcasts.numeric(sd.gt(x.variable(), zero)));
    }
    if (!positive) {
      infinite = infinite.mul(Broadcasts.numeric(sd.lt(x.variable(), zero)));
    }
    node.output(Shapes.cast(infinite, DataType.BOOL), x.shape());
  }
}
