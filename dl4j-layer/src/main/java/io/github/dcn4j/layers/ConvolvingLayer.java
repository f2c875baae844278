package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.Convolution2DParamInitializer.BIAS_KEY;
import static io.github.dcn4j.layers.Convolution2DParamInitializer.WEIGHT_KEY;

import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.IActivation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the convolution layers of this library share when they run: all but the convolution itself
 * and what it needs to be told before.
 *
 * @param <C> the configuration
 * @param <P> what a forward pass leaves for its backward pass
 */
abstract class ConvolvingLayer<C extends GroupedConvolution2D, P extends ConvolvingLayer.Pass>
    extends BaseLayer<C> {
  /** Of the last training pass, for its backward pass; null, or out of scope, if not there. */
  private P cached;

  ConvolvingLayer(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  /** The values of a forward pass that its gradients need. */
  static class Pass {
    INDArray z; // before the activation function; null if that is the identity

    boolean isIntact() {
      return ActivationPass.areIntact(z);
    }
  }

  /** What comes before the convolution; its arrays are of the given kind. */
  abstract P prepare(Geometry geometry, INDArray in, ArrayType type, LayerWorkspaceMgr ws);

  /** The convolution, into {@code output}. */
  abstract void forward(
      Geometry geometry, INDArray in, P pass, INDArray weights, INDArray bias, INDArray output);

  /** Writes the gradients of the parameters into their views, and that of the input. */
  abstract void backward(
      Geometry geometry,
      INDArray in,
      P pass,
      INDArray weights,
      INDArray bias,
      INDArray delta,
      INDArray epsilonNext,
      LayerWorkspaceMgr ws);

  private INDArray convolve(
      Geometry geometry,
      INDArray in,
      P pass,
      boolean training,
      ArrayType type,
      LayerWorkspaceMgr ws) {
    long[] shape = geometry.outputShape(in, layerConf().getNOut());
    INDArray output = ws.createUninitialized(type, dataType, shape, 'c');
    forward(geometry, in, pass, weights(training, ws), bias(training, ws), output);
    return output;
  }

  private INDArray weights(boolean training, LayerWorkspaceMgr ws) {
    return withNoise(WEIGHT_KEY, training, ws);
  }

  private INDArray bias(boolean training, LayerWorkspaceMgr ws) {
    return withNoise(BIAS_KEY, training, ws);
  }

  /** Null if there is no such parameter. */
  private INDArray withNoise(String key, boolean training, LayerWorkspaceMgr ws) {
    return params.containsKey(key) ? getParamWithNoise(key, training, ws) : null;
  }

  /** The layer's input, of the network's type. */
  INDArray checkedInput(Geometry geometry) {
    geometry.checkInput(input, layerConf().getNIn(), layerId());
    return input.castTo(dataType); // itself if it has this type
  }

  private boolean activates() {
    return ActivationPass.activates(layerConf().getActivationFn());
  }

  @Override
  public void setInput(INDArray input, LayerWorkspaceMgr workspaceMgr) {
    super.setInput(input, workspaceMgr);
    cached = null;
  }

  @Override
  public void clear() {
    super.clear();
    cached = null;
  }

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
    assertInputSet(false);
    cached = null;
    Geometry geometry = layerConf().geometry();
    applyDropOutIfNecessary(training, workspaceMgr);
    INDArray in = checkedInput(geometry);
    // Activations live until the backward pass, working memory does not.
    ArrayType type = training ? ArrayType.ACTIVATIONS : ArrayType.FF_WORKING_MEM;
    P pass = prepare(geometry, in, type, workspaceMgr);
    INDArray z = convolve(geometry, in, pass, training, ArrayType.ACTIVATIONS, workspaceMgr);
    if (training) {
      cached = pass;
      if (activates()) {
        pass.z = workspaceMgr.dup(ArrayType.ACTIVATIONS, z); // most functions work in place
      }
    }
    return layerConf().getActivationFn().getActivation(z, training);
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
    assertInputSet(true);
    Geometry geometry = layerConf().geometry();
    INDArray in = checkedInput(geometry);
    P pass = cached != null && cached.isIntact() ? cached : recompute(geometry, in, workspaceMgr);
    cached = null; // this overwrites some of it

    INDArray delta = epsilon.castTo(dataType);
    if (activates()) {
      IActivation function = layerConf().getActivationFn();
      delta = ActivationPass.backward(function, pass.z, delta, workspaceMgr);
    }
    INDArray epsilonNext =
        workspaceMgr.createUninitialized(ArrayType.ACTIVATION_GRAD, dataType, in.shape(), 'c');
    backward(
        geometry,
        in,
        pass,
        weights(true, workspaceMgr),
        bias(true, workspaceMgr),
        delta,
        epsilonNext,
        workspaceMgr);

    Gradient gradient = new DefaultGradient();
    gradientViews.forEach((key, view) -> gradient.setGradientFor(key, view, view.ordering()));
    weightNoiseParams.clear();
    return new Pair<>(gradient, backpropDropOutIfPresent(epsilonNext));
  }

  /** The forward pass once more, for a backward pass that has none to go back on. */
  private P recompute(Geometry geometry, INDArray in, LayerWorkspaceMgr workspaceMgr) {
    P pass = prepare(geometry, in, ArrayType.BP_WORKING_MEM, workspaceMgr);
    if (activates()) {
      pass.z = convolve(geometry, in, pass, true, ArrayType.BP_WORKING_MEM, workspaceMgr);
    }
    return pass;
  }

  @Override
  public Type type() {
    return Type.CONVOLUTIONAL;
  }

  @Override
  public boolean hasBias() {
    return layerConf().hasBias();
  }

  @Override
  public boolean isPretrainLayer() {
    return false;
  }

  @Override
  public void fit(INDArray input, LayerWorkspaceMgr workspaceMgr) {
    throw new UnsupportedOperationException("Not supported: the layer trains within a network");
  }

  /** All parameters, one after another, each in 'c' order. */
  @Override
  public void setParams(INDArray params) {
    setParams(params, 'c');
  }

  /**
   * Sets one parameter.
   *
   * @param val of the parameter's shape; a bias may also be [1, n]
   */
  @Override
  public void setParam(String key, INDArray val) {
    ParameterTable.set(params, key, val, layerId());
  }

  @Override
  public Pair<INDArray, MaskState> feedForwardMaskArray(
      INDArray maskArray, MaskState currentMaskState, int minibatchSize) {
    return new Pair<>(layerConf().geometry().reduceMask(maskArray), currentMaskState);
  }
}
