package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import java.util.List;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.weightnoise.DropConnect;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.learning.regularization.L2Regularization;
import org.nd4j.linalg.schedule.ExponentialSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

/** What a user does with a graph whose vertices have parameters. */
@ExtendWith(DoublePrecision.class)
class VertexParametersTest {
  private static DeformableConvolution2DVertex.Builder vertex() {
    return new DeformableConvolution2DVertex.Builder(3).nOut(4).padding(1);
  }

  private static NeuralNetConfiguration.Builder settings(IUpdater updater) {
    return Networks.settings(DataType.DOUBLE).updater(updater);
  }

  private static ComputationGraph graph(
      NeuralNetConfiguration.Builder settings, DeformableConvolution2DVertex vertex) {
    ComputationGraphConfiguration conf =
        settings
            .graphBuilder()
            .addInputs("x")
            .setInputTypes(InputType.convolutional(5, 5, 2))
            .addLayer("offset", new Convolution2D.Builder(3).nOut(18).padding(1).build(), "x")
            .addVertex("dcn", vertex, "x", "offset")
            .addLayer(
                "out",
                Networks.threeClasses()
                    .dropOut(1) // its input is what is looked at
                    .build(),
                "dcn")
            .setOutputs("out")
            .build();
    ComputationGraph graph = new ComputationGraph(conf);
    graph.init();
    return graph;
  }

  private static void fit(ComputationGraph graph, int times) {
    for (int i = 0; i < times; i++) {
      graph.fit(
          new DataSet(
              Networks.images(DataType.DOUBLE, CNN2DFormat.NCHW, 3, 2, 5, 5),
              Networks.labels(DataType.DOUBLE, 3)));
    }
  }

  private static DeformableConvolution2DVertex conf(ComputationGraph graph) {
    return (DeformableConvolution2DVertex) graph.getConfiguration().getVertices().get("dcn");
  }

  @Test
  void parametersAreReadAndSetByName() {
    ComputationGraph graph = graph(settings(new Sgd(0.1)), vertex().build());
    assertArrayEquals(new long[] {4, 2, 3, 3}, graph.getParam("dcn_W").shape());
    INDArray w = Networks.random(9, DataType.DOUBLE, 4, 2, 3, 3);
    graph.setParam("dcn_W", w);
    graph.setParam("dcn_b", Nd4j.createFromArray(new double[][] {{1, 2, 3, 4}}));
    assertEquals(w, graph.getParam("dcn_W"));
    assertEquals(w, graph.paramTable().get("dcn_W"));
    assertEquals(3, graph.getParam("dcn_b").getDouble(2));
    Exception shape =
        assertThrows(
            IllegalArgumentException.class,
            () -> graph.setParam("dcn_W", Nd4j.zeros(DataType.DOUBLE, 4, 2, 3)));
    assertTrue(
        shape.getMessage().contains("W: expected [4, 2, 3, 3], got [4, 2, 3]"), shape.getMessage());
    Exception key =
        assertThrows(IllegalArgumentException.class, () -> graph.setParam("dcn_gain", w));
    assertTrue(key.getMessage().contains("expected one of [W, b], got gain"), key.getMessage());
  }

  @Test
  void learningRatesAreSetByNameAndForAll() {
    ComputationGraph graph = graph(settings(new Sgd(0.1)), vertex().build());
    graph.setLearningRate("dcn", 0.25);
    assertEquals(0.25, graph.getLearningRate("dcn"));
    assertEquals(0.1, graph.getLearningRate("out"));
    assertEquals(0.25, conf(graph).getUpdater().getLearningRate(0, 0));
    INDArray before = graph.getParam("dcn_b").dup();
    graph.setLearningRate("dcn", 0);
    fit(graph, 2);
    assertEquals(before, graph.getParam("dcn_b"));

    VertexParameters.setLearningRate(graph, 0.5);
    assertEquals(0.5, graph.getLearningRate("dcn"));
    assertEquals(0.5, graph.getLearningRate("out"));
    fit(graph, 1);
    assertNotEquals(before, graph.getParam("dcn_b"));
    VertexParameters.setLearningRate(
        graph, new ExponentialSchedule(ScheduleType.ITERATION, 0.3, 0.5));
    double expected = 0.3 * Math.pow(0.5, graph.getIterationCount());
    assertEquals(expected, graph.getLearningRate("dcn"), 1e-12);
    assertEquals(expected, graph.getLearningRate("out"), 1e-12);
  }

