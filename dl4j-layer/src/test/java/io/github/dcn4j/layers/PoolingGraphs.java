package io.github.dcn4j.layers;

import io.github.dcn4j.Goldens;
import java.util.Set;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.LossLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.LossFunctions;

/** What the tests of the pooling vertices share: graphs and rois. */
final class PoolingGraphs {
  private PoolingGraphs() {}

  /** Five rois that overlap, in two images of 36 × 40 pixels. */
  static INDArray rois(DataType type) {
    return Nd4j.createFromArray(
            new double[][] {
              {0, 2, 3, 30, 25},
              {1, 10.4, -6, 38.6, 20},
              {0, 12, 8, 28, 33},
              {1, 0, 0, 39, 35},
              {0, 20, 20, 24, 23}
            })
        .castTo(type);
  }

  /** The settings of a golden case, on any builder. */
  static <T extends RoiPoolingSettings<T>> T apply(T builder, Goldens.Case golden) {
    return builder
        .spatialScale(golden.getArguments().get("spatial_scale").asDouble())
        .outputDim(golden.number("output_dim"))
        .groupSize(golden.number("group_size"))
        .pooledSize(golden.number("pooled_size"))
        .samplePerPart(golden.number("sample_per_part"))
        .transStd(golden.getArguments().get("trans_std").asDouble());
  }

  /** A vertex whose activations are the graph's output, with inputs of these names. */
  static ComputationGraph alone(DataType type, GraphVertex vertex, String... inputs) {
    ComputationGraph graph =
        new ComputationGraph(
            Networks.settings(type)
                .graphBuilder()
                .addInputs(inputs)
                .addVertex("pooling", vertex, inputs)
                .addLayer(
                    "loss",
                    new LossLayer.Builder(LossFunctions.LossFunction.MSE)
                        .activation(Activation.IDENTITY)
                        .build(),
                    "pooling")
                .setOutputs("loss")
                .build());
    graph.init();
    return graph;
  }

  /**
   * Features of a convolution of [N, 3, 9, 10] images, pooled by the vertex and classified in three
   * classes for each roi. With {@code transChannels}, the vertex has a third input that another
   * convolution makes of [R, 2, 3, 3].
   */
  static ComputationGraph classifier(
      NeuralNetConfiguration.Builder settings,
      GraphVertex vertex,
      int channels,
      int transChannels,
      CNN2DFormat format) {
    boolean trans = transChannels > 0;
    ComputationGraphConfiguration.GraphBuilder builder =
        settings
            .graphBuilder()
            .addInputs(
                trans ? new String[] {"images", "rois", "hints"} : new String[] {"images", "rois"})
            .setInputTypes(
                trans
                    ? new InputType[] {
                      InputType.convolutional(9, 10, 3, format),
                      InputType.feedForward(5),
                      InputType.convolutional(3, 3, 2)
                    }
                    : new InputType[] {
                      InputType.convolutional(9, 10, 3, format), InputType.feedForward(5)
                    })
            .addLayer("features", convolution(channels, 3), "images");
    if (trans) {
      builder
          .addLayer("trans", convolution(transChannels, 1), "hints")
          .addVertex("pooling", vertex, "features", "rois", "trans");
    } else {
      builder.addVertex("pooling", vertex, "features", "rois");
    }
    ComputationGraph graph =
        new ComputationGraph(
            builder
                .addLayer("classes", Networks.threeClasses().build(), "pooling")
                .setOutputs("classes")
                .build());
    graph.init();
    return graph;
  }

  private static ConvolutionLayer convolution(int channels, int kernel) {
    return new ConvolutionLayer.Builder(kernel, kernel)
        .nOut(channels)
        .convolutionMode(org.deeplearning4j.nn.conf.ConvolutionMode.Same)
        .activation(Activation.TANH)
        .build();
  }

  static INDArray[] inputs(DataType type, CNN2DFormat format, boolean trans) {
    INDArray images = Networks.images(type, format, 2, 3, 9, 10);
    return trans
        ? new INDArray[] {images, rois(type), Networks.random(5, type, 5, 2, 3, 3)}
        : new INDArray[] {images, rois(type)};
  }

  static void assertGradientsRight(ComputationGraph graph, INDArray... inputs) {
    Networks.assertGradientsRight(graph, inputs, Networks.labels(DataType.DOUBLE, 5), 20, Set.of());
  }
}
