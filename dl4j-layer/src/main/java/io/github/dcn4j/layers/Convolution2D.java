package io.github.dcn4j.layers;

import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.NoArgsConstructor;
import lombok.ToString;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Plain convolution layer: {@link ConvolutionLayer} with groups, by the kernels of the deformable
 * one. It takes the settings that {@code ConvolutionLayer} takes, computes the same function, and
 * has the same parameters in the same order, so that one can take the other's place in a
 * configuration or a stored model; but its gradients are bit-identical from run to run and for any
 * number of threads.
 *
 * <p>Activations: [N, nIn, H, W] in, [N, nOut, oH, oW] out; in NHWC the channels are last in both.
 *
 * <p>Parameters: {@code W} [nOut, nIn/groups, kH, kW] and, if {@code hasBias}, {@code b} [nOut].
 * Fan-in is nIn/groups·kH·kW, fan-out nOut/groups·kH·kW/(sH·sW). With {@code groups} = nIn it is a
 * depth-wise convolution.
 *
 * <p>Settings for cuDNN and the helpers of ConvolutionLayer ({@code cudnnAlgoMode} and the like)
 * have nothing to act on here.
 */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = true)
public class Convolution2D extends GroupedConvolution2D {
  private Convolution2D(Builder builder) {
    super(builder);
    initializeConstraints(builder);
  }

  /**
   * A layer with the settings of another, its name and updater included, and not its parameters;
   * {@link Conversion} takes these over too.
   *
   * @param layer a {@code ConvolutionLayer}, not of a class that extends it; unchanged
   */
  public static Convolution2D from(ConvolutionLayer layer) {
    return Conversion.from(layer, Convolution2D.class);
  }

  @Override
  public Convolution2D clone() {
    return (Convolution2D) super.clone();
  }

  @Override
  int offsetGroups() {
    return 1;
  }

  @Override
  public ParamInitializer initializer() {
    return Convolution2DParamInitializer.INSTANCE;
  }

  @Override
  ConvolvingLayer<?, ?> runner(NeuralNetConfiguration conf, DataType networkDataType) {
    return new Convolution2DLayer(conf, networkDataType);
  }

  @Override
  public LayerMemoryReport getMemoryReport(InputType inputType) {
    InputType out = getOutputType(-1, inputType);
    // In training, the values before the activation function.
    boolean activates = !(getActivationFn() instanceof ActivationIdentity);
    return memoryReport(inputType, out, 0, activates ? out.arrayElementsPerExample() : 0);
  }

  /** Builder with the settings of {@code ConvolutionLayer.Builder}, and groups. */
  // As in DL4J's own builders, build() returns the class itself.
  @SuppressWarnings("unchecked")
  public static class Builder extends GroupedConvolution2D.Builder<Builder> {
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

    @Override
    public Convolution2D build() {
      check();
      return new Convolution2D(this);
    }
  }
}
