package io.github.dcn4j.layers;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The parameters of {@link DeformableConvolution2D}, in the order W, b, offsetW, offsetB, each in
 * 'c' order. Those of the offset convolution come last and side by side, so that they share one
 * updater block however their learning rate is scaled.
 */
final class DeformableConvolution2DParamInitializer extends TableInitializer {
  static final String WEIGHT_KEY = ConvolutionParamInitializer.WEIGHT_KEY;
  static final String BIAS_KEY = ConvolutionParamInitializer.BIAS_KEY;
  static final String OFFSET_WEIGHT_KEY = "offsetW";
  static final String OFFSET_BIAS_KEY = "offsetB";

  static final DeformableConvolution2DParamInitializer INSTANCE =
      new DeformableConvolution2DParamInitializer();

  private DeformableConvolution2DParamInitializer() {}

  static boolean isOffsetParam(String key) {
    return OFFSET_WEIGHT_KEY.equals(key) || OFFSET_BIAS_KEY.equals(key);
  }

  @Override
  Map<String, long[]> shapes(Layer layer) {
    DeformableConvolution2D conf = (DeformableConvolution2D) layer;
    int[] kernel = conf.getKernelSize();
    long predicted = conf.predictionChannels();
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(WEIGHT_KEY, Convolution2DParamInitializer.weightShape(conf));
    if (conf.hasBias()) {
      shapes.put(BIAS_KEY, Convolution2DParamInitializer.biasShape(conf));
    }
    shapes.put(OFFSET_WEIGHT_KEY, new long[] {predicted, conf.getNIn(), kernel[0], kernel[1]});
    shapes.put(OFFSET_BIAS_KEY, new long[] {predicted});
    return shapes;
  }

  @Override
  public List<String> paramKeys(Layer layer) {
    return hasBias(layer)
        ? List.of(WEIGHT_KEY, BIAS_KEY, OFFSET_WEIGHT_KEY, OFFSET_BIAS_KEY)
        : List.of(WEIGHT_KEY, OFFSET_WEIGHT_KEY, OFFSET_BIAS_KEY);
  }

  /** What constraints on weights act on; {@link #isWeightParam} has all weights. */
  @Override
  public List<String> weightKeys(Layer layer) {
    return Collections.singletonList(WEIGHT_KEY);
  }

  /** What constraints on biases act on; {@link #isBiasParam} has all biases. */
  @Override
  public List<String> biasKeys(Layer layer) {
    return hasBias(layer) ? Collections.singletonList(BIAS_KEY) : Collections.emptyList();
  }

  private static boolean hasBias(Layer layer) {
    return ((DeformableConvolution2D) layer).hasBias();
  }

  @Override
  public boolean isWeightParam(Layer layer, String key) {
    return WEIGHT_KEY.equals(key) || OFFSET_WEIGHT_KEY.equals(key);
  }

  @Override
  public boolean isBiasParam(Layer layer, String key) {
    return BIAS_KEY.equals(key) || OFFSET_BIAS_KEY.equals(key);
  }

  @Override
  void fill(Layer layer, Map<String, INDArray> params) {
    DeformableConvolution2D conf = (DeformableConvolution2D) layer;
    Convolution2DParamInitializer.fillConvolution(conf, params);
    params.get(OFFSET_WEIGHT_KEY).assign(0);
    INDArray offsetBias = params.get(OFFSET_BIAS_KEY);
    offsetBias.assign(0);
    if (conf.isModulated()) {
      long offsets = 2 * conf.geometry().sampledTaps();
      offsetBias
          .get(NDArrayIndex.interval(offsets, offsetBias.length()))
          .assign(conf.startingLogit());
    }
  }
}
