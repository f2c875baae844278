package io.github.dcn4j.layers;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import lombok.AccessLevel;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.Getter;
import lombok.NoArgsConstructor;
import lombok.Setter;
import lombok.ToString;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.constraint.BaseConstraint;
import org.deeplearning4j.nn.conf.distribution.Distribution;
import org.deeplearning4j.nn.conf.dropout.Dropout;
import org.deeplearning4j.nn.conf.dropout.IDropout;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.conf.layers.InputTypeUtil;
import org.deeplearning4j.nn.conf.layers.samediff.SDVertexParams;
import org.deeplearning4j.nn.conf.layers.samediff.SameDiffVertex;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.deeplearning4j.nn.weights.IWeightInit;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.nn.weights.WeightInitDistribution;
import org.deeplearning4j.util.ConvolutionUtils;
import org.deeplearning4j.util.ValidationUtils;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.activations.impl.ActivationIdentity;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.L1Regularization;
import org.nd4j.linalg.learning.regularization.L2Regularization;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.linalg.learning.regularization.WeightDecay;
import org.nd4j.shade.jackson.annotation.JsonIgnore;

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
 * <p>Output: [N, nOut, oH, oW]. Parameters: {@code W} [nOut, nIn/groups, kH, kW] and, if {@code
 * hasBias}, {@code b} [nOut]. All inputs get their gradients.
 *
 * <p>The settings are named as those of {@link DeformableConvolution2D} and act alike; dropout acts
 * on the features. Those not given come from the graph's global settings, but for the activation
 * function, which is the identity. Given an InputType, nIn and the data format are those of the
 * features.
 *
 * <p>Of what DL4J 1.0.0-M2.1 does for layers only: constraints act, as part of the update;
 * parameters are kept by {@code TransferLearning}; but the graph's score leaves out the vertex's L1
 * and L2 terms (their gradients act).
 */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = false)
public class DeformableConvolution2DVertex extends SameDiffVertex {
  static final String WEIGHT_KEY = ConvolutionParamInitializer.WEIGHT_KEY;
  static final String BIAS_KEY = ConvolutionParamInitializer.BIAS_KEY;

  private long nIn;
  private long nOut;
  private int[] kernelSize;
  private int[] stride;
  private int[] padding;
  private int[] dilation;
  private ConvolutionMode convolutionMode;
  private CNN2DFormat dataFormat;
  private int deformableGroups;
  private int groups;
  private boolean hasBias;
  private IActivation activationFn;
  private IWeightInit weightInitFn;
  private double biasInit;
  private IDropout iDropout;
  private List<LayerConstraint> constraints;

  /** The parameters of the graph that this configuration, or the one it was cloned from, is in. */
  @Getter(AccessLevel.NONE)
  @Setter(AccessLevel.NONE)
  @EqualsAndHashCode.Exclude
  @ToString.Exclude
  private transient WeakReference<INDArray> parameters;

  /** Whether the next graph starts with those parameters. */
  @Getter(AccessLevel.NONE)
  @Setter(AccessLevel.NONE)
  @EqualsAndHashCode.Exclude
  @ToString.Exclude
  private transient boolean keepParameters;

  private DeformableConvolution2DVertex(Builder b) {
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
    weightInitFn = b.weightInitFn;
    biasInit = b.biasInit;
    iDropout = b.iDropout;
    constraints = b.constraints.isEmpty() ? null : b.constraints;
    regularization = b.regularization;
    regularizationBias = b.regularizationBias;
    updater = b.updater;
    biasUpdater = b.biasUpdater;
    gradientNormalization = b.gradientNormalization;
    gradientNormalizationThreshold = b.gradientNormalizationThreshold;
  }

  @Override
  public DeformableConvolution2DVertex clone() {
    DeformableConvolution2DVertex c = new DeformableConvolution2DVertex();
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
    c.weightInitFn = weightInitFn;
    c.biasInit = biasInit;
    c.iDropout = iDropout == null ? null : iDropout.clone();
    if (constraints != null) {
      c.constraints = new ArrayList<>();
      for (LayerConstraint constraint : constraints) {
        c.constraints.add(copy(constraint, constraint.getParams()));
      }
    }
    c.regularization = copy(regularization);
    c.regularizationBias = copy(regularizationBias);
    c.updater = updater == null ? null : updater.clone();
    c.biasUpdater = biasUpdater == null ? null : biasUpdater.clone();
    c.gradientNormalization = gradientNormalization;
    c.gradientNormalizationThreshold = gradientNormalizationThreshold;
    c.dataType = dataType;
    c.setName(getName());
    c.parameters = parameters;
    return c;
  }

