package io.github.dcn4j.layers;

import static io.github.dcn4j.layers.AttentionGraphs.EXAMPLES;
import static io.github.dcn4j.layers.AttentionGraphs.QUERIES;
import static io.github.dcn4j.layers.AttentionGraphs.bend;
import static io.github.dcn4j.layers.AttentionGraphs.params;
import static io.github.dcn4j.layers.Networks.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import io.github.dcn4j.FreshJvm;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.constraint.MaxNormConstraint;
import org.deeplearning4j.nn.conf.constraint.UnitNormConstraint;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryUseMode;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.deeplearning4j.nn.weights.WeightInit;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.AdaDelta;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;

/** The attention module of Deformable DETR: values, gradients, training, storage, bad inputs. */
@ExtendWith(DoublePrecision.class)
class MultiScaleDeformableAttentionVertexTest {
  private static AttentionGraphs.AttentionGraphsBuilder of(int[]... levels) {
    return AttentionGraphs.builder().levels(levels);
  }

  /** Several levels and one, odd and smallest sizes, both formats of both kinds of input. */
  static Stream<AttentionGraphs> setups() {
    return Stream.of(
        AttentionGraphs.builder().build(),
        AttentionGraphs.builder().pointsOfLevels(true).build(),
        of(new int[] {5, 3}).build(),
        of(new int[] {1, 1}, new int[] {1, 6}, new int[] {7, 1}).heads(3).points(1).build(),
        AttentionGraphs.builder().cnn(CNN2DFormat.NHWC).heads(1).build(),
        AttentionGraphs.builder().rnn(RNNFormat.NWC).pointsOfLevels(true).build(),
        AttentionGraphs.builder().rnn(RNNFormat.NWC).cnn(CNN2DFormat.NHWC).heads(6).build());
  }

  private static INDArray expected(AttentionGraphs setup, ComputationGraph graph, long seed) {
    INDArray[] inputs = setup.channelsFirst(seed);
    INDArray[] levels = Arrays.copyOfRange(inputs, 2, inputs.length);
    PlainAttention plain = new PlainAttention(params(graph), setup.getHeads(), setup.getPoints());
    return setup.sequence(plain.output(inputs[0], inputs[1], levels));
  }

