package io.github.dcn4j.layers;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import io.github.dcn4j.Goldens;
import java.io.File;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The vertex without parameters: values, gradients, formats, storage. */
@ExtendWith(DoublePrecision.class)
class DeformablePSROIPoolingVertexTest {
  static Stream<Goldens.Case> goldens() {
    return Goldens.cases("deformable_psroi_pooling");
  }

  private static DeformablePSROIPoolingVertex vertex(Goldens.Case golden) {
    return PoolingGraphs.apply(new DeformablePSROIPoolingVertex.Builder(), golden)
        .partSize(golden.number("part_size"))
        .build();
  }

  /** outputDim 4, two classes, parts unlike bins. */
  private static DeformablePSROIPoolingVertex.Builder builder() {
    return new DeformablePSROIPoolingVertex.Builder()
        .spatialScale(0.25)
        .outputDim(4)
        .pooledSize(4)
        .partSize(3)
        .samplePerPart(2)
        .transStd(0.2);
  }

  private static DeformablePSROIPoolingVertex vertex() {
    return builder().build();
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void agreesWithTheReferenceImplementation(Goldens.Case golden) {
    INDArray trans = golden.getArrays().get("trans");
    INDArray input = golden.getArrays().get("input");
    INDArray rois = golden.getArrays().get("rois");
    INDArray[] inputs =
        trans == null ? new INDArray[] {input, rois} : new INDArray[] {input, rois, trans};
    String[] names = {"features", "rois", "trans"};
    ComputationGraph graph =
        PoolingGraphs.alone(
            DataType.DOUBLE, vertex(golden), java.util.Arrays.copyOf(names, inputs.length));
    assertClose(golden.getArrays().get("output"), graph.outputSingle(inputs), 1e-10, "output");
  }

  @ParameterizedTest
  @EnumSource(CNN2DFormat.class)
  void gradientsAreRightWithTransOfAnotherLayer(CNN2DFormat format) {
    PoolingGraphs.assertGradientsRight(
        PoolingGraphs.classifier(Networks.settings(DataType.DOUBLE), vertex(), 4, 4, format),
        PoolingGraphs.inputs(DataType.DOUBLE, format, true));
  }

  @Test
  void gradientsAreRightWithoutTrans() {
    PoolingGraphs.assertGradientsRight(
        PoolingGraphs.classifier(
            Networks.settings(DataType.DOUBLE), vertex(), 4, 0, CNN2DFormat.NCHW),
        PoolingGraphs.inputs(DataType.DOUBLE, CNN2DFormat.NCHW, false));
  }

  @Test
  void featuresInEitherFormatGiveTheSameOutput() {
    INDArray features = Networks.random(1, DataType.DOUBLE, 2, 4, 9, 10);
    INDArray rois = PoolingGraphs.rois(DataType.DOUBLE);
    INDArray first =
        PoolingGraphs.alone(DataType.DOUBLE, vertex(), "features", "rois")
            .outputSingle(features, rois);
    DeformablePSROIPoolingVertex last = builder().dataFormat(CNN2DFormat.NHWC).build();
    assertEquals(
        first,
        PoolingGraphs.alone(DataType.DOUBLE, last, "features", "rois")
            .outputSingle(features.permute(0, 2, 3, 1), rois));
    assertArrayEquals(new long[] {5, 4, 4, 4}, first.shape());
  }

  @Test
  void roisHaveAZeroGradient() {
    ComputationGraph graph = PoolingGraphs.alone(DataType.DOUBLE, vertex(), "features", "rois");
    INDArray features = Networks.random(1, DataType.DOUBLE, 2, 4, 9, 10);
    graph.feedForward(new INDArray[] {features, PoolingGraphs.rois(DataType.DOUBLE)}, true, false);
    INDArray epsilon = Networks.random(2, DataType.DOUBLE, 5, 4, 4, 4);
    INDArray[] epsilons = backward(graph, epsilon);
    assertTrue(epsilons[0].norm2Number().doubleValue() > 0);
    assertEquals(Nd4j.zeros(DataType.DOUBLE, 5, 5), epsilons[1]);
  }

  private static INDArray[] backward(ComputationGraph graph, INDArray epsilon) {
    org.deeplearning4j.nn.graph.vertex.GraphVertex vertex = graph.getVertex("pooling");
    vertex.setEpsilon(epsilon);
    return vertex
        .doBackward(false, org.deeplearning4j.nn.workspace.LayerWorkspaceMgr.noWorkspaces())
        .getSecond();
  }

  @Test
  void noRoisGiveAnEmptyOutput() {
    ComputationGraph graph = PoolingGraphs.alone(DataType.DOUBLE, vertex(), "features", "rois");
    INDArray features = Networks.random(1, DataType.DOUBLE, 2, 4, 9, 10);
    INDArray output =
        graph
            .feedForward(new INDArray[] {features, Nd4j.create(DataType.DOUBLE, 0, 5)}, true, false)
            .get("pooling");
    assertArrayEquals(new long[] {0, 4, 4, 4}, output.shape());
    INDArray[] epsilons = backward(graph, Nd4j.create(DataType.DOUBLE, 0, 4, 4, 4));
    assertEquals(features.mul(0), epsilons[0]);
    assertArrayEquals(new long[] {0, 5}, epsilons[1].shape());
    // In workspaces too.
    INDArray inference = graph.outputSingle(features, Nd4j.create(DataType.DOUBLE, 0, 5));
    assertArrayEquals(new long[] {0, 4, 4, 4}, inference.shape());
  }

  @Test
  void aConfigurationSurvivesJsonYamlAndClone() {
    ComputationGraphConfiguration conf =
        PoolingGraphs.classifier(
                Networks.settings(DataType.DOUBLE), vertex(), 4, 4, CNN2DFormat.NHWC)
            .getConfiguration();
    Networks.assertKept(conf);
    assertEquals(vertex(), vertex().clone());
    assertEquals(vertex().hashCode(), vertex().clone().hashCode());
  }

  @Test
  void aStoredGraphGivesTheSameOutput(@TempDir Path directory) throws Exception {
    ComputationGraph graph =
        PoolingGraphs.classifier(
            Networks.settings(DataType.DOUBLE), vertex(), 4, 4, CNN2DFormat.NCHW);
    INDArray[] inputs = PoolingGraphs.inputs(DataType.DOUBLE, CNN2DFormat.NCHW, true);
    File file = directory.resolve("graph.zip").toFile();
    graph.save(file);
    INDArray expected = graph.outputSingle(inputs);
    assertEquals(expected, ComputationGraph.load(file, true).outputSingle(inputs));
    assertEquals(expected, graph.clone().outputSingle(inputs));
  }

  @Test
  void settingsAndTypesThatCannotWorkAreNamed() {
    assertMessage(
        "spatialScale: expected a value, got none",
        () -> new DeformablePSROIPoolingVertex.Builder().outputDim(2).pooledSize(3).build());
    assertMessage(
        "pooledSize: expected a value, got none",
        () -> new DeformablePSROIPoolingVertex.Builder().spatialScale(1).outputDim(2).build());
    InputType features = InputType.convolutional(9, 10, 4);
    InputType rois = InputType.feedForward(5);
    assertMessage(
        "features: expected a CNN type with outputDim·groupSize² = 4 channels",
        () -> vertex().getOutputType(0, InputType.convolutional(9, 10, 5), rois));
    assertMessage(
        "rois: expected InputType.feedForward(5)",
        () -> vertex().getOutputType(0, features, InputType.feedForward(4)));
    assertMessage(
        "trans: expected a CNN type",
        () -> vertex().getOutputType(0, features, rois, InputType.convolutional(3, 3, 6)));
    ComputationGraph graph = PoolingGraphs.alone(DataType.DOUBLE, vertex(), "features", "rois");
    assertMessage(
        "features: expected rank 4 [minibatch, channels, height, width]",
        () -> graph.outputSingle(Nd4j.zeros(2, 5, 9, 10), PoolingGraphs.rois(DataType.DOUBLE)));
    assertMessage(
        "rois: expected [R, 5]",
        () -> graph.outputSingle(Nd4j.zeros(2, 4, 9, 10), Nd4j.zeros(3, 4)));
  }

  private static void assertMessage(String part, org.junit.jupiter.api.function.Executable call) {
    String message = assertThrows(RuntimeException.class, call).getMessage();
    assertTrue(message.contains(part), "expected '" + part + "' in '" + message + "'");
  }
}
