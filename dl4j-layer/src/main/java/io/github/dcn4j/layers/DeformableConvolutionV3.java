package io.github.dcn4j.layers;

import io.github.dcn4j.ops.DCNv3Config;
import java.util.ArrayList;
import java.util.List;
import lombok.AccessLevel;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.Getter;
import lombok.NoArgsConstructor;
import lombok.Setter;
import lombok.ToString;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.util.ValidationUtils;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Deformable convolution v3, the module of InternImage (arXiv 2211.05778, section 3.1), and with
 * {@code version(4)} that of DCNv4 (arXiv 2401.06197, section 3). Each group of channels has
 * sampling positions of its own, and each channel is a weighted sum of its samples: there is no
 * kernel of weights, but linear projections before and after. The function is
 *
 * <pre>
 *   value    = input · valueW + valueB
 *   features = GELU(LayerNorm(depthwise convolution(input)))
 *   offset, logits = features · offsetW + offsetB
 *   output   = activation(dcnv3(value, offset, softmax over the taps of a group(logits)) · W + b)
 * </pre>
 *
 * <p>Version 4 has no softmax, so its weights are of any size and sign, and predicts from the input
 * itself or, with {@code dwKernelSize}, from a depth-wise convolution of it, without normalisation
 * and GELU.
 *
 * <p>Activations: [N, nIn, H, W] in, [N, nOut, oH, oW] out; in NHWC the channels are last in both.
 *
 * <p>Parameters, for G {@code groups} and K = kH·kW taps (less one with {@code removeCenter}), in
 * this order:
 *
 * <ul>
 *   <li>{@code W} [nOut, nIn, 1, 1], {@code b} [nOut]: the output projection; not without {@code
 *       outputProjection}, {@code b} not without {@code hasBias}
 *   <li>{@code valueW} [nIn, nIn, 1, 1], {@code valueB} [nIn]: the input projection; not without
 *       {@code inputProjection}
 *   <li>{@code centerW} [G, nIn, 1, 1], {@code centerB} [G]: with {@code centerFeatureScale} alone
 *   <li>{@code dwW} [nIn, 1, k, k], {@code dwB} [nIn]: the depth-wise convolution; {@code gamma},
 *       {@code beta} [nIn]: the layer normalisation over channels, whose epsilon is 1e-6
 *   <li>{@code offsetW} [3·G·K, nIn, 1, 1], {@code offsetB} [3·G·K]: first the 2·G·K offsets
 *       (group-major, then tap, then (x, y), times {@code offsetScale} in pixels), then the G·K
 *       logits (group-major, then tap). Taps go down the columns, as in {@link
 *       io.github.dcn4j.ops.DCNv3}; InternImage's {@code offset} and {@code mask} one after the
 *       other
 * </ul>
 *
 * <p>A fresh layer, whose {@code offsetW} and {@code offsetB} are zero, takes the mean of an
 * undeformed window; of version 4 it takes nothing: its output is {@code b} at first, as its
 * paper's module has it.
 *
 * <p>What the usual settings act on:
 *
 * <ul>
 *   <li>{@code weightInit}: {@code W}, {@code valueW}, {@code dwW}; the modules start with Xavier's
 *       uniform one. {@code biasInit}: {@code b}, {@code valueB}, {@code dwB}
 *   <li>constraints: {@code W}, {@code valueW} and their biases; weight noise: {@code W}, {@code b}
 *   <li>dropout: the layer's input, which all parts read
 *   <li>L1, L2 and weight decay: all whose names end in W; their bias variants and {@code
 *       biasUpdater}: the others
 *   <li>{@code offsetLearningRateMultiplier}: {@code dwW}, {@code dwB}, {@code gamma}, {@code
 *       beta}, {@code offsetW}, {@code offsetB}
 * </ul>
 *
 * <p>Bit-identical from run to run and for any number of threads, as all of this library.
 */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = true)
public class DeformableConvolutionV3 extends SamplingConvolution2D {
  /** 3 or 4: whether there are normalisation, GELU and softmax. */
  private int version = 3;

