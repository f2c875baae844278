package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.Networks.bendOffsets;
import static io.github.dcn4j.layers.Networks.images;
import static io.github.dcn4j.layers.Networks.labels;
import static io.github.dcn4j.layers.Networks.settings;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.Collections;
import org.deeplearning4j.datasets.iterator.ExistingDataSetIterator;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.misc.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.FineTuneConfiguration;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.parallelism.ParallelWrapper;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ExponentialSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

/** The layer through all that happens to networks: saved, cloned, changed, frozen, averaged. */
class DeformableConvolution2DLifecycleTest {
  private static final InputType INPUT = InputType.convolutional(6, 6, 4);
  private static final INDArray X = images(DataType.DOUBLE, CNN2DFormat.NCHW, 3, 4, 6, 6);
  private static final INDArray Y = labels(DataType.DOUBLE, 3);

  private static DeformableConvolution2D everySetting() {
    return new DeformableConvolution2D.Builder(3, 2)
        .name("every")
        .nOut(6)
        .stride(1, 2)
        .padding(2, 1)
        .dilation(2, 1)
        .convolutionMode(ConvolutionMode.Truncate)
        .groups(2)
        .deformableGroups(4)
        .modulated(false)
        .offsetLearningRateMultiplier(0.1)
        .hasBias(false)
        .l2(0.01)
        .dropOut(0.9)
        .constrainWeights(new MaxNormConstraint(2, 1, 2, 3))
        .activation(Activation.RELU)
        .build();
  }

  private static DeformableConvolution2D simple() {
    return new DeformableConvolution2D.Builder(3, 3)
        .nOut(4)
        .padding(1, 1)
        .offsetLearningRateMultiplier(0.5)
        .activation(Activation.TANH)
        .build();
  }

  private static MultiLayerNetwork net(ConvolutionLayer... layers) {
    MultiLayerNetwork net =
        Networks.pooled(
            settings(DataType.DOUBLE)
                .updater(new Adam(new ExponentialSchedule(ScheduleType.ITERATION, 0.01, 0.9))),
            INPUT,
            layers);
    for (int i = 0; i < layers.length; i++) {
      if (layers[i] instanceof DeformableConvolution2D) {
        bendOffsets(net, i);
      }
    }
    return net;
  }

  @Test
  void jsonAndYamlKeepEverySetting() {
    MultiLayerConfiguration conf = net(everySetting(), simple()).getLayerWiseConfigurations();
    assertEquals(conf, MultiLayerConfiguration.fromJson(conf.toJson()));
    assertEquals(conf, MultiLayerConfiguration.fromYaml(conf.toYaml()));
    DeformableConvolution2D read =
        (DeformableConvolution2D)
            MultiLayerConfiguration.fromJson(conf.toJson()).getConf(0).getLayer();
    assertEquals(conf.getConf(0).getLayer(), read);
    assertEquals(4, read.getDeformableGroups());
    assertEquals(2, read.getGroups());
    assertFalse(read.isModulated());
    assertEquals(0.1, read.getOffsetLearningRateMultiplier());
    ComputationGraphConfiguration graph =
        net(everySetting()).toComputationGraph().getConfiguration();
    assertEquals(graph, ComputationGraphConfiguration.fromJson(graph.toJson()));
    assertEquals(graph, ComputationGraphConfiguration.fromYaml(graph.toYaml()));
  }

