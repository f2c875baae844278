package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.yolo.AnchorBox;
import io.github.dcn4j.detection.yolo.YoloLoss;
import io.github.dcn4j.layers.Convolution2D;
import lombok.experimental.UtilityClass;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.distribution.NormalDistribution;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.CnnLossLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A small one-stage detector, in the manner of the later YOLOs.
 *
 * <p>Each 2×2 pixels become one of 12 channels; five 3×3 convolutions as {@link BackboneLayer} has
 * them, each with batch normalisation and ReLU, two of them with stride 2, bring these [12, side /
 * 2, side / 2] down to [96, side / 8, side / 8]; a 1×1 convolution predicts the boxes.
 */
@UtilityClass
class DetectorNetwork {
  /** Pixels of the input to a cell of the output, along each axis. */
  static final int STRIDE = 8;

  private static final String HEAD = "head";
  private static final int[][] STRIDE_AND_CHANNELS = {{2, 32}, {2, 64}, {1, 64}, {1, 96}, {1, 96}};
  private static final double MAX_GRADIENT_NORM = 100;

  /**
   * Confidence before its sigmoid at the start of training. Nearly all anchors are empty: without
   * this, the first hundred steps do nothing but push confidences down, and hurt the backbone.
   */
  private static final double FIRST_CONFIDENCE = -4;

  /** Deviation of the head's first weights: so small that all boxes start out as the anchors. */
  private static final double FIRST_HEAD_DEVIATION = 0.01;

  /**
   * A fresh network.
   *
   * @param anchors [anchors][width, height] in cells of the output
   * @param classes number of classes
   * @param side rows and columns of the input, a multiple of {@link #STRIDE}
   * @param iterations number of minibatches that training will take, for the learning rate
   * @param options seed, learning rate and kind of layers
   */
  static ComputationGraph create(
      double[][] anchors, int classes, int side, int iterations, TrainingOptions options) {
    GraphBuilder graph =
        NetworkSettings.of(options, iterations, MAX_GRADIENT_NORM)
            .graphBuilder()
            .addInputs("images")
            .setInputTypes(InputType.convolutional(side, side, 3));
    String last = options.getBackbone().addBackbone(graph, STRIDE_AND_CHANNELS, "images");
    int numbers = AnchorBox.FIRST_CLASS + classes;
    graph.addLayer(
        HEAD,
        new Convolution2D.Builder(1, 1)
            .nOut(anchors.length * numbers)
            .weightInit(new NormalDistribution(0, FIRST_HEAD_DEVIATION))
            .build(),
        last);
    graph.addLayer("boxes", new CnnLossLayer.Builder(new YoloLoss(anchors)).build(), HEAD);
    ComputationGraph network = new ComputationGraph(graph.setOutputs("boxes").build());
    network.init();
    INDArray bias = network.getLayer(HEAD).getParam("b");
    for (int anchor = 0; anchor < anchors.length; anchor++) {
      bias.putScalar((long) anchor * numbers + AnchorBox.CONFIDENCE, FIRST_CONFIDENCE);
    }
    return network;
  }

  /** The anchors that a network was made with: [anchors][width, height] in cells. */
  static double[][] anchors(ComputationGraph network) {
    CnnLossLayer layer = (CnnLossLayer) network.getOutputLayer(0).conf().getLayer();
    return ((YoloLoss) layer.getLossFn()).getAnchors();
  }
}
