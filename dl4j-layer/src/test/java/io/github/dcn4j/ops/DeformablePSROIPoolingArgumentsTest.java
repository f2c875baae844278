package io.github.dcn4j.ops;

import static io.github.dcn4j.ops.Calls.assertMessage;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/** Bad input gets an exception that names it, and the next call works. */
class DeformablePSROIPoolingArgumentsTest {
  private static final String FORWARD = "deformable_psroi_pooling";
  private static final String BACKWARD = "deformable_psroi_pooling_bp";

  /** outputDim, groupSize, pooledSize, partSize, samplePerPart. */
  private static final int[] GOOD = {4, 2, 5, 3, 2};

  /** spatialScale, transStd. */
  private static final Double[] GOOD_FLOATS = {0.25, 0.1};

  private static INDArray zeros(long... shape) {
    return Nd4j.zeros(DataType.FLOAT, shape);
  }

  /** The inputs of a good call; the last two are for the backward one. */
  private static List<INDArray> goodInputs(boolean backward) {
    List<INDArray> inputs =
        new ArrayList<>(List.of(zeros(2, 16, 6, 7), zeros(3, 5), zeros(3, 4, 3, 3)));
    if (backward) {
      inputs.add(zeros(3, 4, 5, 5));
      inputs.add(zeros(3, 4, 5, 5));
    }
    return inputs;
  }

  /** Replaces one input: its place, what it becomes, and what the message says. */
  static Stream<Arguments> badInputs() {
    return Stream.of(
        Arguments.of(
            0,
            zeros(16, 6, 7),
            "input: expected rank 4 [N, outputDim*groupSize*groupSize, H, W], got rank 3"),
        Arguments.of(
            0,
            zeros(2, 4, 6, 7),
            "input: expected outputDim*groupSize*groupSize = 4*2*2 channels, got 4"),
        Arguments.of(0, zeros(2, 17, 6, 7), "input: expected outputDim*groupSize*groupSize"),
        Arguments.of(
            0, Nd4j.create(DataType.FLOAT, 2, 16, 0, 7), "input: expected no empty dimension in"),
        Arguments.of(
            0,
            Nd4j.zeros(DataType.INT32, 2, 16, 6, 7),
            "input: expected type FLOAT, DOUBLE, HALF or BFLOAT16, got INT"),
        Arguments.of(0, Nd4j.zeros(DataType.DOUBLE, 2, 16, 6, 7), "expected type DOUBLE"),
        Arguments.of(1, zeros(3, 4), "rois: expected [3, 5] (batch index, x1, y1, x2, y2)"),
        Arguments.of(1, zeros(3, 6), "rois: expected [3, 5]"),
        Arguments.of(1, zeros(5), "rois: expected rank 2 [R, 5], got rank 1 [5]"),
        Arguments.of(
            1,
            Nd4j.zeros(DataType.FLOAT16, 3, 5),
            "rois: expected type FLOAT as the input, FLOAT or DOUBLE, got HALF"),
        Arguments.of(1, Nd4j.zeros(DataType.INT64, 3, 5), "rois: expected type FLOAT"),
        Arguments.of(1, zeros(4, 5), "trans: expected [4, 4, 3, 3]"),
        Arguments.of(2, zeros(2, 4, 3, 3), "trans: expected [3, 4, 3, 3]"),
        Arguments.of(2, zeros(3, 4, 3, 5), "trans: expected [3, 4, 3, 3]"),
        Arguments.of(2, zeros(3, 4, 9), "trans: expected rank 4"),
        Arguments.of(2, zeros(3, 3, 3, 3), "trans: expected 2*classes channels, got [3, 3, 3, 3]"),
        Arguments.of(
            2,
            zeros(3, 6, 3, 3),
            "trans: expected 2*classes channels, classes a divisor of outputDim = 4, got 6"),
        Arguments.of(2, Nd4j.create(DataType.FLOAT, 3, 0, 3, 3), "trans: expected no empty"),
        Arguments.of(
            2,
            Nd4j.zeros(DataType.DOUBLE, 3, 4, 3, 3),
            "trans: expected type FLOAT as the input, got DOUBLE"));
  }

  @ParameterizedTest
  @MethodSource("badInputs")
  void aBadInputIsNamed(int place, INDArray bad, String message) {
    for (boolean backward : new boolean[] {false, true}) {
      List<INDArray> inputs = goodInputs(backward);
      inputs.set(place, bad);
      assertRefused(call(backward, inputs, GOOD, GOOD_FLOATS), message);
    }
  }

