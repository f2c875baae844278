package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Random;
import java.util.Set;
import org.deeplearning4j.gradientcheck.GradientCheckUtil;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.parallelism.ParallelWrapper;
import org.deeplearning4j.util.ModelSerializer;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** What the tests of layer and vertex share: data, small networks and comparisons. */
final class Networks {
  private Networks() {}

  /** Values in [-1, 1), the same ones for the same seed on every machine. */
  static INDArray random(long seed, DataType type, long... shape) {
    Random random = new Random(seed);
    INDArray values = Nd4j.create(DataType.DOUBLE, shape);
    for (long i = 0; i < values.length(); i++) {
      values.putScalar(i, 2 * random.nextDouble() - 1);
    }
    return values.castTo(type);
  }

  /** Asserts equality to a tolerance relative to the largest element expected. */
  static void assertClose(String what, INDArray expected, INDArray actual, double tolerance) {
    org.junit.jupiter.api.Assertions.assertArrayEquals(expected.shape(), actual.shape(), what);
    INDArray e = expected.castTo(DataType.DOUBLE);
    INDArray a = actual.castTo(DataType.DOUBLE);
    double largest = Math.max(e.amaxNumber().doubleValue(), 1e-300);
    double error = e.sub(a).amaxNumber().doubleValue() / largest;
    assertTrue(error <= tolerance, what + ": relative error " + error);
  }

  /** Global settings of the tests: no updater, so that gradients stay as they are. */
  static NeuralNetConfiguration.Builder settings(DataType type) {
    return new NeuralNetConfiguration.Builder()
        .dataType(type)
        .seed(7)
        .updater(new NoOp())
        .trainingWorkspaceMode(WorkspaceMode.ENABLED)
        .inferenceWorkspaceMode(WorkspaceMode.ENABLED);
  }

  /** One layer whose activations are the network's output. */
  static MultiLayerNetwork alone(DataType type, ConvolutionLayer layer) {
    MultiLayerNetwork net =
        new MultiLayerNetwork(
            settings(type)
                .list()
                .layer(layer)
                .layer(
                    new CnnLossLayer.Builder(LossFunctions.LossFunction.MSE)
                        .activation(Activation.IDENTITY)
                        .format(layer.getCnn2dDataFormat())
                        .build())
                .build());
    net.init();
    return net;
  }

  /** An output layer of three classes. */
  static OutputLayer.Builder threeClasses() {
    return new OutputLayer.Builder(LossFunctions.LossFunction.MCXENT)
        .activation(Activation.SOFTMAX)
        .nOut(3);
  }

  /** The layer under a classifier of three classes, for images of the given format. */
  static MultiLayerNetwork classifier(
      NeuralNetConfiguration.Builder settings, ConvolutionLayer layer, InputType input) {
    MultiLayerNetwork net =
        new MultiLayerNetwork(
            settings.list().layer(layer).layer(threeClasses().build()).setInputType(input).build());
    net.init();
    return net;
  }

  /** The layers, one upon another, under a global pooling and three classes. */
  static MultiLayerNetwork pooled(
      NeuralNetConfiguration.Builder settings, InputType input, Layer... layers) {
    NeuralNetConfiguration.ListBuilder list = settings.list();
    for (Layer layer : layers) {
      list.layer(layer);
    }
    MultiLayerNetwork net =
        new MultiLayerNetwork(
            list.layer(new GlobalPoolingLayer())
                .layer(threeClasses().build())
                .setInputType(input)
                .build());
    net.init();
    return net;
  }

  /**
   * Moves all sampling positions off the integers, where the function has kinks: offsets about 0.4
   * and -0.3, with small weights so that they depend on the input.
   */
  static void bendOffsets(INDArray offsetW, INDArray offsetB, long offsetChannels) {
    offsetW.assign(random(3, offsetW.dataType(), offsetW.shape()).muli(0.02));
    for (long c = 0; c < offsetB.length(); c++) {
      double value = c >= offsetChannels ? 0.2 * (c % 5 - 2) : c % 2 == 0 ? 0.4 : -0.3;
      offsetB.putScalar(c, value + 0.01 * (c % 7 - 3));
    }
  }

  /** {@link #bendOffsets(INDArray, INDArray, long)} for a layer of a network. */
  static void bendOffsets(MultiLayerNetwork net, int layer) {
    DeformableConvolution2D conf = (DeformableConvolution2D) net.getLayer(layer).conf().getLayer();
    bendOffsets(
        net.getLayer(layer).getParam("offsetW"),
        net.getLayer(layer).getParam("offsetB"),
        2 * conf.geometry().sampledTaps());
  }

  static INDArray images(DataType type, CNN2DFormat format, int n, int c, int h, int w) {
    return format == CNN2DFormat.NCHW ? random(11, type, n, c, h, w) : random(11, type, n, h, w, c);
  }

