package io.github.dcn4j.ops;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BiFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Ways to spoil a legal call. Each changes the call and returns what the message must then say, as
 * a regular expression; null where it does not apply to the call.
 */
final class Mistakes {
  private static final DataType[] TYPES = {
    DataType.FLOAT,
    DataType.DOUBLE,
    DataType.FLOAT16,
    DataType.BFLOAT16,
    DataType.INT32,
    DataType.INT64,
    DataType.UINT8,
    DataType.BOOL
  };

  /** Names of the convolution's integer arguments. */
  private static final List<String> CONVOLUTION =
      List.of(
          "kH",
          "kW",
          "sH",
          "sW",
          "pH",
          "pW",
          "dH",
          "dW",
          "paddingMode",
          "dataFormat",
          "deformableGroups",
          "groups");

  /** Names of the pooling's. */
  private static final List<String> POOLING =
      List.of("outputDim", "groupSize", "pooledSize", "partSize", "samplePerPart");

  private static final int[] BELOW_ONE = {0, -1, -7, Integer.MIN_VALUE};
  private static final int[] NO_MODE = {2, -1, 99, Integer.MAX_VALUE, Integer.MIN_VALUE};

  private Mistakes() {}

  /** One kind of mistake. */
  interface Mistake extends BiFunction<RawCall, Random, String> {}

  static List<Mistake> ofConvolution() {
    return List.of(
        Mistakes::sizeBelowOne,
        Mistakes::negativePadding,
        Mistakes::unknownMode,
        Mistakes::groupsThatDoNotDivide,
        Mistakes::kernelLargerThanTheImage,
        Mistakes::wrongNumberOfIntegers,
        Mistakes::wrongRank,
        Mistakes::wrongSize,
        Mistakes::wrongType,
        Mistakes::wrongNumberOfInputs,
        Mistakes::wrongOutput);
  }

  static List<Mistake> ofPooling() {
    return List.of(
        Mistakes::sizeBelowOne,
        Mistakes::wrongNumberOfIntegers,
        Mistakes::wrongFloats,
        Mistakes::roiOfNoImage,
        Mistakes::wrongRank,
        Mistakes::wrongSize,
        Mistakes::wrongType,
        Mistakes::wrongNumberOfInputs,
        Mistakes::wrongOutput);
  }

  private static boolean isConvolution(RawCall call) {
    return call.op.contains("conv2d");
  }

  private static int any(int[] values, Random random) {
    return values[random.nextInt(values.length)];
  }

  private static String sizeBelowOne(RawCall call, Random random) {
    List<String> names = isConvolution(call) ? CONVOLUTION : POOLING;
    int place =
        isConvolution(call)
            ? any(new int[] {0, 1, 2, 3, 6, 7, 10, 11}, random)
            : random.nextInt(names.size());
    call.integers.set(place, any(BELOW_ONE, random));
    return names.get(place) + ": expected 1 to 2147483647, got -?\\d+";
  }

  private static String negativePadding(RawCall call, Random random) {
    if (call.integers.get(8) == 1) {
      return null; // 'same' ignores it
    }
    int place = 4 + random.nextInt(2);
    call.integers.set(place, any(new int[] {-1, -2, Integer.MIN_VALUE}, random));
    return CONVOLUTION.get(place) + ": expected 0 to 2147483647, got -\\d+";
  }

  private static String unknownMode(RawCall call, Random random) {
    int place = 8 + random.nextInt(2);
    call.integers.set(place, any(NO_MODE, random));
    return CONVOLUTION.get(place) + ": expected 0 \\(\\w+\\) or 1 \\(\\w+\\), got -?\\d+";
  }

  private static String groupsThatDoNotDivide(RawCall call, Random random) {
    int place = 10 + random.nextInt(2);
    long[] shape = call.inputs.get(0).shape();
    call.integers.set(place, (int) shape[call.integers.get(9) == 1 ? 3 : 1] + 1);
    return CONVOLUTION.get(place) + ": expected a divisor of the \\d+ input channels, got \\d+";
  }

  private static String kernelLargerThanTheImage(RawCall call, Random random) {
    int axis = random.nextInt(2);
    if (call.integers.get(8) == 1 || call.integers.get(axis) == 1) {
      return null;
    }
    call.integers.set(6 + axis, any(new int[] {1000, 1_000_000, Integer.MAX_VALUE}, random));
    return "input: expected at least the dilated kernel's \\d+ x \\d+ pixels.*, got \\d+ x \\d+";
  }

  private static String wrongNumberOfIntegers(RawCall call, Random random) {
    int number = call.integers.size();
    if (random.nextBoolean()) {
      call.integers.add(1);
    } else {
      call.integers.subList(random.nextInt(number), number).clear();
    }
    return "integer arguments: expected \\d+ \\(.*\\), got " + call.integers.size();
  }