  /** Replaces one integer argument. */
  static Stream<Arguments> badArguments() {
    return Stream.of(
        Arguments.of(0, 0, "outputDim: expected 1 to 2147483647, got 0"),
        Arguments.of(0, 3, "input: expected outputDim*groupSize*groupSize = 3*2*2 channels"),
        Arguments.of(0, 2147483647, "input: expected outputDim*groupSize*groupSize"),
        Arguments.of(1, -1, "groupSize: expected 1"),
        Arguments.of(1, 3, "input: expected outputDim*groupSize*groupSize = 4*3*3 channels"),
        Arguments.of(1, 2147483647, "input: expected outputDim*groupSize*groupSize"),
        Arguments.of(2, 0, "pooledSize: expected 1"),
        Arguments.of(2, 2147483647, "pooledSize: expected at most 2^48 output elements"),
        Arguments.of(3, -7, "partSize: expected 1"),
        Arguments.of(3, 4, "trans: expected [3, 4, 4, 4]"),
        Arguments.of(4, 0, "samplePerPart: expected 1 to 2147483647, got 0"));
  }

  @ParameterizedTest
  @MethodSource("badArguments")
  void aBadArgumentIsNamed(int place, int bad, String message) {
    int[] arguments = Calls.with(place, bad, GOOD);
    for (boolean backward : new boolean[] {false, true}) {
      assertRefused(call(backward, goodInputs(backward), arguments, GOOD_FLOATS), message);
    }
  }

