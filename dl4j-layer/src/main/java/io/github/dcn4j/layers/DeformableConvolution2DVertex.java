package io.github.dcn4j.layers;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.NoArgsConstructor;
import lombok.Setter;
import lombok.ToString;
import lombok.experimental.Accessors;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.conf.layers.InputTypeUtil;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.deeplearning4j.util.ValidationUtils;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Deformable convolution with offsets, and optionally a mask, that other parts of the graph make
 * (arXiv 1703.06211 and 1811.11168); {@link DeformableConvolution2D} makes its own.
 *
 * <p>Inputs, for G deformable groups and data format NCHW (in NHWC the channels are last in all):
 *
 * <ol>
 *   <li>features [N, nIn, H, W]
 *   <li>offset [N, 2·G·kH·kW, oH, oW], in pixels; channels group-major, then tap, then (dy, dx)
 *   <li>optionally mask [N, G·kH·kW, oH, oW]; channels group-major, then tap; multiplied in as it
 *       is, without a sigmoid
 * </ol>
 *
 * <p>A layer that makes offsets needs {@code activation(Activation.IDENTITY)}: DL4J's default is
 * the sigmoid, which keeps them in 0…1.
 *
 * <p>Output: [N, nOut, oH, oW]. Parameters: {@code W} [nOut, nIn/groups, kH, kW] and, if {@code
 * hasBias}, {@code b} [nOut]. All inputs get their gradients.
 *
 * <p>The settings are named as those of {@link DeformableConvolution2D} and act alike; dropout acts
 * on the features. Those not given come from the graph's global settings, but for the activation
 * function, which is the identity. Given an InputType, nIn and the data format are those of the
 * features.
 *
 * <p>Of what DL4J 1.0.0-M2.1 does for layers only: constraints act, as part of the update; weight
 * noise acts; of a {@code FineTuneConfiguration} the updaters, penalties, clipping and dropout act
 * (not its constraints, nor an updater that equals DL4J's default, {@code Sgd} with its rate); but
 * the graph's score leaves out the vertex's L1 and L2 terms (their gradients act). {@link
 * VertexParameters} says what to do where DL4J's own methods leave vertices out: after {@code
 * TransferLearning}, and with a new learning rate for all.
 */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = true)
public class DeformableConvolution2DVertex extends ParameterVertex {
  static final String WEIGHT_KEY = ConvolutionParamInitializer.WEIGHT_KEY;
  static final String BIAS_KEY = ConvolutionParamInitializer.BIAS_KEY;

  /** Channels of the features. */
  private long nIn;

  /** Channels of the output. */
  private long nOut;

  /** Kernel height and width. */
  private int[] kernelSize;

  /** Vertical and horizontal stride. */
  private int[] stride;

  /** Rows and columns of zeros on each side. */
  private int[] padding;

  /** Vertical and horizontal dilation. */
  private int[] dilation;

  /** Strict, Truncate or Same; null until the graph's global one is known. */
  private ConvolutionMode convolutionMode;

  /** Where all inputs and the output have their channels. */
  private CNN2DFormat dataFormat;

  /** Groups of input channels with offsets of their own; divides nIn. */
  private int deformableGroups;

  /** Groups of the convolution; divides nIn and nOut. */
  private int groups;

  /** Whether there is a bias {@code b}. */
  private boolean hasBias;

  /** Activation function of the output. */
  private IActivation activationFn;

  /** Dropout of the features; null for none. */
  private IDropout iDropout;

  private DeformableConvolution2DVertex(Builder b) {
    super(b);
    nIn = b.nIn;
    nOut = b.nOut;
    kernelSize = b.kernelSize;
    stride = b.stride;
    padding = b.padding;
    dilation = b.dilation;
    convolutionMode = b.convolutionMode;
    dataFormat = b.dataFormat;
    deformableGroups = b.deformableGroups;
    groups = b.groups;
    hasBias = b.hasBias;
    activationFn = b.activationFn;
    iDropout = b.iDropout;
  }

  @Override
  public DeformableConvolution2DVertex clone() {
    DeformableConvolution2DVertex c = copyTo(new DeformableConvolution2DVertex());
    c.nIn = nIn;
    c.nOut = nOut;
    c.kernelSize = kernelSize.clone();
    c.stride = stride.clone();
    c.padding = padding.clone();
    c.dilation = dilation.clone();
    c.convolutionMode = convolutionMode;
    c.dataFormat = dataFormat;
    c.deformableGroups = deformableGroups;
    c.groups = groups;
    c.hasBias = hasBias;
    c.activationFn = activationFn;
    c.iDropout = iDropout == null ? null : iDropout.clone();
    return c;
  }

  /** Whether there is a bias {@code b}. */
  public boolean hasBias() {
    return hasBias;
  }