  private static String wrongFloats(RawCall call, Random random) {
    double[] notFinite = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
    switch (random.nextInt(3)) {
      case 0:
        call.floats.set(0, notFinite[random.nextInt(3)]);
        return "spatialScale: expected a finite number, got";
      case 1:
        call.floats.set(1, notFinite[random.nextInt(3)]);
        return "transStd: expected a finite number, got";
      default:
        call.floats.remove(0);
        return "float arguments: expected 2 \\(spatialScale, transStd\\), got 1";
    }
  }

  private static String roiOfNoImage(RawCall call, Random random) {
    INDArray rois = call.inputs.get(1).dup();
    double images = call.inputs.get(0).size(0);
    double[] bad = {images, -1, 0.5, Double.NaN, Double.POSITIVE_INFINITY, 60000, -60000};
    rois.putScalar(random.nextInt((int) rois.size(0)), 0, bad[random.nextInt(bad.length)]);
    call.inputs.set(1, rois);
    return "rois: expected batch indices that are integers, at least 0 and less than N = \\d+, got";
  }

  private static String wrongRank(RawCall call, Random random) {
    int place = random.nextInt(call.inputs.size());
    INDArray input = call.inputs.get(place);
    long[] shape = input.shape();
    long[] changed =
        shape.length > 1 && random.nextBoolean()
            ? merged(shape)
            : Arrays.copyOf(shape, shape.length + 2);
    for (int d = shape.length; d < changed.length; d++) {
      changed[d] = 1;
    }
    call.inputs.set(place, input.dup('c').reshape('c', changed));
    return "(" + call.names.get(place) + "|mask or bias): expected rank \\d.*, got rank \\d";
  }

  /** The shape with its first two dimensions made one. */
  private static long[] merged(long[] shape) {
    long[] merged = Arrays.copyOfRange(shape, 1, shape.length);
    merged[0] *= shape[0];
    return merged;
  }

  private static String wrongSize(RawCall call, Random random) {
    // The sizes of the input, and weights' first, are what the others are compared with.
    int place = 1 + random.nextInt(call.inputs.size() - 1);
    String name = call.names.get(place);
    long[] shape = call.inputs.get(place).shape().clone();
    boolean firstIsFree = name.equals("weights") || name.equals("rois");
    int dimension =
        firstIsFree ? 1 + random.nextInt(shape.length - 1) : random.nextInt(shape.length);
    shape[dimension] += 1;
    call.inputs.set(place, Nd4j.zeros(call.inputs.get(place).dataType(), shape));
    return name + ": expected (\\[[\\d, ]+\\]|2\\*classes channels).*, got";
  }

  private static String wrongType(RawCall call, Random random) {
    int place = random.nextInt(call.inputs.size());
    DataType before = call.inputs.get(place).dataType();
    DataType type = TYPES[random.nextInt(TYPES.length)];
    boolean floating = type.isFPType();
    boolean roisMayBe =
        call.names.get(place).equals("rois")
            && (type == DataType.FLOAT
                || type == DataType.DOUBLE
                || type == call.inputs.get(0).dataType());
    if (type == before || place == 0 && floating || roisMayBe) {
      return null;
    }
    call.inputs.set(place, Nd4j.zeros(type, call.inputs.get(place).shape()));
    return call.names.get(place) + ": expected type .*, got \\w+";
  }

  private static String wrongNumberOfInputs(RawCall call, Random random) {
    if (random.nextBoolean()) {
      call.inputs.subList(1, call.inputs.size()).clear();
    } else {
      for (int i = 0; i < 4; i++) {
        call.inputs.add(call.inputs.get(0));
      }
    }
    return "number of inputs: expected \\d (to|or) \\d \\(.*\\), got " + call.inputs.size();
  }

  private static String wrongOutput(RawCall call, Random random) {
    for (INDArray output : call.exec()) {
      call.outputs.add(Nd4j.create(output.dataType(), output.shape()));
    }
    if (random.nextInt(4) == 0) {
      call.outputs.add(call.outputs.get(0).dup());
      return "number of outputs: expected \\d, got \\d";
    }
    int place = random.nextInt(call.outputs.size());
    INDArray output = call.outputs.get(place);
    if (random.nextBoolean()) {
      call.outputs.set(place, output.castTo(DataType.INT32));
      return "(output|count|grad\\w+): expected type \\w+.*, got INT";
    }
    long[] shape = output.shape();
    shape[random.nextInt(shape.length)] += 1;
    call.outputs.set(place, Nd4j.create(output.dataType(), shape));
    return "(output|count|grad\\w+): expected \\[.*\\].*, got \\[";
  }
}
