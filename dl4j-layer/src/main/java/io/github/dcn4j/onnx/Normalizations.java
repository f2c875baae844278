package io.github.dcn4j.onnx;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Normalisations, of arithmetic whose gradients are right, and softmax. */
final class Normalizations {
  private Normalizations() {}

  static void addTo(Converters all) {
    all.add("BatchNormalization", 9, Normalizations::batch)
        .add("InstanceNormalization", 6, Normalizations::instance)
        .add("GroupNormalization", 18, Normalizations::group)
        .add("LayerNormalization", 17, Normalizations::layer)
        .add("Softmax", 1, node -> softmax(node, false))
        .add("LogSoftmax", 1, node -> softmax(node, true));
  }

  private static void batch(Node node) {
    float epsilon = node.number("epsilon", 1e-5f);
    float momentum = node.number("momentum", 0.9f);
    boolean training = node.opset() >= 14 && node.flag("training_mode", false);
    Value x = node.floating(0);
    Value scale = node.floating(1);
    Value bias = node.floating(2);
    Value mean = node.floating(3);
    Value variance = node.floating(4);
    long[] shape = node.shape(0);
    if (shape.length < 2) {
      throw node.bad(0, "at least 2 dimensions", Sizes.text(shape));
    }
    if (training) {
      trainingBatch(node, epsilon, momentum);
      return;
    }
    Value[] parameters = {scale, bias, mean, variance};
    boolean known = Arrays.stream(parameters).allMatch(v -> v.constant() != null);
    if (known && x.rescaling() != null && node.isOnlyReader(0)) {
      INDArray factors = factors(scale.constant(), variance.constant(), epsilon);
      INDArray addends =
          bias.constant()
              .sub(mean.constant().castTo(factors.dataType()).mul(factors).castTo(bias.type()))
              .castTo(x.type());
      Value.Rescaling rescaling = x.rescaling();
      node.output(rescaling.apply(factors.castTo(x.type()), addends), shape);
      return;
    }
    long[] perChannel = new long[shape.length];
    Arrays.fill(perChannel, 1);
    perChannel[1] = -1;
    SDVariable factor =
        node.computed(
            v -> reshaped(v[0].div(deviation(v[1], epsilon)), perChannel), scale, variance);
    SDVariable addend =
        node.computed(
            v -> reshaped(v[1].sub(v[2].mul(v[0].div(deviation(v[3], epsilon)))), perChannel),
            scale,
            bias,
            mean,
            variance);
    node.output(x.variable().mul(factor).add(addend), shape);
  }

  private static INDArray factors(INDArray scale, INDArray variance, float epsilon) {
    INDArray deviation =
        org.nd4j.linalg.ops.transforms.Transforms.sqrt(
            variance.castTo(DataType.DOUBLE).add(epsilon), false);
    return scale.castTo(DataType.DOUBLE).div(deviation);
  }

  private static SDVariable reshaped(SDVariable v, long[] shape) {
    return v.getSameDiff().reshape(v, shape);
  }

  /** √(v + ε). */
  private static SDVariable deviation(SDVariable variance, double epsilon) {
    SameDiff sd = variance.getSameDiff();
    return sd.math().sqrt(variance.add(scalar(variance, epsilon)));
  }

  private static SDVariable scalar(SDVariable like, double value) {
    return like.getSameDiff().constant(org.nd4j.linalg.factory.Nd4j.scalar(like.dataType(), value));
  }

  /** By the statistics of the batch; the running ones are outputs. */
  private static void trainingBatch(Node node, float epsilon, float momentum) {
    SDVariable x = node.variable(0);
    long[] shape = node.shape(0);
    int[] axes = IntStream.range(0, shape.length).filter(i -> i != 1).toArray();
    long[] perChannel = new long[shape.length];
    Arrays.fill(perChannel, 1);
    perChannel[1] = -1;
    Moments moments = Moments.of(x, shape.length, axes);
    SDVariable normal = moments.normalized(epsilon);
    node.output(
        0,
        normal
            .mul(reshaped(node.variable(1), perChannel))
            .add(reshaped(node.variable(2), perChannel)),
        shape);
    long[] channels = {shape[1]};
    running(node, 1, node.variable(3), reshaped(moments.mean, new long[] {-1}), momentum, channels);
    running(
        node, 2, node.variable(4), reshaped(moments.variance, new long[] {-1}), momentum, channels);
  }

