package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.github.dcn4j.Goldens;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.deeplearning4j.datasets.iterator.IteratorMultiDataSetIterator;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.ReshapeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.parallelism.ParallelInference;
import org.deeplearning4j.parallelism.ParallelWrapper;
import org.deeplearning4j.parallelism.inference.InferenceMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.common.util.SerializationUtils;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/**
 * Two workers of one machine against one. With plain gradient descent, averaging parameters after
 * each step is the same as one step on both minibatches together.
 */
class SeveralWorkersTest {
  private static final DataType DOUBLE = DataType.DOUBLE;
  private static final int IMAGES = 2;
  private static final int ROUNDS = 3;

  /** A graph that ends in three classes, and its inputs. */
  private enum Kind {
    LAYER(false) {
      @Override
      ComputationGraph graph() {
        return onImages(
            new DeformableConvolution2D.Builder(3, 3)
                .nOut(4)
                .padding(1, 1)
                .activation(Activation.TANH)
                .build());
      }
    },
    LAYER_V3(false) {
      @Override
      ComputationGraph graph() {
        return onImages(
            new DeformableConvolutionV3.Builder(3, 3)
                .nOut(4)
                .padding(1, 1)
                .activation(Activation.TANH)
                .build());
      }
    },
    CONVOLUTION_VERTEX(false) {
      @Override
      ComputationGraph graph() {
        return onImages(null);
      }
    },
    ATTENTION_VERTEX(false) {
      @Override
      ComputationGraph graph() {
        return attending();
      }
    },
    POOLING_VERTEX(true) {
      @Override
      ComputationGraph graph() {
        return onRegions(
            new DeformablePSROIPoolingVertex.Builder()
                .spatialScale(0.25)
                .outputDim(4)
                .pooledSize(2)
                .build());
      }
    },
    MODULATED_POOLING_VERTEX(true) {
      @Override
      ComputationGraph graph() {
        return onRegions(
            new ModulatedDeformablePSROIPoolingVertex.Builder()
                .spatialScale(0.25)
                .outputDim(4)
                .pooledSize(2)
                .transStd(0.1)
                .fcDim(5)
                .build());
      }
    };

    private final boolean regions;

    Kind(boolean regions) {
      this.regions = regions;
    }

    abstract ComputationGraph graph();

    /** A minibatch of images [2, 3, 9, 10] and labels, for some with regions [5, 5]. */
    MultiDataSet data(long seed) {
      INDArray images = Networks.random(seed, DOUBLE, IMAGES, 3, 9, 10);
      INDArray[] inputs =
          regions ? new INDArray[] {images, PoolingGraphs.rois(DOUBLE)} : new INDArray[] {images};
      INDArray labels = Networks.labels(DOUBLE, regions ? 5 : IMAGES);
      return new MultiDataSet(inputs, new INDArray[] {labels});
    }

    /** Two minibatches in one: the regions of the second are of the later images. */
    MultiDataSet merged(MultiDataSet a, MultiDataSet b) {
      INDArray[] inputs = new INDArray[a.numFeatureArrays()];
      inputs[0] = Nd4j.concat(0, a.getFeatures(0), b.getFeatures(0));
      if (regions) {
        INDArray later = b.getFeatures(1).dup();
        later.getColumn(0).addi(IMAGES);
        inputs[1] = Nd4j.concat(0, a.getFeatures(1), later);
      }
      INDArray labels = Nd4j.concat(0, a.getLabels(0), b.getLabels(0));
      return new MultiDataSet(inputs, new INDArray[] {labels});
    }
  }

  private static ComputationGraph onRegions(GraphVertex vertex) {
    return PoolingGraphs.classifier(
        Networks.settings(DOUBLE).updater(new Sgd(0.1)), vertex, 4, 0, CNN2DFormat.NCHW);
  }

  private static ConvolutionLayer.Builder convolution(long channels) {
    return new ConvolutionLayer.Builder(3, 3).nOut(channels).padding(1, 1);
  }

  /** A deformable convolution: a layer, or for null a vertex with offsets from a layer. */
  private static ComputationGraph onImages(ConvolutionLayer layer) {
    ComputationGraphConfiguration.GraphBuilder builder =
        Networks.settings(DOUBLE)
            .updater(new Sgd(0.1))
            .graphBuilder()
            .addInputs("images")
            .setInputTypes(InputType.convolutional(9, 10, 3));
    if (layer == null) {
      builder
          .addLayer("offset", convolution(18).build(), "images")
          .addVertex(
              "dcn",
              new DeformableConvolution2DVertex.Builder(3, 3)
                  .nIn(3)
                  .nOut(4)
                  .padding(1, 1)
                  .activation(Activation.TANH)
                  .build(),
              "images",
              "offset");
    } else {
      builder.addLayer("dcn", layer, "images");
    }
    ComputationGraph graph =
        new ComputationGraph(
            builder
                .addLayer("pool", new GlobalPoolingLayer(), "dcn")
                .addLayer("out", Networks.threeClasses().build(), "pool")
                .setOutputs("out")
                .build());
    graph.init();
    return graph;
  }

