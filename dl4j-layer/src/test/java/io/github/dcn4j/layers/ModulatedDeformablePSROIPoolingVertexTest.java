package io.github.dcn4j.layers;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import io.github.dcn4j.FreshJvm;
import io.github.dcn4j.Goldens;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.UnitNormConstraint;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** The vertex that predicts its own shifts and mask: values, gradients, training, storage. */
@ExtendWith(DoublePrecision.class)
class ModulatedDeformablePSROIPoolingVertexTest {
  static Stream<Goldens.Case> goldens() {
    return Goldens.cases("dcn_pooling_layer");
  }

  private static ModulatedDeformablePSROIPoolingVertex.Builder builder() {
    return new ModulatedDeformablePSROIPoolingVertex.Builder()
        .spatialScale(0.25)
        .outputDim(2)
        .groupSize(2)
        .pooledSize(3)
        .samplePerPart(2)
        .transStd(0.3)
        .fcDim(6);
  }

  /** Parameters that move bins and whose mask is not one half. */
  private static void bend(ComputationGraph graph) {
    param(graph, "fc2W").assign(random(graph, "fc2W", 0.3));
    param(graph, "fc2b").assign(random(graph, "fc2b", 0.5));
    param(graph, "fc0b").assign(random(graph, "fc0b", 0.2));
    param(graph, "fc1b").assign(random(graph, "fc1b", 0.2));
  }

  private static INDArray param(ComputationGraph graph, String key) {
    return graph.getVertex("pooling").paramTable(false).get(key);
  }

