package io.github.dcn4j.layers;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
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
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Multi-scale deformable attention with its projections, the attention module of Deformable DETR
 * (arXiv 2010.04159, equation 3): each query looks at a few points of feature maps of several
 * sizes, near its reference point, and predicts by linear layers where to look and how much to make
 * of what is there.
 *
 * <p>Inputs, for N examples, Q queries and L levels:
 *
 * <ol>
 *   <li>query [N, nInQueries, Q], as recurrent data (NCW), or [N, Q, nInQueries] in NWC
 *   <li>referencePoints in the same format, of 2 values (x, y) for all levels or of 2·L, a pair a
 *       level: [N, 2, Q] or [N, 2·L, Q]. 0 is where the first pixel begins, 1 where the last ends
 *   <li>each level, a feature map [N, nInValues, H, W], or [N, H, W, nInValues] in NHWC; of any
 *       sizes
 * </ol>
 *
 * <p>Output: [N, nOut, Q] in the format of the query. All inputs get their gradients.
 *
 * <p>With M = nHeads heads and P = nPoints points: the value is valueW · level + valueB at each
 * pixel, in M parts of nOut/M channels; a head's point looks at reference point + (offsetW · query
 * + offsetB) / (W, H) of the level; its weight is the softmax of attentionW · query + attentionB
 * over the head's L·P points; bilinear samples of the value (0 outside), times the weights, add up
 * over levels and points; the heads side by side go through outputW and outputB.
 *
 * <p>Parameters, weights as [in, out]: {@code valueW} [nInValues, nOut], {@code valueB} [nOut],
 * {@code attentionW} [nInQueries, M·L·P], {@code attentionB} [M·L·P], {@code outputW} [nOut, nOut],
 * {@code outputB} [nOut], {@code offsetW} [nInQueries, M·L·P·2], {@code offsetB} [M·L·P·2]. What
 * leaves the predictors is in the order head, level, point, (x, y).
 *
 * <p><b>A fresh vertex</b> has attention weights of 1/(L·P) and offsets that do not depend on the
 * query: head m looks in the direction 2π·m/M, its point p at a distance of p pixels (1, 2, …;
 * along the longer axis). {@code weightInit}, {@code biasInit} and constraints act on the value's
 * and the output's parameters; the paper's initial weights are {@code WeightInit.XAVIER_UNIFORM}.
 *
 * <p>Bit-identical from run to run and for any number of threads, as all of this library: the
 * projections depend on no BLAS.
 *
 * <p>Of what DL4J 1.0.0-M2.1 does for layers only: constraints act, as part of the update; of a
 * {@code FineTuneConfiguration} the updaters, penalties and clipping act (not its constraints, nor
 * an updater that equals DL4J's default, {@code Sgd} with its rate); global dropout and weight
 * noise do not; and the graph's score leaves out the vertex's L1 and L2 terms (their gradients
 * act). {@link VertexParameters} says what to do where DL4J's own methods leave vertices out: after
 * {@code TransferLearning}, and with a new learning rate for all.
 */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = true)
public class MultiScaleDeformableAttentionVertex extends ParameterVertex {
  static final String VALUE_WEIGHT_KEY = "valueW";
  static final String VALUE_BIAS_KEY = "valueB";
  static final String ATTENTION_WEIGHT_KEY = "attentionW";
  static final String ATTENTION_BIAS_KEY = "attentionB";
  static final String OUTPUT_WEIGHT_KEY = "outputW";
  static final String OUTPUT_BIAS_KEY = "outputB";
  static final String OFFSET_WEIGHT_KEY = "offsetW";
  static final String OFFSET_BIAS_KEY = "offsetB";

  private static final String MULTIPLIER = "offsetLearningRateMultiplier";

  /** Inputs before the levels. */
  static final int BEFORE_LEVELS = 2;

  /** Size of a query. */
  private long nInQueries;

  /** Channels of the levels. */
  private long nInValues;

  /** Size of the output for a query, a multiple of nHeads; 0 for that of a query. */
  private long nOut;

  /** Heads, each with nOut/nHeads channels. */
  private int nHeads;

  /** Points that each head looks at in each level. */
  private int nPoints;

  /** Feature maps; 0 until the number of InputTypes is known. */
  private int nLevels;