  /** The pixels of an image ask its feature maps, as in Deformable DETR's encoder. */
  private static ComputationGraph attending() {
    ComputationGraph graph =
        new ComputationGraph(
            Networks.settings(DOUBLE)
                .updater(new Sgd(0.1))
                .graphBuilder()
                .addInputs("images")
                .addLayer("fine", convolution(4).nIn(3).build(), "images")
                .addLayer("coarse", convolution(4).nIn(4).stride(2, 2).build(), "fine")
                .addLayer(
                    "points",
                    convolution(2).nIn(3).activation(Activation.SIGMOID).build(),
                    "images")
                .addVertex("query", new ReshapeVertex(-1, 4, 90), "fine")
                .addVertex("references", new ReshapeVertex(-1, 2, 90), "points")
                .addVertex(
                    "attention",
                    new MultiScaleDeformableAttentionVertex.Builder()
                        .nInQueries(4)
                        .nInValues(4)
                        .nLevels(2)
                        .nHeads(2)
                        .nPoints(2)
                        .build(),
                    "query",
                    "references",
                    "fine",
                    "coarse")
                .addLayer("pool", new GlobalPoolingLayer(), "attention")
                .addLayer("out", Networks.threeClasses().nIn(4).build(), "pool")
                .setOutputs("out")
                .build());
    graph.init();
    return graph;
  }

  /** Trains one graph with two workers, another of the same parameters alone, and compares. */
  private static void assertWorkersDoAsOne(
      Kind kind, MultiDataSet first, MultiDataSet second, MultiDataSet alone) {
    ComputationGraph together = kind.graph();
    ParallelWrapper wrapper = Networks.workers(together, 1);
    List<org.nd4j.linalg.dataset.api.MultiDataSet> minibatches = new ArrayList<>();
    // The second worker copies the model when its thread starts, while the first trains on the
    // model
    // itself: the first step must not change it.
    minibatches.add(withoutGradient(together, first));
    minibatches.add(withoutGradient(together, second));
    ComputationGraph single = together.clone();
    for (int i = 0; i < ROUNDS; i++) {
      minibatches.add(first);
      minibatches.add(second);
      single.fit(alone);
    }
    INDArray start = together.params().dup();
    wrapper.fit(new IteratorMultiDataSetIterator(minibatches.iterator(), IMAGES));
    wrapper.shutdown();
    assertNotEquals(start, single.params());
    Goldens.assertClose(single.params(), together.params(), 1e-12, "parameters");
  }

  /** The same inputs, and for labels what the graph says: a loss at its least. */
  private static MultiDataSet withoutGradient(ComputationGraph graph, MultiDataSet data) {
    INDArray[] labels = {graph.outputSingle(data.getFeatures())};
    return new MultiDataSet(data.getFeatures(), labels);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void averagingTheSameMinibatchIsTrainingOnIt(Kind kind) {
    MultiDataSet data = kind.data(1);
    assertWorkersDoAsOne(kind, data, data, data);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void averagingTwoMinibatchesIsTrainingOnBothAtOnce(Kind kind) {
    MultiDataSet a = kind.data(1);
    MultiDataSet b = kind.data(2);
    assertWorkersDoAsOne(kind, a, b, kind.merged(a, b));
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void aConfigurationGoesToAnotherProcess(Kind kind) {
    ComputationGraphConfiguration configuration = kind.graph().getConfiguration();
    ComputationGraphConfiguration arrived =
        SerializationUtils.fromByteArray(SerializationUtils.toByteArray(configuration));
    assertEquals(configuration, arrived);
  }

  static Stream<Arguments> inference() {
    return Stream.of(Kind.values())
        .flatMap(
            kind ->
                Stream.of(InferenceMode.values())
                    // Batched joins the inputs of several calls, and regions name images by number.
                    .filter(mode -> !(kind.regions && mode == InferenceMode.BATCHED))
                    .map(mode -> Arguments.of(kind, mode)));
  }

  @ParameterizedTest
  @MethodSource("inference")
  void parallelInferenceGivesEachCallerItsOwnOutput(Kind kind, InferenceMode mode)
      throws Exception {
    ComputationGraph graph = kind.graph();
    ParallelInference inference =
        new ParallelInference.Builder(graph).workers(2).inferenceMode(mode).build();
    ExecutorService callers = Executors.newFixedThreadPool(4);
    try {
      List<Future<INDArray>> outputs = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        INDArray[] inputs = kind.data(i).getFeatures();
        outputs.add(callers.submit(() -> inference.output(inputs)[0].dup()));
      }
      for (int i = 0; i < outputs.size(); i++) {
        INDArray expected = graph.outputSingle(kind.data(i).getFeatures());
        INDArray output = outputs.get(i).get();
        assertEquals(expected.dataType(), output.dataType());
        Goldens.assertClose(expected, output, 1e-12, "output of call " + i);
      }
    } finally {
      callers.shutdownNow();
      inference.shutdown();
    }
  }
}