  private static INDArray random(ComputationGraph graph, String key, double scale) {
    return Networks.random(key.hashCode(), DataType.DOUBLE, param(graph, key).shape()).muli(scale);
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void agreesWithThePyTorchLayer(Goldens.Case golden) {
    for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT}) {
      double tolerance = type == DataType.DOUBLE ? 1e-10 : 1e-4;
      boolean noTrans = golden.getArguments().get("no_trans").asBoolean();
      ModulatedDeformablePSROIPoolingVertex conf =
          PoolingGraphs.apply(new ModulatedDeformablePSROIPoolingVertex.Builder(), golden)
              .fcDim(golden.number("fc_dim"))
              .noTrans(noTrans)
              .build();
      ComputationGraph graph = PoolingGraphs.alone(type, conf, "features", "rois");
      for (int i = 0; i < 3 && !noTrans; i++) {
        param(graph, "fc" + i + "W").assign(golden.array("fc" + i + "_weight", type).transpose());
        param(graph, "fc" + i + "b").assign(golden.array("fc" + i + "_bias", type));
      }
      INDArray[] inputs = {golden.array("input", type), golden.array("rois", type)};
      assertClose(
          golden.getArrays().get("output"), graph.outputSingle(inputs), tolerance, "output");

      graph.initGradientsView();
      graph.feedForward(inputs, true, false);
      INDArray[] epsilons = backward(graph, golden.array("grad_output", type));
      assertClose(golden.getArrays().get("grad_input"), epsilons[0], tolerance, "grad_input");
      assertEquals(Nd4j.zeros(type, inputs[1].shape()), epsilons[1]);
      for (int i = 0; i < 3 && !noTrans; i++) {
        java.util.Map<String, INDArray> views =
            ParameterTable.views(conf.shapes(), graph.getVertex("pooling").getGradientsViewArray());
        assertClose(
            golden.getArrays().get("grad_fc" + i + "_weight").transpose(),
            views.get("fc" + i + "W"),
            tolerance,
            "fc" + i + "W");
        assertClose(
            golden.getArrays().get("grad_fc" + i + "_bias"),
            views.get("fc" + i + "b"),
            tolerance,
            "fc" + i + "b");
      }
    }
  }

  private static INDArray[] backward(ComputationGraph graph, INDArray epsilon) {
    GraphVertex vertex = graph.getVertex("pooling");
    vertex.setEpsilon(epsilon);
    Pair<?, INDArray[]> result = vertex.doBackward(false, LayerWorkspaceMgr.noWorkspaces());
    return result.getSecond();
  }

  @ParameterizedTest
  @EnumSource(CNN2DFormat.class)
  void gradientsAreRight(CNN2DFormat format) {
    ComputationGraph graph =
        PoolingGraphs.classifier(
            Networks.settings(DataType.DOUBLE), builder().build(), 8, 0, format);
    bend(graph);
    PoolingGraphs.assertGradientsRight(graph, PoolingGraphs.inputs(DataType.DOUBLE, format, false));
  }

  @Test
  void gradientsAreRightWithoutTrans() {
    PoolingGraphs.assertGradientsRight(
        PoolingGraphs.classifier(
            Networks.settings(DataType.DOUBLE),
            builder().noTrans(true).build(),
            8,
            0,
            CNN2DFormat.NCHW),
        PoolingGraphs.inputs(DataType.DOUBLE, CNN2DFormat.NCHW, false));
  }

  @Test
  void aFreshVertexIsHalfOfPlainPooling() {
    INDArray features = Networks.random(1, DataType.DOUBLE, 2, 8, 9, 10);
    INDArray rois = PoolingGraphs.rois(DataType.DOUBLE);
    INDArray fresh =
        PoolingGraphs.alone(DataType.DOUBLE, builder().build(), "features", "rois")
            .outputSingle(features, rois);
    INDArray plain =
        PoolingGraphs.alone(DataType.DOUBLE, builder().noTrans(true).build(), "features", "rois")
            .outputSingle(features, rois);
    assertClose(plain.div(2), fresh, 1e-15, "fresh");
  }

  @Test
  void parametersHaveTheNamesShapesAndOrderThatAreDocumented() {
    ComputationGraph graph =
        PoolingGraphs.alone(DataType.DOUBLE, builder().build(), "features", "rois");
    assertEquals(
        Arrays.asList(
            "pooling_fc0W",
            "pooling_fc0b",
            "pooling_fc1W",
            "pooling_fc1b",
            "pooling_fc2W",
            "pooling_fc2b"),
        new ArrayList<>(graph.paramTable().keySet()));
    long[][] shapes = {{18, 6}, {6}, {6, 6}, {6}, {6, 27}, {27}};
    int i = 0;
    for (INDArray param : graph.paramTable().values()) {
      assertArrayEquals(shapes[i++], param.shape());
    }
    assertEquals(0, param(graph, "fc2W").norm1Number().doubleValue());
    assertEquals(0, param(graph, "fc2b").norm1Number().doubleValue());
    assertTrue(param(graph, "fc0W").norm1Number().doubleValue() > 0);
    ModulatedDeformablePSROIPoolingVertex defaults =
        new ModulatedDeformablePSROIPoolingVertex.Builder()
            .spatialScale(1)
            .outputDim(2)
            .pooledSize(2)
            .build();
    assertEquals(1024, defaults.getFcDim());
    assertEquals(0, builder().noTrans(true).build().numParams(true));
  }

  @Test
  void featuresInEitherFormatGiveTheSameOutput() {
    INDArray features = Networks.random(1, DataType.DOUBLE, 2, 8, 9, 10);
    INDArray rois = PoolingGraphs.rois(DataType.DOUBLE);
    ComputationGraph first =
        PoolingGraphs.alone(DataType.DOUBLE, builder().build(), "features", "rois");
    bend(first);
    ComputationGraph last =
        PoolingGraphs.alone(
            DataType.DOUBLE, builder().dataFormat(CNN2DFormat.NHWC).build(), "features", "rois");
    last.setParams(first.params());
    assertEquals(
        first.outputSingle(features, rois), last.outputSingle(features.permute(0, 2, 3, 1), rois));
  }

  @Test
  void noRoisGiveAnEmptyOutputAndZeroGradients() {
    ComputationGraph graph =
        PoolingGraphs.alone(DataType.DOUBLE, builder().build(), "features", "rois");
    graph.initGradientsView();
    INDArray features = Networks.random(1, DataType.DOUBLE, 2, 8, 9, 10);
    INDArray output =
        graph
            .feedForward(new INDArray[] {features, Nd4j.create(DataType.DOUBLE, 0, 5)}, true, false)
            .get("pooling");
    assertArrayEquals(new long[] {0, 2, 3, 3}, output.shape());
    graph.getVertex("pooling").getGradientsViewArray().assign(5);
    INDArray[] epsilons = backward(graph, Nd4j.create(DataType.DOUBLE, 0, 2, 3, 3));
    assertEquals(features.mul(0), epsilons[0]);
    assertArrayEquals(new long[] {0, 5}, epsilons[1].shape());
    assertEquals(0, graph.getVertex("pooling").getGradientsViewArray().norm1Number().doubleValue());
    // In workspaces too.
    INDArray inference = graph.outputSingle(features, Nd4j.create(DataType.DOUBLE, 0, 5));
    assertArrayEquals(new long[] {0, 2, 3, 3}, inference.shape());
  }

  @Test
  void trainingMovesTheBinsAndLowersTheLoss() {
    ComputationGraph graph = trainable();
    MultiDataSet data = data();
    double before = graph.score(data);
    for (int i = 0; i < 60; i++) {
      graph.fit(data);
    }
    assertTrue(graph.score(data) < before / 2, before + " to " + graph.score(data));
    assertTrue(param(graph, "fc2W").norm1Number().doubleValue() > 0);
  }

  private static ComputationGraph trainable() {
    return PoolingGraphs.classifier(
        Networks.settings(DataType.DOUBLE).updater(new Adam(0.02)),
        builder().build(),
        8,
        0,
        CNN2DFormat.NCHW);
  }

  private static MultiDataSet data() {
    return new MultiDataSet(
        PoolingGraphs.inputs(DataType.DOUBLE, CNN2DFormat.NCHW, false),
        new INDArray[] {Networks.labels(DataType.DOUBLE, 5)});
  }

  @Test
  void aConfigurationSurvivesJsonYamlAndClone() {
    for (boolean noTrans : new boolean[] {false, true}) {
      ModulatedDeformablePSROIPoolingVertex vertex =
          builder()
              .noTrans(noTrans)
              .updater(new Sgd(0.3))
              .biasUpdater(new Sgd(0.4))
              .l2(0.1)
              .l1Bias(0.2)
              .constrainWeights(new MaxNormConstraint(1, 0))
              .build();
      ComputationGraphConfiguration conf =
          PoolingGraphs.classifier(
                  Networks.settings(DataType.DOUBLE), vertex, 8, 0, CNN2DFormat.NHWC)
              .getConfiguration();
      Networks.assertKept(conf);
      assertEquals(vertex, vertex.clone());
      assertEquals(vertex.hashCode(), vertex.clone().hashCode());
      assertNotEquals(builder().build(), vertex);
    }
  }

  @Test
  void aStoredGraphGivesTheSameOutputAndTrainsOn() throws IOException {
    Networks.assertTrainsOnWhenStored(trainable(), data());
  }

  @Test
  void constraintsLeaveWhatStartsAtZeroAlone() {
    ComputationGraph graph =
        PoolingGraphs.classifier(
            Networks.settings(DataType.DOUBLE)
                .updater(new Sgd(0.1))
                .constrainWeights(new UnitNormConstraint(0)),
            builder().build(),
            8,
            0,
            CNN2DFormat.NCHW);
    graph.fit(data());
    INDArray norms = param(graph, "fc1W").norm2(0);
    assertClose(Nd4j.ones(DataType.DOUBLE, 6), norms, 1e-9, "fc1W");
    assertTrue(Double.isFinite(graph.params().sumNumber().doubleValue()));
  }

  @Test
  void parametersCanBeCopiedAfterTransferLearning() {
    ComputationGraph graph =
        PoolingGraphs.classifier(
            Networks.settings(DataType.DOUBLE), builder().build(), 8, 0, CNN2DFormat.NCHW);
    bend(graph);
    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph)
            .nOutReplace("classes", 4, org.deeplearning4j.nn.weights.WeightInit.XAVIER)
            .build();
    assertEquals(List.of("pooling"), VertexParameters.copy(graph, changed));
    for (String key : graph.getVertex("pooling").paramTable(false).keySet()) {
      // TransferLearning makes a graph of type FLOAT of any.
      assertClose(param(graph, key), param(changed, key), 1e-6, key);
    }
  }

  /** Prints the bits of a pass forward and back; BLAS takes its threads when the JVM starts. */
  static final class PrintBits {
    public static void main(String[] arguments) {
      ModulatedDeformablePSROIPoolingVertex vertex =
          new ModulatedDeformablePSROIPoolingVertex.Builder()
              .spatialScale(0.25)
              .outputDim(10)
              .pooledSize(7)
              .transStd(0.1)
              .fcDim(100)
              .build();
      ComputationGraph graph = PoolingGraphs.alone(DataType.FLOAT, vertex, "images", "rois");
      INDArray params = graph.params();
      params.assign(Networks.random(4, DataType.FLOAT, params.shape()).muli(0.05)); // fc2 too
      graph.initGradientsView();
      GraphVertex running = graph.getVertex("pooling");
      LayerWorkspaceMgr none = LayerWorkspaceMgr.noWorkspaces();
      running.setInput(0, Networks.random(5, DataType.FLOAT, 2, 10, 9, 10), none);
      INDArray rois = PoolingGraphs.rois(DataType.FLOAT);
      running.setInput(1, Nd4j.vstack(rois, rois, rois, rois), none);
      print("output", running.doForward(true, none));
      running.setEpsilon(Networks.random(6, DataType.FLOAT, 20, 10, 7, 7));
      print("images", running.doBackward(false, none).getSecond()[0]);
      print("parameters", running.getGradientsViewArray());
    }

    private static void print(String name, INDArray array) {
      System.out.println(name + ": " + Arrays.hashCode(array.dup('c').data().asFloat()));
    }
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() throws Exception {
    List<String> bits = new ArrayList<>();
    for (int threads : new int[] {1, 2, 4}) {
      FreshJvm.Result result =
          FreshJvm.runIn(
              List.of("env", "OMP_NUM_THREADS=" + threads), PrintBits.class, FreshJvm.classPath());
      bits.add(
          result.lineAfter("output: ")
              + result.lineAfter("images: ")
              + result.lineAfter("parameters: "));
    }
    assertEquals(bits.get(0), bits.get(1));
    assertEquals(bits.get(0), bits.get(2));
  }
}
