package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.DeformableConvolution2DTest.assertMessage;
import static io.github.dcn4j.layers.Networks.assertClose;
import static io.github.dcn4j.layers.Networks.images;
import static io.github.dcn4j.layers.Networks.labels;
import static io.github.dcn4j.layers.Networks.random;
import static io.github.dcn4j.layers.Networks.settings;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import io.github.dcn4j.SingleThread;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.NDDeformable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.constraint.NonNegativeConstraint;
import org.deeplearning4j.nn.conf.constraint.UnitNormConstraint;
import org.deeplearning4j.nn.conf.graph.FrozenVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryUseMode;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.deeplearning4j.parallelism.ParallelWrapper;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** The vertex in a graph whose convolutions make its offsets and masks. */
@ExtendWith({DoublePrecision.class, SingleThread.class})
class DeformableConvolution2DVertexTest {
  private static final INDArray X = images(DataType.DOUBLE, CNN2DFormat.NCHW, 3, 4, 6, 5);
  private static final INDArray Y = labels(DataType.DOUBLE, 3);

  private static DeformableConvolution2DVertex.Builder vertex() {
    return new DeformableConvolution2DVertex.Builder(3, 2).nOut(4).padding(1, 1);
  }

  /** A convolution with the vertex's geometry. */
  private static Convolution2D like(DeformableConvolution2DVertex v, long channels, Activation a) {
    return new Convolution2D.Builder(v.getKernelSize())
        .stride(v.getStride())
        .padding(v.getPadding())
        .dilation(v.getDilation())
        .convolutionMode(v.getConvolutionMode())
        .dataFormat(v.getDataFormat())
        .nOut(channels)
        .activation(a)
        .build();
  }

  /** features = conv(x); offset and mask = convs of the features; a classifier on the vertex. */
  private static ComputationGraph graph(
      NeuralNetConfiguration.Builder settings, DeformableConvolution2DVertex v, boolean masked) {
    long taps = v.geometry().sampledTaps();
    ComputationGraphConfiguration.GraphBuilder b =
        settings
            .graphBuilder()
            .addInputs("x")
            .setInputTypes(InputType.convolutional(6, 5, 4, v.getDataFormat()))
            .addLayer(
                "features",
                new Convolution2D.Builder(1, 1)
                    .nOut(4)
                    .dataFormat(v.getDataFormat())
                    .activation(Activation.TANH)
                    .build(),
                "x")
            .addLayer("offset", like(v, 2 * taps, Activation.IDENTITY), "features");
    if (masked) {
      b.addLayer("mask", like(v, taps, Activation.SIGMOID), "features");
      b.addVertex("dcn", v, "features", "offset", "mask");
    } else {
      b.addVertex("dcn", v, "features", "offset");
    }
    ComputationGraph graph =
        new ComputationGraph(
            b.addLayer("pool", new GlobalPoolingLayer(), "dcn")
                .addLayer("out", Networks.threeClasses().build(), "pool")
                .setOutputs("out")
                .build());
    graph.init();
    Networks.bendOffsets(graph.getParam("offset_W"), graph.getParam("offset_b"), 2 * taps);
    return graph;
  }

  private static ComputationGraph trainable() {
    return graph(settings(DataType.DOUBLE).updater(new Adam(0.01)), vertex().build(), true);
  }

  private static void fit(ComputationGraph graph, int iterations) {
    for (int i = 0; i < iterations; i++) {
      graph.fit(new DataSet(X, Y));
    }
  }

  private static INDArray param(ComputationGraph graph, String name) {
    return graph.paramTable().get(name);
  }

