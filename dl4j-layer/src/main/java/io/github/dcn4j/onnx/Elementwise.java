package io.github.dcn4j.onnx;

import java.util.function.BiFunction;
import java.util.function.BinaryOperator;
import java.util.function.UnaryOperator;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.ops.SDMath;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Rint;

/** Arithmetic, with broadcasting, and functions of one number. */
final class Elementwise {
  private Elementwise() {}

  static void addTo(Converters all) {
    all.add("Add", 7, binary(SDVariable::add))
        .add("Sub", 7, binary(SDVariable::sub))
        .add("Mul", 7, binary(SDVariable::mul))
        .add("Div", 7, Elementwise::div)
        .add("Mod", 10, Elementwise::mod)
        .add("Pow", 7, Elementwise::pow)
        .add("Max", 8, node -> extremum(node, SameDiff::max))
        .add("Min", 8, node -> extremum(node, SameDiff::min))
        .add("Sum", 8, node -> sum(node, false))
        .add("Mean", 8, node -> sum(node, true))
        .add("BitwiseAnd", 18, binary((a, b) -> a.getSameDiff().bitwise().and(a, b)))
        .add("BitwiseOr", 18, binary((a, b) -> a.getSameDiff().bitwise().or(a, b)))
        .add("BitwiseXor", 18, binary((a, b) -> a.getSameDiff().bitwise().xor(a, b)))
        .add("BitwiseNot", 18, Elementwise::bitwiseNot)
        .add("Abs", 6, unary(SDMath::abs))
        .add("Neg", 6, unary(SDMath::neg))
        .add("Sign", 9, unary(SDMath::sign))
        .add("Ceil", 6, unary(SDMath::ceil))
        .add("Floor", 6, unary(SDMath::floor))
        .add("Round", 11, unary((math, x) -> rounded(x)))
        .add("Sqrt", 6, unary(SDMath::sqrt))
        .add("Exp", 6, unary(SDMath::exp))
        .add("Log", 6, unary(SDMath::log))
        .add("Erf", 9, unary(SDMath::erf))
        .add("Reciprocal", 6, unary(SDMath::reciprocal))
        .add("Sin", 7, unary(SDMath::sin))
        .add("Cos", 7, unary(SDMath::cos))
        .add("Tan", 7, unary(SDMath::tan))
        .add("Asin", 7, unary(SDMath::asin))
        .add("Acos", 7, unary(SDMath::acos))
        .add("Atan", 7, unary(SDMath::atan))
        .add("Sinh", 9, unary(SDMath::sinh))
        .add("Cosh", 9, unary(SDMath::cosh))
        .add("Asinh", 9, unary(SDMath::asinh))
        .add("Acosh", 9, unary(SDMath::acosh))
        .add("Atanh", 9, unary(SDMath::atanh));
  }

  /** Two inputs of one type. */
  static Converter binary(BinaryOperator<SDVariable> op) {
    return node -> {
      Value a = node.input(0);
      Value b = sameType(node, 1, a.type());
      node.output(op.apply(a.variable(), b.variable()), Broadcasts.shape(a, b));
    };
  }

  /** A function of each number, in the number's own type. */
  static Converter unary(BiFunction<SDMath, SDVariable, SDVariable> op) {
    return each(x -> op.apply(x.getSameDiff().math(), x));
  }

  /** A function of each number, in the number's own type. */
  static Converter each(UnaryOperator<SDVariable> op) {
    return node -> {
      Value x = node.input(0);
      node.output(Shapes.cast(op.apply(x.variable()), x.type()), x.shape());
    };
  }

  /** An input of the type that another one has. */
  static Value sameType(Node node, int index, DataType type) {
    Value value = node.input(index);
    if (value.type() != type) {
      throw node.bad(index, "type " + type, value.type());
    }
    return value;
  }

  private static void bitwiseNot(Node node) {
    Value x =
        node.typed(
            0, DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64, DataType.UINT8);
    SDVariable v = x.variable();
    SDVariable result =
        x.type() == DataType.UINT8
            ? node.scalar(x.type(), 255).sub(v)
            : v.mul(node.scalar(x.type(), -1)).sub(node.scalar(x.type(), 1));
    node.output(result, x.shape());
  }

  /** To the nearest whole number, halves to the even one. */
  private static SDVariable rounded(SDVariable x) {
    return new Rint(x.getSameDiff(), x, false).outputVariable();
  }

  private static void div(Node node) {
    Value a = node.input(0);
    Value b = sameType(node, 1, a.type());
    SDVariable quotient =
        a.isFloat()
            ? a.variable().div(b.variable())
            : quotient(node, a.variable(), b.variable(), b.constant());
    node.output(quotient, Broadcasts.shape(a, b));
  }

  /**
   * Of whole numbers, towards 0. The processor stops the process where the divisor is 0, or where
   * it is -1 and the quotient too large; here the first gives what division by 1 gives.
   */
  private static SDVariable quotient(Node node, SDVariable a, SDVariable b, INDArray known) {
    DataType type = a.dataType();
    boolean harmless =
        known != null
            && !known.isEmpty()
            && known.castTo(DataType.DOUBLE).minNumber().doubleValue() > 0;
    if (harmless) {
      return a.div(b);
    }
    SDVariable isZero = Shapes.cast(node.sd().eq(b, node.scalar(type, 0)), type);
    if (!type.isSigned()) {
      return a.div(b.add(isZero));
    }
    SDVariable isMinusOne = Shapes.cast(node.sd().eq(b, node.scalar(type, -1)), type);
    SDVariable two = isMinusOne.add(isMinusOne);
    return a.div(b.add(isZero).add(two)).mul(node.scalar(type, 1).sub(two));
  }

