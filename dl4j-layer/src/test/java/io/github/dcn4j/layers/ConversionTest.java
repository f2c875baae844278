package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Deconvolution2D;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.zoo.model.Darknet19;
import org.deeplearning4j.zoo.model.ResNet50;
import org.deeplearning4j.zoo.model.SqueezeNet;
import org.deeplearning4j.zoo.model.TinyYOLO;
import org.deeplearning4j.zoo.model.UNet;
import org.deeplearning4j.zoo.model.YOLO2;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** Layers of this library in the place of a trained network's convolutions. */
class ConversionTest {
  private static final INDArray X = Networks.images(DataType.DOUBLE, CNN2DFormat.NCHW, 3, 4, 7, 8);
  private static final INDArray Y = Networks.labels(DataType.DOUBLE, 3);

  private static ConvolutionLayer.Builder convolution() {
    return new ConvolutionLayer.Builder(3, 3)
        .nOut(6)
        .convolutionMode(ConvolutionMode.Same)
        .activation(Activation.TANH);
  }

  private static MultiLayerNetwork trained() {
    MultiLayerNetwork net =
        new MultiLayerNetwork(
            Networks.settings(DataType.DOUBLE)
                .updater(new Adam(0.01))
                .list()
                .layer(convolution().name("first").build())
                .layer(new BatchNormalization())
                .layer(convolution().name("second").hasBias(false).stride(2, 2).build())
                .layer(Networks.threeClasses().build())
                .setInputType(InputType.convolutional(7, 8, 4))
                .build());
    net.init();
    for (int i = 0; i < 5; i++) {
      net.fit(X, Y);
    }
    return net;
  }

  /** Two residual blocks, as a ResNet has them. */
  private static ComputationGraph trainedGraph() {
    ComputationGraph graph =
        new ComputationGraph(
            Networks.settings(DataType.DOUBLE)
                .updater(new Adam(0.01))
                .graphBuilder()
                .addInputs("x")
                .setInputTypes(InputType.convolutional(7, 8, 4))
                .addLayer("stem", convolution().build(), "x")
                .addLayer("a1", convolution().activation(Activation.IDENTITY).build(), "stem")
                .addLayer("bn1", new BatchNormalization(), "a1")
                .addVertex("sum1", new ElementWiseVertex(ElementWiseVertex.Op.Add), "stem", "bn1")
                .addLayer(
                    "relu1",
                    new ActivationLayer.Builder().activation(Activation.RELU).build(),
                    "sum1")
                .addLayer("a2", convolution().build(), "relu1")
                .addVertex("sum2", new ElementWiseVertex(ElementWiseVertex.Op.Add), "relu1", "a2")
                .addLayer("out", Networks.threeClasses().build(), "sum2")
                .setOutputs("out")
                .build());
    graph.init();
    for (int i = 0; i < 5; i++) {
      graph.fit(new DataSet(X, Y));
    }
    return graph;
  }

  private static ConvolutionLayer unmodulated(ConvolutionLayer layer) {
    DeformableConvolution2D made = DeformableConvolution2D.from(layer);
    made.setModulated(false);
    made.setDeformableGroups(2);
    return made;
  }

  private static ConvolutionLayer withMask(ConvolutionLayer layer, double mask) {
    DeformableConvolution2D made = DeformableConvolution2D.from(layer);
    made.setInitialMask(mask);
    return made;
  }

  static Stream<Arguments> replacements() {
    return Stream.of(
        replacement("plain", Convolution2D::from),
        replacement("v2", DeformableConvolution2D::from),
        replacement("v1, two groups", ConversionTest::unmodulated),
        replacement("v2, masks of 0.9", layer -> withMask(layer, 0.9)),
        replacement("v2, masks of 1", layer -> withMask(layer, 1)));
  }