  @ParameterizedTest
  @EnumSource(CNN2DFormat.class)
  void outputAndGradientsAreThoseOfTheOp(CNN2DFormat format) {
    for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT, DataType.FLOAT16}) {
      ComputationGraph graph =
          new ComputationGraph(
              settings(type)
                  .graphBuilder()
                  .addInputs("x", "offset", "mask")
                  .addVertex(
                      "dcn",
                      vertex().nIn(4).groups(2).deformableGroups(2).dataFormat(format).build(),
                      "x",
                      "offset",
                      "mask")
                  .addLayer(
                      "loss",
                      new CnnLossLayer.Builder(LossFunctions.LossFunction.MSE)
                          .format(format)
                          .activation(Activation.IDENTITY)
                          .build(),
                      "dcn")
                  .setOutputs("loss")
                  .build());
      graph.init();
      param(graph, "dcn_b").assign(random(2, type, 4));
      INDArray x = images(type, format, 2, 4, 6, 5);
      INDArray offset = images(type, format, 2, 24, 6, 6).mul(2);
      INDArray mask = images(type, format, 2, 12, 6, 6);
      INDArray expected =
          new NDDeformable()
              .deformableConv2d(
                  x,
                  param(graph, "dcn_W"),
                  offset,
                  mask,
                  param(graph, "dcn_b"),
                  DeformableConv2DConfig.builder()
                      .kH(3)
                      .kW(2)
                      .pH(1)
                      .pW(1)
                      .deformableGroups(2)
                      .groups(2)
                      .dataFormat(format.name())
                      .build());
      assertEquals(expected, graph.outputSingle(x, offset, mask));
      assertEquals(expected, graph.feedForward(new INDArray[] {x, offset, mask}, true).get("dcn"));
    }
  }

  static List<DeformableConvolution2DVertex> configurations() {
    return Arrays.asList(
        vertex().build(),
        vertex().hasBias(false).activation(Activation.TANH).build(),
        vertex().groups(2).deformableGroups(2).build(),
        vertex().stride(2, 1).dilation(1, 2).convolutionMode(ConvolutionMode.Truncate).build(),
        vertex().padding(0, 0).convolutionMode(ConvolutionMode.Same).stride(2, 2).build(),
        vertex().dataFormat(CNN2DFormat.NHWC).activation(Activation.SOFTPLUS).build());
  }

  @ParameterizedTest(name = "{index}")
  @MethodSource("configurations")
  void gradientsOfParametersAndAllInputsAreRight(DeformableConvolution2DVertex v) {
    assertGradientsRight(v, true);
  }

  @Test
  void gradientsWithoutAMaskAreRight() {
    assertGradientsRight(vertex().build(), false);
  }

  /** The gradients of the weights of the other convolutions come through the vertex's inputs. */
  private static void assertGradientsRight(DeformableConvolution2DVertex v, boolean masked) {
    ComputationGraph graph =
        graph(settings(DataType.DOUBLE).convolutionMode(ConvolutionMode.Truncate), v, masked);
    Set<String> exclude = new HashSet<>(graph.paramTable().keySet());
    exclude.removeAll(Set.of("features_W", "offset_W", "mask_W", "dcn_W", "dcn_b"));
    INDArray[] inputs = {images(DataType.DOUBLE, v.getDataFormat(), 2, 4, 6, 5)};
    Networks.assertGradientsRight(graph, inputs, labels(DataType.DOUBLE, 2), 6, exclude);
  }

  @Test
  void zeroOffsetAndUnitMaskGiveAPlainConvolution() {
    ComputationGraph a = trainable();
    for (String p : new String[] {"offset_W", "offset_b", "mask_W"}) {
      a.getParam(p).assign(0);
    }
    a.getParam("mask_b").assign(100); // sigmoid 1
    Map<String, INDArray> activations = a.feedForward(X, false);
    INDArray expected =
        Nd4j.cnn()
            .conv2d(
                activations.get("features"),
                param(a, "dcn_W").permute(2, 3, 1, 0),
                param(a, "dcn_b"),
                Conv2DConfig.builder().kH(3).kW(2).pH(1).pW(1).build());
    assertClose("output", expected, activations.get("dcn"), 1e-12);
  }

  @Test
  void globalSettingsActAndOwnOnesComeFirst() {
    NeuralNetConfiguration.Builder global =
        settings(DataType.DOUBLE)
            .updater(new Sgd(0.5))
            .biasUpdater(new Sgd(0.25))
            .biasInit(2)
            .l2(0.1)
            .activation(Activation.TANH)
            .weightInit(WeightInit.ONES)
            .convolutionMode(ConvolutionMode.Same);
    DeformableConvolution2DVertex v = vertex().padding(0, 0).build();
    ComputationGraph graph = graph(global, v, true);
    assertEquals(ConvolutionMode.Same, v.getConvolutionMode());
    assertEquals(0.5, v.getUpdaterByParam("W").getLearningRate(0, 0));
    assertEquals(0.25, v.getUpdaterByParam("b").getLearningRate(0, 0));
    assertEquals(1, param(graph, "dcn_W").minNumber().doubleValue());
    assertEquals(2, param(graph, "dcn_b").meanNumber().doubleValue());
    assertEquals(1, v.getRegularizationByParam("W").size());

    DeformableConvolution2DVertex own =
        vertex()
            .updater(new Sgd(0.1))
            .biasUpdater(new Sgd(0.2))
            .biasInit(3)
            .weightInit(WeightInit.ZERO)
            .convolutionMode(ConvolutionMode.Strict)
            .build();
    graph(global, own, true);
    assertEquals(ConvolutionMode.Strict, own.getConvolutionMode());
    assertEquals(0.1, own.getUpdaterByParam("W").getLearningRate(0, 0));
    assertEquals(0.2, own.getUpdaterByParam("b").getLearningRate(0, 0));
    assertEquals(3, own.getBiasInit());
  }

  @Test
  void penaltiesActOnTheirParameters() {
    for (String param : new String[] {"dcn_W", "dcn_b"}) {
      INDArray free = step(vertex().updater(new Sgd(1)).build(), param);
      INDArray weights = step(vertex().updater(new Sgd(1)).l2(0.5).build(), param);
      INDArray biases = step(vertex().updater(new Sgd(1)).l2Bias(0.5).biasInit(1).build(), param);
      boolean isWeight = param.endsWith("W");
      INDArray before = param(graph(settings(DataType.DOUBLE), vertex().build(), true), param);
      assertClose(param, isWeight ? free.sub(before.mul(0.5)) : free, weights, 1e-9);
      if (isWeight) {
        assertClose(
            param, free, step(vertex().updater(new Sgd(1)).l2Bias(0.5).build(), param), 1e-9);
      } else {
        assertNotEquals(free, biases);
      }
    }
  }

  private static INDArray step(DeformableConvolution2DVertex v, String param) {
    ComputationGraph graph = graph(settings(DataType.DOUBLE).updater(new Sgd(1)), v, true);
    INDArray before = param(graph, param).dup();
    fit(graph, 1);
    return param(graph, param).sub(before);
  }

  @Test
  void constraintsHoldAfterEveryStep() {
    ComputationGraph graph =
        graph(
            settings(DataType.DOUBLE).updater(new Adam(0.05)),
            vertex()
                .constrainWeights(new UnitNormConstraint(1, 2, 3))
                .constrainBias(new NonNegativeConstraint())
                .build(),
            true);
    INDArray before = param(graph, "dcn_W").dup();
    for (int i = 0; i < 3; i++) {
      fit(graph, 1);
      assertClose(
          "norms", Nd4j.ones(DataType.DOUBLE, 4), param(graph, "dcn_W").norm2(1, 2, 3), 1e-9);
      assertTrue(param(graph, "dcn_b").minNumber().doubleValue() >= 0);
    }
    assertNotEquals(before, param(graph, "dcn_W"));
    ComputationGraph global =
        graph(
            settings(DataType.DOUBLE)
                .updater(new Sgd(0.1))
                .constrainWeights(new UnitNormConstraint(1)),
            vertex().build(),
            false);
    fit(global, 1);
    assertClose(
        "global", Nd4j.ones(DataType.DOUBLE, 4, 3, 2), param(global, "dcn_W").norm2(1), 1e-9);
  }

  @Test
  void dropoutActsOnTheFeaturesInTrainingOnly() {
    ComputationGraph plain = trainable();
    ComputationGraph dropping =
        graph(
            settings(DataType.DOUBLE).updater(new Adam(0.01)), vertex().dropOut(0.5).build(), true);
    assertEquals(plain.outputSingle(X), dropping.outputSingle(X));
    assertNotEquals(
        plain.feedForward(X, true).get("dcn"), dropping.feedForward(X, true).get("dcn"));
    assertEquals(
        plain.feedForward(X, true).get("offset"), dropping.feedForward(X, true).get("offset"));
    fit(dropping, 3);
    assertFalse(dropping.params().isNaN().any());
  }

  @Test
  void workspaceModesGiveEqualResults() {
    List<INDArray> results = new ArrayList<>();
    for (WorkspaceMode mode : new WorkspaceMode[] {WorkspaceMode.NONE, WorkspaceMode.ENABLED}) {
      ComputationGraph graph =
          graph(
              settings(DataType.DOUBLE)
                  .updater(new Adam(0.01))
                  .trainingWorkspaceMode(mode)
                  .inferenceWorkspaceMode(mode),
              vertex().activation(Activation.RELU).dropOut(0.8).build(),
              true);
      Nd4j.getRandom().setSeed(3);
      fit(graph, 4);
      results.add(Nd4j.concat(0, graph.params().ravel(), graph.outputSingle(X).ravel()));
    }
    assertEquals(results.get(0), results.get(1));
  }

  @Test
  void backwardAfterAForwardPassThatKeptNothingGivesTheSameGradients() {
    for (Activation activation : new Activation[] {Activation.RELU, Activation.TANH}) {
      NeuralNetConfiguration.Builder settings =
          settings(DataType.DOUBLE)
              .trainingWorkspaceMode(WorkspaceMode.NONE)
              .inferenceWorkspaceMode(WorkspaceMode.NONE);
      ComputationGraph graph = graph(settings, vertex().activation(activation).build(), true);
      GraphVertex dcn = graph.getVertex("dcn");
      graph.initGradientsView();
      List<INDArray> results = new ArrayList<>();
      for (boolean training : new boolean[] {true, false}) {
        INDArray out = graph.feedForward(new INDArray[] {X}, training, false).get("dcn");
        dcn.setEpsilon(random(5, DataType.DOUBLE, out.shape()));
        for (INDArray epsilon :
            dcn.doBackward(false, LayerWorkspaceMgr.noWorkspaces()).getSecond()) {
          results.add(epsilon.dup());
        }
        results.add(dcn.getGradientsViewArray().dup());
      }
      assertEquals(8, results.size());
      assertEquals(results.subList(0, 4), results.subList(4, 8));
    }
  }

  @Test
  void jsonYamlAndCloneKeepEverySetting() {
    DeformableConvolution2DVertex v =
        vertex()
            .nIn(4)
            .stride(1, 2)
            .dilation(2, 1)
            .groups(2)
            .deformableGroups(4)
            .hasBias(false)
            .activation(Activation.RELU)
            .weightInit(WeightInit.XAVIER)
            .biasInit(0.5)
            .updater(new Adam(0.02))
            .biasUpdater(new Sgd(0.1))
            .l1(0.1)
            .l2Bias(0.2)
            .weightDecay(0.3)
            .dropOut(0.7)
            .constrainAllParameters(new NonNegativeConstraint())
            .convolutionMode(ConvolutionMode.Truncate)
            .dataFormat(CNN2DFormat.NHWC)
            .build();
    assertEquals(v, v.clone());
    ComputationGraphConfiguration conf =
        graph(settings(DataType.DOUBLE), v, true).getConfiguration();
    ComputationGraphConfiguration read = ComputationGraphConfiguration.fromJson(conf.toJson());
    assertEquals(conf, read);
    assertEquals(conf, ComputationGraphConfiguration.fromYaml(conf.toYaml()));
    assertEquals(conf, conf.clone());
    assertEquals(v, read.getVertices().get("dcn"));
    assertEquals(v.hashCode(), read.getVertices().get("dcn").hashCode());
    assertNotEquals(v, vertex().build());
    ComputationGraph fromRead = new ComputationGraph(read);
    fromRead.init();
    assertEquals(conf, fromRead.getConfiguration());
  }

  @Test
  void aSavedGraphGoesOnTrainingAsIfUninterrupted() throws IOException {
    Networks.assertTrainsOnWhenStored(trainable(), new DataSet(X, Y).toMultiDataSet());
  }

  @Test
  void aCloneIsEqualAndIndependent() {
    // Sgd: M2.1 forgets the number of iterations when it clones a graph.
    ComputationGraph graph =
        graph(settings(DataType.DOUBLE).updater(new Sgd(0.1)), vertex().build(), true);
    fit(graph, 1);
    ComputationGraph clone = graph.clone();
    INDArray before = graph.params().dup();
    fit(clone, 1);
    assertEquals(before, graph.params());
    fit(graph, 1);
    assertEquals(clone.params(), graph.params());
  }

  @Test
  void aNewGraphOfAClonedConfigurationStartsAfresh() {
    ComputationGraph graph = trainable();
    INDArray fresh = param(graph, "dcn_W").dup();
    fit(graph, 2);
    Nd4j.getRandom().setSeed(graph.getConfiguration().getDefaultConfiguration().getSeed());
    ComputationGraph again = new ComputationGraph(graph.getConfiguration().clone());
    again.init();
    assertNotEquals(param(graph, "dcn_W"), param(again, "dcn_W"));
    assertNotEquals(fresh, param(graph, "dcn_W"));
  }

  @Test
  void parametersCanBeCopiedAfterTransferLearningChangedLayers() {
    ComputationGraph graph = trainable();
    fit(graph, 2);
    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.2)).build())
            .nOutReplace("out", 5, WeightInit.XAVIER)
            .build();
    assertNotEquals(param(graph, "dcn_b"), param(changed, "dcn_b").castTo(DataType.DOUBLE));
    assertEquals(List.of("dcn"), VertexParameters.copy(graph, changed));
    assertClose("W", param(graph, "dcn_W"), param(changed, "dcn_W"), 1e-6);
    assertClose("b", param(graph, "dcn_b"), param(changed, "dcn_b"), 1e-6);
    INDArray y = Nd4j.zeros(DataType.DOUBLE, 3, 5);
    y.getColumn(1).assign(1);
    changed.fit(new DataSet(X, y));
    assertFalse(changed.params().isNaN().any());
  }

  @Test
  void aFrozenVertexStaysAsItIsAndOthersTrain() {
    ComputationGraph graph = trainable();
    ComputationGraph frozen =
        new TransferLearning.GraphBuilder(graph)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.2)).build())
            .setFeatureExtractor("dcn")
            .build();
    assertTrue(frozen.getConfiguration().getVertices().get("dcn") instanceof FrozenVertex);
    INDArray before = param(frozen, "dcn_W").dup();
    INDArray out = param(frozen, "out_W").dup();
    fit(frozen, 2);
    assertEquals(before, param(frozen, "dcn_W"));
    assertNotEquals(out, param(frozen, "out_W"));
    ComputationGraphConfiguration conf = frozen.getConfiguration();
    assertEquals(conf, ComputationGraphConfiguration.fromJson(conf.toJson()));
  }

  @Test
  void parallelTrainingByAveragingLearns() {
    ComputationGraph graph = trainable();
    DataSet data = new DataSet(X, Y);
    double before = graph.score(data);
    ParallelWrapper wrapper = Networks.workers(graph, 2);
    wrapper.fit(new ExistingDataSetIterator(Collections.nCopies(40, data)));
    wrapper.shutdown();
    assertTrue(graph.score(data) < 0.8 * before, before + " to " + graph.score(data));
  }

  @Test
  void clonedGraphsRunInSeveralThreadsAtOnce() throws Exception {
    ComputationGraph graph = trainable();
    ComputationGraph reference = graph.clone();
    fit(reference, 5);
    ExecutorService pool = Executors.newFixedThreadPool(3);
    try {
      List<Future<INDArray>> results = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        ComputationGraph copy = graph.clone();
        results.add(
            pool.submit(
                () -> {
                  fit(copy, 5);
                  return copy.params();
                }));
      }
      for (Future<INDArray> result : results) {
        assertEquals(0, reference.params().sub(result.get()).amaxNumber().doubleValue());
      }
    } finally {
      pool.shutdown();
    }
  }

  @Test
  void aFormatOfNullIsThatOfTheInputs() {
    DeformableConvolution2DVertex v = vertex().nIn(4).dataFormat(null).build();
    ComputationGraph graph =
        new ComputationGraph(
            settings(DataType.DOUBLE)
                .graphBuilder()
                .addInputs("x", "offset")
                .addVertex("dcn", v, "x", "offset")
                .addLayer(
                    "loss",
                    new CnnLossLayer.Builder().activation(Activation.IDENTITY).build(),
                    "dcn")
                .setOutputs("loss")
                .build());
    graph.init();
    INDArray offset = Nd4j.zeros(DataType.DOUBLE, 3, 12, 6, 6);
    assertArrayEquals(new long[] {3, 4, 6, 6}, graph.outputSingle(X, offset).shape());
    DeformableConvolution2DVertex last =
        vertex().dataFormat(null).convolutionMode(ConvolutionMode.Truncate).build();
    last.getOutputType(
        0,
        InputType.convolutional(6, 5, 4, CNN2DFormat.NHWC),
        InputType.convolutional(6, 6, 12, CNN2DFormat.NHWC));
    assertEquals(CNN2DFormat.NHWC, last.getDataFormat());
  }

  @Test
  void memoryReportAndSummaryNameTheVertex() {
    ComputationGraph graph = trainable();
    InputType in = InputType.convolutional(6, 5, 4);
    assertTrue(graph.summary(in).contains("dcn"), graph.summary(in));
    assertTrue(
        graph
            .getConfiguration()
            .getMemoryReport(in)
            .toString()
            .contains("DeformableConvolution2DVertex"));
    MemoryReport report =
        graph
            .getConfiguration()
            .getVertices()
            .get("dcn")
            .getMemoryReport(
                in, InputType.convolutional(6, 6, 12), InputType.convolutional(6, 6, 6));
    assertTrue(report.getTotalMemoryBytes(3, MemoryUseMode.TRAINING, CacheMode.NONE) > 0);
  }

  @Test
  void wrongInputsAreRefusedByName() {
    DeformableConvolution2DVertex v =
        vertex().nIn(4).convolutionMode(ConvolutionMode.Strict).build();
    InputType x = InputType.convolutional(6, 5, 4);
    InputType offset = InputType.convolutional(6, 6, 12);
    assertThrows(InvalidInputTypeException.class, () -> v.getOutputType(0, x));
    assertThrows(
        InvalidInputTypeException.class, () -> v.getOutputType(0, x, InputType.feedForward(3)));
    assertMessage(InvalidInputTypeException.class, () -> v.getOutputType(0, x, x), "offset");
    assertMessage(
        InvalidInputTypeException.class, () -> v.getOutputType(0, x, offset, offset), "mask");

    ComputationGraph graph =
        new ComputationGraph(
            settings(DataType.FLOAT)
                .graphBuilder()
                .addInputs("x", "offset")
                .addVertex("dcn", vertex().nIn(4).build(), "x", "offset")
                .addLayer(
                    "loss", new CnnLossLayer.Builder(LossFunctions.LossFunction.MSE).build(), "dcn")
                .setOutputs("loss")
                .build());
    graph.init();
    assertMessage(
        DL4JInvalidInputException.class,
        () -> graph.output(Nd4j.create(2, 5, 6, 5), Nd4j.create(2, 12, 6, 6)),
        "dcn",
        "expected 4 channels in NCHW, got 5");
    assertMessage(
        DL4JInvalidInputException.class,
        () -> graph.output(Nd4j.create(2, 4, 6, 5), Nd4j.create(2, 12, 6, 5)),
        "offset: expected [2, 12, 6, 6] in NCHW, got [2, 12, 6, 5]");
    assertArrayEquals(
        new long[] {2, 4, 6, 6},
        graph.output(Nd4j.create(2, 4, 6, 5), Nd4j.create(2, 12, 6, 6))[0].shape());
  }

  @Test
  void configurationsThatCannotWorkAreRefusedByName() {
    assertMessage(IllegalArgumentException.class, () -> vertex().groups(0), "groups");
    assertMessage(
        IllegalStateException.class,
        () -> vertex().convolutionMode(ConvolutionMode.Causal),
        "Causal");
    assertMessage(
        IllegalArgumentException.class, () -> vertex().dilation(0, 1).build(), "dilation");
    assertMessage(
        DL4JInvalidConfigException.class,
        () -> graph(settings(DataType.FLOAT), vertex().deformableGroups(3).build(), false),
        "deformableGroups: expected a divisor of nIn=4, got 3");
    assertMessage(
        DL4JInvalidConfigException.class,
        () -> graph(settings(DataType.FLOAT), vertex().nOut(0).build(), false),
        "nOut=0");
    assertMessage(
        IllegalArgumentException.class,
        () -> vertex().nOut(-4).build(),
        "nOut: expected at least 1, got -4");
    DeformableConvolution2DVertex changed = vertex().build();
    changed.setNOut(-4);
    assertMessage(
        DL4JInvalidConfigException.class,
        () -> graph(settings(DataType.FLOAT), changed, false),
        "nOut=-4");
  }
}
