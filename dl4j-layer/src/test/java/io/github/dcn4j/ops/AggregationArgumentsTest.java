package io.github.dcn4j.ops;

import static io.github.dcn4j.ops.Calls.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/** Bad input of DCNv3 and attention gets an exception that names it, and the next call works. */
class AggregationArgumentsTest {
  private static final Aggregation DCNV3 = Aggregation.dcnv3(DataType.FLOAT);
  private static final Aggregation ATTENTION = Aggregation.attention(DataType.FLOAT);

  private static INDArray zeros(long... shape) {
    return Nd4j.zeros(DataType.FLOAT, shape);
  }

  private static INDArray sizes(int[]... levels) {
    return Nd4j.createFromArray(levels);
  }

  /** Replaces one input: its place, what it becomes, and what the message says. */
  static Stream<Arguments> badInputs() {
    return Stream.of(
        Arguments.of(DCNV3, 0, zeros(6, 5, 6), "input: expected rank 4 [N, H, W, C], got rank 3"),
        Arguments.of(
            DCNV3, 0, zeros(2, 6, 5, 7), "groups: expected a divisor of the 7 input channels"),
        Arguments.of(DCNV3, 0, zeros(2, 0, 5, 6), "input: expected no empty dimension"),
        Arguments.of(
            DCNV3,
            0,
            Nd4j.zeros(DataType.INT32, 2, 6, 5, 6),
            "input: expected type FLOAT, DOUBLE, HALF or BFLOAT16, got INT"),
        Arguments.of(
            DCNV3,
            1,
            zeros(2, 4, 5, 18),
            "offset: expected [2, 4, 5, 36] (groups*K*2 channels, K taps), got [2, 4, 5, 18]"),
        Arguments.of(DCNV3, 1, zeros(2, 36, 4, 5), "offset: expected [2, 4, 5, 36]"),
        Arguments.of(DCNV3, 1, zeros(36), "offset: expected rank 4"),
        Arguments.of(
            DCNV3, 2, zeros(2, 4, 5, 36), "mask: expected [2, 4, 5, 18] (groups*K channels"),
        Arguments.of(
            DCNV3,
            2,
            Nd4j.zeros(DataType.DOUBLE, 2, 4, 5, 18),
            "mask: expected type FLOAT as the input, got DOUBLE"),
        Arguments.of(ATTENTION, 0, zeros(2, 16, 6), "value: expected rank 4 [N, S, M, D]"),
        Arguments.of(
            ATTENTION,
            0,
            Nd4j.zeros(DataType.INT32, 2, 16, 2, 3),
            "value: expected type FLOAT, DOUBLE, HALF or BFLOAT16, got INT"),
        Arguments.of(
            ATTENTION,
            0,
            zeros(2, 15, 2, 3),
            "spatialShapes: expected sizes whose products add up to the 15 rows of the value, got"
                + " [3, 4, 2, 2]"),
        Arguments.of(ATTENTION, 0, zeros(2, 16, 3, 3), "samplingLocations: expected [2, 5, 3"),
        Arguments.of(
            ATTENTION,
            1,
            sizes(new int[] {3, 4}, new int[] {-2, -2}),
            "spatialShapes: expected heights and widths of at least 1, got -2 x -2 in level 1"),
        Arguments.of(
            ATTENTION,
            1,
            sizes(new int[] {16, 1}, new int[] {0, 2}),
            "spatialShapes: expected heights and widths of at least 1, got 0 x 2 in level 1"),
        Arguments.of(
            ATTENTION,
            1,
            Nd4j.createFromArray(new long[][] {{1L << 33, 1L << 33}, {1L << 62, 4}}),
            "spatialShapes: expected sizes whose products add up to the 16 rows"),
        // 16 in 64 bits.
        Arguments.of(
            ATTENTION,
            1,
            Nd4j.createFromArray(new long[][] {{1L << 33, 1L << 33}, {4, 4}}),
            "spatialShapes: expected sizes whose products add up to the 16 rows"),
        Arguments.of(
            ATTENTION,
            1,
            sizes(new int[] {3, 4}, new int[] {2, 1}),
            "spatialShapes: expected sizes whose products add up to the 16 rows"),
        Arguments.of(
            ATTENTION,
            1,
            Nd4j.createFromArray(new int[] {3, 4, 2, 2}),
            "spatialShapes: expected rank 2"),
        Arguments.of(ATTENTION, 1, sizes(new int[] {4, 4}), "samplingLocations: expected [2, 5"),
        Arguments.of(
            ATTENTION,
            1,
            Nd4j.zeros(DataType.INT32, 2, 3),
            "spatialShapes: expected [2, 2] (L, (H, W)), got [2, 3]"),
        Arguments.of(
            ATTENTION, 1, zeros(2, 2), "spatialShapes: expected type INT or LONG, got FLOAT"),
        Arguments.of(
            ATTENTION,
            1,
            Nd4j.zeros(DataType.INT16, 2, 2),
            "spatialShapes: expected type INT or LONG, got SHORT"),
        Arguments.of(
            ATTENTION,
            1,
            Nd4j.zeros(DataType.UINT32, 2, 2),
            "spatialShapes: expected type INT or LONG, got unsigned INT"),
        Arguments.of(
            ATTENTION,
            1,
            Nd4j.create(DataType.INT32, 0, 2),
            "spatialShapes: expected no empty dimension in [L, 2], got [0, 2]"),
        Arguments.of(
            ATTENTION,
            2,
            zeros(2, 5, 2, 2, 2, 3),
            "samplingLocations: expected [2, 5, 2, 2, 2, 2] (N, Q, M, L, P, (x, y))"),
        Arguments.of(ATTENTION, 2, zeros(2, 5, 2, 4, 2), "samplingLocations: expected rank 6"),
        Arguments.of(
            ATTENTION,
            2,
            Nd4j.zeros(DataType.FLOAT16, 2, 5, 2, 2, 2, 2),
            "samplingLocations: expected type FLOAT as the value, got HALF"),
        Arguments.of(
            ATTENTION,
            3,
            zeros(2, 5, 2, 2, 3),
            "attentionWeights: expected [2, 5, 2, 2, 2] (N, Q, M, L, P)"),
        Arguments.of(
            ATTENTION,
            3,
            Nd4j.zeros(DataType.INT64, 2, 5, 2, 2, 2),
            "attentionWeights: expected type FLOAT"));
  }