  /** What the distance of a sample from its pixel is multiplied by. */
  private double offsetScale = 1;

  /** Whether the kernel has no tap in its middle. */
  private boolean removeCenter;

  /** Whether each output is a learnt mixture of what was sampled and of its own pixel's value. */
  private boolean centerFeatureScale;

  /** Whether the input is projected before it is sampled. */
  private boolean inputProjection = true;

  /** Whether what was sampled is projected. */
  private boolean outputProjection = true;

  /** Kernel of the depth-wise convolution; null for the version's own. */
  private int[] dwKernelSize;

  private DeformableConvolutionV3(Builder builder) {
    super(builder);
    version = builder.version;
    offsetScale = builder.offsetScale;
    removeCenter = builder.removeCenter;
    centerFeatureScale = builder.centerFeatureScale;
    inputProjection = builder.inputProjection;
    outputProjection = builder.outputProjection;
    dwKernelSize = builder.dwKernelSize;
    initializeConstraints(builder);
  }

  @Override
  public DeformableConvolutionV3 clone() {
    DeformableConvolutionV3 clone = (DeformableConvolutionV3) super.clone();
    clone.dwKernelSize = dwKernelSize == null ? null : dwKernelSize.clone();
    return clone;
  }

  @Override
  int offsetGroups() {
    return getGroups();
  }

  @Override
  public ParamInitializer initializer() {
    return DeformableConvolutionV3ParamInitializer.INSTANCE;
  }

  @Override
  ConvolvingLayer<?, ?> runner(NeuralNetConfiguration conf, DataType networkDataType) {
    return new DeformableConvolutionV3Layer(conf, networkDataType);
  }

  @Override
  boolean isPredictorParam(String key) {
    return DeformableConvolutionV3ParamInitializer.PREDICTOR_KEYS.contains(key);
  }

  @Override
  boolean isConstrained(String key) {
    return DeformableConvolutionV3ParamInitializer.ORDINARY_KEYS.contains(key);
  }

  @Override
  MaskActivation maskActivation() {
    return version == 3 ? MaskActivation.SOFTMAX : MaskActivation.NONE;
  }

  @Override
  long sampledTaps() {
    return (long) getGroups() * (kernelSize[0] * kernelSize[1] - (removeCenter ? 1 : 0));
  }

  /** The kernel of the depth-wise convolution; null if there is none. */
  int[] depthwiseKernel() {
    return dwKernelSize != null ? dwKernelSize : version == 3 ? kernelSize : null;
  }

  /** Whether layer normalisation and GELU follow it. */
  boolean normalizes() {
    return version == 3;
  }

  /** The linear projections have no groups. */
  @Override
  Geometry geometry() {
    return super.geometry().toBuilder().groups(1).build();
  }

  @Override
  void check() {
    if (getGroups() < 1 || getNIn() % getGroups() != 0) {
      throw invalid("groups: expected a divisor of nIn=" + getNIn() + ", got " + getGroups());
    }
    super.check();
    if (version != 3 && version != 4) {
      throw invalid("version: expected 3 or 4, got " + version);
    }
    if (version == 4 && centerFeatureScale) {
      throw invalid("centerFeatureScale: expected false in version 4, got true");
    }
    if (!Double.isFinite(offsetScale)) {
      throw invalid("offsetScale: expected a finite number, got " + offsetScale);
    }
    if (removeCenter && kernelSize[0] * kernelSize[1] % 2 == 0) {
      throw invalid(
          "removeCenter: expected odd kernel sizes, got " + kernelSize[0] + " x " + kernelSize[1]);
    }
    if (removeCenter && kernelSize[0] * kernelSize[1] == 1) {
      throw invalid("removeCenter: expected a kernel of more than one tap, got 1 x 1");
    }
    if (!outputProjection && getNOut() != getNIn()) {
      throw invalid(
          "nOut: expected nIn=" + getNIn() + " without outputProjection, got " + getNOut());
    }
    if (convolutionMode != org.deeplearning4j.nn.conf.ConvolutionMode.Same) {
      predictorPadding(padding);
    }
  }