  private static void mod(Node node) {
    boolean truncated = node.flag("fmod", false);
    Value a = node.input(0);
    Value b = sameType(node, 1, a.type());
    SDVariable rest =
        a.isFloat()
            ? floatRest(node, a, b, truncated)
            : integerRest(node, a.variable(), b, truncated);
    node.output(rest, Broadcasts.shape(a, b));
  }

  /** In DOUBLE, where quotients of the shorter types are exact enough to be cut. */
  private static SDVariable floatRest(Node node, Value a, Value b, boolean truncated) {
    SDVariable[] pair = Broadcasts.common(a, b);
    SameDiff sd = node.sd();
    SDVariable x = Shapes.cast(pair[0], DataType.DOUBLE);
    SDVariable y = Shapes.cast(pair[1], DataType.DOUBLE);
    SDVariable zero = node.scalar(DataType.DOUBLE, 0);
    SDVariable quotient = x.div(y);
    SDVariable whole = sd.math().sign(quotient).mul(sd.math().floor(sd.math().abs(quotient)));
    SDVariable none = sd.zerosLike(y);
    // Not 0·∞ where the divisor is infinite.
    SDVariable rest = x.sub(sd.where(none, y.mul(whole), sd.eq(whole, zero)));
    if (!truncated) { // the sign of the divisor
      SDVariable high =
          Broadcasts.numeric(sd.gt(rest, zero)).mul(Broadcasts.numeric(sd.lt(y, zero)));
      SDVariable low =
          Broadcasts.numeric(sd.lt(rest, zero)).mul(Broadcasts.numeric(sd.gt(y, zero)));
      rest = rest.add(sd.where(y, none, Shapes.cast(high.add(low), DataType.BOOL)));
    }
    return Shapes.cast(rest, a.type());
  }

  private static SDVariable integerRest(Node node, SDVariable a, Value divisor, boolean truncated) {
    SDVariable b = divisor.variable();
    DataType type = a.dataType();
    SDVariable rest = a.sub(quotient(node, a, b, divisor.constant()).mul(b));
    if (truncated || !type.isSigned()) {
      return rest;
    }
    // The sign of the divisor.
    SDVariable zero = node.scalar(type, 0);
    SDVariable isRest = Shapes.cast(node.sd().neq(rest, zero), type);
    SDVariable otherSign =
        Shapes.cast(
            node.sd()
                .neq(
                    Shapes.cast(node.sd().lt(rest, zero), type),
                    Shapes.cast(node.sd().lt(b, zero), type)),
            type);
    return rest.add(b.mul(isRest).mul(otherSign));
  }

  /** In the type of the base; the exponent may have another. */
  private static void pow(Node node) {
    Value base = node.input(0);
    Value exponent = node.input(1);
    long[] shape = Broadcasts.shape(base, exponent);
    SDVariable x = base.variable();
    INDArray known = exponent.constant();
    boolean scalar = known != null && known.length() == 1 && exponent.shape().length == 0;
    SDVariable result;
    if (scalar && known.getDouble(0) == 2) {
      result = x.mul(x);
    } else if (scalar && base.isFloat()) {
      result = node.sd().math().pow(x, known.getDouble(0));
    } else if (base.isFloat()) {
      result = node.sd().math().pow(x, Shapes.cast(exponent.variable(), base.type()));
    } else if (exponent.isFloat()) {
      SDVariable y = Shapes.cast(exponent.variable(), DataType.DOUBLE);
      SDVariable power = node.sd().math().pow(Shapes.cast(x, DataType.DOUBLE), y);
      result = Shapes.cast(power, base.type());
    } else {
      result = wholePower(node, x, Shapes.cast(exponent.variable(), base.type()));
    }
    node.output(result, shape);
  }

  /** Exact: the product of the base's powers by 1, 2, 4, … that the exponent is the sum of. */
  private static SDVariable wholePower(Node node, SDVariable base, SDVariable exponent) {
    DataType type = base.dataType();
    SDVariable one = node.scalar(type, 1);
    SDVariable power = base;
    SDVariable product = null;
    for (int bit = 0; bit < 6; bit++) {
      SDVariable set =
          node.sd()
              .bitwise()
              .and(node.sd().bitwise().rightShift(exponent, node.scalar(type, bit)), one);
      SDVariable factor = power.sub(one).mul(set).add(one);
      product = product == null ? factor : product.mul(factor);
      power = power.mul(power);
    }
    return product;
  }

  private interface Extremum {
    SDVariable of(SameDiff sd, SDVariable a, SDVariable b);
  }

  /** ND4J's gradients of these need equal shapes. */
  private static void extremum(Node node, Extremum op) {
    Value result = node.input(0);
    if (node.inputCount() == 1) {
      node.pass(0, result);
      return;
    }
    for (int i = 1; i < node.inputCount(); i++) {
      Value next = sameType(node, i, result.type());
      SDVariable[] pair = Broadcasts.common(result, next);
      result =
          Value.of(
              result.name(),
              op.of(node.sd(), pair[0], pair[1]),
              Broadcasts.shape(result, next),
              null);
    }
    node.output(result.variable(), result.shape());
  }

  private static void sum(Node node, boolean mean) {
    Value first = node.floating(0);
    if (node.inputCount() == 1) {
      node.pass(0, first);
      return;
    }
    SDVariable sum = first.variable();
    long[] shape = first.shape();
    for (int i = 1; i < node.inputCount(); i++) {
      Value next = sameType(node, i, first.type());
      sum = sum.add(next.variable());
      shape = Sizes.broadcast(shape, next.shape());
    }
    node.output(mean ? sum.div(node.inputCount()) : sum, shape);
  }
}
