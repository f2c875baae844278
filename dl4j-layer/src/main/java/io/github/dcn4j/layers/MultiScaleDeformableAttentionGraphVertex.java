package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.ATTENTION_BIAS_KEY;
import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.ATTENTION_WEIGHT_KEY;
import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.BEFORE_LEVELS;
import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.OFFSET_BIAS_KEY;
import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.OFFSET_WEIGHT_KEY;
import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.OUTPUT_BIAS_KEY;
import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.OUTPUT_WEIGHT_KEY;
import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.VALUE_BIAS_KEY;
import static io.github.dcn4j.layers.MultiScaleDeformableAttentionVertex.VALUE_WEIGHT_KEY;

import io.github.dcn4j.ops.MultiScaleDeformableAttention;
import io.github.dcn4j.ops.MultiScaleDeformableAttentionDerivative;
import java.util.Arrays;
import java.util.Map;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Runs a {@link MultiScaleDeformableAttentionVertex}.
 *
 * <p>All projections are 1×1 convolutions of images of any strides: the query and what is made of
 * it are images [N, channels, Q, 1], the levels are written side by side into the value [N, S,
 * nOut].
 */
@SuppressWarnings("overrides") // BaseGraphVertex.setInputs lacks its interface's varargs
final class MultiScaleDeformableAttentionGraphVertex
    extends RunningParameterVertex<MultiScaleDeformableAttentionVertex> {
  private Made kept; // of the last training pass; null or out of scope if there is none

  MultiScaleDeformableAttentionGraphVertex(
      MultiScaleDeformableAttentionVertex conf,
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType dataType) {
    super(conf, graph, name, index, params, paramTable, dataType);
  }

  /** What is made of the inputs on the way to the output. */
  @RequiredArgsConstructor
  private static final class Made {
    private final INDArray value; // [N, S, nOut]
    private final INDArray locations; // [N, Q, M, L, P, 2]
    private final INDArray weights; // [N, Q, M, L, P]
    private final INDArray attended; // [N, Q, nOut]

    boolean isIntact() {
      return ActivationPass.areIntact(value, locations, weights, attended);
    }
  }

  /** A pass over the inputs. */
  private final class Call {
    private final LayerWorkspaceMgr ws;
    private final ArrayType working;
    private final long examples = inputs[0].size(0);
    private final long queries = inputs[0].size(lengthDimension());
    private final long heads = conf.getNHeads();
    private final long points = conf.getNPoints();
    private final long outputs = conf.outputs();

    private final INDArray query; // [N, nInQueries, Q, 1]
    private final INDArray[] levels = new INDArray[conf.getNLevels()]; // [N, nInValues, H, W]
    private final INDArray sizes; // [L, 2], each (H, W)
    private final INDArray extents; // [M·L·P·2], (W, H) of the level of each sample
    private final Made made;

    /**
     * Makes all anew, or takes over what a pass over the same inputs has made.
     *
     * @param working where arrays go
     * @param made null for none
     */
    Call(ArrayType working, LayerWorkspaceMgr ws, Made made) {
      this.ws = ws;
      this.working = working;
      query = image(inputs[0].castTo(dataType), conf.getRnnDataFormat());
      long[][] sizes = new long[levels.length][];
      for (int i = 0; i < levels.length; i++) {
        levels[i] = channelsFirst(inputs[BEFORE_LEVELS + i].castTo(dataType));
        sizes[i] = new long[] {levels[i].size(2), levels[i].size(3)};
      }
      this.sizes = Nd4j.createFromArray(sizes);
      extents = extents();
      this.made = made == null ? make() : made;
    }

    private Made make() {
      INDArray value = project();
      INDArray locations = locate();
      INDArray weights = weigh();
      INDArray attended = array(examples, queries, outputs);
      new MultiScaleDeformableAttention(inHeads(value), sizes, locations, weights).run(attended);
      return new Made(value, locations, weights, attended);
    }

    private INDArray array(long... shape) {
      return ws.createUninitialized(working, dataType, shape, 'c');
    }

    private INDArray extents() {
      double[] extents = new double[Math.toIntExact(2 * heads * samples())];
      for (int i = 0; i < extents.length; i++) {
        INDArray level = levels[(int) (i / (2 * points) % levels.length)];
        extents[i] = level.size(i % 2 == 0 ? 3 : 2);
      }
      return Nd4j.createFromArray(extents).castTo(dataType);
    }

    private INDArray inHeads(INDArray value) {
      return value.reshape('c', examples, value.size(1), heads, outputs / heads);
    }

    private INDArray project() {
      long pixels = Arrays.stream(levels).mapToLong(level -> level.size(2) * level.size(3)).sum();
      INDArray value = array(examples, pixels, outputs);
      INDArray[] maps = maps(value);
      for (int i = 0; i < levels.length; i++) {
        FullyConnected.forward(levels[i], param(VALUE_WEIGHT_KEY), param(VALUE_BIAS_KEY), maps[i]);
      }
      return value;
    }

    /** The levels of the value, or of its gradient, each a view [N, nOut, H, W]. */
    private INDArray[] maps(INDArray value) {
      INDArray[] maps = new INDArray[levels.length];
      long begin = 0;
      for (int i = 0; i < levels.length; i++) {
        long height = levels[i].size(2);
        long width = levels[i].size(3);
        long end = begin + height * width;
        INDArray rows = value.get(NDArrayIndex.all(), NDArrayIndex.interval(begin, end));
        maps[i] = rows.reshape('c', true, examples, height, width, outputs).permute(0, 3, 1, 2);
        begin = end;
      }
      return maps;
    }

    private INDArray locate() {
      INDArray locations = array(examples, queries, heads, levels.length, points, 2);
      FullyConnected.forward(
          query, param(OFFSET_WEIGHT_KEY), param(OFFSET_BIAS_KEY), predicted(locations));
      divideByExtents(locations);
      ofAllQueries(locations).addi(references());
      return locations;
    }

    /** Takes offsets in pixels to parts of a level, and gradients of these to those of offsets. */
    private void divideByExtents(INDArray offsets) {
      offsets.reshape('c', examples * queries, extents.length()).diviRowVector(extents);
    }

    /**
     * Locations, or their gradient, as [N·Q, M, L, P, 2]: with six dimensions ND4J's broadcasts
     * take four times as long.
     */
    private INDArray ofAllQueries(INDArray locations) {
      return locations.reshape('c', examples * queries, heads, levels.length, points, 2);
    }

    /** The reference points as [N·Q, 1, L or 1, 1, 2]. */
    private INDArray references() {
      INDArray points = channelsLast(inputs[1].castTo(dataType)).dup('c');
      return points.reshape('c', examples * queries, 1, points.size(2) / 2, 1, 2);
    }

    private INDArray weigh() {
      INDArray weights = array(examples, queries, heads, levels.length, points);
      FullyConnected.forward(
          query, param(ATTENTION_WEIGHT_KEY), param(ATTENTION_BIAS_KEY), predicted(weights));
      MaskActivation.SOFTMAX.forward(weights, weights, samples());
      return weights;
    }

    private int samples() {
      return Math.toIntExact(levels.length * points);
    }

    /** What was predicted of queries, or its gradient, as the image that a projection writes. */
    private INDArray predicted(INDArray values) {
      long channels = values.length() / (examples * queries);
      return image(values.reshape('c', examples, queries, channels), RNNFormat.NWC);
    }

    INDArray output() {
      INDArray output =
          ws.createUninitialized(ArrayType.ACTIVATIONS, dataType, sequence(outputs), 'c');
      FullyConnected.forward(
          image(made.attended, RNNFormat.NWC),
          param(OUTPUT_WEIGHT_KEY),
          param(OUTPUT_BIAS_KEY),
          image(output, conf.getRnnDataFormat()));
      return output;
    }

    private long[] sequence(long channels) {
      return conf.getRnnDataFormat() == RNNFormat.NWC
          ? new long[] {examples, queries, channels}
          : new long[] {examples, channels, queries};
    }

    /** Writes the gradients of the parameters and of the inputs. */
    void backward(INDArray gradOutput, INDArray[] gradients) {
      INDArray gradAttended = array(made.attended.shape());
      backward(
          image(made.attended, RNNFormat.NWC),
          OUTPUT_WEIGHT_KEY,
          OUTPUT_BIAS_KEY,
          image(gradOutput, conf.getRnnDataFormat()),
          image(gradAttended, RNNFormat.NWC));
      INDArray value = inHeads(made.value);
      INDArray gradValue = array(value.shape());
      INDArray gradLocations = array(made.locations.shape());
      INDArray gradWeights = array(made.weights.shape());
      new MultiScaleDeformableAttentionDerivative(
              value, sizes, made.locations, made.weights, gradAttended)
          .run(gradValue, gradLocations, gradWeights);

      backwardReferences(ofAllQueries(gradLocations), gradients[1]);
      divideByExtents(gradLocations);
      INDArray gradQuery = image(gradients[0], conf.getRnnDataFormat());
      backward(query, OFFSET_WEIGHT_KEY, OFFSET_BIAS_KEY, predicted(gradLocations), gradQuery);
      MaskActivation.SOFTMAX.backward(made.weights, gradWeights, gradWeights, samples());
      INDArray throughWeights = array(gradQuery.shape());
      backward(
          query, ATTENTION_WEIGHT_KEY, ATTENTION_BIAS_KEY, predicted(gradWeights), throughWeights);
      gradQuery.addi(throughWeights);
      backwardLevels(maps(gradValue.reshape('c', made.value.shape())), gradients);
    }

    private void backward(
        INDArray input, String weightKey, String biasKey, INDArray gradOutput, INDArray gradInput) {
      FullyConnected.backward(
          input,
          param(weightKey),
          param(biasKey),
          gradOutput,
          gradInput,
          gradientViews.get(weightKey),
          gradientViews.get(biasKey));
    }

    private void backwardReferences(INDArray gradLocations, INDArray gradient) {
      INDArray target = channelsLast(gradient);
      boolean shared = target.size(2) == 2;
      INDArray sum = shared ? gradLocations.sum(1, 2, 3) : gradLocations.sum(1, 3);
      target.assign(sum.reshape('c', target.shape()));
    }

    /** The gradients of the shared parameters add up over the levels, in their order. */
    private void backwardLevels(INDArray[] gradMaps, INDArray[] gradients) {
      INDArray weights = param(VALUE_WEIGHT_KEY);
      INDArray bias = param(VALUE_BIAS_KEY);
      INDArray gradWeights = array(weights.shape());
      INDArray gradBias = array(bias.shape());
      for (int i = 0; i < levels.length; i++) {
        INDArray gradLevel = channelsFirst(gradients[BEFORE_LEVELS + i]);
        if (i == 0) {
          backward(levels[i], VALUE_WEIGHT_KEY, VALUE_BIAS_KEY, gradMaps[i], gradLevel);
        } else {
          FullyConnected.backward(
              levels[i], weights, bias, gradMaps[i], gradLevel, gradWeights, gradBias);
          gradientViews.get(VALUE_WEIGHT_KEY).addi(gradWeights);
          gradientViews.get(VALUE_BIAS_KEY).addi(gradBias);
        }
      }
    }
  }

  /** Where a sequence has its queries. */
  private int lengthDimension() {
    return conf.getRnnDataFormat() == RNNFormat.NWC ? 1 : 2;
  }

  /** A sequence as [N, Q, channels], a view of it. */
  private INDArray channelsLast(INDArray sequence) {
    return conf.getRnnDataFormat() == RNNFormat.NWC ? sequence : sequence.permute(0, 2, 1);
  }

  private INDArray channelsFirst(INDArray level) {
    return conf.getDataFormat() == CNN2DFormat.NHWC ? level.permute(0, 3, 1, 2) : level;
  }

  /** A sequence as an image [N, channels, Q, 1], a view of it if it is contiguous. */
  private static INDArray image(INDArray sequence, RNNFormat format) {
    long[] shape = sequence.shape();
    INDArray image = sequence.reshape('c', shape[0], shape[1], shape[2], 1);
    return format == RNNFormat.NWC ? image.permute(0, 2, 1, 3) : image;
  }

  @Override
  INDArray forward(boolean training, LayerWorkspaceMgr workspaceMgr) {
    checkInputs();
    ArrayType working = training ? ArrayType.ACTIVATIONS : ArrayType.FF_WORKING_MEM;
    Call call = new Call(working, workspaceMgr, null);
    kept = training ? call.made : null;
    return call.output();
  }

  @Override
  Pair<Gradient, INDArray[]> backward(LayerWorkspaceMgr workspaceMgr) {
    INDArray[] epsilons = new INDArray[inputs.length];
    for (int i = 0; i < epsilons.length; i++) {
      epsilons[i] =
          workspaceMgr.createUninitialized(
              ArrayType.ACTIVATION_GRAD, dataType, inputs[i].shape(), 'c');
    }
    Made made = kept != null && kept.isIntact() ? kept : null;
    kept = null;
    new Call(ArrayType.BP_WORKING_MEM, workspaceMgr, made)
        .backward(epsilon.castTo(dataType), epsilons);
    return new Pair<>(gradient(), epsilons);
  }

  @Override
  public void setInput(int inputNumber, INDArray input, LayerWorkspaceMgr workspaceMgr) {
    super.setInput(inputNumber, input, workspaceMgr);
    kept = null;
  }

  @Override
  public void clear() {
    super.clear();
    kept = null;
  }

  private void checkInputs() {
    int levels = conf.getNLevels();
    require(
        inputs.length == BEFORE_LEVELS + levels,
        "inputs",
        "query, referencePoints and " + levels + " levels",
        inputs.length + " inputs");
    for (int i = 0; i < inputs.length; i++) {
      String name = conf.inputNames()[i];
      String shape = Arrays.toString(inputs[i].shape());
      require(inputs[i].length() > 0, name, "sizes of at least 1", shape);
    }
    boolean last = conf.getRnnDataFormat() == RNNFormat.NWC;
    int channelDimension = last ? 2 : 1;
    long size = conf.getNInQueries();
    INDArray query = inputs[0];
    require(
        query.rank() == 3 && query.size(channelDimension) == size,
        "query",
        last ? "[N, Q, " + size + "] in NWC" : "[N, " + size + ", Q] in NCW",
        Arrays.toString(query.shape()));
    INDArray points = inputs[1];
    long channels = points.rank() == 3 ? points.size(channelDimension) : 0;
    long[] expected = query.shape().clone();
    expected[channelDimension] = channels;
    require(
        (channels == 2 || channels == 2L * levels) && Arrays.equals(expected, points.shape()),
        "referencePoints",
        "a sequence of 2 or 2·nLevels = "
            + 2 * levels
            + " channels, with the N, Q and format of the query "
            + Arrays.toString(query.shape()),
        Arrays.toString(points.shape()));
    for (int i = 0; i < levels; i++) {
      INDArray level = inputs[BEFORE_LEVELS + i];
      boolean nhwc = conf.getDataFormat() == CNN2DFormat.NHWC;
      require(
          level.rank() == 4
              && level.size(0) == query.size(0)
              && level.size(nhwc ? 3 : 1) == conf.getNInValues(),
          MultiScaleDeformableAttentionVertex.levelName(i),
          "rank 4 "
              + (nhwc ? CNN2DFormat.NHWC : CNN2DFormat.NCHW).dimensionNames()
              + " with N = "
              + query.size(0)
              + " and nInValues = "
              + conf.getNInValues()
              + " channels",
          Arrays.toString(level.shape()));
    }
  }

  private void require(boolean fits, String name, String expected, String got) {
    if (!fits) {
      throw new DL4JInvalidInputException(
          this + ": " + name + ": expected " + expected + ", got " + got);
    }
  }

  /** The mask of the queries. */
  @Override
  public Pair<INDArray, MaskState> feedForwardMaskArrays(
      INDArray[] maskArrays, MaskState currentMaskState, int minibatchSize) {
    INDArray queries = maskArrays == null || maskArrays.length == 0 ? null : maskArrays[0];
    return new Pair<>(queries, currentMaskState);
  }
}