  private DL4JInvalidConfigException invalid(String what) {
    return new DL4JInvalidConfigException(geometry().getOwner() + ": " + what);
  }

  /** What the op is told, for an input with its channels last. */
  DCNv3Config samplerConfig(Geometry geometry, INDArray in) {
    int[] before = geometry.paddingBefore(in);
    long[] output = geometry.outputShape(in, getNOut());
    for (int axis = 0; axis < 2; axis++) {
      long reach = (kernelSize[axis] - 1L) * dilation[axis] + 1;
      long size = (in.size(1 + axis) + 2L * before[axis] - reach) / stride[axis] + 1;
      if (size != output[1 + axis] || before[axis] < 0) {
        throw new DL4JInvalidInputException(
            geometry.getOwner()
                + ": convolutionMode: Same would pad an input of "
                + in.size(1 + axis)
                + " pixels by more on one side than on the other; expected odd kernel sizes and"
                + " stride 1, or a mode with explicit padding");
      }
      if (centerFeatureScale && size != in.size(1 + axis)) {
        throw new DL4JInvalidInputException(
            geometry.getOwner()
                + ": centerFeatureScale: expected an output as large as the input of "
                + in.size(1 + axis)
                + " pixels, got "
                + size);
      }
    }
    return DCNv3Config.builder()
        .kH(kernelSize[0])
        .kW(kernelSize[1])
        .sH(stride[0])
        .sW(stride[1])
        .pH(before[0])
        .pW(before[1])
        .dH(dilation[0])
        .dW(dilation[1])
        .groups(getGroups())
        .removeCenter(removeCenter)
        .offsetScale(offsetScale)
        .build();
  }

  /** (y, x) of each tap from the window's first pixel, without offsets, in the op's order. */
  double[][] tapPositions() {
    List<double[]> taps = new ArrayList<>();
    for (int column = 0; column < kernelSize[1]; column++) {
      for (int row = 0; row < kernelSize[0]; row++) {
        if (!removeCenter || column != kernelSize[1] / 2 || row != kernelSize[0] / 2) {
          taps.add(new double[] {tapPosition(row, 0), tapPosition(column, 1)});
        }
      }
    }
    return taps.toArray(new double[0][]);
  }

  private double tapPosition(int tap, int axis) {
    int middle = dilation[axis] * (kernelSize[axis] - 1) / 2;
    return middle + (tap * dilation[axis] - middle) * offsetScale;
  }

  /**
   * What of the input the prediction is made of has its middle, and the output's size, where the
   * sampler has them.
   *
   * @param sampler the sampler's padding
   * @return the padding of the depth-wise convolution; without one, the negated pixels to leave out
   */
  int[] predictorPadding(int[] sampler) {
    boolean depthwise = depthwiseKernel() != null;
    int[] kernel = depthwise ? depthwiseKernel() : new int[] {1, 1};
    int[] result = new int[2];
    for (int axis = 0; axis < 2; axis++) {
      int wider = (kernelSize[axis] - 1) * dilation[axis] + 1 - kernel[axis];
      result[axis] = sampler[axis] - wider / 2;
      String given =
          kernel[axis]
              + " with kernelSize="
              + kernelSize[axis]
              + ", dilation="
              + dilation[axis]
              + ", padding="
              + sampler[axis];
      if (wider % 2 != 0) {
        throw invalid(
            "dwKernelSize: expected one that is odd where dilation·(kernelSize − 1) is even, and"
                + " even where it is odd, got "
                + given);
      }
      if (depthwise && result[axis] < 0) {
        throw invalid(
            "dwKernelSize: expected at least dilation·(kernelSize − 1) + 1 − 2·padding, got "
                + given);
      }
      if (!depthwise && result[axis] > 0) {
        throw invalid(
            "padding: expected at most dilation·(kernelSize − 1)/2 without dwKernelSize, which"
                + " counts as 1: got "
                + given);
      }
    }
    return result;
  }

