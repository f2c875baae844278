package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.OFFSET_BIAS_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.OFFSET_WEIGHT_KEY;
import static io.github.dcn4j.layers.DeformableConvolution2DParamInitializer.WEIGHT_KEY;

import java.util.Arrays;
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
import org.nd4j.linalg.api.ops.impl.transforms.strict.Sigmoid;
import org.nd4j.linalg.factory.Nd4j;

/** Runs a {@link DeformableConvolution2D}. */
final class DeformableConvolution2DLayer extends BaseLayer<DeformableConvolution2D> {
  DeformableConvolution2DLayer(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  /**
   * What a training pass keeps for the backward pass; null, or out of scope, if it is not there.
   */
  private Pass kept;

  /** The values of a forward pass that its gradients need. */
  private static final class Pass {
    INDArray prediction; // of the offset convolution: offsets, then logits of the mask
    INDArray offset; // view of the prediction
    INDArray mask; // null if unmodulated; no view, as ND4J is several times slower on those
    INDArray z; // before the activation function; null if that is the identity

    boolean isIntact() {
      return ActivationPass.areIntact(prediction, mask, z);
    }
  }

  /** Predicts where to sample. */
  private Pass predict(Geometry geometry, INDArray input, ArrayType type, LayerWorkspaceMgr ws) {
    DeformableConvolution2D conf = layerConf();
    Pass pass = new Pass();
    long[] shape = geometry.outputShape(input, conf.predictionChannels());
    pass.prediction = ws.createUninitialized(type, dataType, shape, 'c');
    geometry
        .ungrouped()
        .plainForward(
            input, getParam(OFFSET_WEIGHT_KEY), getParam(OFFSET_BIAS_KEY), pass.prediction);
    long taps = geometry.sampledTaps();
    pass.offset = geometry.channels(pass.prediction, 0, 2 * taps);
    if (conf.isModulated()) {
      INDArray logits = geometry.channels(pass.prediction, 2 * taps, 3 * taps);
      pass.mask = ws.createUninitialized(type, dataType, logits.shape(), 'c');
      Nd4j.getExecutioner().exec(new Sigmoid(logits, pass.mask));
    }
    return pass;
  }

  private INDArray convolve(
      Geometry geometry,
      INDArray input,
      Pass pass,
      boolean training,
      ArrayType type,
      LayerWorkspaceMgr ws) {
    long[] shape = geometry.outputShape(input, layerConf().getNOut());
    INDArray output = ws.createUninitialized(type, dataType, shape, 'c');
    geometry.forward(
        input, weights(training, ws), pass.offset, pass.mask, bias(training, ws), output);
    return output;
  }

  private INDArray weights(boolean training, LayerWorkspaceMgr ws) {
    return getParamWithNoise(WEIGHT_KEY, training, ws);
  }

  /** Null if there is none. */
  private INDArray bias(boolean training, LayerWorkspaceMgr ws) {
    return hasBias() ? getParamWithNoise(BIAS_KEY, training, ws) : null;
  }

  private INDArray checkedInput(Geometry geometry) {
    geometry.checkInput(input, layerConf().getNIn(), layerId());
    return input.castTo(dataType); // itself if it has this type
  }

  private boolean activates() {
    return ActivationPass.activates(layerConf().getActivationFn());
  }

  @Override
  public void setInput(INDArray input, LayerWorkspaceMgr workspaceMgr) {
    super.setInput(input, workspaceMgr);
    kept = null;
  }

  @Override
  public void clear() {
    super.clear();
    kept = null;
  }

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
    assertInputSet(false);
    kept = null;
    Geometry geometry = layerConf().geometry();
    applyDropOutIfNecessary(training, workspaceMgr);
    INDArray in = checkedInput(geometry);
    // Activations live until the backward pass, working memory does not.
    ArrayType type = training ? ArrayType.ACTIVATIONS : ArrayType.FF_WORKING_MEM;
    Pass pass = predict(geometry, in, type, workspaceMgr);
    INDArray z = convolve(geometry, in, pass, training, ArrayType.ACTIVATIONS, workspaceMgr);
    if (training) {
      kept = pass;
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
    Pass pass = kept != null && kept.isIntact() ? kept : remake(geometry, in, workspaceMgr);
    kept = null; // this overwrites some of it

    INDArray delta = epsilon.castTo(dataType);
    if (activates()) {
      IActivation function = layerConf().getActivationFn();
      delta = ActivationPass.backward(function, pass.z, delta, workspaceMgr);
    }
    INDArray gradPrediction =
        workspaceMgr.createUninitialized(
            ArrayType.BP_WORKING_MEM, dataType, pass.prediction.shape(), 'c');
    long taps = geometry.sampledTaps();
    INDArray gradOffset = geometry.channels(gradPrediction, 0, 2 * taps);
    INDArray gradMask =
        pass.mask == null
            ? null
            : workspaceMgr.createUninitialized(
                ArrayType.BP_WORKING_MEM, dataType, pass.mask.shape(), 'c');
    INDArray epsilonNext =
        workspaceMgr.createUninitialized(ArrayType.ACTIVATION_GRAD, dataType, in.shape(), 'c');
    geometry.backward(
        in,
        weights(true, workspaceMgr),
        pass.offset,
        pass.mask,
        bias(true, workspaceMgr),
        delta,
        epsilonNext,
        gradientViews.get(WEIGHT_KEY),
        gradOffset,
        gradMask,
        gradientViews.get(BIAS_KEY));
    if (gradMask != null) {
      gradMask.muli(pass.mask).muli(pass.mask.rsubi(1)); // through the sigmoid
      geometry.channels(gradPrediction, 2 * taps, 3 * taps).assign(gradMask);
    }
    INDArray throughPrediction =
        workspaceMgr.createUninitialized(ArrayType.BP_WORKING_MEM, dataType, in.shape(), 'c');
    geometry
        .ungrouped()
        .plainBackward(
            in,
            getParam(OFFSET_WEIGHT_KEY),
            getParam(OFFSET_BIAS_KEY),
            gradPrediction,
            throughPrediction,
            gradientViews.get(OFFSET_WEIGHT_KEY),
            gradientViews.get(OFFSET_BIAS_KEY));
    epsilonNext.addi(throughPrediction);

    Gradient gradient = new DefaultGradient();
    gradientViews.forEach((key, view) -> gradient.setGradientFor(key, view, view.ordering()));
    weightNoiseParams.clear();
    return new Pair<>(gradient, backpropDropOutIfPresent(epsilonNext));
  }

  /** The forward pass once more, for a backward pass that has none to go back on. */
  private Pass remake(Geometry geometry, INDArray in, LayerWorkspaceMgr workspaceMgr) {
    Pass pass = predict(geometry, in, ArrayType.BP_WORKING_MEM, workspaceMgr);
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
    INDArray param = getParam(key);
    if (param == null) {
      throw new IllegalArgumentException(
          "setParam: expected one of " + paramTable().keySet() + ", got " + key + " " + layerId());
    }
    boolean row = param.rank() == 1 && val.rank() == 2 && val.size(0) == 1;
    INDArray shaped = row ? val.reshape(val.length()) : val;
    if (!Arrays.equals(param.shape(), shaped.shape())) {
      throw new IllegalArgumentException(
          key
              + ": expected "
              + Arrays.toString(param.shape())
              + ", got "
              + Arrays.toString(val.shape())
              + " "
              + layerId());
    }
    param.assign(shaped);
  }

  @Override
  public Pair<INDArray, MaskState> feedForwardMaskArray(
      INDArray maskArray, MaskState currentMaskState, int minibatchSize) {
    return new Pair<>(layerConf().geometry().reduceMask(maskArray), currentMaskState);
  }
}
