package io.github.dcn4j.examples.rfcn;

import io.github.dcn4j.detection.anchors.AnchorGrid;
import io.github.dcn4j.detection.anchors.BoxDeltas;
import io.github.dcn4j.detection.proposals.ProposalVertex;
import io.github.dcn4j.detection.proposals.Roi;
import io.github.dcn4j.examples.detect.NetworkSettings;
import io.github.dcn4j.examples.detect.TrainingOptions;
import io.github.dcn4j.layers.Convolution2D;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.distribution.NormalDistribution;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.activations.Activation;

/**
 * A small two-stage detector as one graph: the position-sensitive maps of R-FCN (arXiv 1605.06409)
 * with, instead of its vote, the one hidden layer of Light-Head R-CNN (arXiv 1711.07264), which
 * learns faster from few images.
 *
 * <p>Inputs: images [N, 3, side, side], and regions [M, 5] that the second stage is to look at
 * besides those that the first one proposes: the true boxes in training, else none.
 *
 * <ol>
 *   <li>Features [N, 64, side / 8, side / 8]: each 2×2 pixels become one of 12 channels, then 3×3
 *       convolutions with batch normalisation.
 *   <li>First stage: a 1×1 convolution says of each anchor whether there is an object, and where
 *       ({@link AnchorGrid}); {@link ProposalVertex} chooses R regions from that.
 *   <li>Second stage: a 1×1 convolution makes maps, one group of them for each of the k² bins of a
 *       region; the {@link Pooling} takes from each map what lies in its bin; and fully connected
 *       layers say what is in the region, and where.
 * </ol>
 *
 * <p>Outputs: what the first stage said, the regions [R, 5], class scores [R, 1 + classes], the
 * background first, and {@link BoxDeltas} [R, 4]. The graph holds no losses, because what should
 * have been said depends on the regions; {@link TwoStageTrainer} works out the gradients of the
 * outputs.
 */
final class TwoStageNetwork {
  /** Name of the output of the first stage. */
  static final String PROPOSALS = "proposals";

  /** Name of the regions. */
  static final String ROIS = "rois";

  /** Name of the maps to pool from. */
  static final String MAPS = "maps";

  /** Name of the class scores. */
  static final String CLASSES = "classes";

  /** Name of the boxes of the second stage. */
  static final String BOXES = "boxes";

  /** Pixels of the input to a cell of the features, along each axis. */
  static final int STRIDE = 8;

  /** Regions of an image that the first stage proposes. */
  private static final int MAX_PROPOSALS = 24;

  private static final int[][] STRIDE_AND_CHANNELS = {{2, 32}, {2, 64}, {1, 64}, {1, 64}};
  private static final int HIDDEN = 128;
  private static final double MAX_GRADIENT_NORM = 5;

  /** Of the first weights of whatever gives a score or a box: so small that none is preferred. */
  private static final NormalDistribution SMALL = new NormalDistribution(0, 0.01);

  private TwoStageNetwork() {}

  /**
   * A fresh network.
   *
   * @param anchors [sizes][width, height] in pixels
   * @param classes number of classes without the background
   * @param side rows and columns of the input, a multiple of {@link #STRIDE}
   * @param iterations number of minibatches that training will take, for the learning rate
   * @param options seed, learning rate and kind of layers
   */
  static ComputationGraph create(
      Pooling pooling,
      double[][] anchors,
      int classes,
      int side,
      int iterations,
      TrainingOptions options) {
    GraphBuilder graph =
        NetworkSettings.of(options, iterations, MAX_GRADIENT_NORM)
            // The losses are means already, over images or over regions.
            .miniBatch(false)
            // Backward is a call of its own here, and needs arrays of the forward pass.
            .trainingWorkspaceMode(WorkspaceMode.NONE)
            // With workspaces, output() of 1.0.0-M2.1 fails with a NullPointerException here.
            .inferenceWorkspaceMode(WorkspaceMode.NONE)
            .graphBuilder()
            .addInputs("images", "wanted")
            .setInputTypes(
                InputType.convolutional(side, side, 3), InputType.feedForward(Roi.NUMBERS));
    String features = options.getBackbone().addBackbone(graph, STRIDE_AND_CHANNELS, "images");

    graph.addLayer(
        PROPOSALS,
        new Convolution2D.Builder(1, 1)
            .nOut(anchors.length * AnchorGrid.NUMBERS)
            .weightInit(SMALL)
            .build(),
        features);
    graph.addVertex(ROIS, new ProposalVertex(anchors, STRIDE, MAX_PROPOSALS), PROPOSALS, "wanted");

    int maps = Pooling.OUTPUTS * Pooling.BINS * Pooling.BINS;
    graph.addLayer(MAPS, new Convolution2D.Builder(1, 1).nOut(maps).build(), features);
    pooling.addTo(graph, features);
    graph.addLayer(
        "hidden",
        new DenseLayer.Builder().nOut(HIDDEN).activation(Activation.RELU).build(),
        Pooling.NAME);
    graph.addLayer(
        CLASSES, new DenseLayer.Builder().nOut(1 + classes).weightInit(SMALL).build(), "hidden");
    graph.addLayer(
        BOXES, new DenseLayer.Builder().nOut(BoxDeltas.COUNT).weightInit(SMALL).build(), "hidden");

    ComputationGraph network =
        new ComputationGraph(graph.setOutputs(PROPOSALS, ROIS, CLASSES, BOXES).build());
    network.init();
    return network;
  }

  /** Where the anchors of a network lie. */
  static AnchorGrid anchorGrid(ComputationGraph network, int side) {
    return new AnchorGrid(anchors(network), side / STRIDE, STRIDE);
  }

  /** The anchors that a network was made with: [sizes][width, height] in pixels. */
  static double[][] anchors(ComputationGraph network) {
    GraphVertex proposals = network.getConfiguration().getVertices().get(ROIS);
    if (!(proposals instanceof ProposalVertex)) {
      throw new IllegalArgumentException("expected a network with proposals, got another");
    }
    return ((ProposalVertex) proposals).getAnchors();
  }
}