  @Test
  void javaSerialisationKeepsTheConfiguration() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(everySetting());
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertEquals(everySetting(), in.readObject());
    }
  }

  @Test
  void aSavedNetworkGoesOnTrainingAsIfUninterrupted() throws IOException {
    MultiLayerNetwork net = net(simple(), simple());
    fit(net, 3);
    MultiLayerNetwork read = Networks.stored(net);
    assertEquals(net.output(X), read.output(X));
    fit(net, 3);
    fit(read, 3);
    assertEquals(net.params(), read.params());
    assertEquals(net.getUpdater().getStateViewArray(), read.getUpdater().getStateViewArray());
  }

  private static void fit(MultiLayerNetwork net, int iterations) {
    for (int i = 0; i < iterations; i++) {
      net.fit(X, Y);
    }
  }

  @Test
  void aCloneIsEqualAndIndependent() {
    MultiLayerNetwork net = net(simple());
    fit(net, 2);
    MultiLayerNetwork clone = net.clone();
    assertEquals(net.params(), clone.params());
    INDArray before = net.params().dup();
    fit(clone, 1);
    assertEquals(before, net.params());
    fit(net, 1);
    assertEquals(net.params(), clone.params());
    DeformableConvolution2D conf = simple();
    conf.clone().getDilation()[0] = 7;
    assertEquals(1, conf.getDilation()[0]);
  }

  @Test
  void transferLearningKeepsTheParametersOfUnchangedLayers() {
    MultiLayerNetwork net = net(simple(), simple());
    fit(net, 2);
    MultiLayerNetwork changed =
        new TransferLearning.Builder(net)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.2)).build())
            .nOutReplace(1, 8, WeightInit.XAVIER)
            .removeOutputLayer()
            .addLayer(Networks.threeClasses().nIn(8).build())
            .build();
    for (String param : new String[] {"0_W", "0_b", "0_offsetW", "0_offsetB"}) {
      assertEquals(net.getParam(param), changed.getParam(param), param);
    }
    assertArrayEquals(new long[] {8, 4, 3, 3}, changed.getParam("1_W").shape());
    assertArrayEquals(new long[] {27, 4, 3, 3}, changed.getParam("1_offsetW").shape());
    assertEquals(
        0.1,
        changed.getLayer(0).conf().getLayer().getUpdaterByParam("offsetB").getLearningRate(0, 0));
    fit(changed, 2);
    assertFalse(changed.params().isNaN().any());
  }

  @Test
  void nOutReplaceOfALayerBeforeChangesTheOffsetConvolutionToo() {
    MultiLayerNetwork net = net(new ConvolutionLayer.Builder(3, 3).nOut(4).build(), simple());
    MultiLayerNetwork changed =
        new TransferLearning.Builder(net)
            .fineTuneConfiguration(new FineTuneConfiguration.Builder().updater(new Sgd(1)).build())
            .nOutReplace(0, 5, WeightInit.XAVIER)
            .build();
    assertArrayEquals(new long[] {27, 5, 3, 3}, changed.getParam("1_offsetW").shape());
    assertArrayEquals(new long[] {4, 5, 3, 3}, changed.getParam("1_W").shape());
    fit(changed, 1);
  }

  @Test
  void aFrozenLayerStaysAsItIsAndOthersTrain() {
    MultiLayerNetwork net = net(simple(), simple());
    MultiLayerNetwork frozen =
        new TransferLearning.Builder(net)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.2)).build())
            .setFeatureExtractor(0)
            .build();
    assertTrue(frozen.getLayer(0) instanceof FrozenLayer);
    assertEquals(net.output(X), frozen.output(X));
    fit(frozen, 3);
    for (String param : new String[] {"W", "b", "offsetW", "offsetB"}) {
      assertEquals(net.getParam("0_" + param), frozen.getParam("0_" + param), param);
      assertNotEquals(net.getParam("1_" + param), frozen.getParam("1_" + param), param);
    }
    assertEquals(
        frozen.getLayerWiseConfigurations(),
        MultiLayerConfiguration.fromJson(frozen.getLayerWiseConfigurations().toJson()));
    assertTrue(frozen.summary().contains("offsetW"));
  }

  @Test
  void aLayerFrozenWithBackpropPassesGradientsOn() {
    MultiLayerNetwork net =
        new MultiLayerNetwork(
            settings(DataType.DOUBLE)
                .updater(new Sgd(0.2))
                .list()
                .layer(simple())
                .layer(new FrozenLayerWithBackprop(simple()))
                .layer(Networks.threeClasses().build())
                .setInputType(INPUT)
                .build());
    net.init();
    INDArray first = net.getParam("0_W").dup();
    INDArray second = net.getParam("1_W").dup();
    fit(net, 1);
    assertNotEquals(first, net.getParam("0_W"));
    assertEquals(second, net.getParam("1_W"));
  }

  @Test
  void graphsSaveTransferAndFreeze() throws IOException {
    ComputationGraph graph = net(simple(), simple()).toComputationGraph();
    graph.fit(new DataSet(X, Y));
    ComputationGraph read = Networks.stored(graph);
    graph.fit(new DataSet(X, Y));
    read.fit(new DataSet(X, Y));
    assertEquals(graph.params(), read.params());

    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph)
            .fineTuneConfiguration(
                new FineTuneConfiguration.Builder().updater(new Sgd(0.2)).build())
            .setFeatureExtractor("0")
            .nOutReplace("3", 5, WeightInit.XAVIER)
            .build();
    for (String param : new String[] {"W", "b", "offsetW", "offsetB"}) {
      for (String layer : new String[] {"0_", "1_"}) {
        // The changed graph is in FLOAT: FineTuneConfiguration does not keep the type.
        Networks.assertClose(
            layer + param, graph.getParam(layer + param), changed.getParam(layer + param), 1e-6);
      }
    }
    INDArray frozen = changed.getParam("0_offsetW").dup();
    INDArray trained = changed.getParam("1_offsetW").dup();
    INDArray y = Nd4j.zeros(DataType.DOUBLE, 3, 5);
    y.getColumn(1).assign(1);
    changed.fit(new DataSet(X, y));
    assertEquals(frozen, changed.getParam("0_offsetW"));
    assertNotEquals(trained, changed.getParam("1_offsetW"));
  }

  @Test
  void parallelTrainingByAveragingLearns() {
    MultiLayerNetwork net = net(simple());
    net.setLearningRate(0.02);
    DataSet data = new DataSet(X, Y);
    double before = net.score(data);
    INDArray offsets = net.getParam("0_offsetW").dup();
    ParallelWrapper wrapper = Networks.workers(net, 2);
    wrapper.fit(new ExistingDataSetIterator(Collections.nCopies(40, data)));
    wrapper.shutdown();
    assertTrue(net.score(data) < 0.7 * before, before + " to " + net.score(data));
    assertNotEquals(offsets, net.getParam("0_offsetW"));
  }
}