  @ParameterizedTest
  @MethodSource("badInputs")
  void aBadInputIsNamed(Aggregation good, int place, INDArray bad, String message) {
    for (boolean backward : new boolean[] {false, true}) {
      assertRefused(good, good.with(place, bad).call(backward), message);
    }
  }

  /** Changes one argument of DCNv3. */
  static Stream<Arguments> badArguments() {
    return Stream.of(
        bad("kH: expected 1 to 2147483647, got 0", i -> i[0] = 0),
        bad("kW: expected 1", i -> i[1] = -1),
        bad("sH: expected 1", i -> i[2] = 0),
        bad("sW: expected 1", i -> i[3] = 0),
        bad("pH: expected 0 to 2147483647, got -1", i -> i[4] = -1),
        bad("pW: expected 0", i -> i[5] = -2),
        bad("dH: expected 1", i -> i[6] = 0),
        bad("dW: expected 1", i -> i[7] = -1),
        bad("groups: expected 1", i -> i[8] = 0),
        bad("groups: expected a divisor of the 6 input channels, got 4", i -> i[8] = 4),
        bad("removeCenter: expected 0 or 1, got 2", i -> i[9] = 2),
        bad("removeCenter: expected 0 unless kH and kW are odd", i -> i[9] = 1),
        bad(
            "removeCenter: expected 0 unless kH and kW are odd",
            i -> {
              i[0] = 2;
              i[1] = 3;
              i[9] = 1;
            }),
        bad("kernel's 11 pixels with its padding, got 10", i -> i[6] = 5),
        bad(
            "input: expected a height of at least the dilated kernel's 201 pixels",
            i -> i[6] = 100),
        bad("offset: expected [2, 4, 7, 36]", i -> i[5] = 2),
        bad("expected at most 2^48 output elements", i -> i[4] = i[5] = Integer.MAX_VALUE));
  }

