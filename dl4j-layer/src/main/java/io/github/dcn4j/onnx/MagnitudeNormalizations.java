package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/** Normalisations by norms and root mean squares, and by the variance over any axes. */
final class MagnitudeNormalizations {
  /** What the standard's own definition adds to a deviation. */
  private static final double DEVIATION_OF_NOTHING = 1e-9;

  private MagnitudeNormalizations() {}

  static void addTo(Converters all) {
    all.add("LpNormalization", 1, MagnitudeNormalizations::byNorm)
        .add("LRN", 1, MagnitudeNormalizations::local)
        .add("MeanVarianceNormalization", 9, MagnitudeNormalizations::meanVariance)
        .add("RMSNormalization", 23, MagnitudeNormalizations::rootMeanSquare);
  }

  private static void byNorm(Node node) {
    long given = node.integer("axis", -1);
    long p = node.integer("p", 2);
    if (p != 1 && p != 2) {
      throw Attributes.bad("p", "1 or 2", p);
    }
    Value x = node.floating(0);
    long[] shape = node.shape(0);
    int axis = node.axis(given, shape.length);
    SameDiff sd = node.sd();
    SDVariable v = x.variable();
    SDVariable norm =
        p == 1
            ? Sums.sum(sd.math().abs(v), shape.length, axis)
            : sd.math().sqrt(Sums.sum(sd.math().square(v), shape.length, axis));
    // Zeros stay zeros.
    SDVariable none = Shapes.cast(sd.eq(norm, node.scalar(x.type(), 0)), x.type());
    node.output(v.div(norm.add(none)), shape);
  }

  /** By the squares of the channels around each. */
  private static void local(Node node) {
    float alpha = node.number("alpha", 1e-4f);
    float beta = node.number("beta", 0.75f);
    float bias = node.number("bias", 1);
    long size = node.integer("size");
    Value x = node.floating(0);
    long[] shape = node.shape(0);
    if (shape.length < 2 || shape[1] < 0) {
      throw node.bad(0, "a known number of channels", Sizes.text(shape));
    }
    if (size < 1 || size > 2 * shape[1] + 1) {
      throw Attributes.bad("size", "1 to " + (2 * shape[1] + 1), size);
    }
    SameDiff sd = node.sd();
    long[] before = new long[shape.length];
    long[] after = new long[shape.length];
    before[1] = (size - 1) / 2;
    after[1] = size - 1 - before[1];
    SDVariable squares = Convolutions.pad(sd.math().square(x.variable()), before, after, 0);
    SDVariable sum = null;
    for (long i = 0; i < size; i++) {
      SDVariable part = Indexing.partOf(squares, shape.length, 1, i, i + shape[1]);
      sum = sum == null ? part : sum.add(part);
    }
    SDVariable scale =
        sum.mul(node.scalar(x.type(), (double) alpha / size)).add(node.scalar(x.type(), bias));
    node.output(x.variable().div(sd.math().pow(scale, beta)), shape);
  }

  private static void meanVariance(Node node) {
    long[] given = node.integers("axes");
    Value x = node.floating(0);
    long[] shape = node.shape(0);
    int[] axes =
        Arrays.stream(given == null ? new long[] {0, 2, 3} : given)
            .mapToInt(axis -> node.axis(axis, shape.length))
            .sorted()
            .distinct()
            .toArray();
    SameDiff sd = node.sd();
    SDVariable centred = x.variable().sub(Sums.mean(x.variable(), shape.length, axes));
    SDVariable variance = Sums.mean(sd.math().square(centred), shape.length, axes);
    SDVariable deviation = sd.math().sqrt(variance);
    node.output(centred.div(deviation.add(node.scalar(x.type(), DEVIATION_OF_NOTHING))), shape);
  }

  private static void rootMeanSquare(Node node) {
    long given = node.integer("axis", -1);
    float epsilon = node.number("epsilon", 1e-5f);
    long stash = node.integer("stash_type", 1);
    Value x = node.floating(0);
    Value scale = Elementwise.sameType(node, 1, x.type());
    DataType inner = Types.of(stash);
    if (inner == null || !inner.isFPType()) {
      throw Attributes.bad("stash_type", "a type of floating point numbers", Types.name(stash));
    }
    long[] shape = node.shape(0);
    int axis = node.axis(given, shape.length);
    int[] axes = IntStream.range(axis, shape.length).toArray();
    SameDiff sd = node.sd();
    boolean narrow = x.type().width() < inner.width();
    SDVariable wide = narrow ? Shapes.cast(x.variable(), inner) : x.variable();
    SDVariable mean = Sums.mean(sd.math().square(wide), shape.length, axes);
    SDVariable root = sd.math().sqrt(mean.add(node.scalar(wide.dataType(), epsilon)));
    node.output(Shapes.cast(wide.div(root), x.type()).mul(scale.variable()), shape);
  }
}
