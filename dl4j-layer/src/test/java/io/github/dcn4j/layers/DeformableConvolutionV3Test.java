package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import io.github.dcn4j.SingleThread;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.UnitNormConstraint;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.memory.MemoryUseMode;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Sgd;

/** DCNv3 and DCNv4 as layers. */
@ExtendWith({DoublePrecision.class, SingleThread.class})
class DeformableConvolutionV3Test {
  private static final int HEIGHT = 5;
  private static final int WIDTH = 6;
  private static final int CHANNELS = 4;

  private static Arguments layer(
      String name, UnaryOperator<DeformableConvolutionV3.Builder> settings) {
    return Arguments.of(name, settings);
  }

  static Stream<Arguments> layers() {
    return Stream.of(
        layer("one group", b -> b.padding(1)),
        layer("groups", b -> b.padding(1).groups(2)),
        layer("no padding, no bias", b -> b.groups(2).hasBias(false)),
        layer(
            "offset scale, without centre", b -> b.padding(1).offsetScale(1.5).removeCenter(true)),
        layer("stride", b -> b.padding(1).stride(2, 1).groups(4)),
        layer("dilation", b -> b.padding(2).dilation(2)),
        layer("wider depth-wise kernel", b -> b.padding(1).dwKernelSize(5)),
        layer("oblong", b -> b.kernelSize(3, 5).padding(1, 2).dwKernelSize(1, 3)),
        layer("even kernel", b -> b.kernelSize(2, 2).padding(1)),
        layer("same", b -> b.convolutionMode(ConvolutionMode.Same).groups(2)),
        layer("centre feature scale", b -> b.padding(1).groups(2).centerFeatureScale(true)),
        layer(
            "centre feature scale, no projections",
            b ->
                b.padding(1)
                    .groups(2)
                    .centerFeatureScale(true)
                    .inputProjection(false)
                    .outputProjection(false)
                    .nOut(CHANNELS)),
        layer("no input projection", b -> b.padding(1).inputProjection(false)),
        layer("v4", b -> b.version(4).padding(1).groups(2)),
        layer("v4, no output projection", b -> v4(b).outputProjection(false)),
        layer("v4, no projections", b -> v4(b).outputProjection(false).inputProjection(false)),
        layer("v4, no padding, stride", b -> b.version(4).stride(2)),
        layer("v4, dilation, stride", b -> b.version(4).dilation(2).padding(1).stride(1, 2)),
        layer("v4, depth-wise", b -> b.version(4).padding(1).stride(1, 2).dwKernelSize(3)),
        layer("v4, without centre", b -> v4(b).removeCenter(true)));
  }

  private static DeformableConvolutionV3.Builder v4(DeformableConvolutionV3.Builder builder) {
    return builder.version(4).padding(1).groups(2).nOut(CHANNELS);
  }

  /** Parameters that bend the offsets off the integers, where the function has kinks. */
  static void draw(MultiLayerNetwork net, int layer) {
    long seed = 5;
    for (Map.Entry<String, INDArray> e : net.getLayer(layer).paramTable().entrySet()) {
      INDArray drawn = Networks.random(seed++, DataType.DOUBLE, e.getValue().shape());
      e.getValue().assign(drawn);
      if (e.getKey().equals("gamma")) {
        e.getValue().addi(1.5);
      }
    }
    DeformableConvolutionV3 conf = (DeformableConvolutionV3) net.getLayer(layer).conf().getLayer();
    Networks.bendOffsets(
        net.getLayer(layer).getParam("offsetW"),
        net.getLayer(layer).getParam("offsetB"),
        2 * conf.sampledTaps());
  }

