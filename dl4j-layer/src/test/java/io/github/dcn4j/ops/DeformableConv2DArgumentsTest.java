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
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Bad input gets an exception that names it, and the next call works. */
class DeformableConv2DArgumentsTest {
  private static final int[] GOOD = {3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 2, 2};

  private static INDArray zeros(long... shape) {
    return Nd4j.zeros(DataType.FLOAT, shape);
  }

  /** The inputs of a good forward call; with gradOutput last, of a good backward call. */
  private static List<INDArray> goodInputs(boolean backward) {
    List<INDArray> inputs =
        new ArrayList<>(
            List.of(
                zeros(2, 4, 6, 5),
                zeros(6, 2, 3, 3),
                zeros(2, 36, 6, 5),
                zeros(2, 18, 6, 5),
                zeros(6)));
    if (backward) {
      inputs.add(zeros(2, 6, 6, 5));
    }
    return inputs;
  }

  /** Replaces one input: its place, what it becomes, and what the message says. */
  static Stream<Arguments> badInputs() {
    return Stream.of(
        Arguments.of(0, zeros(4, 6, 5), "input: expected rank 4 [N, C, H, W], got rank 3"),
        Arguments.of(0, zeros(2, 5, 6, 5), "groups: expected a divisor of the 5 input channels"),
        Arguments.of(0, zeros(2, 8, 6, 5), "weights: expected [6, 4, 3, 3]"),
        Arguments.of(
            0,
            Nd4j.create(DataType.FLOAT, 2, 4, 0, 5),
            "input: expected no empty dimension in [N, C, H, W], got [2, 4, 0, 5]"),
        Arguments.of(
            0,
            Nd4j.zeros(DataType.INT32, 2, 4, 6, 5),
            "input: expected type FLOAT, DOUBLE, HALF or BFLOAT16, got INT"),
        Arguments.of(1, zeros(6, 2, 9), "weights: expected rank 4 [O, C/groups, kH, kW]"),
        Arguments.of(
            1,
            Nd4j.create(DataType.FLOAT, 0, 2, 3, 3),
            "weights: expected no empty dimension in [O, C/groups, kH, kW], got [0, 2, 3, 3]"),
        Arguments.of(1, zeros(6, 2, 3, 5), "weights: expected [6, 2, 3, 3]"),
        Arguments.of(1, zeros(6, 4, 3, 3), "weights: expected [6, 2, 3, 3] (O, C/groups, kH, kW)"),
        Arguments.of(1, zeros(7, 2, 3, 3), "groups: expected a divisor of the 7 output channels"),
        Arguments.of(
            1,
            Nd4j.zeros(DataType.DOUBLE, 6, 2, 3, 3),
            "weights: expected type FLOAT as the input, got DOUBLE"),
        Arguments.of(
            2,
            zeros(2, 18, 6, 5),
            "offset: expected [2, 36, 6, 5] (2*deformableGroups*kH*kW channels), got [2, 18, 6, 5]"),
        Arguments.of(2, zeros(1, 36, 6, 5), "offset: expected [2, 36, 6, 5]"),
        Arguments.of(2, zeros(2, 36, 6, 6), "offset: expected [2, 36, 6, 5]"),
        Arguments.of(2, zeros(36), "offset: expected rank 4"),
        Arguments.of(2, Nd4j.zeros(DataType.INT64, 2, 36, 6, 5), "offset: expected type FLOAT"),
        Arguments.of(
            3,
            zeros(2, 36, 6, 5),
            "mask: expected [2, 18, 6, 5] (deformableGroups*kH*kW channels), got [2, 36, 6, 5]"),
        Arguments.of(3, zeros(18), "mask: expected rank 4"),
        Arguments.of(3, Nd4j.zeros(DataType.FLOAT16, 2, 18, 6, 5), "mask: expected type FLOAT"),
        Arguments.of(4, zeros(5), "bias: expected [6] (O), got [5]"),
        Arguments.of(4, zeros(1, 6), "bias: expected rank 1 [O], got rank 2 [1, 6]"),
        Arguments.of(4, Nd4j.zeros(DataType.BFLOAT16, 6), "bias: expected type FLOAT"),
        Arguments.of(4, Nd4j.scalar(1f), "bias: expected rank 1"));
  }

