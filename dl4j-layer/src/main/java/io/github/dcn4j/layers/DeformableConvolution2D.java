package io.github.dcn4j.layers;

import lombok.AccessLevel;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.Getter;
import lombok.NoArgsConstructor;
import lombok.Setter;
import lombok.ToString;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Deformable convolution layer: Deformable ConvNets v2 (arXiv 1811.11168) or, unmodulated, v1
 * (arXiv 1703.06211). It is used as {@link ConvolutionLayer} is, and predicts its own sampling
 * offsets and mask by a convolution of its input, as the layers of the PyTorch DCNv2 ports do.
 *
 * <p>Activations: [N, nIn, H, W] in, [N, nOut, oH, oW] out; in NHWC the channels are last in both.
 *
 * <p>Parameters, for G deformable groups and kH·kW taps:
 *
 * <ul>
 *   <li>{@code W} [nOut, nIn/groups, kH, kW] and, if {@code hasBias}, {@code b} [nOut]: the
 *       convolution that samples at the predicted positions.
 *   <li>{@code offsetW} [3·G·kH·kW, nIn, kH, kW] and {@code offsetB} [3·G·kH·kW]: the convolution,
 *       of the same kernel size, stride, padding and dilation, that predicts them. Its first
 *       2·G·kH·kW channels are the offsets in pixels (group-major, then tap, then (dy, dx)), its
 *       last G·kH·kW are the mask logits (group-major, then tap); the mask is their sigmoid.
 *       Unmodulated, there are no logits and 2·G·kH·kW channels.
 * </ul>
 *
 * <p><b>A fresh modulated layer gives half a plain convolution:</b> {@code offsetW} and {@code
 * offsetB} start at zero, so all offsets are 0 and all masks are sigmoid(0) = 0.5; {@code
 * initialMask} makes the masks start elsewhere, through the logits in {@code offsetB}. {@link
 * Conversion} puts a deformable layer in the place of a trained convolution and keeps its function:
 * it divides {@code W} (not {@code b}) by that mask. A fresh unmodulated layer is exactly the plain
 * convolution.
 *
 * <p>What the usual settings act on:
 *
 * <ul>
 *   <li>{@code hasBias}, {@code weightInit}, {@code biasInit}, constraints (all three kinds) and
 *       weight noise: {@code W} and {@code b} as in {@link ConvolutionLayer}, never {@code offsetW}
 *       and {@code offsetB}. Fan-in is nIn/groups·kH·kW, fan-out nOut/groups·kH·kW/(sH·sW).
 *   <li>Dropout: the layer's input, which both convolutions read.
 *   <li>L1, L2 and weight decay: {@code W} and {@code offsetW}; their bias variants and {@code
 *       biasUpdater}: {@code b} and {@code offsetB}.
 *   <li>{@code offsetLearningRateMultiplier}: the learning rate, and its schedule, of {@code
 *       offsetW} and {@code offsetB}.
 * </ul>
 *
 * <p>Gradients are bit-identical from run to run and for any number of threads: neither convolution
 * depends on the BLAS that ND4J picks.
 */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = true)
public class DeformableConvolution2D extends SamplingConvolution2D {
  /** Where the sigmoid is 1 but for 5e-5. Further out it has no slope left to learn from. */
  private static final double LARGEST_LOGIT = 10;

  /** Groups of input channels with offsets of their own; divides nIn. */
  private int deformableGroups = 1;

  /** Whether there is a mask: true is DCN v2, false is v1. */
  private boolean modulated = true;

  /** The mask of a fresh layer, more than 0 and at most 1. */
  private double initialMask = 0.5;

  private DeformableConvolution2D(Builder builder) {
    super(builder);
    deformableGroups = builder.deformableGroups;
    modulated = builder.modulated;
    initialMask = builder.initialMask;
    initializeConstraints(builder);
  }

  /**
   * A layer with the settings of a plain one, its name and updater included, one deformable group
   * and a mask; not its parameters: {@link Conversion} takes these over too.
   *
   * @param layer a {@code ConvolutionLayer}, not of a class that extends it, or a {@link
   *     Convolution2D}; unchanged
   */
  public static DeformableConvolution2D from(ConvolutionLayer layer) {
    return Conversion.from(layer, DeformableConvolution2D.class);
  }

  @Override
  public DeformableConvolution2D clone() {
    return (DeformableConvolution2D) super.clone();
  }

  @Override
  int offsetGroups() {
    return deformableGroups;
  }

  @Override
  public ParamInitializer initializer() {
    return DeformableConvolution2DParamInitializer.INSTANCE;
  }