  /** As in the folds of a cross-validation: none may know what another has learnt. */
  @Test
  void aVertexInASecondGraphStartsAfresh() {
    for (boolean cloned : new boolean[] {false, true}) {
      DeformableConvolution2DVertex vertex = vertex().build();
      ComputationGraph first = graph(settings(new Adam(0.1)), vertex);
      INDArray fresh = first.params().dup();
      fit(first, 3);
      ComputationGraph second = graph(settings(new Adam(0.1)), cloned ? vertex.clone() : vertex);
      assertEquals(fresh, second.params(), "cloned: " + cloned);
    }
  }

  @Test
  void aFineTuneConfigurationReachesVertices() {
    for (boolean own : new boolean[] {false, true}) {
      DeformableConvolution2DVertex.Builder vertex = vertex();
      ComputationGraph graph =
          graph(settings(new Adam(0.1)), (own ? vertex.updater(new Sgd(0.3)) : vertex).build());
      ComputationGraph tuned =
          new TransferLearning.GraphBuilder(graph)
              .fineTuneConfiguration(
                  new FineTuneConfiguration.Builder()
                      .updater(new Sgd(0.02))
                      .biasUpdater(new Sgd(0.04))
                      .l2(0.5)
                      .dropOut(0.75)
                      .gradientNormalization(GradientNormalization.ClipElementWiseAbsoluteValue)
                      .gradientNormalizationThreshold(0.125)
                      .build())
              .build();
      DeformableConvolution2DVertex conf = conf(tuned);
      assertEquals(new Sgd(0.02), conf.getUpdater());
      assertEquals(new Sgd(0.04), conf.getUpdaterByParam("b"));
      assertEquals(List.of(new L2Regularization(0.5)), conf.getRegularization());
      assertEquals(
          GradientNormalization.ClipElementWiseAbsoluteValue, conf.getGradientNormalization());
      assertEquals(0.125, conf.getGradientNormalizationThreshold());
      assertTrue(conf.getIDropout() != null);
      assertEquals(new Sgd(0.02), layerUpdater(tuned, "out"));
    }
  }

  private static IUpdater layerUpdater(ComputationGraph graph, String layer) {
    return ((org.deeplearning4j.nn.conf.layers.BaseLayer) graph.getLayer(layer).conf().getLayer())
        .getIUpdater();
  }

