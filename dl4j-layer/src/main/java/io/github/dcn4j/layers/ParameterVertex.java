package io.github.dcn4j.layers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.NoArgsConstructor;
import lombok.ToString;
import lombok.extern.slf4j.Slf4j;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.GradientNormalization;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.constraint.BaseConstraint;
import org.deeplearning4j.nn.conf.distribution.Distribution;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.conf.layers.samediff.SDVertexParams;
import org.deeplearning4j.nn.conf.layers.samediff.SameDiffVertex;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.conf.weightnoise.IWeightNoise;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.IWeightInit;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.nn.weights.WeightInitDistribution;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.L1Regularization;
import org.nd4j.linalg.learning.regularization.L2Regularization;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.linalg.learning.regularization.WeightDecay;
import org.nd4j.shade.jackson.annotation.JsonIgnore;

/**
 * A vertex with parameters that runs without SameDiff: what such a vertex needs beside its function
 * to be trained, copied and stored as a layer is.
 *
 * <p>Of what DL4J 1.0.0-M2.1 does for layers only: constraints act, as part of the update; a {@code
 * FineTuneConfiguration}'s updaters, penalties and clipping act; but the graph's score leaves out
 * the vertex's L1 and L2 terms (their gradients act). {@link VertexParameters} has the rest.
 */
@Slf4j
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = false)
abstract class ParameterVertex extends SameDiffVertex {
  /** Initial values of the weights; null until the graph's global ones are known. */
  private IWeightInit weightInitFn;

  /** Initial value of the biases; NaN until the graph's global one is known. */
  private double biasInit = Double.NaN;

  /** Constraints, each with the names of its parameters; null for none. */
  private List<LayerConstraint> constraints;

  /** Noise of the parameters in training; null for none. */
  private IWeightNoise weightNoise;

  ParameterVertex(Builder<?> b) {
    weightInitFn = b.weightInitFn;
    biasInit = b.biasInit;
    weightNoise = b.weightNoise;
    regularization = b.regularization;
    regularizationBias = b.regularizationBias;
    updater = b.updater;
    biasUpdater = b.biasUpdater;
    gradientNormalization = b.gradientNormalization;
    gradientNormalizationThreshold = b.gradientNormalizationThreshold;
    List<LayerConstraint> all = new ArrayList<>();
    addConstraints(all, b.allConstraints, b.weightConstraints, b.biasConstraints);
    constraints = all.isEmpty() ? null : all;
  }

  /** The shapes of the parameters by their names, in their order. */
  abstract Map<String, long[]> shapes();

  /** Whether a parameter is a weight and not a bias. */
  abstract boolean isWeight(String key);

  /** The parameters that weightInit, biasInit and constraints act on. */
  abstract Set<String> ordinaryParameters();

  /** Names of the inputs. */
  abstract String[] inputNames();

  /** Fills the parameters of a new graph. */
  @Override
  public abstract void initializeParameters(Map<String, INDArray> params);

  /** Refuses a configuration that can't work. */
  abstract void check();

  /** For vertices in which no noise acts. */
  void refuseWeightNoise() {
    if (weightNoise != null) {
      throw new DL4JInvalidConfigException(
          owner() + ": weightNoise: expected none, got " + weightNoise);
    }
  }

  /** Fills weights [in, out] and a bias of a fully connected layer as a DenseLayer's. */
  void initFullyConnected(INDArray weights, INDArray bias) {
    weightInitFn.init(
        weights.size(0), weights.size(1), weights.shape(), 'c', weights.reshape(weights.length()));
    bias.assign(biasInit);
  }

  /** The vertex that runs this configuration with these parameters. */
  abstract GraphVertex runner(
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType networkDataType);

  /** Copies what this class and those above it hold, and returns the copy. */
  <V extends ParameterVertex> V copyTo(V c) {
    ParameterVertex p = c;
    p.weightInitFn = weightInitFn;
    p.biasInit = biasInit;
    if (constraints != null) {
      p.constraints = new ArrayList<>();
      for (LayerConstraint constraint : constraints) {
        p.constraints.add(copy(constraint, constraint.getParams()));
      }
    }
    p.regularization = copy(regularization);
    p.regularizationBias = copy(regularizationBias);
    p.updater = updater == null ? null : updater.clone();
    p.biasUpdater = biasUpdater == null ? null : biasUpdater.clone();
    p.gradientNormalization = gradientNormalization;
    p.gradientNormalizationThreshold = gradientNormalizationThreshold;
    p.dataType = dataType;
    p.setName(getName());
    p.weightNoise = weightNoise == null ? null : weightNoise.clone();
    return c;
  }

