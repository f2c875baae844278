package io.github.dcn4j.examples.detect;

import io.github.dcn4j.layers.DeformableConvolution2D;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.Layer;

/** The kind of 3×3 convolution in the detector's backbone. */
public enum BackboneLayer {
  /** Deformable convolution with mask (Deformable ConvNets v2, arXiv 1811.11168). */
  DEFORMABLE {
    @Override
    public Layer convolution(int stride, int nOut) {
      return new DeformableConvolution2D.Builder(KERNEL, KERNEL)
          .stride(stride, stride)
          .padding(PADDING, PADDING)
          .nOut(nOut)
          .hasBias(false)
          .offsetLearningRateMultiplier(OFFSET_LEARNING_RATE)
          .build();
    }
  },

  /** Ordinary convolution, to compare with. */
  PLAIN {
    @Override
    public Layer convolution(int stride, int nOut) {
      return new ConvolutionLayer.Builder(KERNEL, KERNEL)
          .stride(stride, stride)
          .padding(PADDING, PADDING)
          .nOut(nOut)
          .hasBias(false)
          .build();
    }
  };

  private static final int KERNEL = 3;
  private static final int PADDING = 1;

  /** Offsets learn slower than weights, as in the DCN papers' detectors. */
  private static final double OFFSET_LEARNING_RATE = 0.1;

  /**
   * A 3×3 convolution without bias and activation; a batch normalisation follows it.
   *
   * @param stride along both axes, in pixels
   * @param nOut number of output channels
   */
  public abstract Layer convolution(int stride, int nOut);
}
