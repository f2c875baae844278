package io.github.dcn4j.onnx;

import java.util.function.BiFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Activation functions but for those over an axis. */
final class Activations {
  private Activations() {}

  static void addTo(Converters all) {
    all.add("Relu", 6, unary(Activations::relu))
        .add("Sigmoid", 6, unary((sd, x) -> sd.nn().sigmoid(x)))
        .add("Tanh", 6, unary((sd, x) -> sd.math().tanh(x)))
        .add("Softplus", 1, unary(Activations::softplus))
        .add("Softsign", 1, unary((sd, x) -> sd.nn().softsign(x)))
        .add("Mish", 18, unary((sd, x) -> x.mul(sd.math().tanh(softplus(sd, x)))))
        .add("HardSwish", 14, unary((sd, x) -> x.mul(sd.nn().relu6(x.add(3), 0)).div(6)))
        .add("Swish", 24, Activations::swish)
        .add("LeakyRelu", 6, Activations::leakyRelu)
        .add("PRelu", 7, Activations::prelu)
        .add("ThresholdedRelu", 10, Activations::thresholdedRelu)
        .add("Elu", 6, Activations::elu)
        .add("Celu", 12, Activations::celu)
        .add("Selu", 6, Activations::selu)
        .add("Shrink", 9, Activations::shrink)
        .add("HardSigmoid", 6, Activations::hardSigmoid)
        .add("Gelu", 20, Activations::gelu)
        .add("Clip", 6, 10, Activations::clipByAttributes)
        .add("Clip", 11, Activations::clip);
  }

  /** An op on each number. */
  static Converter unary(BiFunction<SameDiff, SDVariable, SDVariable> op) {
    return node -> node.output(op.apply(node.sd(), node.variable(0)), node.input(0).shape());
  }

  private static SDVariable relu(SameDiff sd, SDVariable x) {
    return sd.nn().relu(x, 0);
  }

  /** min(x, 0), whose slope at 0 is 1 as that of {@link #relu} is 0. */
  private static SDVariable negativePart(SameDiff sd, SDVariable x) {
    return sd.math().clipByValue(x, Double.NEGATIVE_INFINITY, 0);
  }

  /** log(1 + exp(x)), which is not infinite for large x. */
  private static SDVariable softplus(SameDiff sd, SDVariable x) {
    SDVariable positive = relu(sd, x);
    // log(exp(x - p) + exp(-p)) + p, smooth at 0 as the gradients by p cancel
    return sd.math()
        .log(sd.math().exp(x.sub(positive)).add(sd.math().exp(positive.neg())))
        .add(positive);
  }

  private static void swish(Node node) {
    float alpha = node.number("alpha", 1);
    SDVariable x = node.floating(0).variable();
    SDVariable scaled = alpha == 1 ? x : x.mul(alpha);
    node.output(x.mul(node.sd().nn().sigmoid(scaled)), node.input(0).shape());
  }

  private static void leakyRelu(Node node) {
    float alpha = node.number("alpha", 0.01f);
    Value x = node.floating(0);
    node.output(node.sd().nn().leakyRelu(x.variable(), alpha), x.shape());
  }

  private static void prelu(Node node) {
    Value x = node.input(0);
    Value slope = Elementwise.sameType(node, 1, x.type());
    if (!x.type().isSigned()) {
      node.pass(0, x);
      return;
    }
    SameDiff sd = node.sd();
    SDVariable negative = negativePart(sd, x.variable()).mul(slope.variable());
    node.output(relu(sd, x.variable()).add(negative), Broadcasts.shape(x, slope));
  }

  private static void thresholdedRelu(Node node) {
    float alpha = node.number("alpha", 1);
    Value x = node.floating(0);
    node.output(above(node, x.variable(), alpha), x.shape());
  }

  /** x where it is greater than a limit, else 0. */
  private static SDVariable above(Node node, SDVariable x, double limit) {
    SDVariable greater = node.sd().gt(x, node.scalar(x.dataType(), limit));
    return node.sd().where(x, node.sd().zerosLike(x), greater);
  }