  /** Of DL4J's constraints, one forgets its parameters when it is cloned. */
  private static LayerConstraint copy(LayerConstraint constraint, Collection<String> params) {
    LayerConstraint copy = constraint.clone();
    copy.setParams(new HashSet<>(params));
    return copy;
  }

  private static List<Regularization> copy(List<Regularization> list) {
    return list == null
        ? null
        : list.stream().map(Regularization::clone).collect(Collectors.toList());
  }

  /** What of the superclass makes two configurations equal: all but what a graph sets. */
  @EqualsAndHashCode.Include
  private List<Object> inherited() {
    return Arrays.asList(
        regularization,
        regularizationBias,
        updater,
        biasUpdater,
        gradientNormalization,
        gradientNormalizationThreshold);
  }

  public boolean hasBias() {
    return hasBias;
  }

  Geometry geometry() {
    return Geometry.builder()
        .owner("DeformableConvolution2DVertex (name: " + getName() + ")")
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

  private Map<String, long[]> shapes() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(WEIGHT_KEY, new long[] {nOut, nIn / groups, kernelSize[0], kernelSize[1]});
    if (hasBias) {
      shapes.put(BIAS_KEY, new long[] {nOut});
    }
    return shapes;
  }

  /** Made anew each time: nIn may have come from an InputType since. */
  @Override
  @JsonIgnore
  public SDVertexParams getVertexParams() {
    SDVertexParams params = new SDVertexParams();
    defineParametersAndInputs(params);
    return params;
  }

  @Override
  public void defineParametersAndInputs(SDVertexParams params) {
    shapes()
        .forEach(
            (key, shape) -> {
              if (key.equals(WEIGHT_KEY)) {
                params.addWeightParam(key, shape);
              } else {
                params.addBiasParam(key, shape);
              }
            });
    params.defineInputs("features", "offset", "mask");
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
    if (convolutionMode == null) {
      convolutionMode = global.getConvolutionMode();
    }
    if (weightInitFn == null) {
      weightInitFn = global.getWeightInitFn();
    }
    if (Double.isNaN(biasInit)) {
      biasInit = global.getBiasInit();
    }
    if (iDropout == null && global.getIdropOut() != null) {
      iDropout = global.getIdropOut().clone(); // it has state
    }
    // As for layers, nothing is shared: setting one's learning rate must not set another's.
    regularization = copy(regularization);
    regularizationBias = copy(regularizationBias);
    updater = updater == null ? null : updater.clone();
    biasUpdater = biasUpdater == null ? null : biasUpdater.clone();
    if (constraints == null) {
      List<LayerConstraint> all = new ArrayList<>();
      addConstraints(all, global.getAllParamConstraints(), WEIGHT_KEY, BIAS_KEY);
      addConstraints(all, global.getWeightConstraints(), WEIGHT_KEY);
      addConstraints(all, global.getBiasConstraints(), BIAS_KEY);
      constraints = all.isEmpty() ? null : all;
    }
    // Only TransferLearning builds a configuration from that of a graph; of the parameters of a
    // vertex it copies none if it changes any layer.
    keepParameters = parameters != null;
  }

  private static void addConstraints(
      List<LayerConstraint> to, Collection<LayerConstraint> from, String... params) {
    if (from == null) {
      return;
    }
    for (LayerConstraint constraint : from) {
      if (!(constraint instanceof BaseConstraint)) {
        throw new IllegalArgumentException(
            "constraint: expected a BaseConstraint, got " + constraint.getClass().getName());
      }
      to.add(copy(constraint, Arrays.asList(params)));
    }
  }

  @Override
  public List<Regularization> getRegularizationByParam(String paramName) {
    List<Regularization> own = super.getRegularizationByParam(paramName);
    List<Regularization> all = own == null ? new ArrayList<>() : new ArrayList<>(own);
    if (constraints != null) {
      for (LayerConstraint constraint : constraints) {
        if (constraint.getParams().contains(paramName)) {
          all.add(new ConstrainedUpdate((BaseConstraint) constraint, shapes().get(paramName)));
        }
      }
    }
    return all;
  }