  @Override
  void check() {
    super.check();
    checkedMask(initialMask);
  }

  @Override
  ConvolvingLayer<?, ?> runner(NeuralNetConfiguration conf, DataType networkDataType) {
    return new DeformableConvolution2DLayer(conf, networkDataType);
  }

  @Override
  boolean isPredictorParam(String key) {
    return DeformableConvolution2DParamInitializer.isOffsetParam(key);
  }

  @Override
  MaskActivation maskActivation() {
    return modulated ? MaskActivation.SIGMOID : null;
  }

  /** The mask of a fresh layer, more than 0 and at most 1. */
  @JsonProperty("initialMask")
  public void setInitialMask(double initialMask) {
    this.initialMask = checkedMask(initialMask);
  }

  private static double checkedMask(double mask) {
    if (!(mask > 0 && mask <= 1)) {
      throw new IllegalArgumentException(
          "initialMask: expected more than 0 and at most 1, got " + mask);
    }
    return mask;
  }

  /** The logit that a fresh layer's masks have. */
  double startingLogit() {
    return Math.max(
        -LARGEST_LOGIT, Math.min(LARGEST_LOGIT, Math.log(initialMask / (1 - initialMask))));
  }

  /** What a fresh layer multiplies its samples by. */
  double startingMask() {
    return modulated ? 1 / (1 + Math.exp(-startingLogit())) : 1;
  }

  @Override
  public LayerMemoryReport getMemoryReport(InputType inputType) {
    InputType.InputTypeConvolutional out =
        (InputType.InputTypeConvolutional) getOutputType(-1, inputType);
    // The prediction, and the mask beside its logits; in training, their gradients too, the values
    // before the activation function, and the gradients of the input that come through the offsets.
    long pixels = out.getHeight() * out.getWidth();
    long sampling = pixels * (predictionChannels() + (modulated ? sampledTaps() : 0));
    long training =
        2 * sampling + out.arrayElementsPerExample() + inputType.arrayElementsPerExample();
    return memoryReport(inputType, out, sampling, training);
  }

  /** Builder with the settings of {@code ConvolutionLayer.Builder} and four more. */
  @Getter
  @Setter
  // As in DL4J's own builders, build() returns the class itself.
  @SuppressWarnings("unchecked")
  public static class Builder extends SamplingConvolution2D.Builder<Builder> {
    /** Groups of input channels with offsets of their own. */
    @Setter(AccessLevel.NONE)
    private int deformableGroups = 1;

    /** True for DCN v2, with a mask; false for v1, without. */
    private boolean modulated = true;

    /** The mask of a fresh layer. */
    @Setter(AccessLevel.NONE)
    private double initialMask = 0.5;

    /** A layer with a 5×5 kernel, as ConvolutionLayer's default is. */
    public Builder() {}

    /**
     * Kernel height and width, at least 1.
     *
     * @param kernelSize one number for both, or two
     */
    public Builder(int... kernelSize) {
      super(kernelSize);
    }

    /** Kernel and stride, each (height, width), at least 1. */
    public Builder(int[] kernelSize, int[] stride) {
      super(kernelSize, stride);
    }

    /** Kernel and stride, at least 1, and padding, at least 0; each (height, width). */
    public Builder(int[] kernelSize, int[] stride, int[] padding) {
      super(kernelSize, stride, padding);
    }

    /** Groups of input channels with offsets of their own, at least 1; divides nIn. Default 1. */
    public Builder deformableGroups(int deformableGroups) {
      this.deformableGroups = Geometry.atLeastOne("deformableGroups", deformableGroups);
      return this;
    }

    /** True (default) for DCN v2, with a mask; false for v1, without. */
    public Builder modulated(boolean modulated) {
      this.modulated = modulated;
      return this;
    }

    /**
     * The mask that all samples of a fresh layer get, more than 0 and at most 1. Default 0.5, as in
     * arXiv 1811.11168. It is set through the logits in {@code offsetB}, log(m / (1 − m)), kept
     * within ±10: for 1 the mask is sigmoid(10) = 1 − 4.5e-5, as a sigmoid that is 1 has no slope
     * to learn from. With 0.99 it still learns at a 25th of the rate of 0.5. Without a mask it has
     * no meaning.
     */
    public Builder initialMask(double initialMask) {
      this.initialMask = checkedMask(initialMask);
      return this;
    }

    @Override
    public DeformableConvolution2D build() {
      check();
      return new DeformableConvolution2D(this);
    }
  }
}
