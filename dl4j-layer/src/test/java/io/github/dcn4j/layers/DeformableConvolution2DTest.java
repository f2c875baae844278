package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.Networks.alone;
import static io.github.dcn4j.layers.Networks.assertClose;
import static io.github.dcn4j.layers.Networks.bendOffsets;
import static io.github.dcn4j.layers.Networks.classifier;
import static io.github.dcn4j.layers.Networks.images;
import static io.github.dcn4j.layers.Networks.random;
import static io.github.dcn4j.layers.Networks.settings;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.distribution.NormalDistribution;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryUseMode;
import org.deeplearning4j.nn.conf.preprocessor.FeedForwardToCnnPreProcessor;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** What the layer computes, its shapes and parameters, and what it refuses. */
class DeformableConvolution2DTest {
  private static DeformableConvolution2D.Builder deformable() {
    return new DeformableConvolution2D.Builder(3, 3).nIn(4).nOut(6).activation(Activation.IDENTITY);
  }

  private static ConvolutionLayer.Builder plain() {
    return new ConvolutionLayer.Builder(3, 3).nIn(4).nOut(6).activation(Activation.IDENTITY);
  }

  private static INDArray output(MultiLayerNetwork net, INDArray input) {
    return net.feedForward(input, false).get(1);
  }

  @ParameterizedTest
  @EnumSource(CNN2DFormat.class)
  void aFreshUnmodulatedLayerIsAPlainConvolution(CNN2DFormat format) {
    DataType type = DataType.DOUBLE;
    INDArray x = images(type, format, 2, 4, 7, 6);
    MultiLayerNetwork a =
        alone(type, deformable().modulated(false).padding(1, 1).dataFormat(format).build());
    MultiLayerNetwork b = alone(type, plain().padding(1, 1).dataFormat(format).build());
    assertEquals(b.getParam("0_W"), a.getParam("0_W"), "same seed, same weights");
    a.getParam("0_b").assign(random(5, type, 6));
    b.getParam("0_b").assign(random(5, type, 6));
    assertClose("output", output(b, x), output(a, x), 1e-13);
  }

  @ParameterizedTest
  @EnumSource(CNN2DFormat.class)
  void aFreshModulatedLayerIsHalfAPlainConvolution(CNN2DFormat format) {
    DataType type = DataType.DOUBLE;
    INDArray x = images(type, format, 2, 4, 7, 6);
    MultiLayerNetwork a = alone(type, deformable().stride(2, 1).dataFormat(format).build());
    MultiLayerNetwork b = alone(type, plain().stride(2, 1).dataFormat(format).build());
    assertClose("output", output(b, x).mul(0.5), output(a, x), 1e-13);
  }

  @Test
  void parametersHaveTheDocumentedNamesAndShapes() {
    MultiLayerNetwork net =
        alone(DataType.FLOAT, deformable().kernelSize(3, 2).groups(2).deformableGroups(4).build());
    assertEquals(
        new LinkedHashSet<>(Arrays.asList("0_W", "0_b", "0_offsetW", "0_offsetB")),
        net.paramTable().keySet());
    assertArrayEquals(new long[] {6, 2, 3, 2}, net.getParam("0_W").shape());
    assertArrayEquals(new long[] {6}, net.getParam("0_b").shape());
    assertArrayEquals(new long[] {72, 4, 3, 2}, net.getParam("0_offsetW").shape());
    assertArrayEquals(new long[] {72}, net.getParam("0_offsetB").shape());
    assertEquals(0, net.getParam("0_offsetW").amaxNumber().doubleValue());
    assertEquals(0, net.getParam("0_offsetB").amaxNumber().doubleValue());

    MultiLayerNetwork v1 =
        alone(DataType.FLOAT, deformable().modulated(false).hasBias(false).build());
    assertEquals(
        new LinkedHashSet<>(Arrays.asList("0_W", "0_offsetW", "0_offsetB")),
        v1.paramTable().keySet());
    assertArrayEquals(new long[] {18, 4, 3, 3}, v1.getParam("0_offsetW").shape());
    assertArrayEquals(new long[] {18}, v1.getParam("0_offsetB").shape());
  }

