package io.github.dcn4j.layers;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Parameters that are views of a flat array, one after another, each in 'c' order. */
abstract class TableInitializer implements ParamInitializer {
  /** The shapes of the parameters by their names, in the order of the flat array. */
  abstract Map<String, long[]> shapes(Layer layer);

  /** Fills the parameters of a new layer. */
  abstract void fill(Layer layer, Map<String, INDArray> params);

  @Override
  public long numParams(NeuralNetConfiguration conf) {
    return numParams(conf.getLayer());
  }

  @Override
  public long numParams(Layer layer) {
    // DL4J adds these up before it makes a layer. A negative nOut is the next layer's nIn: its
    // parameters would make the sum too small, and a layer in front would fail for it.
    ((GroupedConvolution2D) layer).refuseNegativeSizes();
    Collection<long[]> shapes = shapes(layer).values();
    // Other sizes that can't be the layer itself refuses by name, when it is made.
    if (shapes.stream().flatMapToLong(Arrays::stream).anyMatch(size -> size < 1)) {
      return 0;
    }
    return shapes.stream().mapToLong(ParameterTable::length).sum();
  }

  /** Their names; asked for before the layer knows its sizes. */
  @Override
  public abstract List<String> paramKeys(Layer layer);

  /** What constraints on weights act on. */
  @Override
  public List<String> weightKeys(Layer layer) {
    return paramKeys(layer).stream()
        .filter(key -> isWeightParam(layer, key))
        .collect(Collectors.toList());
  }

  /** What constraints on biases act on. */
  @Override
  public List<String> biasKeys(Layer layer) {
    return paramKeys(layer).stream()
        .filter(key -> isBiasParam(layer, key))
        .collect(Collectors.toList());
  }

  @Override
  public Map<String, INDArray> init(
      NeuralNetConfiguration conf, INDArray paramsView, boolean initializeParams) {
    Layer layer = conf.getLayer();
    Map<String, INDArray> params = ParameterTable.views(shapes(layer), paramsView);
    params.keySet().forEach(conf::addVariable);
    if (initializeParams) {
      fill(layer, params);
    }
    return params;
  }

  @Override
  public Map<String, INDArray> getGradientsFromFlattened(
      NeuralNetConfiguration conf, INDArray gradientView) {
    return ParameterTable.views(shapes(conf.getLayer()), gradientView);
  }
}