  @Test
  void withoutAFineTuneConfigurationTheSettingsStay() {
    ComputationGraph graph = graph(settings(new Adam(0.1)).l1(0.2), vertex().build());
    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph)
            .nOutReplace("out", 5, WeightInit.XAVIER)
            .addVertex("more", vertex().nIn(2).updater(new Sgd(0.7)).build(), "x", "offset")
            .addLayer(
                "loss", new CnnLossLayer.Builder().activation(Activation.IDENTITY).build(), "more")
            .setOutputs("out", "loss")
            .build();
    assertEquals(new Adam(0.1), conf(changed).getUpdater());
    assertEquals(conf(graph).getRegularization(), conf(changed).getRegularization());
  }

  @Test
  void aVertexThatIsAddedKeepsWhatItWasGiven() {
    ComputationGraph graph = graph(settings(new Adam(0.1)), vertex().build());
    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.02)).build())
            .addVertex("more", vertex().nIn(2).updater(new Sgd(0.7)).build(), "x", "offset")
            .addLayer(
                "loss", new CnnLossLayer.Builder().activation(Activation.IDENTITY).build(), "more")
            .setOutputs("out", "loss")
            .build();
    DeformableConvolution2DVertex more =
        (DeformableConvolution2DVertex) changed.getConfiguration().getVertices().get("more");
    assertEquals(new Sgd(0.7), more.getUpdater());
    assertEquals(new Sgd(0.02), conf(changed).getUpdater());
  }

  @Test
  void copiesAreRefusedWhereShapesDiffer() {
    ComputationGraph from = graph(settings(new Sgd(0.1)), vertex().build());
    ComputationGraph to = graph(settings(new Sgd(0.1)), vertex().hasBias(false).build());
    INDArray before = to.params().dup();
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> VertexParameters.copy(from, to));
    assertTrue(
        e.getMessage().contains("dcn: expected parameters W[4, 2, 3, 3], got W[4, 2, 3, 3]b[4]"),
        e.getMessage());
    assertEquals(before, to.params());
  }

  /** One weight of noise that always drops: what is left of the output is the bias. */
  @Test
  void globalWeightNoiseActsInTrainingAlone() {
    ComputationGraph graph =
        graph(settings(new NoOp()).weightNoise(new DropConnect(1e-9)), vertex().build());
    graph.setParam("dcn_b", Nd4j.createFromArray(new double[] {1, 2, 3, 4}));
    INDArray x = Networks.images(DataType.DOUBLE, CNN2DFormat.NCHW, 1, 2, 5, 5);
    INDArray noisy = graph.feedForward(x, true).get("dcn");
    INDArray quiet = graph.feedForward(x, false).get("dcn");
    assertEquals(3 * 25, noisy.tensorAlongDimension(2, 2, 3).sumNumber().doubleValue(), 1e-6);
    assertNotEquals(noisy, quiet);
    ComputationGraphConfiguration conf = graph.getConfiguration();
    assertEquals(conf, ComputationGraphConfiguration.fromJson(conf.toJson()));
    assertEquals(conf, conf.clone());
  }

  @Test
  void globalDropoutActsOnTheFeatures() {
    ComputationGraph graph = graph(settings(new NoOp()).dropOut(1e-9), vertex().build());
    graph.setParam("dcn_b", Nd4j.createFromArray(new double[] {1, 2, 3, 4}));
    INDArray x = Networks.images(DataType.DOUBLE, CNN2DFormat.NCHW, 1, 2, 5, 5);
    INDArray dropped = graph.feedForward(x, true).get("dcn");
    assertEquals(3 * 25, dropped.tensorAlongDimension(2, 2, 3).sumNumber().doubleValue(), 1e-6);
  }

  /** Adam goes on with its moments, whichever parameters shared a learning rate before. */
  @Test
  void aNewLearningRateKeepsTheUpdatersState() {
    ComputationGraph graph =
        graph(settings(new Adam(0.1)), vertex().updater(new Adam(0.2)).build());
    ComputationGraph other =
        graph(settings(new Adam(0.1)), vertex().updater(new Adam(0.2)).build());
    fit(graph, 3);
    fit(other, 3);
    VertexParameters.setLearningRate(graph, 0.05);
    fit(graph, 2);
    VertexParameters.setLearningRate(graph, new ExponentialSchedule(ScheduleType.EPOCH, 0.05, 1));
    fit(graph, 2);
    for (String name : new String[] {"offset", "dcn", "out"}) { // in one call each: all have states
      other.setLearningRate(name, 0.05);
    }
    fit(other, 4);
    Networks.assertClose("parameters", other.params(), graph.params(), 1e-12);
  }

  @Test
  void updatersWithoutStateDoNotMatter() {
    ComputationGraph graph = graph(settings(new Adam(0.1)), vertex().updater(new Sgd(0.2)).build());
    fit(graph, 2);
    VertexParameters.setLearningRate(graph, 0.05);
    assertEquals(0.05, graph.getLearningRate("dcn"));
    fit(graph, 2);
    assertTrue(Double.isFinite(graph.score()));
  }
}