  @ParameterizedTest
  @MethodSource("badInputs")
  void aBadInputIsNamed(int place, INDArray bad, String message) {
    for (boolean backward : new boolean[] {false, true}) {
      List<INDArray> inputs = goodInputs(backward);
      inputs.set(place, bad);
      assertRefused(backward, inputs, GOOD, message);
    }
  }

  /** Replaces one integer argument. */
  static Stream<Arguments> badArguments() {
    return Stream.of(
        Arguments.of(0, 0, "kH: expected 1 to 2147483647, got 0"),
        Arguments.of(0, 5, "weights: expected [6, 2, 5, 3]"),
        Arguments.of(1, -3, "kW: expected 1"),
        Arguments.of(1, 2, "weights: expected [6, 2, 3, 2]"),
        Arguments.of(2, 0, "sH: expected 1"),
        Arguments.of(3, -1, "sW: expected 1"),
        Arguments.of(4, -1, "pH: expected 0 to 2147483647, got -1"),
        Arguments.of(5, -2, "pW: expected 0"),
        Arguments.of(6, 0, "dH: expected 1"),
        Arguments.of(7, -1, "dW: expected 1"),
        Arguments.of(6, 100, "input: expected at least the dilated kernel's 201 x 3 pixels"),
        Arguments.of(7, 2147483647, "input: expected at least the dilated kernel's"),
        Arguments.of(8, 2, "paddingMode: expected 0 (explicit) or 1 (same), got 2"),
        Arguments.of(8, -1, "paddingMode"),
        Arguments.of(9, 2, "dataFormat: expected 0 (NCHW) or 1 (NHWC), got 2"),
        Arguments.of(9, 1, "groups: expected a divisor of the 5 input channels"),
        Arguments.of(10, 0, "deformableGroups: expected 1"),
        Arguments.of(10, 3, "deformableGroups: expected a divisor of the 4 input channels, got 3"),
        Arguments.of(10, 4, "offset: expected [2, 72, 6, 5]"),
        Arguments.of(11, 0, "groups: expected 1"),
        Arguments.of(11, 3, "groups: expected a divisor of the 4 input channels, got 3"),
        Arguments.of(11, 1, "weights: expected [6, 4, 3, 3]"));
  }

  @ParameterizedTest
  @MethodSource("badArguments")
  void aBadArgumentIsNamed(int place, int bad, String message) {
    assertRefused(false, goodInputs(false), Calls.with(place, bad, GOOD), message);
    assertRefused(true, goodInputs(true), Calls.with(place, bad, GOOD), message);
  }

  @Test
  void aKernelThatIsOnePixelTooLargeIsRefusedWhateverTheStride() {
    assertRefused(
        false,
        goodInputs(false),
        Calls.with(2, 2, Calls.with(6, 4, GOOD)),
        "input: expected at least the dilated kernel's 9 x 3 pixels with its padding, got 8 x 7");
  }

  @Test
  void samePaddingIgnoresWhatIsGiven() {
    int[] arguments = Calls.with(4, -1, Calls.with(5, -1, Calls.with(8, 1, GOOD)));
    INDArray output = Nd4j.exec(call("deformable_conv2d", goodInputs(false), arguments).build())[0];
    assertEquals(zeros(2, 6, 6, 5), output);
  }

  @Test
  void theNumberOfArgumentsIsChecked() {
    assertRefused(false, goodInputs(false), new int[0], "integer arguments: expected 12");
    assertRefused(true, goodInputs(true), Arrays.copyOf(GOOD, 11), "expected 12");
    assertRefused(false, goodInputs(false), Arrays.copyOf(GOOD, 13), "got 13");
    assertRefused(
        false,
        goodInputs(false).subList(0, 2),
        GOOD,
        "number of inputs: expected 3 to 5 (input, weights, offset, [mask], [bias]), got 2");
    assertRefused(false, goodInputs(true), GOOD, "number of inputs: expected 3 to 5");
    assertRefused(true, goodInputs(true).subList(0, 3), GOOD, "number of inputs: expected 4 to 6");
    assertRefused(
        false,
        List.of(zeros(2, 4, 6, 5), zeros(6, 2, 3, 3), zeros(2, 36, 6, 5), zeros(2, 3)),
        GOOD,
        "mask or bias: expected rank 4 (a mask) or rank 1 (a bias), got rank 2 [2, 3]");
  }