  @Test
  void biasInitAndWeightInitLeaveTheOffsetsAtZero() {
    MultiLayerNetwork net =
        alone(
            DataType.FLOAT,
            deformable().biasInit(3).weightInit(new NormalDistribution(5, 0.1)).build());
    assertEquals(3, net.getParam("0_b").meanNumber().doubleValue(), 1e-6);
    assertEquals(5, net.getParam("0_W").meanNumber().doubleValue(), 0.1);
    assertEquals(0, net.getParam("0_offsetW").amaxNumber().doubleValue());
    assertEquals(0, net.getParam("0_offsetB").amaxNumber().doubleValue());
  }

  @Test
  void weightInitUsesTheFanInOfAGroup() {
    MultiLayerNetwork net =
        alone(
            DataType.DOUBLE,
            new DeformableConvolution2D.Builder(3, 3)
                .nIn(64)
                .nOut(64)
                .groups(8)
                .weightInit(WeightInit.RELU)
                .build());
    double std = Math.sqrt(2.0 / (8 * 9)); // He initialisation
    assertEquals(std, net.getParam("0_W").stdNumber().doubleValue(), 0.05 * std);
  }

  @Test
  void setParamTakesRowVectorsForBiasesAndRefusesOtherShapes() {
    MultiLayerNetwork net = alone(DataType.FLOAT, deformable().build());
    net.setParam("0_b", random(1, DataType.FLOAT, 1, 6));
    net.setParam("0_offsetB", random(2, DataType.FLOAT, 1, 27));
    assertEquals(random(1, DataType.FLOAT, 6), net.getParam("0_b"));
    assertEquals(random(2, DataType.FLOAT, 27), net.getParam("0_offsetB"));
    net.setParam("0_b", random(3, DataType.DOUBLE, 6));
    assertEquals(random(3, DataType.FLOAT, 6), net.getParam("0_b"));
    assertMessage(
        IllegalArgumentException.class,
        () -> net.setParam("0_b", Nd4j.create(1, 5)),
        "b: expected [6], got [1, 5]");
    assertMessage(
        IllegalArgumentException.class,
        () -> net.setParam("0_W", Nd4j.create(6, 36)),
        "W: expected [6, 4, 3, 3], got [6, 36]");
    assertMessage(
        IllegalArgumentException.class, () -> net.setParam("0_nothing", Nd4j.create(1)), "nothing");
  }

  @Test
  void aRowOfAllParametersSetsThemInTheirOrder() {
    MultiLayerNetwork net = alone(DataType.FLOAT, deformable().build());
    INDArray all = random(4, DataType.FLOAT, net.numParams());
    net.getLayer(0).setParams(all.dup());
    assertEquals(all, net.params().reshape(all.length()));
    assertEquals(net.getParam("0_W").ravel(), all.get(NDArrayIndex.interval(0, 216)));
  }

  private static <B extends ConvolutionLayer.BaseConvBuilder<B>> B windowed(
      B builder, int stride, int dilation, ConvolutionMode mode) {
    int padding = mode == ConvolutionMode.Same ? 0 : 1;
    return builder
        .stride(stride, 1)
        .dilation(dilation, dilation)
        .padding(padding, padding)
        .convolutionMode(mode);
  }