  /** scale·(x where it is positive, else alpha·(exp(x/width) - 1)) */
  private static void exponential(Node node, double alpha, double width, double scale) {
    Value input = node.floating(0);
    SameDiff sd = node.sd();
    // Rounded once.
    SDVariable x =
        input.type() == DataType.DOUBLE
            ? input.variable()
            : Shapes.cast(input.variable(), DataType.FLOAT);
    SDVariable negative = negativePart(sd, x);
    SDVariable curve = sd.math().expm1(width == 1 ? negative : negative.div(width)).mul(alpha);
    SDVariable sum = relu(sd, x).add(curve);
    node.output(Shapes.cast(scale == 1 ? sum : sum.mul(scale), input.type()), input.shape());
  }

  private static void elu(Node node) {
    float alpha = node.number("alpha", 1);
    exponential(node, alpha, 1, 1);
  }

  private static void celu(Node node) {
    float alpha = node.number("alpha", 1);
    exponential(node, alpha, alpha, 1);
  }

  private static void selu(Node node) {
    float alpha = node.number("alpha", 1.6732632f);
    float gamma = node.number("gamma", 1.050701f);
    exponential(node, alpha, 1, gamma);
  }

  private static void shrink(Node node) {
    float bias = node.number("bias", 0);
    float limit = node.number("lambd", 0.5f);
    Value x = node.floating(0);
    SDVariable high = node.sd().gt(x.variable(), node.scalar(x.type(), limit));
    SDVariable low = node.sd().lt(x.variable(), node.scalar(x.type(), -limit));
    SDVariable none = node.sd().zerosLike(x.variable());
    SDVariable rest = node.sd().where(x.variable().add(bias), none, low);
    node.output(node.sd().where(x.variable().sub(bias), rest, high), x.shape());
  }

  private static void hardSigmoid(Node node) {
    float alpha = node.number("alpha", 0.2f);
    float beta = node.number("beta", 0.5f);
    Value x = node.floating(0);
    SDVariable line = x.variable().mul(alpha).add(beta);
    node.output(node.sd().math().clipByValue(line, 0, 1), x.shape());
  }

  private static void gelu(Node node) {
    boolean tanh = node.word("approximate", "none", "tanh").equals("tanh");
    Value input = node.floating(0);
    SDVariable x = input.variable();
    SDVariable share;
    if (tanh) {
      SDVariable cubic = x.mul(x).mul(0.044715).add(1).mul(x);
      share = node.sd().math().tanh(cubic.mul(Math.sqrt(2 / Math.PI)));
    } else {
      share = node.sd().math().erf(x.mul(Math.sqrt(0.5)));
    }
    node.output(x.mul(share.add(1)).mul(0.5), input.shape());
  }

  private static void clipByAttributes(Node node) {
    double min = node.has("min") ? node.number("min", 0) : Double.NEGATIVE_INFINITY;
    double max = node.has("max") ? node.number("max", 0) : Double.POSITIVE_INFINITY;
    Value x = node.floating(0);
    node.output(clipped(x.variable(), min, max), x.shape());
  }

  private static SDVariable clipped(SDVariable x, double min, double max) {
    return x.getSameDiff().math().clipByValue(x, min, max);
  }

  private static void clip(Node node) {
    Value x = node.input(0);
    Value min = node.optional(1);
    Value max = node.optional(2);
    for (int i = 1; i <= 2; i++) {
      if (node.optional(i) != null) {
        Elementwise.sameType(node, i, x.type());
      }
    }
    INDArray least = min == null ? null : min.constant();
    INDArray most = max == null ? null : max.constant();
    boolean known = (min == null || least != null) && (max == null || most != null);
    if (known && x.isFloat()) {
      double lower = least == null ? Double.NEGATIVE_INFINITY : least.getDouble(0);
      double upper = most == null ? Double.POSITIVE_INFINITY : most.getDouble(0);
      if (lower <= upper) {
        node.output(clipped(x.variable(), lower, upper), x.shape());
        return;
      }
    }
    SDVariable result = x.variable();
    Value bounded = x;
    if (min != null) {
      SDVariable[] pair = Broadcasts.common(bounded, min);
      result = node.sd().max(pair[0], pair[1]);
      bounded = Value.of(x.name(), result, x.shape(), null);
    }
    if (max != null) {
      SDVariable[] pair = Broadcasts.common(bounded, max);
      result = node.sd().min(pair[0], pair[1]);
    }
    if (result == x.variable()) {
      node.pass(0, x);
    } else {
      node.output(result, x.shape());
    }
  }
}
