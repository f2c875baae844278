package io.github.dcn4j.layers;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The parameters of {@link DeformableConvolutionV3}, each in 'c' order. Those of the predictor come
 * last and side by side, so that they share one updater block.
 */
final class DeformableConvolutionV3ParamInitializer extends TableInitializer {
  static final String WEIGHT_KEY = Convolution2DParamInitializer.WEIGHT_KEY;
  static final String BIAS_KEY = Convolution2DParamInitializer.BIAS_KEY;
  static final String VALUE_WEIGHT_KEY = "valueW";
  static final String VALUE_BIAS_KEY = "valueB";
  static final String CENTER_WEIGHT_KEY = "centerW";
  static final String CENTER_BIAS_KEY = "centerB";
  static final String DEPTHWISE_WEIGHT_KEY = "dwW";
  static final String DEPTHWISE_BIAS_KEY = "dwB";
  static final String GAIN_KEY = "gamma";
  static final String SHIFT_KEY = "beta";
  static final String OFFSET_WEIGHT_KEY = DeformableConvolution2DParamInitializer.OFFSET_WEIGHT_KEY;
  static final String OFFSET_BIAS_KEY = DeformableConvolution2DParamInitializer.OFFSET_BIAS_KEY;

  static final Set<String> ORDINARY_KEYS =
      Set.of(WEIGHT_KEY, BIAS_KEY, VALUE_WEIGHT_KEY, VALUE_BIAS_KEY);
  static final Set<String> PREDICTOR_KEYS =
      Set.of(
          DEPTHWISE_WEIGHT_KEY,
          DEPTHWISE_BIAS_KEY,
          GAIN_KEY,
          SHIFT_KEY,
          OFFSET_WEIGHT_KEY,
          OFFSET_BIAS_KEY);

  static final DeformableConvolutionV3ParamInitializer INSTANCE =
      new DeformableConvolutionV3ParamInitializer();

  private DeformableConvolutionV3ParamInitializer() {}

  @Override
  Map<String, long[]> shapes(Layer layer) {
    DeformableConvolutionV3 conf = (DeformableConvolutionV3) layer;
    long channels = conf.getNIn();
    long predicted = conf.predictionChannels();
    int[] depthwise = conf.depthwiseKernel() == null ? new int[2] : conf.depthwiseKernel();
    Map<String, long[]> all = new LinkedHashMap<>();
    all.put(WEIGHT_KEY, new long[] {conf.getNOut(), channels, 1, 1});
    all.put(BIAS_KEY, new long[] {conf.getNOut()});
    all.put(VALUE_WEIGHT_KEY, new long[] {channels, channels, 1, 1});
    all.put(VALUE_BIAS_KEY, new long[] {channels});
    all.put(CENTER_WEIGHT_KEY, new long[] {conf.getGroups(), channels, 1, 1});
    all.put(CENTER_BIAS_KEY, new long[] {conf.getGroups()});
    all.put(DEPTHWISE_WEIGHT_KEY, new long[] {channels, 1, depthwise[0], depthwise[1]});
    all.put(DEPTHWISE_BIAS_KEY, new long[] {channels});
    all.put(GAIN_KEY, new long[] {channels});
    all.put(SHIFT_KEY, new long[] {channels});
    all.put(OFFSET_WEIGHT_KEY, new long[] {predicted, channels, 1, 1});
    all.put(OFFSET_BIAS_KEY, new long[] {predicted});
    all.keySet().retainAll(paramKeys(layer));
    return all;
  }

  @Override
  public List<String> paramKeys(Layer layer) {
    DeformableConvolutionV3 conf = (DeformableConvolutionV3) layer;
    List<String> keys = new ArrayList<>();
    if (conf.isOutputProjection()) {
      keys.add(WEIGHT_KEY);
      if (conf.hasBias()) {
        keys.add(BIAS_KEY);
      }
    }
    if (conf.isInputProjection()) {
      keys.addAll(List.of(VALUE_WEIGHT_KEY, VALUE_BIAS_KEY));
    }
    if (conf.isCenterFeatureScale()) {
      keys.addAll(List.of(CENTER_WEIGHT_KEY, CENTER_BIAS_KEY));
    }
    if (conf.depthwiseKernel() != null) {
      keys.addAll(List.of(DEPTHWISE_WEIGHT_KEY, DEPTHWISE_BIAS_KEY));
      if (conf.normalizes()) {
        keys.addAll(List.of(GAIN_KEY, SHIFT_KEY));
      }
    }
    keys.addAll(List.of(OFFSET_WEIGHT_KEY, OFFSET_BIAS_KEY));
    return keys;
  }

  /** What constraints on weights act on; {@link #isWeightParam} has all weights. */
  @Override
  public List<String> weightKeys(Layer layer) {
    return ordinary(super.weightKeys(layer));
  }

  /** What constraints on biases act on; {@link #isBiasParam} has all biases. */
  @Override
  public List<String> biasKeys(Layer layer) {
    return ordinary(super.biasKeys(layer));
  }

  private static List<String> ordinary(List<String> keys) {
    return keys.stream().filter(ORDINARY_KEYS::contains).collect(Collectors.toList());
  }

  @Override
  public boolean isWeightParam(Layer layer, String key) {
    return key.endsWith(WEIGHT_KEY);
  }

  @Override
  public boolean isBiasParam(Layer layer, String key) {
    return !isWeightParam(layer, key);
  }

  @Override
  void fill(Layer layer, Map<String, INDArray> params) {
    DeformableConvolutionV3 conf = (DeformableConvolutionV3) layer;
    params.forEach(
        (key, param) -> {
          boolean drawn = ORDINARY_KEYS.contains(key) || key.startsWith("dw");
          if (drawn && isWeightParam(layer, key)) {
            double taps = param.size(2) * param.size(3);
            conf.getWeightInitFn()
                .init(
                    param.size(1) * taps,
                    (key.equals(DEPTHWISE_WEIGHT_KEY) ? 1 : param.size(0)) * taps,
                    param.shape(),
                    'c',
                    param.reshape(param.length()));
          } else {
            param.assign(drawn ? conf.getBiasInit() : key.equals(GAIN_KEY) ? 1 : 0);
          }
        });
  }
}
