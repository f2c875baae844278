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
import org.deeplearning4j.util.ConvolutionUtils;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Runs a {@link DeformableConvolution2D}. */
final class DeformableConvolution2DLayer extends BaseLayer<DeformableConvolution2D> {
  DeformableConvolution2DLayer(NeuralNetConfiguration conf, DataType dataType) {
    super(conf, dataType);
  }

  /** Where a pass samples: views of the offset convolution's output, and the mask. */
  private static final class Sampling {
    INDArray prediction;
    INDArray offset;
    INDArray mask; // null if unmodulated
  }

  private Sampling predict(
      Geometry geometry, INDArray input, ArrayType type, LayerWorkspaceMgr ws) {
    DeformableConvolution2D conf = layerConf();
    Sampling s = new Sampling();
    long[] shape = geometry.outputShape(input, conf.predictionChannels());
    s.prediction = ws.createUninitialized(type, dataType, shape, 'c');
    geometry.plainForward(
        input, getParam(OFFSET_WEIGHT_KEY), getParam(OFFSET_BIAS_KEY), s.prediction);
    long taps = geometry.sampledTaps();
    s.offset = geometry.channels(s.prediction, 0, 2 * taps);
    if (conf.isModulated()) {
      s.mask = geometry.channels(s.prediction, 2 * taps, 3 * taps);
      Transforms.sigmoid(s.mask, false);
    }
    return s;
  }

  private INDArray convolve(
      Geometry geometry,
      INDArray input,
      Sampling s,
      boolean training,
      ArrayType type,
      LayerWorkspaceMgr ws) {
    INDArray weights = getParamWithNoise(WEIGHT_KEY, training, ws);
    INDArray bias = hasBias() ? getParamWithNoise(BIAS_KEY, training, ws) : null;
    long[] shape = geometry.outputShape(input, layerConf().getNOut());
    INDArray output = ws.createUninitialized(type, dataType, shape, 'c');
    geometry.forward(input, weights, s.offset, s.mask, bias, output);
    return output;
  }

  private INDArray checkedInput(Geometry geometry) {
    geometry.checkInput(input, layerConf().getNIn(), layerId());
    return input.castTo(dataType); // itself if it has this type
  }

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
    assertInputSet(false);
    Geometry geometry = layerConf().geometry();
    applyDropOutIfNecessary(training, workspaceMgr);
    INDArray in = checkedInput(geometry);
    Sampling s = predict(geometry, in, ArrayType.FF_WORKING_MEM, workspaceMgr);
    INDArray z = convolve(geometry, in, s, training, ArrayType.ACTIVATIONS, workspaceMgr);
    return layerConf().getActivationFn().getActivation(z, training);
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
    assertInputSet(true);
    Geometry geometry = layerConf().geometry();
    INDArray in = checkedInput(geometry);
    // The activation function may have overwritten the forward pass's values: they are made again.
    Sampling s = predict(geometry, in, ArrayType.BP_WORKING_MEM, workspaceMgr);
    INDArray z = convolve(geometry, in, s, true, ArrayType.BP_WORKING_MEM, workspaceMgr);
    INDArray delta = layerConf().getActivationFn().backprop(z, epsilon.castTo(dataType)).getFirst();

    INDArray weights = getParamWithNoise(WEIGHT_KEY, true, workspaceMgr);
    INDArray bias = hasBias() ? getParamWithNoise(BIAS_KEY, true, workspaceMgr) : null;
    long taps = geometry.sampledTaps();
    INDArray gradPrediction =
        workspaceMgr.createUninitialized(
            ArrayType.BP_WORKING_MEM, dataType, s.prediction.shape(), 'c');
    INDArray gradMask =
        s.mask == null ? null : geometry.channels(gradPrediction, 2 * taps, 3 * taps);
    INDArray epsilonNext =
        workspaceMgr.createUninitialized(ArrayType.ACTIVATION_GRAD, dataType, in.shape(), 'c');
    geometry.backward(
        in,
        weights,
        s.offset,
        s.mask,
        bias,
        delta,
        epsilonNext,
        gradientViews.get(WEIGHT_KEY),
        geometry.channels(gradPrediction, 0, 2 * taps),
        gradMask,
        bias == null ? null : gradientViews.get(BIAS_KEY));
    if (gradMask != null) {
      // Through the sigmoid: its slope is mask·(1 − mask). The mask is not needed after this.
      gradMask.muli(s.mask);
      gradMask.muli(s.mask.rsubi(1));
    }

    INDArray throughOffsets =
        workspaceMgr.createUninitialized(ArrayType.BP_WORKING_MEM, dataType, in.shape(), 'c');
    geometry.plainBackward(
        in,
        getParam(OFFSET_WEIGHT_KEY),
        getParam(OFFSET_BIAS_KEY),
        gradPrediction,
        throughOffsets,
        gradientViews.get(OFFSET_WEIGHT_KEY),
        gradientViews.get(OFFSET_BIAS_KEY));
    epsilonNext.addi(throughOffsets);

    Gradient gradient = new DefaultGradient();
    gradientViews.forEach((key, view) -> gradient.setGradientFor(key, view, view.ordering()));
    weightNoiseParams.clear();
    return new Pair<>(gradient, backpropDropOutIfPresent(epsilonNext));
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
    DeformableConvolution2D conf = layerConf();
    INDArray out =
        maskArray == null
            ? null
            : ConvolutionUtils.cnn2dMaskReduction(
                maskArray,
                conf.getKernelSize(),
                conf.getStride(),
                conf.getPadding(),
                conf.getDilation(),
                conf.getConvolutionMode());
    return new Pair<>(out, currentMaskState);
  }
}
