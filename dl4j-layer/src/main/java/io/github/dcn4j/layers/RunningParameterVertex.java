package io.github.dcn4j.layers;

import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.TrainingConfig;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A running vertex with parameters.
 *
 * @param <C> the configuration
 */
@SuppressWarnings("overrides") // BaseGraphVertex.setInputs lacks its interface's varargs
abstract class RunningParameterVertex<C extends ParameterVertex> extends RunningVertex {
  final C conf;
  final VertexLayer layer;
  Map<String, INDArray> gradientViews = Map.of();
  private final INDArray params;
  private INDArray gradients;

  RunningParameterVertex(
      C conf,
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType dataType) {
    super(conf.getClass(), graph, name, index, dataType);
    this.conf = conf;
    this.params = params;
    layer = new VertexLayer(conf, params, paramTable, index, dataType);
  }

  INDArray param(String key) {
    return layer.getParam(key);
  }

  /** The gradients of the parameters, as they are in their views. */
  Gradient gradient() {
    Gradient gradient = new DefaultGradient();
    gradientViews.forEach((key, view) -> gradient.setGradientFor(key, view, view.ordering()));
    return gradient;
  }

  @Override
  public void setBackpropGradientsViewArray(INDArray view) {
    gradients = view;
    gradientViews = view == null ? Map.of() : ParameterTable.views(conf.shapes(), view);
  }

  @Override
  public INDArray getGradientsViewArray() {
    return gradients;
  }

  @Override
  public Map<String, INDArray> paramTable(boolean backpropOnly) {
    return layer.paramTable();
  }

  @Override
  public INDArray params() {
    return params;
  }

  @Override
  public TrainingConfig getConfig() {
    return conf;
  }

  /**
   * The parameters for methods of the graph that take the name of a layer, such as {@code
   * getParam("vertex_W")}. It is no layer of the graph: {@link #hasLayer()} is false.
   */
  @Override
  public Layer getLayer() {
    return layer;
  }
}