  @Test
  void floatArgumentsMustBeFinite() {
    for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, -1.0 / 0, -1e39}) {
      for (boolean backward : new boolean[] {false, true}) {
        List<INDArray> inputs = goodInputs(backward);
        assertRefused(
            call(backward, inputs, GOOD, bad, 0.1), "spatialScale: expected a finite number, got");
        assertRefused(
            call(backward, inputs, GOOD, 0.25, bad), "transStd: expected a finite number, got");
      }
    }
  }

  @Test
  void theNumberOfArgumentsIsChecked() {
    for (boolean backward : new boolean[] {false, true}) {
      List<INDArray> inputs = goodInputs(backward);
      assertRefused(
          call(backward, inputs, Arrays.copyOf(GOOD, 4), GOOD_FLOATS),
          "integer arguments: expected 5 (outputDim, groupSize, pooledSize, partSize,"
              + " samplePerPart), got 4");
      assertRefused(call(backward, inputs, Arrays.copyOf(GOOD, 6), GOOD_FLOATS), "got 6");
      assertRefused(call(backward, inputs, new int[0], GOOD_FLOATS), "integer arguments");
      assertRefused(
          call(backward, inputs, GOOD, 0.25),
          "float arguments: expected 2 (spatialScale, transStd), got 1");
      assertRefused(call(backward, inputs, GOOD, 0.25, 0.1, 1.0), "got 3");
      assertRefused(call(backward, inputs, GOOD), "float arguments: expected 2");
    }
    assertRefused(
        call(false, goodInputs(false).subList(0, 1), GOOD, GOOD_FLOATS),
        "number of inputs: expected 2 or 3 (input, rois, [trans]), got 1");
    assertRefused(call(false, goodInputs(true), GOOD, GOOD_FLOATS), "got 5");
    assertRefused(
        call(true, goodInputs(true).subList(0, 3), GOOD, GOOD_FLOATS),
        "number of inputs: expected 4 or 5 (input, rois, [trans], count, gradOutput), got 3");
  }

  @Test
  void aBadCountOrGradOutputIsNamed() {
    for (int place : new int[] {3, 4}) {
      String name = place == 3 ? "count" : "gradOutput";
      List<INDArray> inputs = goodInputs(true);
      inputs.set(place, zeros(3, 4, 5, 4));
      assertRefused(
          call(true, inputs, GOOD, GOOD_FLOATS),
          name + ": expected [3, 4, 5, 5] (as the output), got [3, 4, 5, 4]");
      inputs.set(place, zeros(3, 4, 25));
      assertRefused(call(true, inputs, GOOD, GOOD_FLOATS), name + ": expected rank 4");
      inputs.set(place, Nd4j.zeros(DataType.DOUBLE, 3, 4, 5, 5));
      assertRefused(call(true, inputs, GOOD, GOOD_FLOATS), name + ": expected type FLOAT");
    }
  }

  @Test
  void aRoiOfNoImageIsRefusedBeforeAnythingIsWritten() {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      for (double bad : new double[] {2, -1, 0.5, 1e30, -1e30, Double.NaN, 1.0 / 0, -1.0 / 0}) {
        for (boolean backward : new boolean[] {false, true}) {
          List<INDArray> inputs = goodInputs(backward);
          inputs.set(1, inputs.get(1).castTo(type));
          inputs.get(1).putScalar(2, 0, bad);
          INDArray[] outputs =
              backward
                  ? new INDArray[] {zeros(2, 16, 6, 7).addi(5), zeros(3, 4, 3, 3).addi(5)}
                  : new INDArray[] {zeros(3, 4, 5, 5).addi(5), zeros(3, 4, 5, 5).addi(5)};
          assertRefused(
              call(backward, inputs, GOOD, GOOD_FLOATS).addOutputs(outputs),
              "rois: expected batch indices that are integers, at least 0 and less than N = 2, got");
          for (INDArray output : outputs) {
            assertEquals(5, output.minNumber().doubleValue());
            assertEquals(5, output.maxNumber().doubleValue());
          }
        }
      }
    }
    INDArray almost = zeros(3, 5).castTo(DataType.DOUBLE);
    almost.putScalar(1, 0, 0.9999999999999); // 1 in float
    List<INDArray> inputs = goodInputs(false);
    inputs.set(1, almost);
    assertRefused(call(false, inputs, GOOD, GOOD_FLOATS), "in roi 1");
  }

  @Test
  void aCallersOutputOfTheWrongShapeOrTypeIsRefusedBeforeAnythingIsWritten() {
    List<INDArray> inputs = goodInputs(false);
    inputs.get(0).assign(1); // the output and the count would not be 0
    INDArray good = zeros(3, 4, 5, 5);
    for (INDArray bad :
        List.of(zeros(3, 4, 5, 6), zeros(3, 4, 25), Nd4j.zeros(DataType.DOUBLE, 3, 4, 5, 5))) {
      assertRefused(
          call(false, inputs, GOOD, GOOD_FLOATS).addOutputs(bad, good), "output: expected");
      assertRefused(
          call(false, inputs, GOOD, GOOD_FLOATS).addOutputs(good, bad), "count: expected");
      assertEquals(0, bad.norm1Number().doubleValue() + good.norm1Number().doubleValue());
    }
    assertRefused(
        call(true, goodInputs(true), GOOD, GOOD_FLOATS)
            .addOutputs(zeros(2, 16, 6, 7), zeros(3, 4, 3, 4)),
        "gradTrans: expected [3, 4, 3, 3]");
    assertRefused(
        call(true, goodInputs(true), GOOD, GOOD_FLOATS)
            .addOutputs(zeros(2, 16, 7, 6), zeros(3, 4, 3, 3)),
        "gradInput: expected [2, 16, 6, 7]");
  }

  @Test
  void anOutputInTheMemoryOfAnInputIsRefused() {
    List<INDArray> inputs = goodInputs(true);
    assertRefused(
        call(true, inputs, GOOD, GOOD_FLOATS).addOutputs(inputs.get(0), zeros(3, 4, 3, 3)),
        "gradInput: expected memory of its own, got memory that it shares with input");
  }

  @Test
  void oneArrayForTwoOutputsIsRefused() {
    INDArray both = zeros(3, 4, 5, 5);
    assertRefused(
        call(false, goodInputs(false), GOOD, GOOD_FLOATS).addOutputs(both, both),
        "count: expected memory of its own, got memory that it shares with output");
  }

  @Test
  void theClassesNameWhatIsMissing() {
    NDDeformable ops = new NDDeformable();
    assertMessage(
        "rois: expected a value, got null",
        () -> ops.deformablePSROIPooling(zeros(2, 16, 6, 7), null, null, null));
    assertMessage(
        "config: expected a value, got null",
        () -> ops.deformablePSROIPooling(zeros(2, 16, 6, 7), zeros(3, 5), null, null));
    assertMessage(
        "spatialScale: expected a value, got none",
        () -> DeformablePSROIPoolingConfig.builder().outputDim(3).pooledSize(7).build());
    assertMessage(
        "pooledSize: expected a value, got none",
        () -> DeformablePSROIPoolingConfig.builder().spatialScale(1).outputDim(3).build());
  }

  @Test
  void theConfigurationHasTheDefaultsOfTheReferenceImplementation() {
    DeformablePSROIPoolingConfig config =
        DeformablePSROIPoolingConfig.builder().spatialScale(0.5).outputDim(3).pooledSize(7).build();
    assertEquals(1, config.getGroupSize());
    assertEquals(7, config.getPartSize());
    assertEquals(4, config.getSamplePerPart());
    assertEquals(0, config.getTransStd());
    assertEquals(config, config.toBuilder().build());
  }

  private static DynamicCustomOp.DynamicCustomOpsBuilder call(
      boolean backward, List<INDArray> inputs, int[] integers, Double... floats) {
    return DynamicCustomOp.builder(backward ? BACKWARD : FORWARD)
        .addInputs(inputs.toArray(new INDArray[0]))
        .addIntegerArguments(integers)
        .addFloatingPointArguments(floats);
  }

  private static void assertRefused(DynamicCustomOp.DynamicCustomOpsBuilder call, String message) {
    Calls.assertRefused(call, message);
    INDArray output = Nd4j.exec(call(false, goodInputs(false), GOOD, GOOD_FLOATS).build())[0];
    assertEquals(zeros(3, 4, 5, 5), output, "the next call");
  }
}