  private static Arguments replacement(
      String name, Function<ConvolutionLayer, ConvolutionLayer> to) {
    return Arguments.of(name, to);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("replacements")
  void aConvertedNetworkComputesTheSameAndTrainsOn(
      String name, Function<ConvolutionLayer, ConvolutionLayer> to) {
    MultiLayerNetwork net = trained();
    INDArray before = net.params().dup();
    INDArray expected = net.output(X);
    MultiLayerNetwork converted = Conversion.convert(net, to);
    Networks.assertClose("output", expected, converted.output(X), 1e-10);
    assertEquals(5, converted.getIterationCount());
    assertEquals(Sets.classOf(to), converted.getLayer(0).conf().getLayer().getClass());
    assertEquals(Sets.classOf(to), converted.getLayer(2).conf().getLayer().getClass());
    double score = converted.score(new DataSet(X, Y));
    for (int i = 0; i < 5; i++) {
      converted.fit(X, Y);
    }
    assertTrue(converted.score(new DataSet(X, Y)) < score);
    assertEquals(before, net.params(), "the network itself stays");
    assertEquals(expected, net.output(X));
  }

  /** Which class a replacement makes. */
  private static final class Sets {
    static Class<?> classOf(Function<ConvolutionLayer, ConvolutionLayer> to) {
      return to.apply(convolution().nIn(4).build()).getClass();
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("replacements")
  void aConvertedGraphComputesTheSame(
      String name, Function<ConvolutionLayer, ConvolutionLayer> to) {
    ComputationGraph graph = trainedGraph();
    ComputationGraph converted = Conversion.convert(graph, to, "a1", "a2");
    Networks.assertClose("output", graph.outputSingle(X), converted.outputSingle(X), 1e-10);
    assertSame(ConvolutionLayer.class, converted.getLayer("stem").conf().getLayer().getClass());
    assertSame(Sets.classOf(to), converted.getLayer("a2").conf().getLayer().getClass());
    converted.fit(new DataSet(X, Y));
    assertNotEquals(graph.getParam("a1_W"), converted.getParam("a1_W"));
    ComputationGraph again = Conversion.convert(converted, to, new String[0]);
    assertSame(Sets.classOf(to), again.getLayer("stem").conf().getLayer().getClass());
    Networks.assertClose("output", converted.outputSingle(X), again.outputSingle(X), 1e-10);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ResNet50", "SqueezeNet", "Darknet19", "TinyYOLO", "YOLO2", "UNet"})
  void networksOfTheZooComputeTheSame(String name) {
    ComputationGraph graph = (ComputationGraph) zoo(name).get();
    // Some start with weights so large that fifty layers overflow.
    graph
        .paramTable()
        .forEach(
            (key, w) -> {
              if (w.rank() == 4 && key.endsWith("_W")) {
                double fanIn = w.length() / (double) w.size(0);
                w.muli(Math.sqrt(2 / fanIn) / w.stdNumber().doubleValue());
              }
            });
    int size = name.equals("ResNet50") ? 128 : 32;
    INDArray images = Networks.random(3, DataType.FLOAT, 1, 3, size, size);
    INDArray expected = graph.outputSingle(images);
    assertTrue(Double.isFinite(expected.sumNumber().doubleValue()));
    ComputationGraph converted = Conversion.convert(graph, DeformableConvolution2D::from);
    assertTrue(converted.numParams() > graph.numParams());
    Networks.assertClose(name, expected, converted.outputSingle(images), 1e-3);
  }

  private static Supplier<Model> zoo(String name) {
    int[] shape = {3, 32, 32};
    switch (name) {
      case "ResNet50":
        return () ->
            ResNet50.builder().inputShape(new int[] {3, 128, 128}).numClasses(4).build().init();
      case "SqueezeNet":
        return () -> SqueezeNet.builder().inputShape(shape).numClasses(4).build().init();
      case "Darknet19":
        return () -> Darknet19.builder().inputShape(shape).numClasses(4).build().init();
      case "YOLO2":
        return () -> YOLO2.builder().inputShape(shape).numClasses(4).build().init();
      case "TinyYOLO":
        return () -> TinyYOLO.builder().inputShape(shape).numClasses(4).build().init();
      default:
        return () -> UNet.builder().inputShape(shape).build().init();
    }
  }

  @Test
  void aLayerTakesOverAllSettings() {
    ConvolutionLayer.Builder builder =
        new ConvolutionLayer.Builder(new int[] {3, 2}, new int[] {2, 1}, new int[] {1, 0})
            .nIn(4)
            .nOut(6)
            .dilation(2, 1)
            .hasBias(false)
            .dataFormat(CNN2DFormat.NHWC)
            .activation(Activation.SELU)
            .weightNoise(new DropConnect(0.5))
            .dropOut(new Dropout(0.75))
            .l2(0.1)
            .updater(new Adam(0.02))
            .biasUpdater(new Sgd(0.3))
            .biasInit(0.25)
            .name("conv");
    builder.constrainWeights(new MaxNormConstraint(2, 1, 2, 3));
    ConvolutionLayer plain = builder.build();
    ConvolutionLayer copy = plain.clone();
    for (ConvolutionLayer made :
        List.of(Convolution2D.from(plain), DeformableConvolution2D.from(plain))) {
      assertEquals("conv", made.getLayerName());
      assertEquals(4, made.getNIn());
      assertEquals(6, made.getNOut());
      assertArrayEquals(new int[] {3, 2}, made.getKernelSize());
      assertArrayEquals(new int[] {2, 1}, made.getStride());
      assertArrayEquals(new int[] {1, 0}, made.getPadding());
      assertArrayEquals(new int[] {2, 1}, made.getDilation());
      assertEquals(CNN2DFormat.NHWC, made.getCnn2dDataFormat());
      assertEquals(plain.getActivationFn(), made.getActivationFn());
      assertEquals(plain.getIDropout(), made.getIDropout());
      assertEquals(plain.getWeightNoise(), made.getWeightNoise());
      assertEquals(plain.getRegularization(), made.getRegularization());
      assertEquals(plain.getIUpdater(), made.getIUpdater());
      assertEquals(plain.getBiasUpdater(), made.getBiasUpdater());
      assertEquals(plain.getConstraints(), made.getConstraints());
      assertEquals(0.25, made.getBiasInit());
      assertTrue(!made.hasBias());
    }
    assertEquals(copy, plain, "the layer itself stays");
    Convolution2D grouped = new Convolution2D.Builder(3).nIn(4).nOut(6).groups(2).build();
    assertEquals(2, DeformableConvolution2D.from(grouped).getGroups());
  }

  @Test
  void whatCannotBeConvertedIsRefused() {
    MultiLayerNetwork net = trained();
    Exception name =
        assertThrows(
            IllegalArgumentException.class,
            () -> Conversion.convert(net, DeformableConvolution2D::from, "first", "third"));
    assertTrue(
        name.getMessage().contains("expected some of [first, second], got [third]"),
        name.getMessage());
    Exception kind =
        assertThrows(
            IllegalArgumentException.class,
            () -> DeformableConvolution2D.from(new Deconvolution2D.Builder(3, 3).build()));
    assertTrue(
        kind.getMessage()
            .contains("expected a ConvolutionLayer or Convolution2D, got Deconvolution2D"),
        kind.getMessage());
    Exception sizes =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                Conversion.convert(
                    net,
                    layer -> {
                      ConvolutionLayer made = Convolution2D.from(layer);
                      made.setNOut(7);
                      return made;
                    }));
    assertTrue(sizes.getMessage().startsWith("to: expected a layer of the geometry"));
  }

  static Stream<Arguments> missing() {
    MultiLayerNetwork net = trained();
    MultiLayerNetwork fresh = new MultiLayerNetwork(net.getLayerWiseConfigurations());
    ComputationGraph freshGraph = new ComputationGraph(net.toComputationGraph().getConfiguration());
    return Stream.of(
        missing(
            () -> Conversion.convert((MultiLayerNetwork) null, Convolution2D::from),
            "network: expected a value, got null"),
        missing(
            () -> Conversion.convert((ComputationGraph) null, Convolution2D::from),
            "graph: expected a value, got null"),
        missing(() -> Conversion.convert(net, null), "to: expected a value, got null"),
        missing(() -> DeformableConvolution2D.from(null), "layer: expected a value, got null"),
        missing(
            () -> Conversion.convert(fresh, Convolution2D::from),
            "network: expected one with parameters, got one whose init() was not called"),
        missing(
            () -> Conversion.convert(freshGraph, Convolution2D::from),
            "graph: expected one with parameters, got one whose init() was not called"),
        missing(
            () -> Conversion.convert(net, layer -> null), "to: expected a layer of the geometry"));
  }

  private static Arguments missing(Executable call, String message) {
    return Arguments.of(call, message);
  }

  @ParameterizedTest
  @MethodSource("missing")
  void whatIsMissingIsNamed(Executable call, String message) {
    Exception e = assertThrows(IllegalArgumentException.class, call);
    assertTrue(e.getMessage().startsWith(message), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.01, 0.5, 0.75, 0.99})
  void aFreshLayerStartsWithTheMaskAsked(double mask) {
    DeformableConvolution2D layer = fresh(mask);
    assertMaskOf(mask, layer, 1e-12);
  }

  @Test
  void aMaskOfOneIsNearlyReachedAndStillLearns() {
    DeformableConvolution2D layer = fresh(1);
    assertMaskOf(1, layer, 5e-5);
    MultiLayerNetwork net = Networks.alone(DataType.FLOAT, layer);
    INDArray images = Networks.images(DataType.FLOAT, CNN2DFormat.NCHW, 2, 4, 7, 8);
    net.setInput(images);
    net.setLabels(Nd4j.zeros(DataType.FLOAT, 2, 6, 5, 6));
    net.computeGradientAndScore();
    INDArray gradient = net.gradient().getGradientFor("0_offsetB");
    assertTrue(
        gradient
                .get(org.nd4j.linalg.indexing.NDArrayIndex.interval(18, 27))
                .amaxNumber()
                .doubleValue()
            > 0);
  }

  private static DeformableConvolution2D fresh(double mask) {
    return new DeformableConvolution2D.Builder(3)
        .nIn(4)
        .nOut(6)
        .activation(Activation.IDENTITY)
        .initialMask(mask)
        .build();
  }

  private static void assertMaskOf(double mask, DeformableConvolution2D layer, double tolerance) {
    Convolution2D plain =
        new Convolution2D.Builder(3).nIn(4).nOut(6).activation(Activation.IDENTITY).build();
    MultiLayerNetwork masked = Networks.alone(DataType.DOUBLE, layer);
    MultiLayerNetwork full = Networks.alone(DataType.DOUBLE, plain);
    full.setParam("0_W", masked.getParam("0_W"));
    Networks.assertClose("mask of " + mask, full.output(X).mul(mask), masked.output(X), tolerance);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.5, 1.01, Double.NaN})
  void otherMasksAreRefused(double mask) {
    DeformableConvolution2D.Builder builder = new DeformableConvolution2D.Builder(3);
    Exception e = assertThrows(IllegalArgumentException.class, () -> builder.initialMask(mask));
    assertTrue(e.getMessage().contains("initialMask: expected more than 0 and at most 1, got"));
    DeformableConvolution2D layer = builder.build();
    assertThrows(IllegalArgumentException.class, () -> layer.setInitialMask(mask));
  }
}