  /** Where query, reference points and output have their channels. */
  private RNNFormat rnnDataFormat;

  /** Where the levels have their channels. */
  private CNN2DFormat dataFormat;

  /** Factor of the learning rate of offsetW and offsetB. */
  private double offsetLearningRateMultiplier = 1.0;

  private MultiScaleDeformableAttentionVertex(Builder b) {
    super(b);
    nInQueries = b.nInQueries;
    nInValues = b.nInValues;
    nOut = b.nOut;
    nHeads = b.nHeads;
    nPoints = b.nPoints;
    nLevels = b.nLevels;
    rnnDataFormat = b.rnnDataFormat;
    dataFormat = b.dataFormat;
    offsetLearningRateMultiplier = b.offsetLearningRateMultiplier;
  }

  @Override
  public MultiScaleDeformableAttentionVertex clone() {
    MultiScaleDeformableAttentionVertex c = copyTo(new MultiScaleDeformableAttentionVertex());
    c.nInQueries = nInQueries;
    c.nInValues = nInValues;
    c.nOut = nOut;
    c.nHeads = nHeads;
    c.nPoints = nPoints;
    c.nLevels = nLevels;
    c.rnnDataFormat = rnnDataFormat;
    c.dataFormat = dataFormat;
    c.offsetLearningRateMultiplier = offsetLearningRateMultiplier;
    return c;
  }

  /** Size of the output for a query. */
  long outputs() {
    return nOut == 0 ? nInQueries : nOut;
  }

  /** Points that a query looks at: heads × levels × points. */
  private long samples() {
    return (long) nHeads * nLevels * nPoints;
  }

  /** Factor of the learning rate of offsetW and offsetB, finite and at least 0. */
  @JsonProperty(MULTIPLIER)
  public void setOffsetLearningRateMultiplier(double multiplier) {
    offsetLearningRateMultiplier = ScaledUpdater.checked(MULTIPLIER, multiplier);
  }

