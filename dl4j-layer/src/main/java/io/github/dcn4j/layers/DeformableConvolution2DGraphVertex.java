package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.DeformableConvolution2DVertex.BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DVertex.WEIGHT_KEY;

import io.github.dcn4j.ops.DeformableConv2D;
import io.github.dcn4j.ops.DeformableConv2DDerivative;
import java.util.Map;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runs a {@link DeformableConvolution2DVertex}. */
@SuppressWarnings("overrides") // BaseGraphVertex.setInputs lacks its interface's varargs
final class DeformableConvolution2DGraphVertex
    extends RunningParameterVertex<DeformableConvolution2DVertex> {
  private INDArray droppedFeatures; // of the last training pass, null without dropout
  private INDArray z; // before the activation function; null or out of scope if it is not cached

  DeformableConvolution2DGraphVertex(
      DeformableConvolution2DVertex conf,
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType dataType) {
    super(conf, graph, name, index, params, paramTable, dataType);
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

    INDArray convolve(boolean training, ArrayType type, LayerWorkspaceMgr ws) {
      long[] shape = geometry.outputShape(features, conf.getNOut());
      INDArray output = ws.createUninitialized(type, dataType, shape, 'c');
      new DeformableConv2D(
              features,
              layer.withNoise(WEIGHT_KEY, training, ws),
              offset,
              mask,
              layer.withNoise(BIAS_KEY, training, ws),
              geometry.config())
          .run(output);
      return output;
    }
  }

  /**
   * Where the vertex looks in the inputs that a pass left it.
   *
   * @param map from its features to the network's input
   */
  SamplingPositions sampling(PixelMap map) {
    Call call = new Call(inputs[0]);
    return SamplingPositions.of(call.geometry, call.features, call.offset, call.mask, map);
  }

  @Override
  INDArray forward(boolean training, LayerWorkspaceMgr workspaceMgr) {
    droppedFeatures = training && conf.getIDropout() != null ? drop(workspaceMgr) : null;
    Call call = new Call(droppedFeatures == null ? inputs[0] : droppedFeatures);
    INDArray output = call.convolve(training, ArrayType.ACTIVATIONS, workspaceMgr);
    // Most functions work in place.
    boolean caches = training && ActivationPass.activates(conf.getActivationFn());
    z = caches ? workspaceMgr.dup(ArrayType.ACTIVATIONS, output) : null;
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
  Pair<Gradient, INDArray[]> backward(LayerWorkspaceMgr workspaceMgr) {
    Call call = new Call(droppedFeatures == null ? inputs[0] : droppedFeatures);
    INDArray delta = epsilon.castTo(dataType);
    if (ActivationPass.activates(conf.getActivationFn())) {
      boolean cached = z != null && ActivationPass.areIntact(z);
      INDArray before = cached ? z : call.convolve(true, ArrayType.BP_WORKING_MEM, workspaceMgr);
      z = null; // this overwrites it
      delta = ActivationPass.backward(conf.getActivationFn(), before, delta, workspaceMgr);
    }
    INDArray[] epsilons = new INDArray[inputs.length];
    for (int i = 0; i < epsilons.length; i++) {
      epsilons[i] =
          workspaceMgr.createUninitialized(
              ArrayType.ACTIVATION_GRAD, dataType, inputs[i].shape(), 'c');
    }
    new DeformableConv2DDerivative(
            call.features,
            layer.withNoise(WEIGHT_KEY, true, workspaceMgr),
            call.offset,
            call.mask,
            layer.withNoise(BIAS_KEY, true, workspaceMgr),
            delta,
            call.geometry.config())
        .run(
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
    layer.forgetNoise();
    return new Pair<>(gradient(), epsilons);
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
}