  private static void running(
      Node node, int output, SDVariable before, SDVariable now, float momentum, long[] shape) {
    if (node.wants(output)) {
      SDVariable kept = before.mul(scalar(before, momentum));
      node.output(output, kept.add(now.mul(scalar(now, 1 - (double) momentum))), shape);
    }
  }

  /** Mean and variance over some axes, which stay with size 1. */
  private static final class Moments {
    private SDVariable centred;
    private SDVariable mean;
    private SDVariable variance;

    static Moments of(SDVariable x, int rank, int... axes) {
      SameDiff sd = x.getSameDiff();
      Moments moments = new Moments();
      moments.mean = Sums.mean(x, rank, axes);
      moments.centred = x.sub(moments.mean);
      moments.variance = Sums.mean(sd.math().square(moments.centred), rank, axes);
      return moments;
    }

    SDVariable normalized(double epsilon) {
      return centred.div(deviation(variance, epsilon));
    }
  }

  private static void instance(Node node) {
    float epsilon = node.number("epsilon", 1e-5f);
    Value x = node.floating(0);
    long[] shape = node.shape(0);
    Value scale = node.floating(1);
    Value bias = node.floating(2);
    if (shape.length < 3) {
      throw node.bad(0, "at least 3 dimensions", Sizes.text(shape));
    }
    long[] perChannel = new long[shape.length];
    Arrays.fill(perChannel, 1);
    perChannel[1] = -1;
    int[] axes = IntStream.range(2, shape.length).toArray();
    SDVariable normal = Moments.of(x.variable(), shape.length, axes).normalized(epsilon);
    node.output(
        normal
            .mul(node.computed(v -> reshaped(v[0], perChannel), scale))
            .add(node.computed(v -> reshaped(v[0], perChannel), bias)),
        shape);
  }

  private static void group(Node node) {
    float epsilon = node.number("epsilon", 1e-5f);
    long groups = node.integer("num_groups");
    long stash = node.opset() >= 21 ? node.integer("stash_type", 1) : 1;
    DataType inner = innerType(stash);
    Value x = node.floating(0);
    Value scale = node.floating(1);
    Value bias = node.floating(2);
    long[] shape = node.shape(0);
    if (shape.length < 3 || shape[1] < 0 || groups < 1 || shape[1] % groups != 0) {
      throw Attributes.bad(
          "num_groups", "a divisor of the channels of " + Sizes.text(shape), groups);
    }
    SameDiff sd = node.sd();
    SDVariable wide = widened(x, inner);
    SDVariable flat =
        shape[0] < 0
            ? groupsOfOpenBatch(node, wide, shape, groups)
            : sd.reshape(wide, shape[0], groups, -1);
    SDVariable normal = Moments.of(flat, 3, 2).normalized(epsilon);
    long[] perChannel = new long[shape.length];
    Arrays.fill(perChannel, 1);
    perChannel[1] = -1;
    boolean perGroup = node.opset() < 21; // scale and bias, before that
    long[] perGroupShape = {1, groups, 1};
    if (perGroup) {
      normal =
          normal
              .mul(reshaped(widened(scale, normal.dataType()), perGroupShape))
              .add(reshaped(widened(bias, normal.dataType()), perGroupShape));
    }
    SDVariable back = likeBefore(sd, normal, wide, shape);
    if (!perGroup) {
      back = Shapes.cast(back, x.type());
      back =
          back.mul(node.computed(v -> reshaped(v[0], perChannel), scale))
              .add(node.computed(v -> reshaped(v[0], perChannel), bias));
    }
    node.output(Shapes.cast(back, x.type()), shape);
  }

  private static SDVariable groupsOfOpenBatch(Node node, SDVariable x, long[] shape, long groups) {
    SameDiff sd = node.sd();
    SDVariable batch = Indexing.partOf(Shapes.cast(sd.shape(x), DataType.INT64), 1, 0, 0, 1);
    return sd.reshape(x, sd.concat(0, batch, node.longs(groups, -1)));
  }

