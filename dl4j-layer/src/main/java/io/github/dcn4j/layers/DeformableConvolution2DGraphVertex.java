package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.DeformableConvolution2DVertex.BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DVertex.WEIGHT_KEY;

import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.api.TrainingConfig;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.BaseGraphVertex;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runs a {@link DeformableConvolution2DVertex}. */
@SuppressWarnings("overrides") // BaseGraphVertex.setInputs lacks its interface's varargs
final class DeformableConvolution2DGraphVertex extends BaseGraphVertex {
  private final DeformableConvolution2DVertex conf;
  private final INDArray params;
  private final Map<String, INDArray> paramTable;
  private INDArray gradients;
  private Map<String, INDArray> gradientViews;
  private INDArray droppedFeatures; // of the last training pass, null without dropout
  private INDArray z; // before the activation function; null or out of scope if it was not kept

  DeformableConvolution2DGraphVertex(
      DeformableConvolution2DVertex conf,
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType dataType) {
    super(graph, name, index, null, null, dataType);
    this.conf = conf;
    this.params = params;
    this.paramTable = paramTable;
  }

  /** The inputs of one pass, checked and of the network's type. */
  private final class Call {
    final Geometry geometry = conf.geometry();
    final INDArray features;
    final INDArray offset;
    final INDArray mask; // null if there is none

    Call(INDArray features) {
      geometry.checkInput(inputs[0], conf.getNIn(), "");
      long taps = geometry.sampledTaps();
      geometry.checkShape("offset", inputs[1], geometry.outputShape(inputs[0], 2 * taps));
      boolean masked = inputs.length == 3;
      if (masked) {
        geometry.checkShape("mask", inputs[2], geometry.outputShape(inputs[0], taps));
      }
      this.features = features.castTo(dataType); // itself if it has this type
      this.offset = inputs[1].castTo(dataType);
      this.mask = masked ? inputs[2].castTo(dataType) : null;
    }

    INDArray convolve(ArrayType type, LayerWorkspaceMgr ws) {
      long[] shape = geometry.outputShape(features, conf.getNOut());
      INDArray output = ws.createUninitialized(type, dataType, shape, 'c');
      geometry.forward(
          features, paramTable.get(WEIGHT_KEY), offset, mask, paramTable.get(BIAS_KEY), output);
      return output;
    }
  }

  @Override
  public INDArray doForward(boolean training, LayerWorkspaceMgr workspaceMgr) {
    if (!canDoForward()) {
      throw new IllegalStateException("Cannot do forward pass: inputs not set. " + this);
    }
    droppedFeatures = training && conf.getIDropout() != null ? drop(workspaceMgr) : null;
    Call call = new Call(droppedFeatures == null ? inputs[0] : droppedFeatures);
    INDArray output = call.convolve(ArrayType.ACTIVATIONS, workspaceMgr);
    // Most functions work in place.
    boolean keeps = training && ActivationPass.activates(conf.getActivationFn());
    z = keeps ? workspaceMgr.dup(ArrayType.ACTIVATIONS, output) : null;
    return conf.getActivationFn().getActivation(output, training);
  }

  private INDArray drop(LayerWorkspaceMgr workspaceMgr) {
    INDArray in = inputs[0];
    INDArray result =
        workspaceMgr.createUninitialized(ArrayType.INPUT, in.dataType(), in.shape(), in.ordering());
    return conf.getIDropout()
        .applyDropout(
            in,
            result,
            graph.getConfiguration().getIterationCount(),
            graph.getConfiguration().getEpochCount(),
            workspaceMgr);
  }

  @Override
  public Pair<Gradient, INDArray[]> doBackward(boolean tbptt, LayerWorkspaceMgr workspaceMgr) {
    if (!canDoBackward()) {
      throw new IllegalStateException(
          "Cannot do backward pass: inputs or epsilon not set. " + this);
    }
    Call call = new Call(droppedFeatures == null ? inputs[0] : droppedFeatures);
    INDArray delta = epsilon.castTo(dataType);
    if (ActivationPass.activates(conf.getActivationFn())) {
      boolean kept = z != null && ActivationPass.areIntact(z);
      INDArray before = kept ? z : call.convolve(ArrayType.BP_WORKING_MEM, workspaceMgr);
      z = null; // this overwrites it
      delta = ActivationPass.backward(conf.getActivationFn(), before, delta, workspaceMgr);
    }
    INDArray[] epsilons = new INDArray[inputs.length];
    for (int i = 0; i < epsilons.length; i++) {
      epsilons[i] =
          workspaceMgr.createUninitialized(
              ArrayType.ACTIVATION_GRAD, dataType, inputs[i].shape(), 'c');
    }
    call.geometry.backward(
        call.features,
        paramTable.get(WEIGHT_KEY),
        call.offset,
        call.mask,
        paramTable.get(BIAS_KEY),
        delta,
        epsilons[0],
        gradientViews.get(WEIGHT_KEY),
        epsilons[1],
        call.mask == null ? null : epsilons[2],
        gradientViews.get(BIAS_KEY));
    if (droppedFeatures != null) {
      conf.getIDropout()
          .backprop(
              epsilons[0],
              epsilons[0],
              graph.getConfiguration().getIterationCount(),
              graph.getConfiguration().getEpochCount());
      droppedFeatures = null;
    }
    Gradient gradient = new DefaultGradient();
    gradientViews.forEach((key, view) -> gradient.setGradientFor(key, view, view.ordering()));
    return new Pair<>(gradient, epsilons);
  }

  @Override
  public void setBackpropGradientsViewArray(INDArray view) {
    gradients = view;
    gradientViews = Geometry.views(conf.getVertexParams().getParamShapes(), view);
  }

  @Override
  public INDArray getGradientsViewArray() {
    return gradients;
  }

  @Override
  public Pair<INDArray, MaskState> feedForwardMaskArrays(
      INDArray[] maskArrays, MaskState currentMaskState, int minibatchSize) {
    INDArray features = maskArrays == null || maskArrays.length == 0 ? null : maskArrays[0];
    return new Pair<>(conf.geometry().reduceMask(features), currentMaskState);
  }

  @Override
  public void setInput(int inputNumber, INDArray input, LayerWorkspaceMgr workspaceMgr) {
    super.setInput(inputNumber, input, workspaceMgr);
    z = null;
  }

  @Override
  public void clear() {
    super.clear();
    droppedFeatures = null;
    z = null;
    if (conf.getIDropout() != null) {
      conf.getIDropout().clear();
    }
  }

  @Override
  public boolean hasLayer() {
    return false;
  }

  @Override
  public Layer getLayer() {
    return null;
  }

  @Override
  public Map<String, INDArray> paramTable(boolean backpropOnly) {
    return paramTable;
  }

  @Override
  public INDArray params() {
    return params;
  }

  @Override
  public TrainingConfig getConfig() {
    return conf;
  }

  @Override
  public String toString() {
    return "DeformableConvolution2DVertex(id=" + vertexIndex + ",name=\"" + vertexName + "\")";
  }
}