  static INDArray labels(DataType type, int n) {
    INDArray labels = Nd4j.zeros(type, n, 3);
    for (int i = 0; i < n; i++) {
      labels.putScalar(i, i % 3, 1);
    }
    return labels;
  }

  /** What comes of the network when it is written to a file and read. */
  static MultiLayerNetwork stored(MultiLayerNetwork net) throws IOException {
    return ModelSerializer.restoreMultiLayerNetwork(written(net), true);
  }

  /** {@link #stored(MultiLayerNetwork)} for a graph. */
  static ComputationGraph stored(ComputationGraph graph) throws IOException {
    return ModelSerializer.restoreComputationGraph(written(graph), true);
  }

  /** Asserts that a graph trains on when it is stored and read as it does itself. */
  static void assertTrainsOnWhenStored(ComputationGraph graph, MultiDataSet data)
      throws IOException {
    fit(graph, data);
    ComputationGraph read = stored(graph);
    INDArray output = graph.outputSingle(data.getFeatures());
    assertEquals(output, read.outputSingle(data.getFeatures()));
    assertEquals(output, graph.clone().outputSingle(data.getFeatures()));
    fit(graph, data);
    fit(read, data);
    assertEquals(graph.params(), read.params());
    assertEquals(graph.getUpdater().getStateViewArray(), read.getUpdater().getStateViewArray());
  }

  private static void fit(ComputationGraph graph, MultiDataSet data) {
    for (int i = 0; i < 3; i++) {
      graph.fit(data);
    }
  }

  /** Asserts that JSON, YAML and a clone keep a configuration. */
  static void assertKept(ComputationGraphConfiguration conf) {
    assertEquals(conf, ComputationGraphConfiguration.fromJson(conf.toJson()));
    assertEquals(conf, ComputationGraphConfiguration.fromYaml(conf.toYaml()));
    assertEquals(conf, conf.clone());
  }

  private static InputStream written(Model model) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ModelSerializer.writeModel(model, bytes, true);
    return new ByteArrayInputStream(bytes.toByteArray());
  }

  /** Two workers that train a model, and average their parameters after so many minibatches. */
  static ParallelWrapper workers(Model model, int averagingFrequency) {
    return new ParallelWrapper.Builder<>(model)
        .workers(2)
        .averagingFrequency(averagingFrequency)
        .prefetchBuffer(0)
        .trainingMode(ParallelWrapper.TrainingMode.AVERAGING)
        .build();
  }

  /** Asserts that the first layer's gradients have the same bits with any number of threads. */
  static void assertSameGradientsForAnyNumberOfThreads(
      MultiLayerNetwork net, INDArray input, INDArray labels) {
    int before = Nd4j.getEnvironment().maxThreads();
    try {
      INDArray expected = null;
      for (int threads : new int[] {1, 2, 3, 4}) {
        Nd4j.getEnvironment().setMaxThreads(threads);
        for (int run = 0; run < 3; run++) {
          net.setInput(input);
          net.setLabels(labels);
          net.computeGradientAndScore();
          INDArray got = net.getLayer(0).getGradientsViewArray().dup();
          expected = expected == null ? got : expected;
          // Sharper than INDArray.equals, which has a tolerance.
          assertEquals(0, expected.sub(got).amaxNumber().doubleValue(), threads + " threads");
        }
      }
    } finally {
      Nd4j.getEnvironment().setMaxThreads(before);
    }
  }

  static void assertGradientsRight(MultiLayerNetwork net, INDArray input, INDArray labels) {
    assertTrue(
        GradientCheckUtil.checkGradients(
            new GradientCheckUtil.MLNConfig()
                .net(net)
                .epsilon(1e-6)
                .maxRelError(1e-5)
                .minAbsoluteError(1e-9)
                .subset(true)
                .maxPerParam(20)
                .print(GradientCheckUtil.PrintMode.FAILURES_ONLY)
                .input(input)
                .labels(labels)),
        "gradients differ from numeric ones");
  }

  /** The same for a graph: {@code perParam} elements of each parameter but the excluded ones. */
  static void assertGradientsRight(
      ComputationGraph graph,
      INDArray[] inputs,
      INDArray labels,
      int perParam,
      Set<String> excluded) {
    assertTrue(
        GradientCheckUtil.checkGradients(
            new GradientCheckUtil.GraphConfig()
                .net(graph)
                .epsilon(1e-6)
                .maxRelError(1e-5)
                .minAbsoluteError(1e-9)
                .subset(true)
                .maxPerParam(perParam)
                .excludeParams(excluded)
                .print(GradientCheckUtil.PrintMode.FAILURES_ONLY)
                .inputs(inputs)
                .labels(new INDArray[] {labels})),
        "gradients differ from numeric ones");
  }
}
