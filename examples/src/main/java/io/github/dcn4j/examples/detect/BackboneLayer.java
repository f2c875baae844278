package io.github.dcn4j.examples.detect;

import io.github.dcn4j.layers.Convolution2D;
import io.github.dcn4j.layers.DeformableConvolution2D;
import io.github.dcn4j.layers.DeformableConvolutionV3;
import lombok.Getter;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.SpaceToDepthLayer;
import org.nd4j.linalg.activations.Activation;

/** The kind of 3×3 convolution in a detector's backbone. */
@RequiredArgsConstructor
public enum BackboneLayer {
  /**
   * Ordinary convolution, to compare with. By the kernels of the deformable ones, which are faster
   * than those of Deeplearning4j's ConvolutionLayer.
   */
  PLAIN(0.016) {
    @Override
    Layer convolution(int stride, int nOut) {
      return new Convolution2D.Builder(KERNEL, KERNEL)
          .stride(stride, stride)
          .padding(PADDING, PADDING)
          .nOut(nOut)
          .hasBias(false)
          .build();
    }
  },

  /** Deformable convolution without mask (Deformable ConvNets, arXiv 1703.06211). */
  V1(0.008) {
    @Override
    Layer convolution(int stride, int nOut) {
      return deformable(stride, nOut).modulated(false).build();
    }
  },

  /** Deformable convolution with mask (Deformable ConvNets v2, arXiv 1811.11168). */
  V2(0.008) {
    @Override
    Layer convolution(int stride, int nOut) {
      return deformable(stride, nOut).build();
    }
  },

  /** The module of DCNv3 (InternImage, arXiv 2211.05778) in residual blocks. */
  V3(0.008) {
    @Override
    Layer convolution(int stride, int nOut) {
      return module(stride, nOut).build();
    }
  },

  /** The module of DCNv4 (arXiv 2401.06197) in residual blocks. */
  V4(0.008) {
    @Override
    Layer convolution(int stride, int nOut) {
      return module(stride, nOut).version(4).build();
    }
  };

  private static final int KERNEL = 3;
  private static final int PADDING = 1;
  private static final int BLOCK = 2;

  /** Of DCNv3 and DCNv4: 16 channels a group where there are 64, as InternImage has. */
  private static final int GROUPS = 4;

  /**
   * How many times the channels the first of a block's two linear layers has, as in InternImage.
   */
  private static final int EXPANSION = 4;

  /** Offsets of v1 and v2 learn slower than weights, as in the DCN papers' detectors. */
  private static final double OFFSET_LEARNING_RATE = 0.1;

  /** Highest learning rate that suits a one-stage detector of these layers. */
  @Getter private final double learningRate;

  /** A 3×3 convolution without bias and activation. */
  abstract Layer convolution(int stride, int nOut);

  private static DeformableConvolution2D.Builder deformable(int stride, int nOut) {
    return new DeformableConvolution2D.Builder(KERNEL, KERNEL)
        .stride(stride, stride)
        .padding(PADDING, PADDING)
        .nOut(nOut)
        .hasBias(false)
        .offsetLearningRateMultiplier(OFFSET_LEARNING_RATE);
  }

  /**
   * Its offsets and masks learn as fast as weights: at a tenth of the rate the masks, which begin
   * as a mean or as zeros, learn too slowly.
   */
  private static DeformableConvolutionV3.Builder module(int stride, int nOut) {
    return new DeformableConvolutionV3.Builder(KERNEL, KERNEL)
        .stride(stride, stride)
        .padding(PADDING, PADDING)
        .nOut(nOut)
        .groups(GROUPS);
  }

  /**
   * Whether these layers stand in residual blocks. A module of DCNv3 mixes samples of one channel
   * with weights that sum to 1, and one of DCNv4 starts by giving nothing: they add to what comes
   * in, and plain convolutions change its size and number of channels, as in InternImage.
   */
  private boolean isResidual() {
    return this == V3 || this == V4;
  }

  /**
   * Adds a backbone: each 2×2 pixels become one of 12 channels, and a block a stage follows.
   *
   * @param stages stride along both axes, in pixels, and number of output channels of each
   * @param images name of the images, of 3 channels
   * @return name of what the last block gives
   */
  public String addBackbone(GraphBuilder graph, int[][] stages, String images) {
    String last = "blocks";
    graph.addLayer(last, new SpaceToDepthLayer.Builder<>(BLOCK).build(), images);
    int channels = 3 * BLOCK * BLOCK;
    for (int i = 0; i < stages.length; i++) {
      boolean adds = isResidual() && stages[i][0] == 1 && stages[i][1] == channels;
      last =
          adds
              ? addResidualBlock(graph, i, convolution(1, channels), channels, last)
              : addBlock(
                  graph,
                  i,
                  (isResidual() ? PLAIN : this).convolution(stages[i][0], stages[i][1]),
                  last);
      channels = stages[i][1];
    }
    return last;
  }

  /**
   * Adds a 3×3 convolution with batch normalisation and ReLU. The ReLU is a layer of its own:
   * Deeplearning4j's batch normalisation takes an activation function and ignores it. And its
   * gradients are not clipped: its running mean and variance count as such, and would lag behind.
   *
   * @param number of the block, which the names of its layers end in
   */
  private static String addBlock(GraphBuilder graph, int number, Layer layer, String input) {
    String convolution = "convolution" + number;
    String normalised = "normalised" + number;
    String activated = "activated" + number;
    graph.addLayer(convolution, layer, input);
    graph.addLayer(normalised, normalisation(), convolution);
    graph.addLayer(
        activated, new ActivationLayer.Builder().activation(Activation.RELU).build(), normalised);
    return activated;
  }

  private static Layer normalisation() {
    return new BatchNormalization.Builder()
        .gradientNormalization(GradientNormalization.None)
        .build();
  }

  /**
   * Adds a block as InternImage's larger networks have it: to the input is added what a module
   * makes of it, normalised, and to that what two linear layers make of it, normalised.
   */
  private static String addResidualBlock(
      GraphBuilder graph, int number, Layer module, int channels, String input) {
    graph.addLayer("convolution" + number, module, input);
    String sampled = addNormalised(graph, "sampled" + number, "convolution" + number, input);
    graph.addLayer("expanded" + number, linear(EXPANSION * channels, Activation.RELU), sampled);
    graph.addLayer("reduced" + number, linear(channels, Activation.IDENTITY), "expanded" + number);
    return addNormalised(graph, "added" + number, "reduced" + number, sampled);
  }

  /** Adds what a layer gives, normalised, to another's output. */
  private static String addNormalised(
      GraphBuilder graph, String name, String layer, String residual) {
    graph.addLayer(name + "Normalised", normalisation(), layer);
    graph.addVertex(
        name, new ElementWiseVertex(ElementWiseVertex.Op.Add), residual, name + "Normalised");
    return name;
  }

  private static Layer linear(int nOut, Activation activation) {
    return new Convolution2D.Builder(1).nOut(nOut).activation(activation).build();
  }
}