  private static SDVariable likeBefore(SameDiff sd, SDVariable y, SDVariable before, long[] shape) {
    return Arrays.stream(shape).filter(size -> size < 0).count() <= 1
        ? sd.reshape(y, shape)
        : sd.reshape(y, Shapes.cast(sd.shape(before), DataType.INT64));
  }

  private static DataType innerType(long stash) {
    DataType type = Types.of(stash);
    if (type == null || !type.isFPType()) {
      throw Attributes.bad("stash_type", "a type of floating point numbers", Types.name(stash));
    }
    return type;
  }

  /** In the type in which statistics are computed, unless its own is wider. */
  private static SDVariable widened(Value x, DataType inner) {
    return x.type().width() < inner.width() ? Shapes.cast(x.variable(), inner) : x.variable();
  }

  /** Without so many first axes of size 1. */
  private static SDVariable less(SDVariable x, int axes) {
    SDVariable y = x;
    for (int i = 0; i < axes; i++) {
      y = x.getSameDiff().squeeze(y, 0);
    }
    return y;
  }

  private static void layer(Node node) {
    long given = node.integer("axis", -1);
    float epsilon = node.number("epsilon", 1e-5f);
    DataType inner = innerType(node.integer("stash_type", 1));
    Value x = node.floating(0);
    Value scale = node.floating(1);
    Value bias = node.optional(2);
    long[] shape = node.shape(0);
    int axis = node.axis(given, shape.length);
    int[] axes = IntStream.range(axis, shape.length).toArray();
    SameDiff sd = node.sd();
    SDVariable wide = widened(x, inner);
    // Of three dimensions at least: ND4J takes arrays of fewer for vectors and scalars.
    int more = Math.max(0, 3 - shape.length);
    for (int i = 0; i < more; i++) {
      wide = sd.expandDims(wide, 0);
    }
    int[] wideAxes = Arrays.stream(axes).map(i -> i + more).toArray();
    Moments moments = Moments.of(wide, 3, wideAxes);
    SDVariable y = less(Shapes.cast(moments.normalized(epsilon), x.type()), more);
    y = y.mul(scale.variable());
    node.output(0, bias == null ? y : y.add(bias.variable()), shape);
    long[] reduced = shape.clone();
    Arrays.fill(reduced, axis, shape.length, 1);
    node.output(1, less(moments.mean, more), reduced);
    if (node.wants(2)) {
      SDVariable deviation = deviation(moments.variance, epsilon);
      node.output(2, less(sd.math().reciprocal(deviation), more), reduced);
    }
  }

  /** ND4J's own op has no gradient. */
  private static SDVariable logSoftmax(SameDiff sd, SDVariable x, int rank, int axis) {
    SDVariable largest = Sums.max(x, rank, axis);
    SDVariable below = x.sub(largest);
    return below.sub(sd.math().log(Sums.sum(sd.math().exp(below), rank, axis)));
  }

  /** Along one axis; before opset 13 over all axes from one on. */
  private static void softmax(Node node, boolean log) {
    boolean old = node.opset() < 13;
    long given = node.integer("axis", old ? 1 : -1);
    Value x = node.floating(0);
    long[] shape = node.shape(0);
    SameDiff sd = node.sd();
    int axis = old && given == shape.length ? shape.length : node.axis(given, shape.length);
    SDVariable v = x.variable();
    int dimension = axis;
    boolean flat = old && axis < shape.length - 1;
    if (flat) {
      long rows = Sizes.product(Arrays.copyOf(shape, axis));
      long columns = Sizes.product(Arrays.copyOfRange(shape, axis, shape.length));
      if (rows < 0 && columns < 0) {
        throw node.bad(0, "known sizes before or after the axis", Sizes.text(shape));
      }
      v = sd.reshape(v, rows, columns);
      dimension = 1;
    }
    int rank = flat ? 2 : shape.length;
    SDVariable y = log ? logSoftmax(sd, v, rank, dimension) : sd.nn().softmax(v, dimension);
    node.output(flat ? likeBefore(sd, y, x.variable(), shape) : y, shape);
  }
}
