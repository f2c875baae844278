package io.github.dcn4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.SDDeformable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** What callers do with arrays between the calls of a planned graph does not reach its results. */
class PlannedResultsTest {
  /** The first runs without a plan, the second is recorded, the others run by the plan. */
  private static final int CALLS = 5;

  private SameDiff sd;
  private SDVariable x;

  @BeforeEach
  void newGraph() {
    Nd4j.getRandom().setSeed(5);
    sd = SameDiff.create();
    x = sd.placeHolder("x", DataType.FLOAT, -1, 4, -1, -1);
  }

  private static INDArray image(long size) {
    return Nd4j.randn(DataType.FLOAT, 2, 4, size, size);
  }

  /** Outputs of all kinds: made, read by others, reshaped, of shapes alone, given and stored. */
  private String[] addOutputs() {
    SDVariable w = sd.var("w", Nd4j.randn(DataType.FLOAT, 4, 4, 3, 3));
    SDVariable c = sd.constant("c", Nd4j.randn(DataType.FLOAT, 4));
    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).build();
    SDVariable y = new SDDeformable(sd).conv2d("conv", x, w, c, config);
    SDVariable z = sd.math().tanh("z", y.add("sum", x));
    sd.reshape("flat", z, sd.constant(Nd4j.createFromArray(2L, -1L)));
    z.mul("twice", 2);
    sd.reshape("w2", w, sd.constant(Nd4j.createFromArray(4L, -1L)));
    sd.shape(x).rename("shape");
    return new String[] {"flat", "z", "conv", "shape", "twice", "w2", "x", "w", "c", "sum"};
  }

  private Map<String, INDArray> expected(Map<String, INDArray> inputs, String... names) {
    return sd.dup().output(inputs, names);
  }

  private static void assertEqual(Map<String, INDArray> expected, Map<String, INDArray> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (name, array) -> {
          assertArrayEquals(array.shape(), actual.get(name).shape(), name);
          assertEquals(array.dataType(), actual.get(name).dataType(), name);
          if (!array.isEmpty()) {
            assertArrayEquals(
                array.castTo(DataType.DOUBLE).dup('c').data().asDouble(),
                actual.get(name).castTo(DataType.DOUBLE).dup('c').data().asDouble(),
                0,
                name);
          }
        });
  }

  /** The same as without a plan, which is by one if {@code planned}. */
  private Map<String, INDArray> check(
      boolean planned, Map<String, INDArray> inputs, String... names) {
    Map<String, INDArray> expected = expected(inputs, names);
    long before = session().plannedCalls();
    Map<String, INDArray> actual = sd.output(inputs, names);
    assertEqual(expected, actual);
    if (planned) {
      assertEquals(before + 1, session().plannedCalls());
    }
    return actual;
  }

  private PlannedSession session() {
    return (PlannedSession) sd.getSessions().get(Thread.currentThread().getId());
  }

  @Test
  void outputsOfAllKindsTogetherAndAlone() {
    String[] all = addOutputs();
    PlannedSession.attach(sd);
    for (String[] names : new String[][] {all, {"flat", "twice"}, {"w2"}, {"x"}, {"z", "flat"}}) {
      for (int call = 0; call < CALLS; call++) {
        check(call > 1, Map.of("x", image(6)), names);
        sd.getVariable("w").getArr().addi(0.25);
      }
    }
    check(false, Map.of("x", image(6)), "z", "z");
    check(false, Map.of("x", image(6)), "z", "z");
    check(true, Map.of("x", image(6)), "z", "z");
  }

  @Test
  void resultsOfEveryCallMayBeKeptChangedAndClosed() {
    addOutputs();
    String[] made = {"flat", "z", "conv", "shape", "twice", "w2", "sum"};
    PlannedSession.attach(sd);
    List<Map<String, INDArray>> kept = new ArrayList<>();
    List<Map<String, INDArray>> copies = new ArrayList<>();
    for (int call = 0; call < CALLS; call++) {
      Map<String, INDArray> results = check(call > 1, Map.of("x", image(6)), made);
      Map<String, INDArray> copy = new HashMap<>();
      results.forEach((name, array) -> copy.put(name, array.dup()));
      kept.add(results);
      copies.add(copy);
    }
    for (int call = 0; call < CALLS; call++) {
      assertEqual(copies.get(call), kept.get(call));
      kept.get(call).get("z").assign(-7);
      assertEquals(copies.get(call).get("flat"), kept.get(call).get("flat"));
      kept.get(call).values().forEach(array -> array.assign(-7));
      check(true, Map.of("x", image(6)), made);
      kept.get(call).values().forEach(INDArray::close);
      check(true, Map.of("x", image(6)), made);
    }
  }

  @Test
  @SuppressWarnings("try")
  void anOpenWorkspaceGetsNothing() {
    String[] all = addOutputs();
    PlannedSession.attach(sd);
    INDArray image = image(2);
    for (int call = 0; call < CALLS; call++) {
      Map<String, INDArray> expected = expected(Map.of("x", image), all);
      Map<String, INDArray> results;
      try (MemoryWorkspace open = Nd4j.getWorkspaceManager().getAndActivateWorkspace("results")) {
        results = sd.output(Map.of("x", image), all);
        results.forEach((name, array) -> assertFalse(array.isAttached(), name));
      }
      try (MemoryWorkspace open = Nd4j.getWorkspaceManager().getAndActivateWorkspace("results")) {
        Nd4j.ones(DataType.FLOAT, 100000).muli(9);
      }
      assertEqual(expected, results);
    }
  }

  @Test
  void oneArrayForTwoInputs() {
    SDVariable other = sd.placeHolder("other", DataType.FLOAT, -1, 4, -1, -1);
    x.sub(other).add("y", sd.var("v", image(3)));
    PlannedSession.attach(sd);
    INDArray a = image(3);
    INDArray b = image(3);
    for (int call = 0; call < CALLS; call++) {
      check(false, Map.of("x", a, "other", a), "y");
      check(false, Map.of("x", a, "other", b), "y");
      check(false, Map.of("x", sd.getVariable("v").getArr(), "other", b), "y");
    }
    check(true, Map.of("x", b, "other", a), "y");
  }

  @Test
  void axesThatAreAnInput() {
    SDVariable axes = sd.placeHolder("axes", DataType.INT64, 1);
    sd.mean("y", x, axes.mul(1), false).add("z", 1);
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      for (long axis = 0; axis < 4; axis++) {
        INDArray image = Nd4j.randn(DataType.FLOAT, 4, 4, 4, 4);
        check(false, Map.of("x", image, "axes", Nd4j.createFromArray(axis)), "z");
      }
    }
  }

  @Test
  void ranksInTurn() {
    SDVariable any = sd.placeHolder("any", DataType.FLOAT);
    sd.mean("y", any, sd.constant(Nd4j.createFromArray(-1L)), true);
    any.max().add("m", 1);
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      check(false, Map.of("any", Nd4j.randn(DataType.FLOAT, 3, 3)), "y", "m");
      check(false, Map.of("any", Nd4j.randn(DataType.FLOAT, 3, 3, 3)), "y", "m");
      check(false, Map.of("any", Nd4j.randn(DataType.FLOAT, 3)), "y", "m");
    }
  }

  @Test
  void argumentsOfOpsThatAreReplaced() {
    SDVariable a = sd.math().tanh("a", x);
    SDVariable b = sd.math().neg("b", x);
    SDVariable y = a.add("y", b);
    PlannedSession.attach(sd);
    INDArray image = image(3);
    check(false, Map.of("x", image), "y");
    check(false, Map.of("x", image), "y");
    check(true, Map.of("x", image), "y");
    sd.replaceArgFor(0, b, sd.getVariableOutputOp(y.name()));
    INDArray changed = sd.output(Map.of("x", image), "y").get("y");
    assertEquals(image.mul(-2), changed);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT", "DOUBLE", "HALF"})
  void fusedOpsOfEveryTypeAndNotANumber(DataType type) {
    SDVariable in = sd.placeHolder("in", type, -1, 4, -1, -1);
    SDVariable w = sd.var("w", Nd4j.randn(DataType.FLOAT, 4, 4, 3, 3).castTo(type));
    SDVariable c = sd.constant("c", Nd4j.randn(DataType.FLOAT, 4).castTo(type));
    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).build();
    SDVariable conv = new SDDeformable(sd).conv2d("conv", in, w, c, config);
    sd.nn().relu("y", in.add(conv), 0);
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      INDArray image = Nd4j.randn(DataType.FLOAT, 2, 4, 7, 7);
      image.putScalar(0, 1, 3, 3, Double.NaN).putScalar(1, 1, 3, 3, Double.NEGATIVE_INFINITY);
      check(call > 1, Map.of("in", image.castTo(type)), "y");
    }
  }

  @Test
  void noImages() {
    sd.math().tanh("y", x.add(1));
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      check(call > 1, Map.of("x", Nd4j.empty(DataType.FLOAT).reshape(0, 4, 3, 3)), "y");
      check(call > 1, Map.of("x", image(3)), "y");
    }
  }

  @Test
  void controlFlowRunsAsWithout() {
    SDVariable first = x.sum();
    sd.ifCond("y", null, s -> first.gt(0), s -> x.mul(2), s -> x.sub(1));
    for (int call = 0; call < CALLS; call++) {
      Map<String, INDArray> image = Map.of("x", image(3));
      sd.getSessions().clear();
      Map<String, INDArray> expected = sd.output(image, "y");
      PlannedSession.attach(sd);
      assertEqual(expected, sd.output(image, "y"));
      assertEqual(expected, sd.output(image, "y"));
    }
  }

  @Test
  void trainingBetweenCallsCounts() {
    String[] all = addOutputs();
    SDVariable loss = sd.getVariable("z").sum("loss");
    sd.setLossVariables(loss);
    sd.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Sgd(0.01))
            .dataSetFeatureMapping("x")
            .markLabelsUnused()
            .minimize("loss")
            .build());
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      check(call > 1, Map.of("x", image(6)), all);
      INDArray before = sd.getVariable("w").getArr().dup();
      sd.fit(new MultiDataSet(image(6), null));
      assertFalse(before.equals(sd.getVariable("w").getArr()));
      sd.calculateGradients(Map.of("x", image(6)), "w");
    }
  }

  @Test
  void aClosedInputIsRefusedAndTheNextCallGoesOn() {
    addOutputs();
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      check(call > 1, Map.of("x", image(6)), "twice");
      INDArray closed = image(6);
      closed.close();
      assertThrows(RuntimeException.class, () -> sd.output(Map.of("x", closed), "twice"));
    }
  }

  @Test
  void threadsWithAPlanEach() throws Exception {
    addOutputs();
    INDArray image = image(6);
    Map<String, INDArray> expected = expected(Map.of("x", image), "flat", "twice");
    ExecutorService pool = Executors.newFixedThreadPool(3);
    try {
      List<Future<?>> done = new ArrayList<>();
      for (int thread = 0; thread < 3; thread++) {
        done.add(
            pool.submit(
                () -> {
                  PlannedSession.attach(sd);
                  for (int call = 0; call < 50; call++) {
                    assertEqual(expected, sd.output(Map.of("x", image), "flat", "twice"));
                  }
                }));
      }
      for (Future<?> future : done) {
        future.get();
      }
    } finally {
      pool.shutdown();
    }
  }

  @Test
  void getArrGivesTheResultsOfEveryCall() {
    addOutputs();
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      Map<String, INDArray> results = check(call > 1, Map.of("x", image(6)), "flat", "twice");
      results.forEach((name, array) -> assertSame(array, sd.getVariable(name).getArr(), name));
    }
  }

  @Test
  void eachOrderOfAnInputHasItsPlan() {
    sd.math().tanh("y", x.add(1));
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      INDArray c = image(3);
      INDArray f = image(3).dup('f');
      INDArray permuted = Nd4j.randn(DataType.FLOAT, 2, 3, 3, 4).permute(0, 3, 1, 2);
      for (INDArray image : new INDArray[] {c, f, permuted}) {
        check(call > 1, Map.of("x", image), "y");
      }
    }
  }

  @Test
  void sizesThatComeOnceAreNotPlanned() {
    addOutputs();
    PlannedSession.attach(sd);
    for (long size = 3; size < 10; size++) {
      check(false, Map.of("x", image(size)), "flat");
      assertEquals(0, session().plannedBytes());
    }
  }

  @Test
  void plansThatAreDisplacedGiveTheirMemoryBack() {
    addOutputs();
    PlannedSession.attach(sd);
    long most = 0;
    for (int round = 0; round < 2; round++) {
      for (long size = 30; size < 70; size += 2) {
        for (int call = 0; call < CALLS; call++) {
          check(false, Map.of("x", image(size)), "flat");
        }
        most = Math.max(most, session().plannedBytes());
      }
    }
    long before = session().plannedCalls();
    for (int call = 0; call < CALLS; call++) {
      check(false, Map.of("x", image(68)), "flat");
    }
    assertEquals(CALLS, session().plannedCalls() - before);
    // of a plan of the largest images: four arrays that live at once, at most
    assertTrue(most < 16 * 4 * 2 * 4 * 68 * 68 * Float.BYTES, "bytes: " + most);
    sd.getVariable("flat").mul("more", 2); // no plan is of this graph
    check(false, Map.of("x", image(68)), "flat");
    assertTrue(session().plannedBytes() < most);
  }
}
