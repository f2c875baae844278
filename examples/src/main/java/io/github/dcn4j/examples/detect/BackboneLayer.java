package io.github.dcn4j.examples.detect;

import io.github.dcn4j.layers.Convolution2D;
import io.github.dcn4j.layers.DeformableConvolution2D;
import lombok.Getter;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.Layer;
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
  };

  private static final int KERNEL = 3;
  private static final int PADDING = 1;

  /** Offsets learn slower than weights, as in the DCN papers' detectors. */
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
   * Adds a 3×3 convolution with batch normalisation and ReLU. The ReLU is a layer of its own:
   * Deeplearning4j's batch normalisation takes an activation function and ignores it. And its
   * gradients are not clipped: its running mean and variance count as such, and would lag behind.
   *
   * @param number of the block, which the names of its layers end in
   * @param stride along both axes, in pixels
   * @param nOut number of output channels
   * @param input name of what the block looks at
   * @return name of what the block gives
   */
  public String addBlock(GraphBuilder graph, int number, int stride, int nOut, String input) {
    String convolution = "convolution" + number;
    String normalised = "normalised" + number;
    String activated = "activated" + number;
    graph.addLayer(convolution, convolution(stride, nOut), input);
    graph.addLayer(
        normalised,
        new BatchNormalization.Builder().gradientNormalization(GradientNormalization.None).build(),
        convolution);
    graph.addLayer(
        activated, new ActivationLayer.Builder().activation(Activation.RELU).build(), normalised);
    return activated;
  }
}
