package io.github.dcn4j.layers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.updater.UpdaterBlock;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.schedule.ISchedule;

/**
 * The parameters and learning rates of a graph's vertices, where methods of {@link
 * ComputationGraph} have layers alone in mind.
 *
 * <p>By its name a vertex of this library is reached as a layer is: {@code
 * graph.getParam("vertex_W")}, {@code graph.setParam("vertex_W", array)}, {@code
 * graph.setLearningRate("vertex", 0.01)}, {@code graph.getLearningRate("vertex")}. This class has
 * what goes over all of them. Of DL4J 1.0.0-M2.1's own methods
 *
 * <ul>
 *   <li>{@code graph.setLearningRate(0.01)} leaves vertices as they are: {@link
 *       #setLearningRate(ComputationGraph, double)}
 *   <li>{@code TransferLearning} copies the parameters of layers alone if any vertex is added,
 *       changed or removed: {@link #copy}
 *   <li>{@code graph.numParams()} counts those of layers, and a graph in which no layer has any is
 *       not trained: {@code fit} returns at once. Such a graph gets a warning when it is made
 * </ul>
 */
public final class VertexParameters {
  private VertexParameters() {}

  private static List<GraphVertex> vertices(ComputationGraph graph) {
    List<GraphVertex> vertices = new ArrayList<>();
    for (GraphVertex vertex : graph.getVertices()) {
      if (!vertex.hasLayer() && !table(vertex).isEmpty()) {
        vertices.add(vertex);
      }
    }
    return vertices;
  }

  private static Map<String, INDArray> table(GraphVertex vertex) {
    Map<String, INDArray> table = vertex.paramTable(false);
    return table == null ? Map.of() : table;
  }

  /**
   * Copies the parameters of the vertices that are no layers from one graph to another: those that
   * have the same name in both. For use after {@code TransferLearning}, which leaves them new.
   *
   * @param from the graph that they are taken from, unchanged
   * @param to the graph in which they are set
   * @return the names of the vertices
   * @throws IllegalArgumentException if vertices of one name have other parameters, naming them;
   *     nothing is changed then
   */
  public static List<String> copy(ComputationGraph from, ComputationGraph to) {
    List<String> names = new ArrayList<>();
    for (GraphVertex vertex : vertices(to)) {
      String name = vertex.getVertexName();
      GraphVertex other =
          Arrays.asList(from.getVertices()).stream()
              .filter(v -> v.getVertexName().equals(name) && !v.hasLayer())
              .findFirst()
              .orElse(null);
      if (other != null && !table(other).isEmpty()) {
        checkShapes(name, shapes(vertex), shapes(other));
        names.add(name);
      }
    }
    for (String name : names) {
      to.getVertex(name).params().assign(from.getVertex(name).params());
    }
    return names;
  }

  private static void checkShapes(String name, String expected, String got) {
    if (!expected.equals(got)) {
      throw new IllegalArgumentException(
          name + ": expected parameters " + expected + ", got " + got);
    }
  }

  private static String shapes(GraphVertex vertex) {
    StringBuilder shapes = new StringBuilder();
    table(vertex).forEach((key, p) -> shapes.append(key).append(Arrays.toString(p.shape())));
    return shapes.toString();
  }

  /**
   * Sets the learning rate of all layers, as the graph's own method does, and of all vertices.
   *
   * @param learningRate for each updater that has one, in the place of any schedule
   */
  public static void setLearningRate(ComputationGraph graph, double learningRate) {
    setLearningRates(graph, learningRate, null);
  }

  /**
   * As {@link #setLearningRate(ComputationGraph, double)}, with a schedule.
   *
   * @param schedule for each updater that has a learning rate
   */
  public static void setLearningRate(ComputationGraph graph, ISchedule schedule) {
    setLearningRates(graph, Double.NaN, schedule);
  }

  /**
   * All at once: DL4J's own method loses its way where some updaters have a state and others, such
   * as Sgd, have none, as it does between the first and the last of several calls.
   */
  private static void setLearningRates(ComputationGraph graph, double rate, ISchedule schedule) {
    List<IUpdater> updaters = new ArrayList<>();
    for (Layer layer : graph.getLayers()) {
      if (layer.conf().getLayer() instanceof BaseLayer) {
        updaters.add(((BaseLayer) layer.conf().getLayer()).getIUpdater());
      }
    }
    for (GraphVertex vertex : vertices(graph)) {
      if (vertex instanceof RunningParameterVertex) { // one that is frozen does not learn
        updaters.add(((RunningParameterVertex<?>) vertex).conf.getUpdater());
      }
    }
    Map<String, List<INDArray>> states = new HashMap<>();
    forEachState(
        graph,
        (name, state) -> states.computeIfAbsent(name, n -> new ArrayList<>()).add(state.dup()));
    for (IUpdater updater : updaters) {
      if (updater != null && updater.hasLearningRate()) {
        updater.setLrAndSchedule(rate, schedule);
      }
    }
    graph.setUpdater(null); // which parameters share a part of the state depends on the rates
    forEachState(graph, (name, state) -> state.assign(states.get(name).remove(0)));
  }

  /** The parts of the updater's state, such as Adam's two for each parameter, in their order. */
  private static void forEachState(ComputationGraph graph, BiConsumer<String, INDArray> action) {
    for (UpdaterBlock block : graph.getUpdater().getUpdaterBlocks()) {
      INDArray view = block.getUpdaterView();
      long end = view == null ? 0 : view.length();
      for (long start = 0; start < end; ) {
        for (UpdaterBlock.ParamState param : block.getLayersAndVariablesInBlock()) {
          long next = start + param.getParamView().length();
          String name = param.getLayer().getConfig().getLayerName() + "_" + param.getParamName();
          action.accept(name, view.reshape(end).get(NDArrayIndex.interval(start, next)));
          start = next;
        }
      }
    }
  }
}