  /** Of DL4J's constraints, one forgets its parameters when it is cloned. */
  private static LayerConstraint copy(LayerConstraint constraint, Set<String> params) {
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

  /** Made anew each time: sizes may have come from an InputType since. */
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
              if (isWeight(key)) {
                params.addWeightParam(key, shape);
              } else {
                params.addBiasParam(key, shape);
              }
            });
    params.defineInputs(inputNames());
  }

  @Override
  public void applyGlobalConfigToLayer(NeuralNetConfiguration.Builder global) {
    if (weightInitFn == null) {
      weightInitFn = global.getWeightInitFn();
    }
    if (Double.isNaN(biasInit)) {
      biasInit = global.getBiasInit();
    }
    // As for layers, nothing is shared: setting one's learning rate must not set another's.
    regularization = copy(regularization);
    regularizationBias = copy(regularizationBias);
    updater = updater == null ? null : updater.clone();
    biasUpdater = biasUpdater == null ? null : biasUpdater.clone();
    if (constraints == null) {
      List<LayerConstraint> all = new ArrayList<>();
      addConstraints(
          all,
          global.getAllParamConstraints(),
          global.getWeightConstraints(),
          global.getBiasConstraints());
      constraints = all.isEmpty() ? null : all;
    }
    boolean hasRun = getName() != null; // one that is added keeps what it was given
    if (hasRun && isFineTuned()) {
      fineTune(global);
    }
  }

  /**
   * Whether TransferLearning is building a graph. It hands a FineTuneConfiguration to layers alone;
   * to vertices come global settings, in which what was not given has DL4J's defaults, and which
   * differ in nothing from those of a new graph. So this asks who calls.
   */
  private static boolean isFineTuned() {
    String transferLearning = TransferLearning.GraphBuilder.class.getName();
    return StackWalker.getInstance()
        .walk(frames -> frames.anyMatch(f -> f.getClassName().equals(transferLearning)));
  }

  /** Takes over what a FineTuneConfiguration gives, as layers do. */
  void fineTune(NeuralNetConfiguration.Builder given) {
    NeuralNetConfiguration.Builder defaults = new NeuralNetConfiguration.Builder();
    if (!given.getIUpdater().equals(defaults.getIUpdater())) {
      updater = given.getIUpdater().clone();
    }
    if (given.getBiasUpdater() != null) {
      biasUpdater = given.getBiasUpdater().clone();
    }
    if (!given.getRegularization().isEmpty()) {
      regularization = copy(given.getRegularization());
    }
    if (!given.getRegularizationBias().isEmpty()) {
      regularizationBias = copy(given.getRegularizationBias());
    }
    if (given.getGradientNormalization() != defaults.getGradientNormalization()) {
      gradientNormalization = given.getGradientNormalization();
      gradientNormalizationThreshold = given.getGradientNormalizationThreshold();
    }
  }

  private void addConstraints(
      List<LayerConstraint> to,
      Collection<LayerConstraint> onAll,
      Collection<LayerConstraint> onWeights,
      Collection<LayerConstraint> onBiases) {
    Set<String> all = ordinaryParameters();
    Set<String> weights = all.stream().filter(this::isWeight).collect(Collectors.toSet());
    Set<String> biases = new HashSet<>(all);
    biases.removeAll(weights);
    addConstraints(to, onAll, all);
    addConstraints(to, onWeights, weights);
    addConstraints(to, onBiases, biases);
  }

  private static void addConstraints(
      List<LayerConstraint> to, Collection<LayerConstraint> from, Set<String> params) {
    if (from == null || params.isEmpty()) {
      return;
    }
    for (LayerConstraint constraint : from) {
      if (!(constraint instanceof BaseConstraint)) {
        throw new IllegalArgumentException(
            "constraint: expected a BaseConstraint, got " + constraint.getClass().getName());
      }
      to.add(copy(constraint, params));
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

  /** Refuses negative sizes: DL4J adds these numbers up before it makes what is in front. */
  @Override
  public long numParams(boolean backprop) {
    if (shapes().values().stream().flatMapToLong(Arrays::stream).anyMatch(size -> size < 0)) {
      check();
    }
    return super.numParams(backprop);
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
    check();
    if (shapes().isEmpty()) {
      return runner(graph, name, index, null, Map.of(), networkDataType);
    }
    warnIfNotTrained(graph);
    Map<String, INDArray> table = ParameterTable.views(shapes(), paramsView);
    if (initializeParams) {
      initializeParameters(table);
    }
    return runner(graph, name, index, paramsView, table, networkDataType);
  }

  private void warnIfNotTrained(ComputationGraph graph) {
    boolean trained =
        graph.getConfiguration().getVertices().values().stream()
            .anyMatch(v -> v instanceof LayerVertex && v.numParams(true) > 0);
    if (!trained) {
      log.warn(
          "{} has parameters, and no layer of its graph has any: DL4J does not train such a graph,"
              + " its fit does nothing. One layer with parameters, such as a 1 x 1 convolution,"
              + " is enough.",
          owner());
    }
  }

  /** Says whose message it is. */
  String owner() {
    return getClass().getSimpleName() + " (name: " + getName() + ")";
  }

  /** Not used: the vertex runs without SameDiff. */
  @Override
  public SDVariable defineVertex(
      SameDiff sameDiff,
      Map<String, SDVariable> inputs,
      Map<String, SDVariable> params,
      Map<String, SDVariable> masks) {
    throw new UnsupportedOperationException(getClass().getSimpleName() + " runs without SameDiff");
  }

  /** The type of the output, for a report of the memory. */
  InputType outputType(InputType... inputs) {
    try {
      return getOutputType(-1, inputs);
    } catch (InvalidInputTypeException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** A report of the parameters and of this many numbers of working memory for each example. */
  LayerMemoryReport memoryReport(InputType in, InputType out, long inference, long training) {
    long updaterState = 0;
    for (Map.Entry<String, long[]> e : shapes().entrySet()) {
      updaterState += getUpdaterByParam(e.getKey()).stateSize(ParameterTable.length(e.getValue()));
    }
    Map<CacheMode, Long> trainingByMode = new HashMap<>();
    for (CacheMode mode : CacheMode.values()) {
      trainingByMode.put(mode, training);
    }
    return new LayerMemoryReport.Builder(getName(), getClass(), in, out)
        .standardMemory(numParams(true), updaterState)
        .workingMemory(0, inference, MemoryReport.CACHE_MODE_ALL_ZEROS, trainingByMode)
        .cacheMemory(MemoryReport.CACHE_MODE_ALL_ZEROS, MemoryReport.CACHE_MODE_ALL_ZEROS)
        .build();
  }

  /**
   * The settings that vertices with parameters share; those not given come from the graph's global
   * ones.
   *
   * @param <T> the builder
   */
  abstract static class Builder<T extends Builder<T>> {
    private IWeightInit weightInitFn;
    private double biasInit = Double.NaN;
    IWeightNoise weightNoise;
    private final List<LayerConstraint> allConstraints = new ArrayList<>();
    private final List<LayerConstraint> weightConstraints = new ArrayList<>();
    private final List<LayerConstraint> biasConstraints = new ArrayList<>();
    private final List<Regularization> regularization = new ArrayList<>();
    private final List<Regularization> regularizationBias = new ArrayList<>();
    private IUpdater updater;
    private IUpdater biasUpdater;
    private GradientNormalization gradientNormalization;
    private double gradientNormalizationThreshold = Double.NaN;

    /** This builder. */
    public abstract T self();

    /** Initial values of the weights. */
    public T weightInit(IWeightInit weightInit) {
      this.weightInitFn = weightInit;
      return self();
    }

    /** As {@link #weightInit(IWeightInit)}. */
    public T weightInit(WeightInit weightInit) {
      return weightInit(weightInit.getWeightInitFunction());
    }

    /** Initial values of the weights, drawn from a distribution. */
    public T weightInit(Distribution distribution) {
      return weightInit(new WeightInitDistribution(distribution));
    }

    /** Initial value of the biases. */
    public T biasInit(double biasInit) {
      this.biasInit = biasInit;
      return self();
    }

    /** Updater of the weights, and of the biases without a bias updater. */
    public T updater(IUpdater updater) {
      this.updater = updater;
      return self();
    }

    /** Updater of the biases. */
    public T biasUpdater(IUpdater biasUpdater) {
      this.biasUpdater = biasUpdater;
      return self();
    }

    /** L1 coefficient of the weights. */
    public T l1(double l1) {
      return replace(regularization, L1Regularization.class, l1, new L1Regularization(l1));
    }

    /** L2 coefficient of the weights. */
    public T l2(double l2) {
      return replace(regularization, L2Regularization.class, l2, new L2Regularization(l2));
    }

    /** L1 coefficient of the biases. */
    public T l1Bias(double l1) {
      return replace(regularizationBias, L1Regularization.class, l1, new L1Regularization(l1));
    }

    /** L2 coefficient of the biases. */
    public T l2Bias(double l2) {
      return replace(regularizationBias, L2Regularization.class, l2, new L2Regularization(l2));
    }

    /** Weight decay coefficient of the weights, times the learning rate. */
    public T weightDecay(double coefficient) {
      return weightDecay(coefficient, true);
    }

    /** Weight decay coefficient of the weights, times the learning rate if so told. */
    public T weightDecay(double coefficient, boolean applyLearningRate) {
      return replace(
          regularization,
          WeightDecay.class,
          coefficient,
          new WeightDecay(coefficient, applyLearningRate));
    }

    private T replace(
        List<Regularization> in, Class<?> type, double coefficient, Regularization with) {
      in.removeIf(type::isInstance);
      if (coefficient > 0) {
        in.add(with);
      }
      return self();
    }

    /** Constraints on the weights. */
    public T constrainWeights(LayerConstraint... constraints) {
      weightConstraints.addAll(Arrays.asList(constraints));
      return self();
    }

    /** Constraints on the biases. */
    public T constrainBias(LayerConstraint... constraints) {
      biasConstraints.addAll(Arrays.asList(constraints));
      return self();
    }

    /** Constraints on all parameters. */
    public T constrainAllParameters(LayerConstraint... constraints) {
      allConstraints.addAll(Arrays.asList(constraints));
      return self();
    }

    /** Normalisation or clipping of the gradients. */
    public T gradientNormalization(GradientNormalization gradientNormalization) {
      this.gradientNormalization = gradientNormalization;
      return self();
    }

    /** Threshold of the clipping. */
    public T gradientNormalizationThreshold(double threshold) {
      this.gradientNormalizationThreshold = threshold;
      return self();
    }
  }
}