  @ParameterizedTest
  @MethodSource("setups")
  void agreesWithThePublishedFormula(AttentionGraphs setup) {
    for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT}) {
      AttentionGraphs typed = setup.toBuilder().type(type).build();
      for (long outputs : new long[] {0, 12}) {
        ComputationGraph graph = typed.alone(typed.vertex().nOut(outputs).build());
        INDArray[] inputs = typed.inputs(1);
        String what = setup + " " + type + " " + outputs;
        double tolerance = type == DataType.DOUBLE ? 1e-12 : 2e-5;
        assertClose("fresh " + what, expected(typed, graph, 1), output(graph, inputs), tolerance);
        bend(graph);
        assertClose(what, expected(typed, graph, 1), output(graph, inputs), tolerance);
      }
    }
  }

  private static INDArray output(ComputationGraph graph, INDArray... inputs) {
    return graph.outputSingle(inputs);
  }

  @Test
  void inputsOfAnyStridesAreTakenAsTheyAre() {
    AttentionGraphs setup = AttentionGraphs.builder().build();
    ComputationGraph graph = setup.alone(setup.vertex().build());
    bend(graph);
    INDArray[] inputs = setup.inputs(1);
    INDArray expected = output(graph, inputs);
    for (int i = 0; i < inputs.length; i++) {
      inputs[i] = i % 2 == 0 ? inputs[i].dup('f') : Nd4j.concat(0, inputs[i], inputs[i]);
      if (i % 2 == 1) {
        inputs[i] = inputs[i].get(org.nd4j.linalg.indexing.NDArrayIndex.interval(0, EXAMPLES));
      }
    }
    assertEquals(expected, output(graph, inputs));
  }

  static Stream<AttentionGraphs> setupsInNcw() {
    return setups().filter(setup -> setup.getRnn() == RNNFormat.NCW);
  }

  @ParameterizedTest
  @MethodSource("setupsInNcw")
  void gradientsOfParametersAndAllInputsAreRight(AttentionGraphs setup) {
    ComputationGraph graph =
        setup.classifier(Networks.settings(DataType.DOUBLE), setup.vertex().build());
    bend(graph);
    Networks.assertGradientsRight(graph, setup.inputs(1), setup.labels(), 24, Set.of());
  }

  /** Output, gradients of the inputs, in NCW and NCHW, and gradients of all parameters. */
  private static INDArray[] pass(AttentionGraphs setup) {
    ComputationGraph graph = withGradients(setup);
    INDArray output = graph.feedForward(setup.inputs(1), true, false).get("attention");
    return outputAndGradients(setup, graph, output);
  }

  private static ComputationGraph withGradients(AttentionGraphs setup) {
    ComputationGraph graph = setup.alone(setup.vertex().build());
    bend(graph);
    graph.initGradientsView();
    return graph;
  }

  private static INDArray[] outputAndGradients(
      AttentionGraphs setup, ComputationGraph graph, INDArray output) {
    GraphVertex vertex = graph.getVertex("attention");
    INDArray epsilon = Networks.random(5, setup.getType(), EXAMPLES, 6, QUERIES);
    vertex.setEpsilon(setup.sequence(epsilon));
    INDArray[] gradients = vertex.doBackward(false, LayerWorkspaceMgr.noWorkspaces()).getSecond();
    INDArray[] all = new INDArray[gradients.length + 2];
    all[0] = setup.channelsFirst(output);
    for (int i = 0; i < gradients.length; i++) {
      all[1 + i] = setup.channelsFirst(gradients[i]);
    }
    all[gradients.length + 1] = vertex.getGradientsViewArray();
    return all;
  }

  @Test
  void allFormatsGiveTheSameBits() {
    for (boolean pointsOfLevels : new boolean[] {false, true}) {
      AttentionGraphs setup = AttentionGraphs.builder().pointsOfLevels(pointsOfLevels).build();
      INDArray[] expected = pass(setup);
      for (RNNFormat rnn : new RNNFormat[] {RNNFormat.NCW, RNNFormat.NWC}) {
        for (CNN2DFormat cnn : CNN2DFormat.values()) {
          assertArrayEquals(expected, pass(setup.toBuilder().rnn(rnn).cnn(cnn).build()));
        }
      }
    }
  }

  @Test
  void backwardAfterAForwardPassThatKeptNothingGivesTheSameGradients() {
    AttentionGraphs setup = AttentionGraphs.builder().build();
    INDArray[] expected = pass(setup);
    ComputationGraph graph = withGradients(setup);
    INDArray output = graph.feedForward(setup.inputs(1), false, false).get("attention");
    assertArrayEquals(expected, outputAndGradients(setup, graph, output));
    // Nor is that of other inputs kept.
    graph.feedForward(setup.inputs(7), true, false);
    INDArray[] inputs = setup.inputs(1);
    for (int i = 0; i < inputs.length; i++) {
      graph.getVertex("attention").setInput(i, inputs[i], LayerWorkspaceMgr.noWorkspaces());
    }
    assertArrayEquals(expected, outputAndGradients(setup, graph, output));
  }

  @Test
  void parametersHaveTheNamesShapesAndOrderThatAreDocumented() {
    AttentionGraphs setup = AttentionGraphs.builder().build();
    ComputationGraph graph = setup.alone(setup.vertex().nOut(8).biasInit(0.25).build());
    Map<String, long[]> expected = new LinkedHashMap<>();
    expected.put("valueW", new long[] {4, 8});
    expected.put("valueB", new long[] {8});
    expected.put("attentionW", new long[] {6, 12});
    expected.put("attentionB", new long[] {12});
    expected.put("outputW", new long[] {8, 8});
    expected.put("outputB", new long[] {8});
    expected.put("offsetW", new long[] {6, 24});
    expected.put("offsetB", new long[] {24});
    assertEquals(new ArrayList<>(expected.keySet()), new ArrayList<>(params(graph).keySet()));
    expected.forEach((key, shape) -> assertArrayEquals(shape, params(graph).get(key).shape(), key));
    assertEquals(params(graph).get("valueW"), graph.getParam("attention_valueW"));
    for (String key : new String[] {"valueB", "outputB"}) {
      assertEquals(0.25 * 8, params(graph).get(key).sumNumber().doubleValue(), 1e-12);
    }
    for (String key : new String[] {"attentionW", "attentionB", "offsetW"}) {
      assertEquals(0, params(graph).get(key).norm1Number().doubleValue(), key);
    }
    for (String key : new String[] {"valueW", "outputW"}) {
      assertTrue(params(graph).get(key).norm1Number().doubleValue() > 0, key);
    }
  }

  /** The heads look right, down right, down and so on; a point's number is its distance. */
  @Test
  void aFreshVertexLooksInRingsOfDirections() {
    AttentionGraphs setup = AttentionGraphs.builder().heads(8).points(2).build();
    ComputationGraph graph = setup.alone(setup.vertex().nOut(8).build());
    int[][] directions = {{1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}, {-1, -1}, {0, -1}, {1, -1}};
    INDArray offsets = params(graph).get("offsetB").reshape('c', 8, 2, 2, 2);
    for (int head = 0; head < 8; head++) {
      for (int level = 0; level < 2; level++) {
        for (int point = 0; point < 2; point++) {
          for (int axis = 0; axis < 2; axis++) {
            assertEquals(
                directions[head][axis] * (point + 1),
                offsets.getDouble(head, level, point, axis),
                1e-12);
          }
        }
      }
    }
  }

  private static ComputationGraph trainable(MultiScaleDeformableAttentionVertex.Builder vertex) {
    return AttentionGraphs.builder()
        .build()
        .classifier(Networks.settings(DataType.DOUBLE).updater(new Adam(0.02)), vertex.build());
  }

  private static MultiScaleDeformableAttentionVertex.Builder vertex() {
    return AttentionGraphs.builder().build().vertex();
  }

  private static MultiDataSet data() {
    return AttentionGraphs.builder().build().data(1);
  }

  @Test
  void learnsInHalf() {
    AttentionGraphs setup = AttentionGraphs.builder().type(DataType.FLOAT16).build();
    ComputationGraph graph =
        setup.classifier(
            Networks.settings(DataType.FLOAT16).updater(new Sgd(0.3)), setup.vertex().build());
    double before = graph.score(setup.data(1));
    for (int i = 0; i < 80; i++) {
      graph.fit(setup.data(1));
    }
    assertTrue(graph.score(setup.data(1)) < 0.9 * before, before + " to " + graph.score());
  }

  @Test
  void trainingMovesTheSamplesAndLowersTheLoss() {
    ComputationGraph graph = trainable(vertex());
    double before = graph.score(data());
    for (int i = 0; i < 80; i++) {
      graph.fit(data());
    }
    assertTrue(graph.score(data()) < before / 2, before + " to " + graph.score(data()));
    for (String key : new String[] {"offsetW", "attentionW", "attentionB"}) {
      assertTrue(params(graph).get(key).norm1Number().doubleValue() > 0, key);
    }
  }

  @Test
  void theMultiplierScalesTheLearningRateOfTheOffsetsAlone() {
    ComputationGraph[] graphs = new ComputationGraph[3];
    double[] multipliers = {1, 0.5, 0};
    INDArray start = null;
    for (int i = 0; i < 3; i++) {
      graphs[i] =
          trainable(
              vertex()
                  .updater(new Sgd(0.1))
                  .weightDecay(0.5)
                  .offsetLearningRateMultiplier(multipliers[i]));
      bend(graphs[i]);
      start = params(graphs[i]).get("offsetB").dup();
      graphs[i].fit(data());
    }
    INDArray whole = params(graphs[0]).get("offsetB").sub(start);
    assertTrue(whole.norm1Number().doubleValue() > 0);
    assertClose("half", whole.div(2), params(graphs[1]).get("offsetB").sub(start), 1e-9);
    assertEquals(start, params(graphs[2]).get("offsetB"));
    bend(graphs[1]);
    assertEquals(params(graphs[1]).get("offsetW"), params(graphs[2]).get("offsetW"));
    assertNotEquals(params(graphs[1]).get("attentionW"), params(graphs[2]).get("attentionW"));
  }

  @Test
  void workspaceModesGiveEqualResults() {
    List<INDArray> results = new ArrayList<>();
    for (WorkspaceMode mode : new WorkspaceMode[] {WorkspaceMode.NONE, WorkspaceMode.ENABLED}) {
      ComputationGraph graph = trainable(vertex());
      graph.getConfiguration().setTrainingWorkspaceMode(mode);
      graph.getConfiguration().setInferenceWorkspaceMode(mode);
      graph.fit(data());
      graph.fit(data());
      results.add(graph.params());
      results.add(graph.outputSingle(data().getFeatures()));
    }
    assertEquals(results.get(0), results.get(2));
    assertEquals(results.get(1), results.get(3));
  }

  @Test
  void aConfigurationSurvivesJsonYamlAndClone() {
    MultiScaleDeformableAttentionVertex vertex =
        vertex()
            .nOut(8)
            .updater(new Sgd(0.3))
            .biasUpdater(new Sgd(0.4))
            .l2(0.1)
            .l1Bias(0.2)
            .offsetLearningRateMultiplier(0.1)
            .constrainWeights(new MaxNormConstraint(1, 0))
            .build();
    ComputationGraphConfiguration conf =
        AttentionGraphs.builder()
            .rnn(RNNFormat.NWC)
            .cnn(CNN2DFormat.NHWC)
            .build()
            .alone(vertex)
            .getConfiguration();
    Networks.assertKept(conf);
    assertEquals(vertex, vertex.clone());
    assertEquals(vertex.hashCode(), vertex.clone().hashCode());
    assertNotEquals(vertex().build(), vertex);
    MultiScaleDeformableAttentionVertex read =
        (MultiScaleDeformableAttentionVertex)
            ComputationGraphConfiguration.fromJson(conf.toJson()).getVertices().get("attention");
    assertEquals(2, read.getNLevels());
    assertEquals(RNNFormat.NWC, read.getRnnDataFormat());
    assertEquals(CNN2DFormat.NHWC, read.getDataFormat());
    assertEquals(0.1, read.getOffsetLearningRateMultiplier());
  }

  @Test
  void aStoredGraphGivesTheSameOutputAndTrainsOn() throws IOException {
    Networks.assertTrainsOnWhenStored(
        trainable(vertex().offsetLearningRateMultiplier(0.1)), data());
  }

  @Test
  void constraintsLeaveThePredictorsAlone() {
    ComputationGraph graph =
        trainable(vertex().updater(new Sgd(0.1)).constrainWeights(new UnitNormConstraint(0)));
    graph.fit(data());
    INDArray norms = params(graph).get("valueW").norm2(0);
    assertClose("valueW", Nd4j.ones(DataType.DOUBLE, 6), norms, 1e-9);
    assertTrue(Double.isFinite(graph.params().sumNumber().doubleValue()));
  }

  @Test
  void parametersCanBeCopiedAfterTransferLearning() {
    ComputationGraph graph = trainable(vertex());
    bend(graph);
    ComputationGraph changed =
        new TransferLearning.GraphBuilder(graph)
            .nOutReplace("classes", 4, WeightInit.XAVIER)
            .build();
    assertEquals(List.of("attention"), VertexParameters.copy(graph, changed));
    // TransferLearning makes a graph of type FLOAT of any.
    params(graph).forEach((key, p) -> assertClose(key, p, params(changed).get(key), 1e-6));
  }

  @Test
  void aMaskOfTheQueriesGoesOn() {
    AttentionGraphs setup = AttentionGraphs.builder().build();
    GraphVertex running = setup.alone(vertex().build()).getVertex("attention");
    INDArray mask = Nd4j.ones(DataType.DOUBLE, EXAMPLES, QUERIES);
    INDArray[] masks = {mask, null, null, null};
    assertEquals(mask, running.feedForwardMaskArrays(masks, null, EXAMPLES).getFirst());
    assertEquals(null, running.feedForwardMaskArrays(null, null, EXAMPLES).getFirst());
  }

  @Test
  void aMemoryReportCountsParametersAndWork() {
    AttentionGraphs setup = AttentionGraphs.builder().build();
    MultiScaleDeformableAttentionVertex vertex = vertex().updater(new Adam(0.1)).build();
    MemoryReport report = vertex.getMemoryReport(setup.types());
    long parameters = 4 * 6 + 6 + 7 * 12 + 6 * 6 + 6 + 7 * 24;
    // Values, what is attended to and the output, locations and weights; all in float.
    long inference = parameters + 47 * 6 + 30 + 30 + 5 * 36;
    assertEquals(
        4 * inference,
        report.getTotalMemoryBytes(1, MemoryUseMode.INFERENCE, CacheMode.NONE, DataType.FLOAT));
    assertTrue(
        report.getTotalMemoryBytes(1, MemoryUseMode.TRAINING, CacheMode.NONE, DataType.FLOAT)
            > 4 * (inference + 3 * parameters)); // and gradients, and two states of Adam
  }

  private static void assertRefused(
      Class<? extends Exception> type, String message, Executable call) {
    Exception e = assertThrows(type, call);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  /** Runs the vertex with one input replaced. */
  private static Executable with(int place, long... shape) {
    AttentionGraphs setup = AttentionGraphs.builder().build();
    ComputationGraph graph = setup.alone(vertex().build());
    INDArray[] inputs = setup.inputs(1);
    inputs[place] = Nd4j.create(DataType.DOUBLE, shape);
    return () -> graph.outputSingle(inputs);
  }

  @Test
  void wrongInputsAreRefusedByName() {
    Class<DL4JInvalidInputException> type = DL4JInvalidInputException.class;
    assertRefused(type, "query: expected [N, 6, Q] in NCW, got [2, 6]", with(0, 2, 6));
    assertRefused(type, "query: expected [N, 6, Q] in NCW, got [2, 7, 5]", with(0, 2, 7, 5));
    String points = "referencePoints: expected a sequence of 2 or 2·nLevels = 4 channels";
    assertRefused(type, points, with(1, 2, 3, 5));
    assertRefused(type, "of the query [2, 6, 5], got [2, 2, 6]", with(1, 2, 2, 6));
    assertRefused(type, "of the query [2, 6, 5], got [1, 2, 5]", with(1, 1, 2, 5));
    assertRefused(type, "got [2, 2]", with(1, 2, 2));
    String level =
        "level 1: expected rank 4 [minibatch, channels, height, width] with N = 2 and nInValues = 4"
            + " channels, got ";
    assertRefused(type, level + "[2, 3, 4, 4]", with(3, 2, 3, 4, 4));
    assertRefused(type, level + "[2, 4, 4]", with(3, 2, 4, 4));
    assertRefused(type, level + "[1, 4, 4, 4]", with(3, 1, 4, 4, 4));
    assertRefused(type, "query: expected sizes of at least 1, got [2, 6, 0]", with(0, 2, 6, 0));
    assertRefused(
        type, "level 1: expected sizes of at least 1, got [2, 4, 0, 4]", with(3, 2, 4, 0, 4));
  }

  private static void assertTypeRefused(String message, int place, InputType type) {
    InputType[] types = AttentionGraphs.builder().build().types();
    types[place] = type;
    assertRefused(
        InvalidInputTypeException.class, message, () -> vertex().build().getOutputType(0, types));
  }

  @Test
  void wrongInputTypesAreRefusedByName() {
    assertTypeRefused("query: expected a recurrent type", 0, InputType.feedForward(6));
    String points = "referencePoints: expected a recurrent type of size 2 or 2·levels = 4";
    assertTypeRefused(points, 1, InputType.recurrent(3, QUERIES));
    assertTypeRefused(points, 1, InputType.recurrent(2, QUERIES + 1));
    assertTypeRefused(points, 1, InputType.recurrent(2, QUERIES, RNNFormat.NWC));
    assertTypeRefused("level 0: expected a CNN type", 2, InputType.feedForward(6));
    String level = "level 1: expected 4 channels in NCHW as in level 0";
    assertTypeRefused(level, 3, InputType.convolutional(3, 4, 5));
    assertTypeRefused(level, 3, InputType.convolutional(3, 4, 4, CNN2DFormat.NHWC));
    InputType[] types = AttentionGraphs.builder().build().types();
    assertRefused(
        InvalidInputTypeException.class,
        "inputs: expected query, referencePoints and 3 levels (nLevels), got 4 inputs",
        () -> vertex().nLevels(3).build().getOutputType(0, types));
    assertRefused(
        InvalidInputTypeException.class,
        "inputs: expected query, referencePoints and at least 1 level, got 2 inputs",
        () -> vertex().build().getOutputType(0, types[0], types[1]));
  }

  @Test
  void theOutputHasTheQuerysLengthAndFormat() throws Exception {
    AttentionGraphs setup = AttentionGraphs.builder().rnn(RNNFormat.NWC).build();
    assertEquals(
        InputType.recurrent(8, QUERIES, RNNFormat.NWC),
        vertex().nOut(8).build().getOutputType(0, setup.types()));
    assertEquals(
        InputType.recurrent(6, QUERIES, RNNFormat.NWC),
        vertex().build().getOutputType(0, setup.types()));
  }

  private static void assertConfigurationRefused(
      String message, MultiScaleDeformableAttentionVertex.Builder vertex) {
    assertRefused(
        DL4JInvalidConfigException.class,
        "MultiScaleDeformableAttentionVertex (name: attention): " + message,
        () -> AttentionGraphs.builder().build().alone(vertex.build()));
  }

  @Test
  void configurationsThatCannotWorkAreRefusedByName() {
    assertConfigurationRefused(
        "nOut: expected a multiple of nHeads=4, got 6 (that of nInQueries, as none is set)",
        vertex().nHeads(4));
    assertConfigurationRefused("nOut: expected a multiple of nHeads=2, got 7", vertex().nOut(7));
    assertRefused(
        DL4JInvalidConfigException.class,
        "offsetLearningRateMultiplier: expected 1 or 0 with the updater AdaDelta",
        () -> trainable(vertex().updater(new AdaDelta()).offsetLearningRateMultiplier(0.1)));
    Class<IllegalArgumentException> type = IllegalArgumentException.class;
    assertRefused(type, "nOut: expected at least 1, got -2", () -> vertex().nOut(-2).build());
    MultiScaleDeformableAttentionVertex changed = vertex().build();
    changed.setNOut(-2);
    assertRefused(
        DL4JInvalidConfigException.class,
        "nOut: expected a multiple of nHeads=2, got -2",
        () -> AttentionGraphs.builder().build().alone(changed));
    assertRefused(type, "nHeads: expected at least 1, got 0", () -> vertex().nHeads(0));
    assertRefused(type, "nPoints: expected at least 1, got -1", () -> vertex().nPoints(-1));
    assertRefused(type, "nLevels: expected at least 1, got 0", () -> vertex().nLevels(0));
    assertRefused(
        type,
        "offsetLearningRateMultiplier: expected a finite number of at least 0, got -1.0",
        () -> vertex().offsetLearningRateMultiplier(-1));
  }

  /** Without InputTypes, sizes come from the settings. */
  @Test
  void aGraphWithoutInputTypesNeedsAllSizes() {
    assertWithoutTypes("nInQueries: expected at least 1, got 0", vertex());
    assertWithoutTypes("nInValues: expected at least 1, got 0", vertex().nInQueries(6));
    assertWithoutTypes("nLevels: expected at least 1, got 0", vertex().nInQueries(6).nInValues(4));
    AttentionGraphs setup = AttentionGraphs.builder().build();
    ComputationGraph typed = setup.alone(vertex().build());
    ComputationGraph graph =
        setup.withoutTypes(vertex().nInQueries(6).nInValues(4).nLevels(2).build());
    assertEquals(typed.outputSingle(setup.inputs(1)), graph.outputSingle(setup.inputs(1)));
    ComputationGraph three =
        setup.withoutTypes(vertex().nInQueries(6).nInValues(4).nLevels(3).build());
    assertRefused(
        DL4JInvalidInputException.class,
        "inputs: expected query, referencePoints and 3 levels, got 4 inputs",
        () -> three.outputSingle(setup.inputs(1)));
  }

  private static void assertWithoutTypes(
      String message, MultiScaleDeformableAttentionVertex.Builder vertex) {
    assertRefused(
        DL4JInvalidConfigException.class,
        message,
        () -> AttentionGraphs.builder().build().withoutTypes(vertex.build()));
  }

  /** Prints the bits of a pass forward and back; ND4J takes its threads when the JVM starts. */
  static final class PrintBits {
    public static void main(String[] arguments) {
      AttentionGraphs setup =
          of(new int[] {40, 31}, new int[] {17, 23}).points(4).type(DataType.FLOAT).build();
      int hash = 0;
      for (INDArray array : pass(setup)) {
        hash = 31 * hash + Arrays.hashCode(array.dup('c').data().asFloat());
      }
      System.out.println("bits: " + hash);
    }
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() throws Exception {
    List<String> bits = new ArrayList<>();
    for (int threads : new int[] {1, 2, 4}) {
      bits.add(
          FreshJvm.runIn(
                  List.of("env", "OMP_NUM_THREADS=" + threads),
                  PrintBits.class,
                  FreshJvm.classPath())
              .lineAfter("bits: "));
    }
    assertEquals(bits.get(0), bits.get(1));
    assertEquals(bits.get(0), bits.get(2));
  }
}
