package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dcn4j.Goldens;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.RnnLossLayer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The vertex against Deformable DETR's module in PyTorch, forward and every gradient. */
class MultiScaleDeformableAttentionGoldenTest {
  static Stream<Goldens.Case> modules() {
    return Goldens.cases("deformable_detr_module");
  }

  @ParameterizedTest
  @MethodSource("modules")
  void outputAndGradientsAreThoseOfPyTorch(Goldens.Case c) {
    check(c, DataType.DOUBLE, 1e-10);
    check(c, DataType.FLOAT, 1e-4);
    check(c, DataType.FLOAT16, 2e-2);
  }

  private static List<String> names(Goldens.Case c) {
    List<String> names = new ArrayList<>(List.of("query", "points"));
    for (int i = 0; i < c.number("levels"); i++) {
      names.add("level" + i);
    }
    return names;
  }

  private static ComputationGraph graph(Goldens.Case c, INDArray[] inputs, DataType type) {
    String[] names = names(c).toArray(new String[0]);
    InputType[] types = new InputType[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      long[] shape = inputs[i].shape();
      types[i] =
          i < 2
              ? InputType.recurrent(shape[1], shape[2])
              : InputType.convolutional(shape[2], shape[3], shape[1]);
    }
    ComputationGraph graph =
        new ComputationGraph(
            Networks.settings(type)
                .graphBuilder()
                .addInputs(names)
                .setInputTypes(types)
                .addVertex(
                    "attention",
                    new MultiScaleDeformableAttentionVertex.Builder()
                        .nHeads((int) c.number("heads"))
                        .nPoints((int) c.number("points"))
                        .build(),
                    names)
                .addLayer(
                    "loss",
                    new RnnLossLayer.Builder().activation(Activation.IDENTITY).build(),
                    "attention")
                .setOutputs("loss")
                .build());
    graph.init();
    return graph;
  }

  private static void check(Goldens.Case c, DataType type, double tolerance) {
    INDArray[] inputs =
        names(c).stream().map(name -> input(c, name, type)).toArray(INDArray[]::new);
    ComputationGraph graph = graph(c, inputs, type);
    GraphVertex vertex = graph.getVertex("attention");
    Map<String, INDArray> params = vertex.paramTable(false);
    params.forEach((key, param) -> param.assign(asParam(c, key)));
    graph.initGradientsView();
    Goldens.assertClose(
        sequence(c.getArrays().get("output")),
        graph.feedForward(inputs, true, false).get("attention"),
        tolerance,
        "output");

    vertex.setEpsilon(sequence(c.array("grad_output", type)));
    Pair<Gradient, INDArray[]> back = vertex.doBackward(false, LayerWorkspaceMgr.noWorkspaces());
    for (int i = 0; i < inputs.length; i++) {
      String name = "grad_" + names(c).get(i);
      Goldens.assertClose(input(c, name, DataType.DOUBLE), back.getSecond()[i], tolerance, name);
    }
    Map<String, INDArray> gradients = back.getFirst().gradientForVariable();
    assertEquals(params.keySet(), gradients.keySet());
    gradients.forEach(
        (key, gradient) ->
            Goldens.assertClose(asParam(c, "grad_" + key), gradient, tolerance, key));
  }

  /** An input or its gradient: feature maps, queries, or a pair of coordinates for each level. */
  private static INDArray input(Goldens.Case c, String name, DataType type) {
    INDArray array = c.array(name, type);
    if (name.contains("level")) {
      return array;
    }
    return sequence(array.reshape('c', array.size(0), array.size(1), -1));
  }

  /** PyTorch's sequences are [N, Q, C], DL4J's [N, C, Q]. */
  private static INDArray sequence(INDArray nqc) {
    return nqc.permute(0, 2, 1);
  }

  /** PyTorch's weights are [out, in], the vertex's [in, out]. */
  private static INDArray asParam(Goldens.Case c, String key) {
    INDArray values = c.getArrays().get(key);
    return values.rank() == 2 ? values.transpose() : values;
  }
}
