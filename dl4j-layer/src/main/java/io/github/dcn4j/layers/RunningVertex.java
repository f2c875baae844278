package io.github.dcn4j.layers;

import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.BaseGraphVertex;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What the vertices of this library share when they run. */
@SuppressWarnings("overrides") // BaseGraphVertex.setInputs lacks its interface's varargs
abstract class RunningVertex extends BaseGraphVertex {
  private final String type;

  /**
   * A vertex of a graph.
   *
   * @param type the name of its configuration's class, for messages
   */
  RunningVertex(Class<?> type, ComputationGraph graph, String name, int index, DataType dataType) {
    super(graph, name, index, null, null, dataType);
    this.type = type.getSimpleName();
  }

  /** The output for the inputs, which are there. */
  abstract INDArray forward(boolean training, LayerWorkspaceMgr workspaceMgr);

  /** The gradients for the inputs and epsilon, which are there. */
  abstract Pair<Gradient, INDArray[]> backward(LayerWorkspaceMgr workspaceMgr);

  @Override
  public final INDArray doForward(boolean training, LayerWorkspaceMgr workspaceMgr) {
    if (!canDoForward()) {
      throw new IllegalStateException("Cannot do forward pass: inputs not set. " + this);
    }
    return forward(training, workspaceMgr);
  }

  @Override
  public final Pair<Gradient, INDArray[]> doBackward(
      boolean tbptt, LayerWorkspaceMgr workspaceMgr) {
    if (!canDoBackward()) {
      throw new IllegalStateException(
          "Cannot do backward pass: inputs or epsilon not set. " + this);
    }
    return backward(workspaceMgr);
  }

  @Override
  public void setBackpropGradientsViewArray(INDArray view) {
    if (view != null) {
      throw new IllegalArgumentException("Expected no gradient view: there are no parameters");
    }
  }

  /** None: a mask of images says nothing of what leaves. */
  @Override
  public Pair<INDArray, MaskState> feedForwardMaskArrays(
      INDArray[] maskArrays, MaskState currentMaskState, int minibatchSize) {
    return new Pair<>(null, currentMaskState);
  }

  @Override
  public boolean hasLayer() {
    return false;
  }

  @Override
  public Layer getLayer() {
    return null;
  }

  @Override
  public String toString() {
    return type + " (name: " + vertexName + ")";
  }
}