  @Test
  void aBadGradOutputIsNamed() {
    List<INDArray> inputs = goodInputs(true);
    inputs.set(5, zeros(2, 6, 5, 5));
    assertRefused(true, inputs, GOOD, "gradOutput: expected [2, 6, 6, 5] (as the output)");
    inputs.set(5, Nd4j.zeros(DataType.DOUBLE, 2, 6, 6, 5));
    assertRefused(true, inputs, GOOD, "gradOutput: expected type FLOAT");
  }

  @Test
  void aCallersOutputOfTheWrongShapeOrTypeIsRefusedBeforeAnythingIsWritten() {
    List<INDArray> inputs = goodInputs(false);
    inputs.get(4).assign(1); // the output would be 1 everywhere
    for (INDArray output :
        List.of(zeros(2, 6, 6, 6), zeros(2, 6, 6), Nd4j.zeros(DataType.DOUBLE, 2, 6, 6, 5))) {
      assertRefused(call("deformable_conv2d", inputs, GOOD).addOutputs(output), "output: expected");
      assertEquals(0, output.norm1Number().doubleValue());
    }
    List<INDArray> backward = goodInputs(true);
    backward.get(5).assign(1);
    INDArray[] outputs = goodInputs(false).toArray(new INDArray[0]);
    outputs[3] = zeros(2, 18, 6, 4);
    assertRefused(
        call("deformable_conv2d_bp", backward, GOOD).addOutputs(outputs), "gradMask: expected");
    outputs[3] = zeros(2, 18, 6, 5);
    outputs[4] = Nd4j.zeros(DataType.DOUBLE, 6);
    assertRefused(
        call("deformable_conv2d_bp", backward, GOOD).addOutputs(outputs), "gradBias: expected");
    assertRefused(
        call("deformable_conv2d_bp", backward, GOOD).addOutputs(outputs[0], outputs[1]),
        "number of outputs: expected 5");
    for (INDArray output : outputs) {
      assertEquals(0, output.norm1Number().doubleValue());
    }
  }