  @Override
  public GraphVertex instantiate(
      ComputationGraph graph,
      String name,
      int index,
      INDArray paramsView,
      boolean initializeParams,
      DataType networkDataType) {
    setName(name);
    if (nIn <= 0 || nOut <= 0) {
      throw new DL4JInvalidConfigException(
          "DeformableConvolution2DVertex (name: "
              + name
              + "): nIn, nOut: expected more than 0, got nIn="
              + nIn
              + ", nOut="
              + nOut);
    }
    geometry().checkChannels(nIn, nOut);
    Map<String, INDArray> table = Geometry.views(shapes(), paramsView);
    if (initializeParams) {
      INDArray kept = keepParameters ? parameters.get() : null;
      if (kept != null && kept.length() == paramsView.length()) {
        paramsView.assign(kept.reshape(paramsView.shape()));
      } else {
        initializeParameters(table);
      }
    }
    keepParameters = false;
    parameters = new WeakReference<>(paramsView);
    return new DeformableConvolution2DGraphVertex(
        this, graph, name, index, paramsView, table, networkDataType);
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    geometry().initWeights(weightInitFn, params.get(WEIGHT_KEY), nIn, nOut);
    if (hasBias) {
      params.get(BIAS_KEY).assign(biasInit);
    }
  }

  /** Not used: the vertex runs without SameDiff. */
  @Override
  public SDVariable defineVertex(
      SameDiff sameDiff,
      Map<String, SDVariable> inputs,
      Map<String, SDVariable> params,
      Map<String, SDVariable> masks) {
    throw new UnsupportedOperationException("DeformableConvolution2DVertex runs without SameDiff");
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
    InputType out;
    try {
      out = getOutputType(-1, inputTypes);
    } catch (InvalidInputTypeException e) {
      throw new IllegalArgumentException(e);
    }
    long updaterState = 0;
    for (Map.Entry<String, long[]> e : shapes().entrySet()) {
      updaterState += getUpdaterByParam(e.getKey()).stateSize(Geometry.length(e.getValue()));
    }
    // In training, the values before the activation function are made again.
    long training = activationFn instanceof ActivationIdentity ? 0 : out.arrayElementsPerExample();
    if (iDropout != null) {
      training += inputTypes[0].arrayElementsPerExample();
    }
    Map<CacheMode, Long> trainingByMode = new HashMap<>();
    for (CacheMode mode : CacheMode.values()) {
      trainingByMode.put(mode, training);
    }
    return new LayerMemoryReport.Builder(getName(), getClass(), inputTypes[0], out)
        .standardMemory(numParams(true), updaterState)
        .workingMemory(0, 0, MemoryReport.CACHE_MODE_ALL_ZEROS, trainingByMode)
        .cacheMemory(MemoryReport.CACHE_MODE_ALL_ZEROS, MemoryReport.CACHE_MODE_ALL_ZEROS)
        .build();
  }

  /** Builder with the settings of {@link DeformableConvolution2D.Builder} that a vertex has. */
  public static class Builder {
    private long nIn;
    private long nOut;
    private int[] kernelSize = {5, 5};
    private int[] stride = {1, 1};
    private int[] padding = {0, 0};
    private int[] dilation = {1, 1};
    private ConvolutionMode convolutionMode;
    private CNN2DFormat dataFormat = CNN2DFormat.NCHW;
    private int deformableGroups = 1;
    private int groups = 1;
    private boolean hasBias = true;
    private IActivation activationFn = new ActivationIdentity();
    private IWeightInit weightInitFn;
    private double biasInit = Double.NaN;
    private IDropout iDropout;
    private final List<LayerConstraint> constraints = new ArrayList<>();
    private final List<Regularization> regularization = new ArrayList<>();
    private final List<Regularization> regularizationBias = new ArrayList<>();
    private IUpdater updater;
    private IUpdater biasUpdater;
    private GradientNormalization gradientNormalization;
    private double gradientNormalizationThreshold = Double.NaN;

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

    /** Channels of the features; not needed where the graph has InputTypes. */
    public Builder nIn(long nIn) {
      this.nIn = nIn;
      return this;
    }

    /** Channels of the output, at least 1. */
    public Builder nOut(long nOut) {
      this.nOut = nOut;
      return this;
    }

    /** Kernel height and width, at least 1. Default 5. */
    public Builder kernelSize(int... kernelSize) {
      this.kernelSize = ValidationUtils.validate2NonNegative(kernelSize, false, "kernelSize");
      return this;
    }

    /** Vertical and horizontal stride, at least 1. Default 1. */
    public Builder stride(int... stride) {
      this.stride = ValidationUtils.validate2NonNegative(stride, false, "stride");
      return this;
    }