  @Override
  public LayerMemoryReport getMemoryReport(InputType inputType) {
    InputType.InputTypeConvolutional out =
        (InputType.InputTypeConvolutional) getOutputType(-1, inputType);
    long pixels = out.getHeight() * out.getWidth();
    long in = inputType.arrayElementsPerExample();
    // The prediction and the mask, the projected input, what is sampled, and the features.
    long features = depthwiseKernel() == null ? 0 : (normalizes() ? 4 : 1) * pixels * getNIn();
    long inference =
        pixels * (predictionChannels() + sampledTaps()) + in + pixels * getNIn() + features;
    long training = 2 * inference + out.arrayElementsPerExample() + in;
    return memoryReport(inputType, out, inference, training);
  }

  /** Builder with the settings of {@code ConvolutionLayer.Builder} and those of the modules. */
  @Getter
  @Setter
  // As in DL4J's own builders, build() returns the class itself.
  @SuppressWarnings("unchecked")
  public static class Builder extends SamplingConvolution2D.Builder<Builder> {
    /** 3 or 4. */
    @Setter(AccessLevel.NONE)
    private int version = 3;

    /** What the distance of a sample from its pixel is multiplied by. */
    @Setter(AccessLevel.NONE)
    private double offsetScale = 1;

    /** Whether the kernel has no tap in its middle. */
    private boolean removeCenter;

    /** Whether each output is mixed with its own pixel's value. */
    private boolean centerFeatureScale;

    /** Whether the input is projected before it is sampled. */
    private boolean inputProjection = true;

    /** Whether what was sampled is projected. */
    private boolean outputProjection = true;

    /** Kernel of the depth-wise convolution; null for the version's own. */
    @Setter(AccessLevel.NONE)
    private int[] dwKernelSize;

    /** A layer with a 3×3 kernel, as the papers' modules have. */
    public Builder() {
      this(3);
    }

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

    /** 3 for DCNv3, the default, or 4 for DCNv4. */
    public Builder version(int version) {
      if (version != 3 && version != 4) {
        throw new IllegalArgumentException("version: expected 3 or 4, got " + version);
      }
      this.version = version;
      return this;
    }

    /** What a sample's distance from its pixel is multiplied by; finite. Default 1. */
    public Builder offsetScale(double offsetScale) {
      if (!Double.isFinite(offsetScale)) {
        throw new IllegalArgumentException(
            "offsetScale: expected a finite number, got " + offsetScale);
      }
      this.offsetScale = offsetScale;
      return this;
    }

    /** Whether the kernel, of odd sizes, has no tap in its middle. Default false. */
    public Builder removeCenter(boolean removeCenter) {
      this.removeCenter = removeCenter;
      return this;
    }

    /**
     * Whether each output is sampled·(1 − s) + value·s, with s = sigmoid(features · centerW +
     * centerB) for each pixel and group, as in the larger InternImages; of version 3, where input
     * and output are of one size. Default false.
     */
    public Builder centerFeatureScale(boolean centerFeatureScale) {
      this.centerFeatureScale = centerFeatureScale;
      return this;
    }

    /** Whether the input is projected before it is sampled. Default true. */
    public Builder inputProjection(boolean inputProjection) {
      this.inputProjection = inputProjection;
      return this;
    }

    /** Whether what was sampled is projected; if not, nOut must be nIn. Default true. */
    public Builder outputProjection(boolean outputProjection) {
      this.outputProjection = outputProjection;
      return this;
    }

    /**
     * Kernel of the depth-wise convolution before the prediction, at least 1: one number or two.
     * Default: kernelSize in version 3, no such convolution in version 4.
     */
    public Builder dwKernelSize(int... dwKernelSize) {
      this.dwKernelSize = ValidationUtils.validate2NonNegative(dwKernelSize, true, "dwKernelSize");
      for (int size : this.dwKernelSize) {
        Geometry.atLeastOne("dwKernelSize", size);
      }
      return this;
    }

    @Override
    public DeformableConvolutionV3 build() {
      check();
      return new DeformableConvolutionV3(this);
    }
  }
}
