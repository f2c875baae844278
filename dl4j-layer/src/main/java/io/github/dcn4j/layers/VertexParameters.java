package io.github.dcn4j.layers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.nd4j.linalg.api.ndarray.INDArray;
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
    graph.setLearningRate(learningRate);
    for (GraphVertex vertex : learning(graph)) {
      graph.setLearningRate(vertex.getVertexName(), learningRate);
    }
  }

  /**
   * As {@link #setLearningRate(ComputationGraph, double)}, with a schedule.
   *
   * @param schedule for each updater that has a learning rate
   */
  public static void setLearningRate(ComputationGraph graph, ISchedule schedule) {
    graph.setLearningRate(schedule);
    for (GraphVertex vertex : learning(graph)) {
      graph.setLearningRate(vertex.getVertexName(), schedule);
    }
  }

  /**
   * Vertices of this library: DL4J's own can't be set by their names, and frozen ones don't learn.
   */
  private static List<GraphVertex> learning(ComputationGraph graph) {
    List<GraphVertex> learning = vertices(graph);
    learning.removeIf(vertex -> !(vertex instanceof RunningParameterVertex));
    return learning;
  }
}