  @ParameterizedTest
  @EnumSource(
      value = ConvolutionMode.class,
      names = {"Strict", "Truncate", "Same"})
  void shapesAreThoseOfConvolutionLayer(ConvolutionMode mode) {
    int compared = 0;
    int refused = 0;
    for (int size : new int[] {5, 6, 8}) {
      for (int stride : new int[] {1, 2, 3}) {
        for (int dilation : new int[] {1, 2}) {
          for (CNN2DFormat format : CNN2DFormat.values()) {
            InputType in = InputType.convolutional(size, size + 1, 4, format);
            ConvolutionLayer a =
                windowed(deformable(), stride, dilation, mode).dataFormat(format).build();
            ConvolutionLayer b =
                windowed(plain(), stride, dilation, mode).dataFormat(format).build();
            InputType expected;
            try {
              expected = b.getOutputType(0, in);
            } catch (DL4JInvalidConfigException e) {
              assertThrows(DL4JInvalidConfigException.class, () -> a.getOutputType(0, in));
              assertThrows(
                  DL4JInvalidConfigException.class,
                  () ->
                      output(
                          alone(DataType.FLOAT, a),
                          images(DataType.FLOAT, format, 1, 4, size, size + 1)));
              refused++;
              continue;
            }
            assertEquals(expected, a.getOutputType(0, in));
            INDArray x = images(DataType.FLOAT, format, 2, 4, size, size + 1);
            assertArrayEquals(
                output(alone(DataType.FLOAT, b), x).shape(),
                output(alone(DataType.FLOAT, a), x).shape());
            compared++;
          }
        }
      }
    }
    assertTrue(compared > 10, "compared " + compared);
    assertEquals(mode == ConvolutionMode.Strict, refused > 0);
  }

  @ParameterizedTest
  @EnumSource(
      value = ConvolutionMode.class,
      names = {"Truncate", "Same"})
  void allModesAndFormatsGiveTheSameValues(ConvolutionMode mode) {
    // Same in both formats; against the plain convolution, for the padding's place.
    INDArray x = images(DataType.DOUBLE, CNN2DFormat.NCHW, 2, 4, 8, 7);
    for (int stride : new int[] {1, 2, 3}) {
      MultiLayerNetwork a =
          alone(
              DataType.DOUBLE,
              deformable().modulated(false).stride(stride, stride).convolutionMode(mode).build());
      MultiLayerNetwork b =
          alone(DataType.DOUBLE, plain().stride(stride, stride).convolutionMode(mode).build());
      assertClose("zero offset", output(b, x), output(a, x), 1e-13);
      MultiLayerNetwork c =
          alone(
              DataType.DOUBLE,
              deformable()
                  .modulated(false)
                  .stride(stride, stride)
                  .convolutionMode(mode)
                  .dataFormat(CNN2DFormat.NHWC)
                  .build());
      bendOffsets(a, 0);
      c.setParams(a.params());
      assertClose(
          "NHWC", output(a, x), output(c, x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), 1e-13);
    }
  }

  @Test
  void viewsAndFOrderedInputsGiveTheSameAsCopies() {
    MultiLayerNetwork net = alone(DataType.DOUBLE, deformable().build());
    bendOffsets(net, 0);
    INDArray big = random(1, DataType.DOUBLE, 2, 8, 6, 7);
    INDArray view = big.get(NDArrayIndex.all(), NDArrayIndex.interval(0, 2, 8));
    INDArray expected = output(net, view.dup('c'));
    assertEquals(expected, output(net, view));
    assertEquals(expected, output(net, view.dup('f')));
  }

  @Test
  void halfNetworksRun() {
    MultiLayerNetwork half = alone(DataType.FLOAT16, deformable().padding(1, 1).build());
    MultiLayerNetwork full = alone(DataType.FLOAT, deformable().padding(1, 1).build());
    bendOffsets(half, 0);
    full.setParams(half.params().castTo(DataType.FLOAT));
    INDArray x = images(DataType.FLOAT16, CNN2DFormat.NCHW, 2, 4, 6, 6);
    assertClose("half", output(full, x.castTo(DataType.FLOAT)), output(half, x), 1e-2);
    half.setInput(x);
    half.setLabels(Nd4j.zeros(DataType.FLOAT16, 2, 6, 6, 6));
    half.computeGradientAndScore();
    assertFalse(half.gradient().gradient().isNaN().any());
  }

