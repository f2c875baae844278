package io.github.dcn4j.layers;

import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runs a {@link DeformablePSROIPoolingVertex}. */
@SuppressWarnings("overrides") // BaseGraphVertex.setInputs lacks its interface's varargs
final class DeformablePSROIPoolingGraphVertex extends RunningVertex {
  private final RoiPooling pooling;

  DeformablePSROIPoolingGraphVertex(
      RoiPooling pooling, ComputationGraph graph, String name, int index, DataType dataType) {
    super(DeformablePSROIPoolingVertex.class, graph, name, index, dataType);
    this.pooling = pooling;
  }

  private RoiPooling.Pass pool(ArrayType outputType, ArrayType workingType, LayerWorkspaceMgr ws) {
    pooling.checkInputs(toString(), inputs[0], inputs[1]);
    INDArray trans = inputs.length == 3 ? inputs[2].castTo(dataType) : null;
    return pooling
    .new Pass(inputs[0].castTo(dataType), inputs[1], trans, outputType, workingType, ws);
  }

  @Override
  INDArray forward(boolean training, LayerWorkspaceMgr workspaceMgr) {
    return pool(ArrayType.ACTIVATIONS, ArrayType.FF_WORKING_MEM, workspaceMgr).output;
  }

  @Override
  Pair<Gradient, INDArray[]> backward(LayerWorkspaceMgr workspaceMgr) {
    INDArray[] epsilons = new INDArray[inputs.length];
    for (int i = 0; i < epsilons.length; i++) {
      epsilons[i] =
          RoiPooling.zeros(workspaceMgr, ArrayType.ACTIVATION_GRAD, dataType, inputs[i].shape());
    }
    // The counts of the forward pass are made again.
    pool(ArrayType.BP_WORKING_MEM, ArrayType.BP_WORKING_MEM, workspaceMgr)
        .backward(epsilon.castTo(dataType), epsilons[0], epsilons.length == 3 ? epsilons[2] : null);
    return new Pair<>(null, epsilons);
  }
}