  private static Arguments bad(String message, Consumer<int[]> change) {
    return Arguments.of(message, change);
  }

  @ParameterizedTest
  @MethodSource("badArguments")
  void aBadArgumentIsNamed(String message, Consumer<int[]> change) {
    int[] integers = new int[10];
    for (int i = 0; i < integers.length; i++) {
      integers[i] = Math.toIntExact(DCNV3.getConfig().toIArgs()[i]);
    }
    change.accept(integers);
    assertRefused(DCNV3, raw("dcnv3", DCNV3, integers, 1.5), message);
  }

  @Test
  void aCenterAloneCannotBeLeftOut() {
    int[] one = {1, 1, 1, 1, 0, 0, 1, 1, 3, 1};
    assertRefused(DCNV3, raw("dcnv3", DCNV3, one, 1), "removeCenter: expected 0");
  }

  @Test
  void theNumberOfArgumentsAndInputsIsChecked() {
    int[] integers = {3, 2, 2, 1, 2, 1, 2, 1, 3, 0};
    for (int number : new int[] {9, 11}) {
      assertRefused(
          DCNV3,
          raw("dcnv3", DCNV3, Arrays.copyOf(integers, number), 1),
          "integer arguments: expected 10");
    }
    assertRefused(DCNV3, raw("dcnv3", DCNV3, integers), "float arguments: expected 1");
    assertRefused(DCNV3, raw("dcnv3", DCNV3, integers, 1, 2), "float arguments: expected 1");
    for (double scale : new double[] {Double.NaN, Double.POSITIVE_INFINITY, 1e39}) {
      assertRefused(
          DCNV3, raw("dcnv3", DCNV3, integers, scale), "offsetScale: expected a finite number");
    }
    assertRefused(
        DCNV3, raw("dcnv3_bp", DCNV3, integers, 1), "number of inputs: expected 4 (input, offset");
    String op = "multi_scale_deformable_attention";
    assertRefused(ATTENTION, raw(op, ATTENTION, new int[] {1}), "arguments: expected no integers");
    assertRefused(ATTENTION, raw(op, ATTENTION, new int[0], 1), "arguments: expected no integers");
    assertRefused(
        ATTENTION,
        raw(op + "_bp", ATTENTION, new int[0]),
        "number of inputs: expected 5 (value, spatialShapes, samplingLocations, attentionWeights,"
            + " gradOutput), got 4");
  }

  static Stream<Aggregation> both() {
    return Aggregation.both(DataType.FLOAT);
  }