  @Test
  void inputsOfAnotherTypeAreConverted() {
    MultiLayerNetwork net = alone(DataType.FLOAT, deformable().build());
    INDArray x = images(DataType.DOUBLE, CNN2DFormat.NCHW, 1, 4, 5, 5);
    assertEquals(output(net, x.castTo(DataType.FLOAT)), output(net, x));
  }

  @Test
  void nInAndFormatComeFromTheInputType() {
    MultiLayerNetwork net =
        classifier(
            settings(DataType.FLOAT),
            new DeformableConvolution2D.Builder(3, 3).nOut(2).build(),
            InputType.convolutional(6, 7, 5, CNN2DFormat.NHWC));
    DeformableConvolution2D conf = (DeformableConvolution2D) net.getLayer(0).conf().getLayer();
    assertEquals(5, conf.getNIn());
    assertEquals(CNN2DFormat.NHWC, conf.getCnn2dDataFormat());
    assertArrayEquals(
        new long[] {2, 3},
        net.output(images(DataType.FLOAT, CNN2DFormat.NHWC, 2, 5, 6, 7)).shape());
  }

  @Test
  void flatImagesGetTheirPreprocessor() {
    MultiLayerNetwork net =
        classifier(
            settings(DataType.FLOAT),
            new DeformableConvolution2D.Builder(3, 3).nOut(2).build(),
            InputType.convolutionalFlat(6, 7, 5));
    assertTrue(
        net.getLayerWiseConfigurations().getInputPreProcess(0)
            instanceof FeedForwardToCnnPreProcessor);
    assertArrayEquals(
        new long[] {2, 3}, net.output(random(1, DataType.FLOAT, 2, 6 * 7 * 5)).shape());
  }

  @Test
  void masksAreReducedAsInConvolutionLayer() {
    INDArray mask = Nd4j.ones(DataType.FLOAT, 2, 1, 7, 6);
    mask.get(NDArrayIndex.point(1), NDArrayIndex.all(), NDArrayIndex.interval(3, 7)).assign(0);
    for (ConvolutionMode mode :
        new ConvolutionMode[] {ConvolutionMode.Truncate, ConvolutionMode.Same}) {
      MultiLayerNetwork a =
          alone(DataType.FLOAT, deformable().stride(2, 2).convolutionMode(mode).build());
      MultiLayerNetwork b =
          alone(DataType.FLOAT, plain().stride(2, 2).convolutionMode(mode).build());
      assertEquals(
          b.getLayer(0).feedForwardMaskArray(mask, MaskState.Active, 2),
          a.getLayer(0).feedForwardMaskArray(mask, MaskState.Active, 2));
    }
    MultiLayerNetwork a = alone(DataType.FLOAT, deformable().build());
    assertEquals(null, a.getLayer(0).feedForwardMaskArray(null, MaskState.Active, 2).getFirst());
  }

  @Test
  void memoryReportAndSummaryCountAllParameters() {
    MultiLayerNetwork net =
        classifier(
            settings(DataType.FLOAT), deformable().build(), InputType.convolutional(8, 8, 4));
    long own = 6 * 4 * 9 + 6 + 27 * 4 * 9 + 27;
    MemoryReport report =
        net.getLayerWiseConfigurations().getMemoryReport(InputType.convolutional(8, 8, 4));
    assertTrue(report.toString().contains("DeformableConvolution2D"), report.toString());
    MemoryReport layer =
        net.getLayer(0).conf().getLayer().getMemoryReport(InputType.convolutional(8, 8, 4));
    assertEquals(DeformableConvolution2D.class, ((LayerMemoryReport) layer).getLayerType());
    assertTrue(
        layer.getTotalMemoryBytes(4, MemoryUseMode.TRAINING, CacheMode.NONE)
            > layer.getTotalMemoryBytes(4, MemoryUseMode.INFERENCE, CacheMode.NONE));
    String summary = net.summary(InputType.convolutional(8, 8, 4));
    assertTrue(summary.contains(String.format("%,d", own)), summary);
    assertTrue(summary.contains("offsetW:{27,4,3,3}"), summary);
  }