  @Test
  void anOutputInTheMemoryOfAnInputIsRefused() {
    List<INDArray> inputs = List.of(zeros(1, 2, 3, 3), zeros(2, 2, 1, 1), zeros(1, 2, 3, 3));
    int[] arguments = {1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
    assertRefused(
        call("deformable_conv2d", inputs, arguments).addOutputs(inputs.get(0)),
        "output: expected memory of its own, got memory that it shares with input");
  }

  @Test
  void oneArrayForTwoOutputsIsRefusedBeforeAnythingIsWritten() {
    INDArray both = Nd4j.valueArrayOf(new long[] {1, 2, 3, 3}, 7f);
    List<INDArray> inputs =
        List.of(zeros(1, 2, 3, 3), zeros(2, 2, 1, 1), zeros(1, 2, 3, 3), zeros(1, 2, 3, 3));
    int[] arguments = {1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
    assertRefused(
        call("deformable_conv2d_bp", inputs, arguments).addOutputs(both, zeros(2, 2, 1, 1), both),
        "gradOffset: expected memory of its own, got memory that it shares with gradInput");
    assertEquals(7, both.minNumber().doubleValue());
    assertEquals(7, both.maxNumber().doubleValue());
  }

  @Test
  void anOutputThatSharesAPartOfItsMemoryIsRefusedBeforeAnythingIsWritten() {
    INDArray both = Nd4j.valueArrayOf(new long[] {2, 27, 6, 5}, 7f);
    List<INDArray> inputs =
        List.of(
            zeros(2, 4, 6, 5),
            zeros(6, 4, 3, 3),
            zeros(2, 18, 6, 5),
            zeros(2, 9, 6, 5),
            zeros(2, 6, 6, 5));
    int[] arguments = {3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1};
    assertRefused(
        call("deformable_conv2d_bp", inputs, arguments)
            .addOutputs(
                zeros(2, 4, 6, 5),
                zeros(6, 4, 3, 3),
                channels(both, 0, 18),
                channels(both, 17, 26)),
        "gradMask: expected memory of its own, got memory that it shares with gradOffset");
    assertEquals(7, both.minNumber().doubleValue());
    assertEquals(7, both.maxNumber().doubleValue());
    // The image after the one that is read.
    INDArray images = zeros(3, 4, 6, 5);
    List<INDArray> first =
        List.of(
            images.get(NDArrayIndex.interval(0, 2)),
            zeros(4, 4, 3, 3),
            zeros(2, 18, 6, 5),
            zeros(2, 9, 6, 5));
    assertRefused(
        call("deformable_conv2d", first, arguments)
            .addOutputs(images.get(NDArrayIndex.interval(1, 3))),
        "output: expected memory of its own, got memory that it shares with input");
  }

  @Test
  void outputsMayInterleave() {
    List<INDArray> inputs =
        List.of(
            Nd4j.rand(DataType.FLOAT, 2, 4, 6, 5),
            Nd4j.rand(DataType.FLOAT, 6, 4, 3, 3),
            Nd4j.rand(DataType.FLOAT, 2, 18, 6, 5),
            Nd4j.rand(DataType.FLOAT, 2, 9, 6, 5),
            Nd4j.rand(DataType.FLOAT, 2, 6, 6, 5));
    int[] arguments = {3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1};
    INDArray[] apart = Nd4j.exec(call("deformable_conv2d_bp", inputs, arguments).build());
    INDArray nchw = zeros(2, 27, 6, 5);
    INDArray nhwc = zeros(2, 6, 5, 27).permute(0, 3, 1, 2);
    for (INDArray both : new INDArray[] {nchw, nhwc}) {
      INDArray[] outputs = {apart[0].ulike(), apart[1].ulike(), null, null};
      outputs[2] = channels(both, 0, 18);
      outputs[3] = channels(both, 18, 27);
      Nd4j.exec(call("deformable_conv2d_bp", inputs, arguments).addOutputs(outputs).build());
      assertEquals(Nd4j.concat(1, apart[2], apart[3]), both.dup());
    }
  }

  private static INDArray channels(INDArray array, int first, int end) {
    return array.get(NDArrayIndex.all(), NDArrayIndex.interval(first, end));
  }

  @Test
  void theClassesNameWhatIsMissing() {
    Problem p = Problem.random(DataType.FLOAT);
    NDDeformable ops = new NDDeformable();
    assertMessage(
        "weights: expected a value, got null",
        () -> ops.deformableConv2d(p.getInput(), null, p.getOffset(), null, null, p.getConfig()));
    assertMessage(
        "config: expected a value, got null",
        () -> ops.deformableConv2d(p.getInput(), p.getWeights(), p.getOffset(), null, null, null));
    assertMessage(
        "kH, kW: expected a kernel size of at least 1 x 1, got 3 x 0",
        () -> DeformableConv2DConfig.builder().kH(3).build());
    DeformableConv2DConfig wide = p.getConfig().toBuilder().pW((1L << 32) + 1).build();
    assertMessage(
        "deformable_conv2d: pW: expected an integer of 32 bits, got 4294967297",
        () -> ops.deformableConv2d(p.getInput(), p.getWeights(), p.getOffset(), null, null, wide));
    assertMessage(
        "dataFormat: expected NCHW or NHWC, got NWHC",
        () -> DeformableConv2DConfig.builder().kH(3).kW(3).dataFormat("NWHC").build());
  }

  private static DynamicCustomOp.DynamicCustomOpsBuilder call(
      String op, List<INDArray> inputs, int[] arguments) {
    return DynamicCustomOp.builder(op)
        .addInputs(inputs.toArray(new INDArray[0]))
        .addIntegerArguments(arguments);
  }

  private static void assertRefused(
      boolean backward, List<INDArray> inputs, int[] arguments, String message) {
    assertRefused(
        call(backward ? "deformable_conv2d_bp" : "deformable_conv2d", inputs, arguments), message);
  }

  private static void assertRefused(DynamicCustomOp.DynamicCustomOpsBuilder call, String message) {
    Calls.assertRefused(call, message);
    INDArray output = Nd4j.exec(call("deformable_conv2d", goodInputs(false), GOOD).build())[0];
    assertEquals(zeros(2, 6, 6, 5), output, "the next call");
  }
}
