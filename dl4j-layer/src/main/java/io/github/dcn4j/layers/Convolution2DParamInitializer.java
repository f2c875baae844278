package io.github.dcn4j.layers;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.params.ConvolutionParamInitializer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The parameters of {@link Convolution2D}, in the order of {@code ConvolutionLayer}: b, W. */
final class Convolution2DParamInitializer extends TableInitializer {
  static final String WEIGHT_KEY = ConvolutionParamInitializer.WEIGHT_KEY;
  static final String BIAS_KEY = ConvolutionParamInitializer.BIAS_KEY;

  static final Convolution2DParamInitializer INSTANCE = new Convolution2DParamInitializer();

  private Convolution2DParamInitializer() {}

  @Override
  Map<String, long[]> shapes(Layer layer) {
    GroupedConvolution2D conf = (GroupedConvolution2D) layer;
    Map<String, long[]> shapes = new LinkedHashMap<>();
    if (conf.hasBias()) {
      shapes.put(BIAS_KEY, biasShape(conf));
    }
    shapes.put(WEIGHT_KEY, weightShape(conf));
    return shapes;
  }

  @Override
  public List<String> paramKeys(Layer layer) {
    return ((GroupedConvolution2D) layer).hasBias()
        ? List.of(BIAS_KEY, WEIGHT_KEY)
        : List.of(WEIGHT_KEY);
  }

  static long[] weightShape(GroupedConvolution2D conf) {
    int[] kernel = conf.getKernelSize();
    return new long[] {conf.getNOut(), conf.getNIn() / conf.getGroups(), kernel[0], kernel[1]};
  }

  static long[] biasShape(GroupedConvolution2D conf) {
    return new long[] {conf.getNOut()};
  }

  @Override
  public boolean isWeightParam(Layer layer, String key) {
    return WEIGHT_KEY.equals(key);
  }

  @Override
  public boolean isBiasParam(Layer layer, String key) {
    return BIAS_KEY.equals(key);
  }

  @Override
  void fill(Layer layer, Map<String, INDArray> params) {
    fillConvolution((GroupedConvolution2D) layer, params);
  }

  /** Fills W and, if there is one, b. */
  static void fillConvolution(GroupedConvolution2D conf, Map<String, INDArray> params) {
    conf.geometry()
        .initWeights(conf.getWeightInitFn(), params.get(WEIGHT_KEY), conf.getNIn(), conf.getNOut());
    if (conf.hasBias()) {
      params.get(BIAS_KEY).assign(conf.getBiasInit());
    }
  }
}
