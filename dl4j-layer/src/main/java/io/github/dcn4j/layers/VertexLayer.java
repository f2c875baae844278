package io.github.dcn4j.layers;

import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The parameters of a vertex as a layer has them: what DL4J asks of a layer by its name, and weight
 * noise, which takes a layer. It computes nothing itself.
 */
final class VertexLayer extends BaseLayer<DenseLayer> {
  private final ParameterVertex vertex;

  VertexLayer(
      ParameterVertex vertex,
      INDArray params,
      Map<String, INDArray> paramTable,
      int index,
      DataType dataType) {
    super(conf(vertex), dataType);
    this.vertex = vertex;
    this.params = paramTable;
    paramsFlattened = params;
    setIndex(index);
  }

  /** A layer's configuration with the vertex's updater, the same object, and its weight noise. */
  private static NeuralNetConfiguration conf(ParameterVertex vertex) {
    DenseLayer layer = new DenseLayer();
    layer.setLayerName(vertex.getName());
    layer.setIUpdater(vertex.getUpdater());
    layer.setBiasUpdater(vertex.getBiasUpdater());
    layer.setWeightNoise(vertex.getWeightNoise());
    NeuralNetConfiguration conf = new NeuralNetConfiguration();
    conf.setLayer(layer);
    return conf;
  }

  /** A parameter, with the noise of this pass if it is one of training. */
  INDArray withNoise(String key, boolean training, LayerWorkspaceMgr workspaceMgr) {
    return params.containsKey(key) ? getParamWithNoise(key, training, workspaceMgr) : null;
  }

  /** Ends a pass of training: the next one has noise of its own. */
  void forgetNoise() {
    weightNoiseParams.clear();
  }

  @Override
  public void setParam(String key, INDArray val) {
    ParameterTable.set(params, key, val, vertex.owner());
  }

  @Override
  public void setParams(INDArray params) {
    setParams(params, 'c');
  }

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
    throw notALayer();
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
    throw notALayer();
  }

  private UnsupportedOperationException notALayer() {
    return new UnsupportedOperationException(
        vertex.owner() + " is a vertex with several inputs and does not run as a layer");
  }

  @Override
  public boolean isPretrainLayer() {
    return false;
  }
}