  /** Those with a learning rate of their own come last, side by side. */
  @Override
  Map<String, long[]> shapes() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(VALUE_WEIGHT_KEY, new long[] {nInValues, outputs()});
    shapes.put(VALUE_BIAS_KEY, new long[] {outputs()});
    shapes.put(ATTENTION_WEIGHT_KEY, new long[] {nInQueries, samples()});
    shapes.put(ATTENTION_BIAS_KEY, new long[] {samples()});
    shapes.put(OUTPUT_WEIGHT_KEY, new long[] {outputs(), outputs()});
    shapes.put(OUTPUT_BIAS_KEY, new long[] {outputs()});
    shapes.put(OFFSET_WEIGHT_KEY, new long[] {nInQueries, 2 * samples()});
    shapes.put(OFFSET_BIAS_KEY, new long[] {2 * samples()});
    return shapes;
  }

  @Override
  boolean isWeight(String key) {
    return key.endsWith("W");
  }

  private static boolean isOffsetParam(String key) {
    return OFFSET_WEIGHT_KEY.equals(key) || OFFSET_BIAS_KEY.equals(key);
  }

  /** Not those of the predictors, which start at zero or in rings. */
  @Override
  Set<String> ordinaryParameters() {
    return Set.of(VALUE_WEIGHT_KEY, VALUE_BIAS_KEY, OUTPUT_WEIGHT_KEY, OUTPUT_BIAS_KEY);
  }

  @Override
  String[] inputNames() {
    String[] names = new String[BEFORE_LEVELS + nLevels];
    names[0] = "query";
    names[1] = "referencePoints";
    for (int level = 0; level < nLevels; level++) {
      names[BEFORE_LEVELS + level] = levelName(level);
    }
    return names;
  }

  static String levelName(int level) {
    return "level " + level;
  }

  @Override
  public int minVertexInputs() {
    return BEFORE_LEVELS + 1;
  }

  @Override
  public int maxVertexInputs() {
    return Integer.MAX_VALUE;
  }

  /** For offsetW and offsetB a copy whose learning rate is multiplied. */
  @Override
  public IUpdater getUpdaterByParam(String paramName) {
    IUpdater updater = super.getUpdaterByParam(paramName);
    return isOffsetParam(paramName)
        ? ScaledUpdater.of(updater, offsetLearningRateMultiplier)
        : updater;
  }

  @Override
  public List<Regularization> getRegularizationByParam(String paramName) {
    List<Regularization> all = super.getRegularizationByParam(paramName);
    return isOffsetParam(paramName)
        ? ScaledUpdater.regularization(all, offsetLearningRateMultiplier)
        : all;
  }

  @Override
  void check() {
    checkPositive("nInQueries", nInQueries);
    checkPositive("nInValues", nInValues);
    checkPositive("nLevels", nLevels);
    checkPositive("nHeads", nHeads);
    checkPositive("nPoints", nPoints);
    if (outputs() < 1 || outputs() % nHeads != 0) {
      throw new DL4JInvalidConfigException(
          owner()
              + ": nOut: expected a multiple of nHeads="
              + nHeads
              + ", got "
              + outputs()
              + (nOut == 0 ? " (that of nInQueries, as none is set)" : ""));
    }
    refuseWeightNoise();
    ScaledUpdater.check(MULTIPLIER, offsetLearningRateMultiplier, getUpdater(), getBiasUpdater());
  }

  private void checkPositive(String name, long value) {
    if (value < 1) {
      throw new DL4JInvalidConfigException(
          owner() + ": " + name + ": expected at least 1, got " + value);
    }
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    initFullyConnected(params.get(VALUE_WEIGHT_KEY), params.get(VALUE_BIAS_KEY));
    initFullyConnected(params.get(OUTPUT_WEIGHT_KEY), params.get(OUTPUT_BIAS_KEY));
    params.get(ATTENTION_WEIGHT_KEY).assign(0);
    params.get(ATTENTION_BIAS_KEY).assign(0);
    params.get(OFFSET_WEIGHT_KEY).assign(0);
    INDArray bias = params.get(OFFSET_BIAS_KEY);
    bias.assign(Nd4j.createFromArray(rings()).castTo(bias.dataType()));
  }

  /**
   * Offsets in pixels: a direction a head, on the square around the origin of each point's size.
   */
  private double[] rings() {
    double[] offsets = new double[Math.toIntExact(2 * samples())];
    int at = 0;
    for (int head = 0; head < nHeads; head++) {
      double angle = 2 * Math.PI * head / nHeads;
      double x = Math.cos(angle);
      double y = Math.sin(angle);
      double longer = Math.max(Math.abs(x), Math.abs(y));
      for (int i = 0; i < nLevels * nPoints; i++) {
        int distance = i % nPoints + 1;
        offsets[at++] = x / longer * distance;
        offsets[at++] = y / longer * distance;
      }
    }
    return offsets;
  }

  @Override
  GraphVertex runner(
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType networkDataType) {
    return new MultiScaleDeformableAttentionGraphVertex(
        this, graph, name, index, params, paramTable, networkDataType);
  }

  /** Takes sizes, the number of levels and the formats from the inputs. */
  @Override
  public InputType getOutputType(int layerIndex, InputType... inputs)
      throws InvalidInputTypeException {
    int levels = inputs.length - BEFORE_LEVELS;
    if (levels < 1 || nLevels != 0 && nLevels != levels) {
      String expected = nLevels == 0 ? "at least 1 level" : nLevels + " levels (nLevels)";
      throw new InvalidInputTypeException(
          owner()
              + ": inputs: expected query, referencePoints and "
              + expected
              + ", got "
              + inputs.length
              + " inputs");
    }
    if (!(inputs[0] instanceof InputType.InputTypeRecurrent)) {
      throw new InvalidInputTypeException(
          owner() + ": query: expected a recurrent type, got " + inputs[0]);
    }
    InputType.InputTypeRecurrent query = (InputType.InputTypeRecurrent) inputs[0];
    checkReferencePoints(query, inputs[1], levels);
    InputType.InputTypeConvolutional first = level(0, inputs);
    for (int level = 1; level < levels; level++) {
      InputType.InputTypeConvolutional other = level(level, inputs);
      if (other.getChannels() != first.getChannels() || other.getFormat() != first.getFormat()) {
        throw new InvalidInputTypeException(
            owner()
                + ": "
                + levelName(level)
                + ": expected "
                + first.getChannels()
                + " channels in "
                + first.getFormat()
                + " as in level 0, got "
                + other);
      }
    }
    nLevels = levels;
    nInQueries = query.getSize();
    nInValues = first.getChannels();
    rnnDataFormat = query.getFormat();
    dataFormat = first.getFormat();
    return InputType.recurrent(outputs(), query.getTimeSeriesLength(), rnnDataFormat);
  }

  private void checkReferencePoints(InputType.InputTypeRecurrent query, InputType given, int levels)
      throws InvalidInputTypeException {
    for (int size : new int[] {2, 2 * levels}) {
      if (InputType.recurrent(size, query.getTimeSeriesLength(), query.getFormat()).equals(given)) {
        return;
      }
    }
    throw new InvalidInputTypeException(
        owner()
            + ": referencePoints: expected a recurrent type of size 2 or 2·levels = "
            + 2 * levels
            + " and of the query's length and format ("
            + query
            + "), got "
            + given);
  }

  private InputType.InputTypeConvolutional level(int level, InputType... inputs)
      throws InvalidInputTypeException {
    InputType input = inputs[BEFORE_LEVELS + level];
    if (!(input instanceof InputType.InputTypeConvolutional)) {
      throw new InvalidInputTypeException(
          owner() + ": " + levelName(level) + ": expected a CNN type, got " + input);
    }
    return (InputType.InputTypeConvolutional) input;
  }

  @Override
  public MemoryReport getMemoryReport(InputType... inputTypes) {
    InputType out = outputType(inputTypes);
    long pixels =
        Arrays.stream(inputTypes)
            .skip(BEFORE_LEVELS)
            .mapToLong(level -> level.arrayElementsPerExample() / nInValues)
            .sum();
    long attended = out.arrayElementsPerExample();
    // Values, locations and weights, what is attended to; in training, these are kept, and their
    // gradients are made.
    long inference = pixels * outputs() + attended + attended / outputs() * 3 * samples();
    return memoryReport(inputTypes[0], out, inference, 2 * inference);
  }

  /** Builder with the settings of the module and of any vertex with parameters. */
  @Accessors(fluent = true)
  public static class Builder extends ParameterVertex.Builder<Builder> {
    /** Size of a query; not needed where the graph has InputTypes. */
    @Setter private long nInQueries;

    /** Channels of the levels; not needed where the graph has InputTypes. */
    @Setter private long nInValues;

    /** Size of the output for a query, a multiple of nHeads. Default that of a query. */
    @Setter private long nOut;

    private int nHeads = 8;
    private int nPoints = 4;
    private int nLevels;

    /** Where query, reference points and output have their channels. Default NCW. */
    @Setter private RNNFormat rnnDataFormat = RNNFormat.NCW;

    /** Where the levels have their channels. Default NCHW. */
    @Setter private CNN2DFormat dataFormat = CNN2DFormat.NCHW;

    private double offsetLearningRateMultiplier = 1.0;

    @Override
    public Builder self() {
      return this;
    }

    /** Heads, at least 1. Default 8. */
    public Builder nHeads(int nHeads) {
      this.nHeads = Geometry.atLeastOne("nHeads", nHeads);
      return this;
    }

    /** Points that each head looks at in each level, at least 1. Default 4. */
    public Builder nPoints(int nPoints) {
      this.nPoints = Geometry.atLeastOne("nPoints", nPoints);
      return this;
    }

    /** Feature maps, at least 1; not needed where the graph has InputTypes. */
    public Builder nLevels(int nLevels) {
      this.nLevels = Geometry.atLeastOne("nLevels", nLevels);
      return this;
    }

    /**
     * Factor of the learning rate of offsetW and offsetB, finite and at least 0. Default 1;
     * Deformable DETR has 0.1; 0 leaves them as they are. An updater without a learning rate
     * (AdaDelta) takes only 1 and 0.
     */
    public Builder offsetLearningRateMultiplier(double multiplier) {
      this.offsetLearningRateMultiplier = ScaledUpdater.checked(MULTIPLIER, multiplier);
      return this;
    }

    /** The vertex. */
    public MultiScaleDeformableAttentionVertex build() {
      Geometry.notNegative("nOut", nOut);
      return new MultiScaleDeformableAttentionVertex(this);
    }
  }
}