  Geometry geometry() {
    return Geometry.builder()
        .owner(owner())
        .kernel(kernelSize)
        .stride(stride)
        .padding(padding)
        .dilation(dilation)
        .mode(convolutionMode)
        .format(dataFormat)
        .deformableGroups(deformableGroups)
        .groups(groups)
        .build();
  }

  @Override
  Map<String, long[]> shapes() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(WEIGHT_KEY, new long[] {nOut, nIn / groups, kernelSize[0], kernelSize[1]});
    if (hasBias) {
      shapes.put(BIAS_KEY, new long[] {nOut});
    }
    return shapes;
  }

  @Override
  boolean isWeight(String key) {
    return WEIGHT_KEY.equals(key);
  }

  @Override
  Set<String> ordinaryParameters() {
    return Set.of(WEIGHT_KEY, BIAS_KEY);
  }

  @Override
  String[] inputNames() {
    return new String[] {"features", "offset", "mask"};
  }

  @Override
  public int minVertexInputs() {
    return 2;
  }

  @Override
  public int maxVertexInputs() {
    return 3;
  }

  @Override
  public void applyGlobalConfigToLayer(NeuralNetConfiguration.Builder global) {
    super.applyGlobalConfigToLayer(global);
    if (convolutionMode == null) {
      convolutionMode = global.getConvolutionMode();
    }
    if (iDropout == null && global.getIdropOut() != null) {
      iDropout = global.getIdropOut().clone(); // it has state
    }
    if (getWeightNoise() == null && global.getWeightNoise() != null) {
      setWeightNoise(global.getWeightNoise().clone());
    }
  }

  @Override
  void fineTune(NeuralNetConfiguration.Builder given) {
    super.fineTune(given);
    if (given.getIdropOut() != null) {
      iDropout = given.getIdropOut().clone();
    }
  }

  @Override
  void check() {
    if (nIn <= 0 || nOut <= 0) {
      throw new DL4JInvalidConfigException(
          owner() + ": nIn, nOut: expected more than 0, got nIn=" + nIn + ", nOut=" + nOut);
    }
    geometry().checkChannels(nIn, nOut);
  }

  @Override
  GraphVertex runner(
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType networkDataType) {
    return new DeformableConvolution2DGraphVertex(
        this, graph, name, index, params, paramTable, networkDataType);
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    geometry().initWeights(getWeightInitFn(), params.get(WEIGHT_KEY), nIn, nOut);
    if (hasBias) {
      params.get(BIAS_KEY).assign(getBiasInit());
    }
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType... inputs)
      throws InvalidInputTypeException {
    if (inputs.length < minVertexInputs() || inputs.length > maxVertexInputs()) {
      throw new InvalidInputTypeException(
          "DeformableConvolution2DVertex: inputs: expected features, offset and optionally mask,"
              + " got "
              + inputs.length);
    }
    for (InputType input : inputs) {
      if (input == null || input.getType() != InputType.Type.CNN) {
        throw new InvalidInputTypeException(
            "DeformableConvolution2DVertex: inputs: expected CNN types, got "
                + Arrays.toString(inputs));
      }
    }
    InputType.InputTypeConvolutional features = (InputType.InputTypeConvolutional) inputs[0];
    nIn = features.getChannels();
    dataFormat = features.getFormat();
    geometry().checkMode();
    InputType.InputTypeConvolutional out =
        (InputType.InputTypeConvolutional)
            InputTypeUtil.getOutputTypeCnnLayers(
                features,
                kernelSize,
                stride,
                padding,
                dilation,
                convolutionMode,
                nOut,
                layerIndex,
                getName(),
                dataFormat,
                getClass());
    long taps = geometry().sampledTaps();
    checkType("offset", inputs[1], out, 2 * taps);
    if (inputs.length == 3) {
      checkType("mask", inputs[2], out, taps);
    }
    return out;
  }

  private static void checkType(
      String name, InputType given, InputType.InputTypeConvolutional out, long channels)
      throws InvalidInputTypeException {
    InputType expected =
        InputType.convolutional(out.getHeight(), out.getWidth(), channels, out.getFormat());
    if (!expected.equals(given)) {
      throw new InvalidInputTypeException(
          "DeformableConvolution2DVertex: " + name + ": expected " + expected + ", got " + given);
    }
  }

  @Override
  public MemoryReport getMemoryReport(InputType... inputTypes) {
    InputType out = outputType(inputTypes);
    // In training, the values before the activation function are made again.
    long training = activationFn instanceof ActivationIdentity ? 0 : out.arrayElementsPerExample();
    if (iDropout != null) {
      training += inputTypes[0].arrayElementsPerExample();
    }
    return memoryReport(inputTypes[0], out, 0, training);
  }

  /** Builder with the settings of {@link DeformableConvolution2D.Builder} that a vertex has. */
  @Accessors(fluent = true)
  public static class Builder extends ParameterVertex.Builder<Builder> {
    /** Channels of the features; not needed where the graph has InputTypes. */
    @Setter private long nIn;

    /** Channels of the output, at least 1. */
    @Setter private long nOut;

    private int[] kernelSize = {5, 5};
    private int[] stride = {1, 1};
    private int[] padding = {0, 0};
    private int[] dilation = {1, 1};
    private ConvolutionMode convolutionMode;

    /** Where all inputs and the output have their channels. Default NCHW. */
    @Setter private CNN2DFormat dataFormat = CNN2DFormat.NCHW;

    private int deformableGroups = 1;
    private int groups = 1;

    /** Whether there is a bias b. Default true. */
    @Setter private boolean hasBias = true;

    private IActivation activationFn = new ActivationIdentity();
    private IDropout iDropout;

    /** A vertex with a 5×5 kernel, as ConvolutionLayer's default is. */
    public Builder() {}

    /**
     * Kernel height and width, at least 1.
     *
     * @param kernelSize one number for both, or two
     */
    public Builder(int... kernelSize) {
      kernelSize(kernelSize);
    }

    /** Kernel and stride, each (height, width), at least 1. */
    public Builder(int[] kernelSize, int[] stride) {
      kernelSize(kernelSize).stride(stride);
    }

    /** Kernel and stride, at least 1, and padding, at least 0; each (height, width). */
    public Builder(int[] kernelSize, int[] stride, int[] padding) {
      kernelSize(kernelSize).stride(stride).padding(padding);
    }

    @Override
    public Builder self() {
      return this;
    }

    /** Kernel height and width, at least 1. Default 5. */
    public Builder kernelSize(int... kernelSize) {
      this.kernelSize = ValidationUtils.validate2NonNegative(kernelSize, true, "kernelSize");
      return this;
    }

    /** Vertical and horizontal stride, at least 1. Default 1. */
    public Builder stride(int... stride) {
      this.stride = ValidationUtils.validate2NonNegative(stride, true, "stride");
      return this;
    }

    /** Rows and columns of zeros on each side, at least 0. Default 0; must be 0 in Same mode. */
    public Builder padding(int... padding) {
      this.padding = ValidationUtils.validate2NonNegative(padding, true, "padding");
      return this;
    }

    /** Vertical and horizontal dilation, at least 1. Default 1. */
    public Builder dilation(int... dilation) {
      this.dilation = ValidationUtils.validate2NonNegative(dilation, true, "dilation");
      return this;
    }

    /** Strict, Truncate or Same. */
    public Builder convolutionMode(ConvolutionMode convolutionMode) {
      if (convolutionMode == ConvolutionMode.Causal) {
        throw new IllegalStateException(
            "convolutionMode: expected Strict, Truncate or Same, got Causal (1D only)");
      }
      this.convolutionMode = convolutionMode;
      return this;
    }

    /** Groups of input channels with offsets of their own, at least 1; divides nIn. Default 1. */
    public Builder deformableGroups(int deformableGroups) {
      this.deformableGroups = Geometry.atLeastOne("deformableGroups", deformableGroups);
      return this;
    }

    /** Groups of the convolution, at least 1; divides nIn and nOut. Default 1. */
    public Builder groups(int groups) {
      this.groups = Geometry.atLeastOne("groups", groups);
      return this;
    }

    /** Activation function of the output. Default identity, whatever the global one is. */
    public Builder activation(IActivation activation) {
      this.activationFn = activation;
      return this;
    }

    /** As {@link #activation(IActivation)}. */
    public Builder activation(Activation activation) {
      return activation(activation.getActivationFunction());
    }

    /** Dropout of the features: the probability to keep a value; 0 for none. */
    public Builder dropOut(double inputRetainProbability) {
      return dropOut(inputRetainProbability == 0 ? null : new Dropout(inputRetainProbability));
    }

    /** Dropout of the features. */
    public Builder dropOut(IDropout dropout) {
      this.iDropout = dropout;
      return this;
    }

    /** Noise of W, and of b if it says so, in training; by default the graph's global one. */
    public Builder weightNoise(IWeightNoise weightNoise) {
      this.weightNoise = weightNoise;
      return this;
    }

    /** The vertex, if what is known of it by now can work. */
    public DeformableConvolution2DVertex build() {
      Geometry.notNegative("nOut", nOut);
      Geometry.checkWindow(convolutionMode, kernelSize, stride, padding, dilation);
      return new DeformableConvolution2DVertex(this);
    }
  }
}