  @ParameterizedTest
  @MethodSource("both")
  void aBadGradOutputIsNamed(Aggregation good) {
    long[] shape = good.getGradOutput().shape();
    shape[1]++;
    for (INDArray bad :
        new INDArray[] {zeros(2, 6), zeros(shape), good.getGradOutput().castTo(DataType.DOUBLE)}) {
      assertRefused(good, good.toBuilder().gradOutput(bad).build().call(true), "gradOutput: ");
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void aCallersOutputThatDoesNotFitIsRefusedBeforeAnythingIsWritten(Aggregation good) {
    INDArray output = good.forward().assign(7);
    for (INDArray bad : new INDArray[] {output.reshape(-1), output.castTo(DataType.DOUBLE)}) {
      assertRefused(good, good.call(false).addOutputs(bad), "output: expected");
      assertEquals(7, bad.minNumber().doubleValue());
    }
    INDArray[] gradients = good.backward();
    for (int i = 0; i < gradients.length; i++) {
      gradients[i].assign(7);
    }
    INDArray last = gradients[2];
    gradients[2] = last.reshape(-1);
    assertRefused(good, good.call(true).addOutputs(gradients), "expected");
    gradients[2] = last;
    for (INDArray gradient : gradients) {
      assertEquals(7, gradient.minNumber().doubleValue());
      assertEquals(7, gradient.maxNumber().doubleValue());
    }
  }

  @Test
  void oneArrayForTwoOutputsIsRefusedBeforeAnythingIsWritten() {
    // One channel, one tap: the gradients of input and mask have one shape.
    DCNv3Config config = DCNv3Config.builder().kH(1).kW(1).build();
    Aggregation small =
        DCNV3.toBuilder()
            .config(config)
            .inputs(List.of(zeros(1, 3, 3, 1), zeros(1, 3, 3, 2), zeros(1, 3, 3, 1)))
            .gradOutput(zeros(1, 3, 3, 1))
            .build();
    INDArray both = Nd4j.valueArrayOf(new long[] {1, 3, 3, 1}, 7f);
    assertRefused(
        DCNV3,
        small.call(true).addOutputs(both, zeros(1, 3, 3, 2), both),
        "gradMask: expected memory of its own, got memory that it shares with gradInput");
    assertEquals(7, both.minNumber().doubleValue());
    assertRefused(
        DCNV3,
        small.call(false).addOutputs(small.getInputs().get(0)),
        "output: expected memory of its own, got memory that it shares with input");
  }

  /** Sizes are contents: they are read, and refused, before anything is written. */
  @Test
  void sizesThatDoNotFitLeaveTheOutputAsItWas() {
    INDArray output = ATTENTION.forward().assign(7);
    INDArray wrong = sizes(new int[] {3, 4}, new int[] {2, 3});
    assertRefused(
        ATTENTION, ATTENTION.with(1, wrong).call(false).addOutputs(output), "sizes whose");
    assertEquals(7, output.minNumber().doubleValue());
    assertEquals(7, output.maxNumber().doubleValue());
  }

  @Test
  void theClassesNameWhatIsMissing() {
    NDDeformable ops = new NDDeformable();
    INDArray some = zeros(1, 1, 1, 1);
    assertMessage("offset: expected a value, got null", () -> ops.dcnv3(some, null, some, null));
    assertMessage("config: expected a value, got null", () -> ops.dcnv3(some, some, some, null));
    assertMessage(
        "spatialShapes: expected a value, got null",
        () -> ops.multiScaleDeformableAttention(some, null, some, some));
    assertMessage(
        "kH, kW: expected a kernel size of at least 1 x 1, got 3 x 0",
        () -> DCNv3Config.builder().kH(3).build());
  }

  /** The classes' own exception is one that names the argument, too. */
  @Test
  void theClassesThrowWhatTheOpSays() {
    Aggregation bad = ATTENTION.with(1, sizes(new int[] {4, 4}, new int[] {1, 1}));
    String message = assertThrows(IllegalArgumentException.class, bad::forward).getMessage();
    assertEquals(
        "multi_scale_deformable_attention: spatialShapes: expected sizes whose products add up to"
            + " the 16 rows of the value, got [4, 4, 1, 1]",
        message.split("\n")[0]);
  }

  private static DynamicCustomOp.DynamicCustomOpsBuilder raw(
      String op, Aggregation call, int[] integers, double... floats) {
    DynamicCustomOp.DynamicCustomOpsBuilder builder =
        DynamicCustomOp.builder(op)
            .addInputs(call.getInputs().toArray(new INDArray[0]))
            .addIntegerArguments(integers);
    for (double number : floats) {
      builder.addFloatingPointArguments(number);
    }
    return builder;
  }

  private static void assertRefused(
      Aggregation good, DynamicCustomOp.DynamicCustomOpsBuilder call, String message) {
    INDArray before = good.forward();
    Calls.assertRefused(call, message);
    assertArrayEquals(new INDArray[] {before}, new INDArray[] {good.forward()}, "the next call");
  }
}