  private static INDArray images(CNN2DFormat format) {
    INDArray images = Networks.random(11, DataType.DOUBLE, 2, CHANNELS, HEIGHT, WIDTH);
    return format == CNN2DFormat.NCHW ? images : images.permute(0, 2, 3, 1).dup('c');
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("layers")
  void theOutputIsThatOfThePublishedModule(
      String name, UnaryOperator<DeformableConvolutionV3.Builder> settings) {
    for (CNN2DFormat format : CNN2DFormat.values()) {
      DeformableConvolutionV3 conf =
          settings
              .apply(new DeformableConvolutionV3.Builder(3).nOut(6))
              .nIn(CHANNELS)
              .dataFormat(format)
              .activation(Activation.IDENTITY)
              .build();
      MultiLayerNetwork net = Networks.alone(DataType.DOUBLE, conf);
      draw(net, 0);
      INDArray x = images(format);
      INDArray got = net.output(x);
      INDArray first = format == CNN2DFormat.NCHW ? got : got.permute(0, 3, 1, 2);
      INDArray expected =
          new InternImageModule(conf, net.getLayer(0).paramTable(), images(CNN2DFormat.NCHW))
              .output(conf.geometry().paddingBefore(x), first.size(2), first.size(3));
      Networks.assertClose(name + " " + format, expected, first, 1e-10);
      Networks.assertClose("in training", got, net.feedForward(x, true).get(1), 1e-12);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("layers")
  void gradientsAreRight(String name, UnaryOperator<DeformableConvolutionV3.Builder> settings) {
    for (CNN2DFormat format : CNN2DFormat.values()) {
      MultiLayerNetwork net =
          Networks.classifier(
              Networks.settings(DataType.DOUBLE),
              settings
                  .apply(new DeformableConvolutionV3.Builder(3).nOut(6))
                  .dataFormat(format)
                  .activation(Activation.TANH)
                  .build(),
              InputType.convolutional(HEIGHT, WIDTH, CHANNELS, format));
      draw(net, 0);
      Networks.assertGradientsRight(net, images(format), Networks.labels(DataType.DOUBLE, 2));
    }
  }

  private static DeformableConvolutionV3.Builder simple(int version) {
    return new DeformableConvolutionV3.Builder(3)
        .version(version)
        .groups(2)
        .nOut(CHANNELS)
        .padding(1)
        .offsetLearningRateMultiplier(0.5)
        .activation(Activation.TANH);
  }

  private static MultiLayerNetwork net(
      NeuralNetConfiguration.Builder settings, ConvolutionLayer... layers) {
    return Networks.pooled(settings, InputType.convolutional(HEIGHT, WIDTH, CHANNELS), layers);
  }

  private static NeuralNetConfiguration.Builder adam() {
    return Networks.settings(DataType.DOUBLE).updater(new Adam(0.01));
  }

  private static void fit(MultiLayerNetwork net, int times) {
    for (int i = 0; i < times; i++) {
      net.fit(images(CNN2DFormat.NCHW), Networks.labels(DataType.DOUBLE, 2));
    }
  }

  @Test
  void aFreshLayerOfVersion3TakesTheMeanOfItsWindowAndOneOfVersion4Nothing() {
    DeformableConvolutionV3.Builder builder =
        new DeformableConvolutionV3.Builder(3)
            .nIn(CHANNELS)
            .nOut(CHANNELS)
            .inputProjection(false)
            .outputProjection(false)
            .activation(Activation.IDENTITY);
    INDArray x = images(CNN2DFormat.NCHW);
    INDArray mean = Networks.alone(DataType.DOUBLE, builder.build()).output(x);
    double expected = 0;
    for (int i = 0; i < 9; i++) {
      expected += x.getDouble(1, 2, 1 + i / 3, 2 + i % 3) / 9;
    }
    assertEquals(expected, mean.getDouble(1, 2, 1, 2), 1e-12);
    assertEquals(
        0,
        Networks.alone(DataType.DOUBLE, builder.version(4).build())
            .output(x)
            .amaxNumber()
            .doubleValue());
  }

  @Test
  void parametersHaveTheirNamesAndShapes() {
    MultiLayerNetwork net =
        Networks.alone(
            DataType.DOUBLE,
            new DeformableConvolutionV3.Builder(3)
                .nIn(4)
                .nOut(6)
                .groups(2)
                .centerFeatureScale(true)
                .build());
    Map<String, String> shapes = new LinkedHashMap<>();
    net.getLayer(0).paramTable().forEach((key, p) -> shapes.put(key, Arrays.toString(p.shape())));
    assertEquals(
        "{W=[6, 4, 1, 1], b=[6], valueW=[4, 4, 1, 1], valueB=[4], centerW=[2, 4, 1, 1],"
            + " centerB=[2], dwW=[4, 1, 3, 3], dwB=[4], gamma=[4], beta=[4],"
            + " offsetW=[54, 4, 1, 1], offsetB=[54]}",
        shapes.toString());
    assertEquals(
        Set.of("W", "valueW", "centerW", "dwW", "offsetW"),
        Set.copyOf(
            shapes.keySet().stream()
                .filter(
                    key ->
                        net.getLayer(0)
                            .conf()
                            .getLayer()
                            .initializer()
                            .isWeightParam(net.getLayer(0).conf().getLayer(), key))
                .collect(Collectors.toList())));
    net.setParam("0_valueB", Nd4j.createFromArray(1.0, 2, 3, 4));
    assertEquals(3, net.getParam("0_valueB").getDouble(2));
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> net.setParam("0_gamma", Nd4j.zeros(5)));
    assertTrue(e.getMessage().contains("gamma: expected [4], got [5]"), e.getMessage());
  }

  @Test
  void jsonYamlCloneAndStoredModelsKeepEverything() throws Exception {
    DeformableConvolutionV3 every =
        new DeformableConvolutionV3.Builder(3)
            .name("every")
            .nOut(6)
            .groups(4)
            .padding(1)
            .version(4)
            .offsetScale(2)
            .removeCenter(true)
            .outputProjection(true)
            .inputProjection(false)
            .dwKernelSize(5, 3)
            .offsetLearningRateMultiplier(0.1)
            .l2(0.01)
            .dropOut(0.9)
            .constrainWeights(new MaxNormConstraint(2, 1, 2, 3))
            .activation(Activation.RELU)
            .build();
    MultiLayerNetwork net = net(adam(), every, simple(3).centerFeatureScale(true).build());
    MultiLayerConfiguration conf = net.getLayerWiseConfigurations();
    assertEquals(conf, MultiLayerConfiguration.fromJson(conf.toJson()));
    assertEquals(conf, MultiLayerConfiguration.fromYaml(conf.toYaml()));
    assertEquals(conf, conf.clone());
    DeformableConvolutionV3 read =
        (DeformableConvolutionV3)
            MultiLayerConfiguration.fromJson(conf.toJson()).getConf(0).getLayer();
    assertEquals(4, read.getVersion());
    assertArrayEquals(new int[] {5, 3}, read.getDwKernelSize());
    assertEquals(2, read.getOffsetScale());
    DeformableConvolutionV3 clone = every.clone();
    clone.getDwKernelSize()[0] = 7;
    assertEquals(5, every.getDwKernelSize()[0]);

    MultiLayerNetwork trained = net(adam(), simple(3).build(), simple(4).build());
    fit(trained, 3);
    MultiLayerNetwork stored = Networks.stored(trained);
    MultiLayerNetwork copy = trained.clone();
    for (MultiLayerNetwork each : List.of(trained, stored, copy)) {
      fit(each, 2);
    }
    assertEquals(trained.params(), stored.params());
    assertEquals(trained.params(), copy.params());
    ComputationGraph graph = trained.toComputationGraph();
    assertEquals(
        trained.output(images(CNN2DFormat.NCHW)), graph.outputSingle(images(CNN2DFormat.NCHW)));
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 4})
  void transferLearningFreezesAndReplaces(int version) {
    MultiLayerNetwork net = net(adam(), simple(version).build(), simple(version).build());
    fit(net, 2);
    MultiLayerNetwork changed =
        new TransferLearning.Builder(net)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.2)).build())
            .setFeatureExtractor(0)
            .nOutReplace(1, 8, WeightInit.XAVIER)
            .removeOutputLayer()
            .addLayer(Networks.threeClasses().nIn(8).build())
            .build();
    INDArray frozen = net.getLayer(0).params().dup();
    assertEquals(frozen, changed.getLayer(0).params());
    assertArrayEquals(new long[] {8, 4, 1, 1}, changed.getParam("1_W").shape());
    INDArray before = changed.getLayer(1).params().dup();
    fit(changed, 2);
    assertEquals(frozen, changed.getLayer(0).params());
    assertNotEquals(before, changed.getLayer(1).params());
  }

  @Test
  void theMultiplierScalesAndHoldsThePredictor() {
    MultiLayerNetwork held =
        net(
            Networks.settings(DataType.DOUBLE).updater(new Sgd(0.1)).weightDecay(0.1),
            simple(3).offsetLearningRateMultiplier(0).centerFeatureScale(true).build());
    draw(held, 0);
    MultiLayerNetwork before = held.clone();
    fit(held, 2);
    held.getLayer(0)
        .paramTable()
        .forEach(
            (key, after) -> {
              boolean predictor =
                  Set.of("dwW", "dwB", "gamma", "beta", "offsetW", "offsetB").contains(key);
              double moved = after.sub(before.getParam("0_" + key)).amaxNumber().doubleValue();
              assertEquals(predictor, moved == 0, key + " moved by " + moved);
            });
    assertEquals(
        0.05,
        simple(3).updater(new Sgd(0.1)).build().getUpdaterByParam("gamma").getLearningRate(0, 0));
    assertEquals(
        0.1,
        simple(3).updater(new Sgd(0.1)).build().getUpdaterByParam("valueW").getLearningRate(0, 0));
  }

  @Test
  void constraintsActOnTheProjectionsAlone() {
    MultiLayerNetwork net =
        net(
            adam(),
            simple(3)
                .centerFeatureScale(true)
                .constrainAllParameters(new UnitNormConstraint(0))
                .build());
    fit(net, 1);
    assertEquals(2, net.getParam("0_valueW").norm2Number().doubleValue(), 1e-9);
    assertTrue(net.getParam("0_gamma").norm2Number().doubleValue() > 1.5);
    assertTrue(!net.params().isNaN().any());
  }

  @Test
  void dropoutAndWeightNoiseActInTrainingAlone() {
    MultiLayerNetwork net =
        net(adam(), simple(3).dropOut(0.5).weightNoise(new DropConnect(0.5)).build());
    draw(net, 0);
    INDArray x = images(CNN2DFormat.NCHW);
    assertEquals(net.output(x), net.output(x));
    assertNotEquals(net.output(x), net.output(x, true));
    fit(net, 2);
    assertTrue(!net.params().isNaN().any());
  }

  @ParameterizedTest
  @EnumSource(WorkspaceMode.class)
  void workspacesChangeNothing(WorkspaceMode mode) {
    INDArray[] results = new INDArray[2];
    for (int i = 0; i < 2; i++) {
      WorkspaceMode each = i == 0 ? WorkspaceMode.NONE : mode;
      MultiLayerNetwork net =
          net(
              adam().trainingWorkspaceMode(each).inferenceWorkspaceMode(each),
              simple(3).centerFeatureScale(true).build(),
              simple(4).dwKernelSize(3).build());
      fit(net, 3);
      results[i] = net.params();
    }
    assertEquals(results[0], results[1]);
  }

  @Test
  void gradientsAreBitIdenticalForAnyNumberOfThreads() {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE}) {
      MultiLayerNetwork net =
          Networks.classifier(
              Networks.settings(type),
              new DeformableConvolutionV3.Builder(3)
                  .nOut(16)
                  .groups(4)
                  .padding(1)
                  .centerFeatureScale(true)
                  .activation(Activation.RELU)
                  .build(),
              InputType.convolutional(20, 19, 8));
      draw(net, 0);
      Networks.assertSameGradientsForAnyNumberOfThreads(
          net, Networks.images(type, CNN2DFormat.NCHW, 4, 8, 20, 19), Networks.labels(type, 4));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 4})
  void learnsWithOtherTypes(int version) {
    for (DataType type : new DataType[] {DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16}) {
      // In HALF DL4J's Adam gives NaN.
      IUpdater updater = type == DataType.FLOAT16 ? new Sgd(0.2) : new Adam(0.02);
      MultiLayerNetwork net =
          net(Networks.settings(type).updater(updater), simple(version).build());
      DataSet data = new DataSet(images(CNN2DFormat.NCHW).castTo(type), Networks.labels(type, 2));
      double before = net.score(data);
      for (int i = 0; i < 30; i++) {
        net.fit(data);
      }
      assertTrue(net.score(data) < 0.8 * before, before + " to " + net.score(data));
    }
  }

  @Test
  void whatCannotWorkIsRefusedByName() {
    assertRefused("version: expected 3 or 4, got 5", b -> b.version(5));
    assertRefused("offsetScale: expected a finite number", b -> b.offsetScale(Double.NaN));
    assertRefused("groups: expected a divisor of nIn=4, got 3", b -> b.groups(3));
    assertRefused(
        "removeCenter: expected odd kernel sizes, got 2 x 3",
        b -> b.kernelSize(2, 3).removeCenter(true));
    assertRefused(
        "removeCenter: expected a kernel of more than one tap",
        b -> b.kernelSize(1, 1).removeCenter(true));
    assertRefused(
        "nOut: expected nIn=4 without outputProjection, got 6", b -> b.outputProjection(false));
    assertRefused(
        "centerFeatureScale: expected false in version 4",
        b -> b.version(4).centerFeatureScale(true));
    assertRefused("dwKernelSize: expected at least", b -> b.dilation(2).dwKernelSize(1));
    assertRefused("padding: expected at most dilation", b -> b.version(4).padding(2));
    assertRefused(
        "dwKernelSize: expected one that is odd where", b -> b.padding(1).dwKernelSize(4));
    assertRefused("dwKernelSize: expected at least 1", b -> b.dwKernelSize(0));
    assertRefused(
        "centerFeatureScale: expected an output as large as the input",
        b -> b.centerFeatureScale(true));
    assertRefused(
        "Same would pad an input of 6 pixels by more on one side",
        b -> b.convolutionMode(ConvolutionMode.Same).stride(2));
    assertRefused("offsetLearningRateMultiplier", b -> b.offsetLearningRateMultiplier(-1));
  }

  private static void assertRefused(
      String message, UnaryOperator<DeformableConvolutionV3.Builder> settings) {
    Exception e =
        assertThrows(
            RuntimeException.class,
            () ->
                Networks.alone(
                        DataType.DOUBLE,
                        settings
                            .apply(new DeformableConvolutionV3.Builder(3).nIn(4).nOut(6))
                            .build())
                    .output(images(CNN2DFormat.NCHW)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void theMemoryReportCountsParameters() {
    DeformableConvolutionV3 layer =
        simple(3)
            .nIn(CHANNELS)
            .updater(new Adam(0.1))
            .convolutionMode(ConvolutionMode.Truncate)
            .build();
    long parameters = layer.initializer().numParams(layer);
    assertEquals(4 * 4 + 4 + 4 * 4 + 4 + 4 * 9 + 4 + 4 + 4 + 54 * 4 + 54, parameters);
    assertTrue(
        layer
                .getMemoryReport(InputType.convolutional(HEIGHT, WIDTH, CHANNELS))
                .getTotalMemoryBytes(2, MemoryUseMode.TRAINING, CacheMode.NONE, DataType.DOUBLE)
            > 8 * 3 * parameters); // Adam's state is twice their number
  }
}