  @Test
  void inputsThatDoNotFitAreRefusedByName() {
    MultiLayerNetwork net = alone(DataType.FLOAT, deformable().name("dcn").build());
    for (boolean training : new boolean[] {false, true}) {
      assertMessage(
          DL4JInvalidInputException.class,
          () -> net.feedForward(Nd4j.create(2, 4), training),
          "dcn",
          "expected rank 4",
          "got rank 2");
      assertMessage(
          DL4JInvalidInputException.class,
          () -> net.feedForward(Nd4j.create(2, 3, 7, 7), training),
          "expected 4 channels in NCHW, got 3 in shape [2, 3, 7, 7]");
      assertMessage(
          DL4JInvalidInputException.class,
          () -> net.feedForward(Nd4j.create(2, 7, 7, 4), training),
          "NHWC");
      assertMessage(
          DL4JInvalidInputException.class,
          () -> net.feedForward(Nd4j.create(2, 4, 2, 7), training),
          "kernel height");
    }
    assertArrayEquals(new long[] {2, 6, 5, 5}, output(net, Nd4j.create(2, 4, 7, 7)).shape());
  }

  @Test
  void strictModeRefusesWhatDoesNotDivide() {
    MultiLayerNetwork net =
        alone(
            DataType.FLOAT,
            deformable().stride(2, 2).convolutionMode(ConvolutionMode.Strict).build());
    assertThrows(DL4JInvalidConfigException.class, () -> output(net, Nd4j.create(1, 4, 8, 8)));
    assertArrayEquals(new long[] {1, 6, 4, 4}, output(net, Nd4j.create(1, 4, 9, 9)).shape());
  }

  @Test
  void oneNumberIsForBothSides() {
    int[] three = {3, 3};
    assertArrayEquals(three, new DeformableConvolution2D.Builder(3).build().getKernelSize());
    assertArrayEquals(three, new DeformableConvolution2DVertex.Builder(3).build().getKernelSize());
    assertArrayEquals(three, new Convolution2D.Builder(3).build().getKernelSize());
    assertArrayEquals(three, deformable().stride(3).build().getStride());
    assertArrayEquals(three, deformable().padding(3).build().getPadding());
    assertArrayEquals(three, deformable().dilation(3).build().getDilation());
  }

