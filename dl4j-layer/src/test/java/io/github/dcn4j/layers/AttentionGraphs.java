package io.github.dcn4j.layers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import lombok.Builder;
import lombok.Value;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.Convolution1DLayer;
import org.deeplearning4j.nn.conf.layers.RnnLossLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** What the tests of the attention vertex share: its inputs, and graphs around it. */
@Value
@Builder(toBuilder = true)
class AttentionGraphs {
  static final int EXAMPLES = 2;
  static final int QUERIES = 5;
  static final int QUERY_SIZE = 6;
  static final int CHANNELS = 4;

  /** Height and width of each level. */
  @Builder.Default int[][] levels = {{5, 7}, {3, 4}};

  @Builder.Default int heads = 2;
  @Builder.Default int points = 3;
  @Builder.Default RNNFormat rnn = RNNFormat.NCW;
  @Builder.Default CNN2DFormat cnn = CNN2DFormat.NCHW;

  /** Whether each level has reference points of its own. */
  boolean pointsOfLevels;

  @Builder.Default DataType type = DataType.DOUBLE;

  MultiScaleDeformableAttentionVertex.Builder vertex() {
    return new MultiScaleDeformableAttentionVertex.Builder().nHeads(heads).nPoints(points);
  }

  private int pointChannels() {
    return pointsOfLevels ? 2 * levels.length : 2;
  }

  private List<String> names() {
    List<String> names = new ArrayList<>(List.of("query", "points"));
    IntStream.range(0, levels.length).forEach(i -> names.add("level" + i));
    return names;
  }

  InputType[] types() {
    List<InputType> types = new ArrayList<>();
    types.add(InputType.recurrent(QUERY_SIZE, QUERIES, rnn));
    types.add(InputType.recurrent(pointChannels(), QUERIES, rnn));
    for (int[] level : levels) {
      types.add(InputType.convolutional(level[0], level[1], CHANNELS, cnn));
    }
    return types.toArray(new InputType[0]);
  }

  /** Queries, reference points inside and around the levels, and the levels; in NCW and NCHW. */
  INDArray[] channelsFirst(long seed) {
    INDArray[] inputs = new INDArray[2 + levels.length];
    inputs[0] = Networks.random(seed, type, EXAMPLES, QUERY_SIZE, QUERIES);
    inputs[1] =
        Networks.random(seed + 1, type, EXAMPLES, pointChannels(), QUERIES).muli(0.55).addi(0.5);
    for (int i = 0; i < levels.length; i++) {
      inputs[2 + i] =
          Networks.random(seed + 2 + i, type, EXAMPLES, CHANNELS, levels[i][0], levels[i][1]);
    }
    return inputs;
  }

  /** The same in this graph's formats, contiguous. */
  INDArray[] inputs(long seed) {
    INDArray[] inputs = channelsFirst(seed);
    for (int i = 0; i < inputs.length; i++) {
      inputs[i] = i < 2 ? sequence(inputs[i]) : map(inputs[i]);
    }
    return inputs;
  }

  INDArray sequence(INDArray ncw) {
    return rnn == RNNFormat.NWC ? ncw.permute(0, 2, 1).dup('c') : ncw;
  }

  /** What {@link #sequence} or {@link #map} did, back. */
  INDArray channelsFirst(INDArray array) {
    boolean last = array.rank() == 3 ? rnn == RNNFormat.NWC : cnn == CNN2DFormat.NHWC;
    if (!last) {
      return array;
    }
    return array.rank() == 3 ? array.permute(0, 2, 1) : array.permute(0, 3, 1, 2);
  }

  INDArray map(INDArray nchw) {
    return cnn == CNN2DFormat.NHWC ? nchw.permute(0, 2, 3, 1).dup('c') : nchw;
  }

  /** The vertex, whose activations are the graph's output. */
  ComputationGraph alone(MultiScaleDeformableAttentionVertex vertex) {
    return made(around(vertex).setInputTypes(types()).build());
  }

  /** The same graph without InputTypes. */
  ComputationGraph withoutTypes(MultiScaleDeformableAttentionVertex vertex) {
    return made(around(vertex).build());
  }

  private ComputationGraphConfiguration.GraphBuilder around(
      MultiScaleDeformableAttentionVertex vertex) {
    String[] names = names().toArray(new String[0]);
    return Networks.settings(type)
        .graphBuilder()
        .addInputs(names)
        .addVertex("attention", vertex, names)
        .addLayer(
            "loss",
            new RnnLossLayer.Builder(LossFunctions.LossFunction.MSE)
                .activation(Activation.IDENTITY)
                .dataFormat(rnn)
                .build(),
            "attention")
        .setOutputs("loss");
  }

  /**
   * All inputs go through layers with parameters, and each query is classified. In NCW: DL4J's
   * one-dimensional convolution fails on its way back in NWC.
   */
  ComputationGraph classifier(
      NeuralNetConfiguration.Builder settings, MultiScaleDeformableAttentionVertex vertex) {
    ComputationGraphConfiguration.GraphBuilder builder =
        settings
            .graphBuilder()
            .addInputs(names())
            .setInputTypes(types())
            .addLayer("queries", sequenceLayer(QUERY_SIZE, Activation.TANH), "query")
            .addLayer("references", sequenceLayer(pointChannels(), Activation.SIGMOID), "points");
    List<String> inputs = new ArrayList<>(List.of("queries", "references"));
    for (int i = 0; i < levels.length; i++) {
      inputs.add("map" + i);
      builder.addLayer(
          "map" + i,
          new Convolution2D.Builder(1)
              .nOut(CHANNELS)
              .dataFormat(cnn)
              .activation(Activation.TANH)
              .build(),
          "level" + i);
    }
    return made(
        builder
            .addVertex("attention", vertex, inputs.toArray(new String[0]))
            .addLayer(
                "classes",
                new RnnOutputLayer.Builder(LossFunctions.LossFunction.MCXENT)
                    .activation(Activation.SOFTMAX)
                    .nOut(3)
                    .dataFormat(rnn)
                    .build(),
                "attention")
            .setOutputs("classes")
            .build());
  }

  private static Convolution1DLayer sequenceLayer(int size, Activation activation) {
    return new Convolution1DLayer.Builder(1)
        .nOut(size)
        .convolutionMode(ConvolutionMode.Same)
        .activation(activation)
        .build();
  }

  private static ComputationGraph made(ComputationGraphConfiguration conf) {
    ComputationGraph graph = new ComputationGraph(conf);
    graph.init();
    return graph;
  }

  /** A class for each query. */
  INDArray labels() {
    INDArray labels = Networks.random(9, type, EXAMPLES, 3, QUERIES).muli(0);
    for (int n = 0; n < EXAMPLES; n++) {
      for (int q = 0; q < QUERIES; q++) {
        labels.putScalar(new int[] {n, (n + q) % 3, q}, 1);
      }
    }
    return sequence(labels);
  }

  MultiDataSet data(long seed) {
    return new MultiDataSet(inputs(seed), new INDArray[] {labels()});
  }

  static Map<String, INDArray> params(ComputationGraph graph) {
    return graph.getVertex("attention").paramTable(false);
  }

  /** Parameters with which locations and weights depend on the query. */
  static void bend(ComputationGraph graph) {
    params(graph)
        .forEach(
            (key, param) -> {
              double scale = key.equals("offsetB") ? 1.5 : key.equals("offsetW") ? 0.3 : 0.8;
              INDArray values =
                  Networks.random(key.hashCode(), param.dataType(), param.shape()).muli(scale);
              param.assign(values);
            });
  }
}
