package io.github.dcn4j.ops;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import java.io.File;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.validation.GradCheckUtil;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Conv2D;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** The plain convolution against ND4J's, and by itself where ND4J has none. */
@Tag("every-kernel")
@ExtendWith(DoublePrecision.class)
class PlainConv2DTest {
  private static INDArray uniform(Random random, DataType type, long... shape) {
    return Values.uniform(random, 1, type, shape);
  }

  private static DeformableConv2DConfig.DeformableConv2DConfigBuilder kernel(long h, long w) {
    return DeformableConv2DConfig.builder().kH(h).kW(w);
  }

  @ParameterizedTest
  @CsvSource({"1, 3", "16, 16", "27, 5", "48, 33", "5, 200"})
  void weightsInEveryOrderGiveTheSameBits(long outputs, long channels) {
    Random random = new Random(4);
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16}) {
      for (long size : new long[] {1, 2, 9, 40}) {
        INDArray x = uniform(random, type, 2, channels, size, size + 1);
        INDArray w = uniform(random, type, outputs, channels, 3, 2);
        DeformableConv2DConfig config = kernel(3, 2).pH(1).pW(1).sH(2).build();
        INDArray expected = new PlainConv2D(x, w, null, config).run()[0];
        INDArray outputsLast = w.permute(2, 3, 1, 0).dup('c').permute(3, 2, 0, 1);
        INDArray wide = Nd4j.zeros(type, 3, 2, channels, outputs + 16);
        INDArray inWide =
            wide.get(
                    NDArrayIndex.all(),
                    NDArrayIndex.all(),
                    NDArrayIndex.all(),
                    NDArrayIndex.interval(16, outputs + 16))
                .permute(3, 2, 0, 1);
        inWide.assign(w);
        for (INDArray weights : new INDArray[] {outputsLast, inWide, w.dup('f')}) {
          assertEquals(expected, new PlainConv2D(x, weights, null, config).run()[0]);
        }
      }
    }
  }

  /** Geometries that ND4J's conv2d has too. */
  static Stream<DeformableConv2DConfig> geometries() {
    return Stream.of(
        kernel(1, 1).build(),
        kernel(3, 3).pH(1).pW(1).build(),
        kernel(3, 2).sH(2).sW(3).pH(2).pW(1).build(),
        kernel(5, 5).sH(4).sW(4).build(),
        kernel(3, 3).dH(2).dW(3).pH(2).pW(3).build(),
        kernel(3, 3).same(true).build(),
        kernel(2, 4).sH(2).sW(2).same(true).build(),
        kernel(3, 3).dH(2).dW(2).same(true).build(),
        kernel(7, 9).pH(3).pW(4).build());
  }

  static Stream<Arguments> cases() {
    return geometries()
        .flatMap(
            config ->
                Stream.of("NCHW", "NHWC")
                    .flatMap(
                        format ->
                            Stream.of(true, false)
                                .map(
                                    bias ->
                                        Arguments.of(
                                            config.toBuilder().dataFormat(format).build(), bias))));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isTheFunctionOfNd4jsConv2dWithItsGradients(DeformableConv2DConfig config, boolean withBias) {
    Random random = new Random(3);
    boolean last = config.isNHWC();
    INDArray input = uniform(random, DataType.DOUBLE, 2, 5, 11, 13);
    INDArray weights = uniform(random, DataType.DOUBLE, 6, 5, config.getKH(), config.getKW());
    INDArray bias = withBias ? uniform(random, DataType.DOUBLE, 6) : null;
    INDArray in = last ? input.permute(0, 2, 3, 1) : input;
    Conv2DConfig theirs = Nd4jConvolution.like(config);
    Conv2D forward = new Conv2D(input, weights, bias, theirs);
    INDArray expected = Nd4j.exec(forward)[0];
    NDDeformable nd = new NDDeformable();
    INDArray output = nd.conv2d(in, weights, bias, config);
    assertClose(last ? expected.permute(0, 2, 3, 1) : expected, output, 1e-10, "output");

    INDArray gradOutput = uniform(random, DataType.DOUBLE, output.shape());
    INDArray gradFirst = last ? gradOutput.permute(0, 3, 1, 2) : gradOutput;
    DynamicCustomOp theirGradients = DynamicCustomOp.builder("conv2d_bp").build();
    theirGradients.addInputArgument(input, weights);
    if (withBias) {
      theirGradients.addInputArgument(bias);
    }
    theirGradients.addInputArgument(gradFirst.dup());
    theirGradients.addIArgument(forward.iArgs());
    INDArray[] outputs = Nd4j.exec(theirGradients);
    INDArray[] gradients = nd.conv2dBp(in, weights, bias, gradOutput, config);
    assertEquals(outputs.length, gradients.length);
    INDArray gradInput = last ? gradients[0].permute(0, 3, 1, 2) : gradients[0];
    assertClose(outputs[0], gradInput, 1e-10, "gradInput");
    for (int i = 1; i < outputs.length; i++) {
      assertClose(outputs[i], gradients[i], 1e-10, "gradient " + i);
    }
  }

  @ParameterizedTest
  @CsvSource({"2, NCHW", "3, NHWC", "6, NCHW", "6, NHWC"})
  void eachGroupIsAConvolutionOfItsChannels(int groups, String format) {
    Random random = new Random(4);
    DeformableConv2DConfig config =
        kernel(3, 3).pH(1).pW(1).dataFormat(format).groups(groups).build();
    boolean last = config.isNHWC();
    INDArray input = uniform(random, DataType.DOUBLE, 2, 6, 7, 8);
    INDArray weights = uniform(random, DataType.DOUBLE, 12, 6 / groups, 3, 3);
    INDArray bias = uniform(random, DataType.DOUBLE, 12);
    NDDeformable nd = new NDDeformable();
    INDArray output = nd.conv2d(last ? input.permute(0, 2, 3, 1) : input, weights, bias, config);
    INDArray first = last ? output.permute(0, 3, 1, 2) : output;
    for (int g = 0; g < groups; g++) {
      INDArray in = channels(input, g, groups);
      INDArray own = weights.get(NDArrayIndex.interval(g * 12 / groups, (g + 1) * 12 / groups));
      INDArray b = bias.get(NDArrayIndex.interval(g * 12 / groups, (g + 1) * 12 / groups));
      Conv2DConfig theirs = Nd4jConvolution.like(config);
      INDArray expected = Nd4j.exec(new Conv2D(in.dup(), own.dup(), b.dup(), theirs))[0];
      assertClose(expected, channels(first, g, groups), 1e-10, "group " + g);
    }
  }

  private static INDArray channels(INDArray array, int group, int groups) {
    long size = array.size(1) / groups;
    return array.get(NDArrayIndex.all(), NDArrayIndex.interval(group * size, (group + 1) * size));
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "HALF", "BFLOAT16"})
  void otherTypesAgreeWithDouble(DataType type) {
    Random random = new Random(5);
    DeformableConv2DConfig config = kernel(3, 3).pH(1).pW(1).groups(2).build();
    INDArray input = uniform(random, type, 2, 8, 9, 7);
    INDArray weights = uniform(random, type, 10, 4, 3, 3);
    INDArray bias = uniform(random, type, 10);
    NDDeformable nd = new NDDeformable();
    INDArray expected =
        nd.conv2d(
            input.castTo(DataType.DOUBLE),
            weights.castTo(DataType.DOUBLE),
            bias.castTo(DataType.DOUBLE),
            config);
    INDArray output = nd.conv2d(input, weights, bias, config);
    assertEquals(type, output.dataType());
    double tolerance = type == DataType.FLOAT ? 1e-5 : 1e-2;
    assertClose(expected, output.castTo(DataType.DOUBLE), tolerance, "output");
  }

  /** To what the op alone gives, rounded to the type, the addend is added. */
  @ParameterizedTest
  @CsvSource({
    "FLOAT, NCHW, true", "FLOAT, NHWC, false", "DOUBLE, NCHW, false", "DOUBLE, NHWC, true",
    "HALF, NCHW, true", "HALF, NHWC, true", "BFLOAT16, NCHW, false", "BFLOAT16, NHWC, true"
  })
  void anotherGradientOfTheInputIsAdded(DataType type, String format, boolean withBias) {
    Random random = new Random(8);
    boolean last = format.equals("NHWC");
    DeformableConv2DConfig config =
        kernel(3, 3).pH(1).pW(1).sW(2).groups(2).dataFormat(format).build();
    long[] shape = last ? new long[] {2, 9, 7, 8} : new long[] {2, 8, 9, 7};
    INDArray input = uniform(random, type, shape);
    INDArray weights = uniform(random, type, 6, 4, 3, 3);
    INDArray bias = withBias ? uniform(random, type, 6) : null;
    long[] out = last ? new long[] {2, 9, 4, 6} : new long[] {2, 6, 9, 4};
    INDArray gradOutput = uniform(random, type, out);
    INDArray addend = uniform(random, type, shape);
    INDArray[] alone = new PlainConv2DDerivative(input, weights, bias, gradOutput, config).run();
    INDArray[] both =
        new PlainConv2DDerivative(input, weights, bias, gradOutput, addend, config).run();
    assertEquals(alone.length, both.length);
    INDArray sum = alone[0].castTo(DataType.DOUBLE).addi(addend.castTo(DataType.DOUBLE));
    assertEquals(sum.castTo(type), both[0]);
    for (int i = 1; i < both.length; i++) {
      assertEquals(alone[i], both[i]);
    }
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                new PlainConv2DDerivative(
                        input, weights, bias, gradOutput, addend.permute(0, 1, 3, 2), config)
                    .run());
    assertTrue(e.getMessage().contains("addend: expected"), e.getMessage());
  }

  @Test
  void anAddendUnlikeTheOutputIsRefused() {
    Calls.assertRefused(
        DynamicCustomOp.builder("dcn4j_conv2d")
            .addInputs(
                Nd4j.ones(DataType.FLOAT, 1, 4, 5, 5),
                Nd4j.ones(DataType.FLOAT, 2, 4, 1, 1),
                Nd4j.ones(DataType.FLOAT, 2),
                Nd4j.ones(DataType.FLOAT, 1, 2, 5, 4))
            .addIntegerArguments(1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1),
        "addend: expected [1, 2, 5, 5] (as the output), got [1, 2, 5, 4]");
  }

  /**
   * Shapes that would fit, were the bias taken for the output's gradient, and that for an addend.
   */
  @Test
  void theGradientsRefuseABiasOfRankFour() {
    INDArray image = Nd4j.ones(DataType.FLOAT, 1, 4, 1, 1);
    INDArray weights = Nd4j.ones(DataType.FLOAT, 4, 4, 1, 1);
    PlainConv2DDerivative op =
        new PlainConv2DDerivative(image, weights, image, image, kernel(1, 1).build());
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, op::run);
    assertTrue(e.getMessage().contains("bias: expected rank 1"), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"1, NCHW, false", "2, NCHW, true", "4, NHWC, false"})
  void gradientsInAGraphAreThoseOfTheFunction(int groups, String format, boolean same) {
    Random random = new Random(6);
    boolean last = format.equals("NHWC");
    SameDiff sd = SameDiff.create();
    long[] shape = last ? new long[] {2, 5, 6, 4} : new long[] {2, 4, 5, 6};
    DeformableConv2DConfig config =
        kernel(3, 3).same(same).dataFormat(format).groups(groups).build();
    SDVariable output =
        new SDDeformable(sd)
            .conv2d(
                "output",
                sd.var("input", uniform(random, DataType.DOUBLE, shape)),
                sd.var("weights", uniform(random, DataType.DOUBLE, 8, 4 / groups, 3, 3)),
                sd.var("bias", uniform(random, DataType.DOUBLE, 8)),
                config);
    sd.math().square(output).sum().rename("loss").markAsLoss();
    assertTrue(GradCheckUtil.checkGradients(sd, new HashMap<>(), false, true));
  }

  @Test
  void aSavedGraphRunsAsBefore(@TempDir Path folder) {
    Random random = new Random(7);
    SameDiff sd = SameDiff.create();
    INDArray input = uniform(random, DataType.DOUBLE, 1, 4, 6, 6);
    new SDDeformable(sd)
        .conv2d(
            "output",
            sd.placeHolder("input", DataType.DOUBLE, -1, 4, 6, 6),
            sd.var("weights", uniform(random, DataType.DOUBLE, 4, 2, 3, 3)),
            null,
            kernel(3, 3).sH(2).groups(2).build());
    INDArray expected = sd.outputSingle(Map.of("input", input), "output");
    File file = folder.resolve("graph.sd").toFile();
    sd.save(file, true);
    INDArray output = SameDiff.load(file, true).outputSingle(Map.of("input", input), "output");
    assertEquals(expected, output);
  }

  static Stream<Arguments> bad() {
    INDArray input = Nd4j.zeros(DataType.FLOAT, 1, 4, 6, 6);
    INDArray weights = Nd4j.zeros(DataType.FLOAT, 2, 4, 3, 3);
    DeformableConv2DConfig good = kernel(3, 3).build();
    return Stream.of(
        Arguments.of(null, weights, null, good, "input: expected a value, got null"),
        Arguments.of(input, null, null, good, "weights: expected a value, got null"),
        Arguments.of(input, weights, null, null, "config: expected a value, got null"),
        Arguments.of(
            input.reshape(4, 6, 6), weights, null, good, "input: expected rank 4 [N, C, H, W]"),
        Arguments.of(
            input,
            Nd4j.zeros(DataType.FLOAT, 2, 5, 3, 3),
            null,
            good,
            "weights: expected [2, 4, 3, 3] (O, C/groups, kH, kW), got [2, 5, 3, 3]"),
        Arguments.of(
            input,
            weights.castTo(DataType.DOUBLE),
            null,
            good,
            "weights: expected type FLOAT as the input, got DOUBLE"),
        Arguments.of(
            input, weights, Nd4j.zeros(DataType.FLOAT, 3), good, "bias: expected [2] (O), got [3]"),
        Arguments.of(
            input,
            weights,
            null,
            good.toBuilder().groups(3).build(),
            "groups: expected a divisor of the 4 input channels, got 3"),
        Arguments.of(
            input,
            weights,
            null,
            good.toBuilder().pH(-1).build(),
            "pH: expected 0 to 2147483647, got -1"),
        Arguments.of(input, weights, null, good.toBuilder().sW(0).build(), "sW: expected 1 to"),
        Arguments.of(
            Nd4j.zeros(DataType.FLOAT, 1, 4, 2, 6),
            weights,
            null,
            good,
            "input: expected at least the dilated kernel's 3 x 3 pixels with its padding, got 2 x"),
        Arguments.of(
            input,
            weights,
            null,
            good.toBuilder().deformableGroups(2).build(),
            "deformableGroups: expected 1 in a plain convolution, got 2"));
  }

  /** The message that names the argument is that of the exception itself. */
  @ParameterizedTest(autoCloseArguments = false) // the cases share arrays
  @MethodSource("bad")
  void badArgumentsAreNamed(
      INDArray input,
      INDArray weights,
      INDArray bias,
      DeformableConv2DConfig config,
      String message) {
    NDDeformable nd = new NDDeformable();
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> nd.conv2d(input, weights, bias, config));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