  @Test
  void configurationsThatCannotWorkAreRefusedByName() {
    assertMessage(
        IllegalArgumentException.class, () -> deformable().groups(0), "groups", "at least 1", "0");
    assertMessage(
        IllegalArgumentException.class,
        () -> deformable().deformableGroups(-1),
        "deformableGroups");
    for (double bad : new double[] {-0.1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertMessage(
          IllegalArgumentException.class,
          () -> deformable().offsetLearningRateMultiplier(bad),
          "offsetLearningRateMultiplier",
          String.valueOf(bad));
      assertMessage(
          IllegalArgumentException.class,
          () -> deformable().build().setOffsetLearningRateMultiplier(bad),
          "offsetLearningRateMultiplier",
          String.valueOf(bad));
      String json =
          alone(DataType.FLOAT, deformable().offsetLearningRateMultiplier(0.5).build())
              .getLayerWiseConfigurations()
              .toJson();
      String name = "\"offsetLearningRateMultiplier\" : ";
      assertTrue(json.contains(name + "0.5"), json);
      RuntimeException e =
          assertThrows(
              RuntimeException.class,
              () ->
                  MultiLayerConfiguration.fromJson(
                      json.replace(name + "0.5", name + "\"" + bad + "\"")));
      assertTrue(e.getMessage().contains("offsetLearningRateMultiplier"), e.getMessage());
    }
    assertMessage(
        IllegalArgumentException.class, () -> deformable().dilation(0, 1).build(), "dilation");
    assertThrows(IllegalStateException.class, () -> deformable().stride(0, 1).build());
    assertThrows(IllegalStateException.class, () -> deformable().kernelSize(0, 1).build());
    assertThrows(IllegalArgumentException.class, () -> deformable().padding(-1, 1).build());
    assertThrows(
        IllegalArgumentException.class,
        () -> deformable().padding(1, 1).convolutionMode(ConvolutionMode.Same).build());
    assertMessage(
        IllegalStateException.class,
        () -> deformable().convolutionMode(ConvolutionMode.Causal),
        "Causal");
    assertInvalid("groups: expected a divisor of nOut=6, got 4", deformable().groups(4));
    assertInvalid("groups: expected a divisor of nIn=4, got 3", deformable().groups(3));
    assertInvalid(
        "deformableGroups: expected a divisor of nIn=4, got 3", deformable().deformableGroups(3));
    assertInvalid("nIn=0", deformable().nIn(0));
    assertMessage(
        DL4JInvalidConfigException.class,
        () -> between(deformable().nOut(0).build()),
        "nOut=0; nIn and nOut must be > 0");
    assertMessage(
        DL4JInvalidConfigException.class,
        () ->
            new MultiLayerNetwork(
                    settings(DataType.FLOAT)
                        .convolutionMode(ConvolutionMode.Causal)
                        .list()
                        .layer(deformable().build())
                        .build())
                .init(),
        "Causal");
  }

  /** A network of a layer, with one in front and one behind. */
  private static void between(ConvolutionLayer layer) {
    new MultiLayerNetwork(
            settings(DataType.FLOAT)
                .list()
                .layer(new Convolution2D.Builder(3, 3).nOut(8).build())
                .layer(layer)
                .layer(new OutputLayer.Builder().nOut(2).activation(Activation.SOFTMAX).build())
                .setInputType(InputType.convolutional(9, 9, 4))
                .build())
        .init();
  }

  @Test
  void negativeSizesAreRefusedByNameWhateverIsInFront() {
    for (GroupedConvolution2D.Builder<?> layer :
        Arrays.asList(
            new Convolution2D.Builder(3, 3),
            new DeformableConvolution2D.Builder(3, 3),
            new DeformableConvolutionV3.Builder(3, 3).version(3).padding(1),
            new DeformableConvolutionV3.Builder(3, 3).version(4))) {
      assertMessage(
          IllegalArgumentException.class,
          () -> layer.nOut(-4).build(),
          "nOut: expected at least 1, got -4");
      assertMessage(
          IllegalArgumentException.class,
          () -> layer.nOut(8).nIn(-1).build(),
          "nIn: expected at least 1, got -1");
      ConvolutionLayer changed = layer.nIn(8).build();
      changed.setNOut(-4);
      assertMessage(
          DL4JInvalidConfigException.class,
          () -> between(changed),
          changed.getClass().getSimpleName(),
          "nOut: expected at least 1, got -4");
    }
  }

  @Test
  void settingsArePartOfEquality() {
    List<DeformableConvolution2D> all =
        Arrays.asList(
            deformable().build(),
            deformable().groups(2).build(),
            deformable().deformableGroups(2).build(),
            deformable().modulated(false).build(),
            deformable().offsetLearningRateMultiplier(0.1).build(),
            deformable().dilation(2, 2).build());
    for (DeformableConvolution2D a : all) {
      for (DeformableConvolution2D b : all) {
        if (a == b) {
          assertEquals(a, a.clone());
        } else {
          assertNotEquals(a, b);
        }
      }
    }
  }

  /** A network of this layer is refused. */
  private static void assertInvalid(String message, DeformableConvolution2D.Builder layer) {
    assertMessage(
        DL4JInvalidConfigException.class, () -> alone(DataType.FLOAT, layer.build()), message);
  }

  static void assertMessage(Class<? extends Throwable> type, Executable call, String... parts) {
    String message = assertThrows(type, call).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "expected '" + part + "' in: " + message);
    }
  }
}