    /** Rows and columns of zeros on each side, at least 0. Default 0; must be 0 in Same mode. */
    public Builder padding(int... padding) {
      this.padding = ValidationUtils.validate2NonNegative(padding, false, "padding");
      return this;
    }

    /** Vertical and horizontal dilation, at least 1. Default 1. */
    public Builder dilation(int... dilation) {
      this.dilation = ValidationUtils.validate2NonNegative(dilation, false, "dilation");
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

    /** Where all inputs and the output have their channels. Default NCHW. */
    public Builder dataFormat(CNN2DFormat dataFormat) {
      this.dataFormat = dataFormat;
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

    /** Whether there is a bias b. Default true. */
    public Builder hasBias(boolean hasBias) {
      this.hasBias = hasBias;
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

    /** Initial values of W. */
    public Builder weightInit(IWeightInit weightInit) {
      this.weightInitFn = weightInit;
      return this;
    }

    /** As {@link #weightInit(IWeightInit)}. */
    public Builder weightInit(WeightInit weightInit) {
      return weightInit(weightInit.getWeightInitFunction());
    }

    /** Initial values of W, drawn from a distribution. */
    public Builder weightInit(Distribution distribution) {
      return weightInit(new WeightInitDistribution(distribution));
    }

    /** Initial value of b. */
    public Builder biasInit(double biasInit) {
      this.biasInit = biasInit;
      return this;
    }

    /** Updater of W, and of b without a bias updater. */
    public Builder updater(IUpdater updater) {
      this.updater = updater;
      return this;
    }

    /** Updater of b. */
    public Builder biasUpdater(IUpdater biasUpdater) {
      this.biasUpdater = biasUpdater;
      return this;
    }

    /** L1 coefficient of W. */
    public Builder l1(double l1) {
      return replace(regularization, L1Regularization.class, l1, new L1Regularization(l1));
    }

    /** L2 coefficient of W. */
    public Builder l2(double l2) {
      return replace(regularization, L2Regularization.class, l2, new L2Regularization(l2));
    }

    /** L1 coefficient of b. */
    public Builder l1Bias(double l1) {
      return replace(regularizationBias, L1Regularization.class, l1, new L1Regularization(l1));
    }

    /** L2 coefficient of b. */
    public Builder l2Bias(double l2) {
      return replace(regularizationBias, L2Regularization.class, l2, new L2Regularization(l2));
    }

    /** Weight decay coefficient of W, times the learning rate. */
    public Builder weightDecay(double coefficient) {
      return weightDecay(coefficient, true);
    }

    /** Weight decay coefficient of W, times the learning rate if so told. */
    public Builder weightDecay(double coefficient, boolean applyLearningRate) {
      return replace(
          regularization,
          WeightDecay.class,
          coefficient,
          new WeightDecay(coefficient, applyLearningRate));
    }

    private Builder replace(
        List<Regularization> in, Class<?> type, double coefficient, Regularization with) {
      in.removeIf(type::isInstance);
      if (coefficient > 0) {
        in.add(with);
      }
      return this;
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

    /** Constraints on W. */
    public Builder constrainWeights(LayerConstraint... constraints) {
      return constrain(constraints, WEIGHT_KEY);
    }

    /** Constraints on b. */
    public Builder constrainBias(LayerConstraint... constraints) {
      return constrain(constraints, BIAS_KEY);
    }

    /** Constraints on W and on b. */
    public Builder constrainAllParameters(LayerConstraint... constraints) {
      return constrain(constraints, WEIGHT_KEY, BIAS_KEY);
    }

    private Builder constrain(LayerConstraint[] added, String... params) {
      addConstraints(constraints, Arrays.asList(added), params);
      return this;
    }

    /** Normalisation or clipping of the gradients. */
    public Builder gradientNormalization(GradientNormalization gradientNormalization) {
      this.gradientNormalization = gradientNormalization;
      return this;
    }

    /** Threshold of the clipping. */
    public Builder gradientNormalizationThreshold(double threshold) {
      this.gradientNormalizationThreshold = threshold;
      return this;
    }

    /** The vertex, if what is known of it by now can work. */
    public DeformableConvolution2DVertex build() {
      ConvolutionUtils.validateConvolutionModePadding(convolutionMode, padding);
      ConvolutionUtils.validateCnnKernelStridePadding(kernelSize, stride, padding);
      Geometry.atLeastOne("dilation", dilation[0]);
      Geometry.atLeastOne("dilation", dilation[1]);
      return new DeformableConvolution2DVertex(this);
    }
  }
}
