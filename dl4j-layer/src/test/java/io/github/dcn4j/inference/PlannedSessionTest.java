package io.github.dcn4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.ops.DCNv3;
import io.github.dcn4j.ops.DeformableConv2D;
import io.github.dcn4j.ops.DeformableConv2DConfig;
import io.github.dcn4j.ops.DeformablePSROIPooling;
import io.github.dcn4j.ops.MultiScaleDeformableAttention;
import io.github.dcn4j.ops.NDDeformable;
import io.github.dcn4j.ops.PlainConv2D;
import io.github.dcn4j.ops.SDDeformable;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.controlflow.Where;
import org.nd4j.linalg.factory.Nd4j;

/** A graph that runs by plans gives what it gives without, call after call. */
class PlannedSessionTest {
  /** The first call runs without a plan, the second is recorded, the others run by the plan. */
  private static final int CALLS = 5;

  private SameDiff sd;
  private SDVariable x;

  @BeforeEach
  void newGraph() {
    Nd4j.getRandom().setSeed(3);
    sd = SameDiff.create();
    x = sd.placeHolder("x", DataType.FLOAT, -1, 4, -1, -1);
  }

  private static INDArray image(long n, long size) {
    return Nd4j.randn(DataType.FLOAT, n, 4, size, size);
  }

  /** Two convolutions, the second with a shortcut, as residual networks have them. */
  private void addBlock() {
    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).build();
    SDVariable y = convolved(x, 0, config);
    y = convolved(sd.nn().relu(y, 0), 1, config);
    y = sd.nn().relu(y.add(x), 0);
    SDVariable n = sd.reshape(sd.sizeAt(y, 0).castTo(DataType.INT64), 1);
    SDVariable rest = sd.constant(Nd4j.createFromArray(4L, -1L));
    y = sd.reshape(y, sd.concat(0, n, rest)).rename("flat");
    sd.nn().sigmoid("y", y.mean(true, 2).mul(2));
  }

  private SDVariable convolved(SDVariable in, int n, DeformableConv2DConfig config) {
    SDVariable w = sd.var("w" + n, Nd4j.randn(DataType.FLOAT, 4, 4, 3, 3));
    SDVariable b = sd.constant("b" + n, Nd4j.randn(DataType.FLOAT, 4));
    return new SDDeformable(sd).conv2d("conv" + n, in, w, b, config);
  }

  private INDArray output(INDArray image, String name) {
    return sd.output(Map.of("x", image), name).get(name);
  }

  private long plannedCalls() {
    return ((PlannedSession) sd.getSessions().get(Thread.currentThread().getId())).plannedCalls();
  }

  /** Without a plan. */
  private INDArray expected(INDArray image, String name) {
    return sd.dup().output(Map.of("x", image), name).get(name);
  }

  private void check(INDArray image, String name) {
    INDArray expected = expected(image, name);
    INDArray actual = output(image, name);
    assertArrayEquals(expected.shape(), actual.shape());
    assertArrayEquals(
        expected.dup('c').data().asFloat(), actual.dup('c').data().asFloat(), 0f, name);
  }

  @Test
  void theSameBitsForOtherImagesAndSizes() {
    addBlock();
    PlannedSession.attach(sd);
    for (long[] shape : new long[][] {{1, 8}, {2, 5}, {1, 8}, {3, 9}, {1, 7}, {1, 6}, {2, 5}}) {
      for (int call = 0; call < CALLS; call++) {
        check(image(shape[0], shape[1]), "y");
      }
    }
    assertTrue(plannedCalls() >= 7 * CALLS - 5 * 2, "plans: " + plannedCalls());
  }

  @Test
  void whatAFusionWouldHideIsThereWhenAskedFor() {
    addBlock();
    PlannedSession.attach(sd);
    INDArray image = image(2, 6);
    for (int call = 0; call < CALLS; call++) {
      for (String name : new String[] {"conv0", "conv1", "flat", "y"}) {
        check(image, name);
      }
    }
  }

  @Test
  void viewsAndOtherOrdersOfImages() {
    addBlock();
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      check(image(1, 6), "y");
      check(image(1, 6).dup('f'), "y");
      check(Nd4j.randn(DataType.FLOAT, 1, 6, 6, 4).permute(0, 3, 1, 2), "y");
    }
  }

  @Test
  void resultsAreTheCallers() {
    addBlock();
    PlannedSession.attach(sd);
    output(image(1, 6), "y");
    INDArray first = output(image(1, 6), "y");
    INDArray before = first.dup();
    INDArray second = output(image(1, 6), "y");
    assertNotSame(first, second);
    assertEquals(before, first);
  }

  @Test
  void newWeightsCount() {
    addBlock();
    PlannedSession.attach(sd);
    INDArray image = image(1, 6);
    for (int call = 0; call < CALLS; call++) {
      check(image, "y");
      sd.getVariable("w0").getArr().muli(0.5);
      check(image, "y");
      sd.getVariable("w1").setArray(Nd4j.randn(DataType.FLOAT, 4, 4, 3, 3));
      check(image, "y");
    }
  }

  @Test
  void newConstantsCount() {
    DeformableConv2DConfig config =
        DeformableConv2DConfig.builder().kH(3).kW(3).pH(1).pW(1).build();
    SDVariable w = sd.constant("w", Nd4j.randn(DataType.FLOAT, 4, 4, 3, 3));
    SDVariable b = sd.constant("b", Nd4j.randn(DataType.FLOAT, 4));
    new SDDeformable(sd).conv2d("y", x, w, b, config);
    w.mul(2).sum().rename("z");
    PlannedSession.attach(sd);
    INDArray image = image(1, 6);
    for (int change = 0; change < 3; change++) {
      for (int call = 0; call < CALLS; call++) {
        INDArray now = w.getArr();
        Map<String, INDArray> made = sd.output(Map.of("x", image), "y", "z");
        assertEquals(new NDDeformable().conv2d(image, now, b.getArr(), config), made.get("y"));
        assertEquals(2 * now.sumNumber().doubleValue(), made.get("z").getDouble(0), 1e-3);
      }
      w.setArray(Nd4j.randn(DataType.FLOAT, 4, 4, 3, 3));
    }
    assertTrue(plannedCalls() > 0);
    INDArray y = output(image, "y");
    assertEquals(y, sd.dup().output(Map.of("x", image), "y").get("y"));
    sd.convertToVariables(List.of(w));
    assertEquals(y, output(image, "y"));
    sd.convertToConstants(List.of(w));
    assertEquals(y, output(image, "y"));
  }

  @Test
  void aLinearLayerHasTheBitsAndTheOrderOfTheFirstCall() {
    SDVariable rows = sd.placeHolder("rows", DataType.FLOAT, 64, 100);
    SDVariable w = sd.var("w", Nd4j.randn(DataType.FLOAT, 100, 33));
    sd.nn().linear("y", rows, w, sd.var("b", Nd4j.randn(DataType.FLOAT, 33)));
    PlannedSession.attach(sd);
    Map<String, INDArray> in = Map.of("rows", Nd4j.randn(DataType.FLOAT, 64, 100));
    INDArray first = sd.output(in, "y").get("y");
    for (int call = 0; call < CALLS; call++) {
      INDArray next = sd.output(in, "y").get("y");
      assertArrayEquals(first.stride(), next.stride());
      assertArrayEquals(first.data().asFloat(), next.data().asFloat());
    }
    assertTrue(plannedCalls() > 0);
  }

  @Test
  void changesOfTheGraphCount() {
    addBlock();
    PlannedSession.attach(sd);
    INDArray image = image(1, 6);
    check(image, "y");
    check(image, "y");
    sd.getVariable("y").mul("z", 3);
    check(image, "z");
    check(image, "z");
    check(image, "y");
  }

  @Test
  void sizesThatDependOnWhatIsInTheArrays() {
    SDVariable positions = new Where(sd, new SDVariable[] {sd.gt(x, 0)}).outputVariable();
    positions.castTo(DataType.FLOAT).mul("y", 2);
    sd.math().neg("z", x);
    PlannedSession.attach(sd);
    for (int call = 0; call < 2 * CALLS; call++) {
      check(image(1, 3), "y");
      check(image(1, 3), "z");
    }
  }

  @Test
  void anOpThatFailsSaysWhy() {
    SDVariable index = sd.placeHolder("i", DataType.INT32, 1);
    sd.gather(x, index, 1).rename("y");
    PlannedSession.attach(sd);
    INDArray image = image(1, 3);
    for (int call = 0; call < CALLS; call++) {
      int channel = call % 4;
      Map<String, INDArray> good = Map.of("x", image, "i", Nd4j.createFromArray(channel));
      assertEquals(
          image.getFloat(0, channel, 1, 1), sd.output(good, "y").get("y").getFloat(0, 0, 1, 1));
      Map<String, INDArray> missing = Map.of("x", image);
      assertThrows(RuntimeException.class, () -> sd.output(missing, "y"));
    }
  }

  @Test
  void theCallerHasItsThreadsAfterACall() {
    sd.math().tanh(x).add("y", x);
    int threads = threads();
    PlannedSession.attach(sd);
    for (int call = 0; call < CALLS; call++) {
      check(image(1, 3), "y");
      assertEquals(threads, threads());
      INDArray closed = image(1, 3);
      closed.close();
      assertThrows(RuntimeException.class, () -> output(closed, "y"));
      assertEquals(threads, threads());
    }
  }

  /** Of ND4J's ops in this thread. */
  private static int threads() {
    return Nd4j.exec(
        DynamicCustomOp.builder("dcn4j_one_thread")
            .addInputs(Nd4j.scalar(0))
            .addIntegerArguments(-1) // to ask
            .build())[0]
        .getInt(0);
  }

  @Test
  void otherThreadsAndTrainingGoOn() throws InterruptedException {
    addBlock();
    PlannedSession.attach(sd);
    INDArray image = image(1, 6);
    INDArray expected = expected(image, "y");
    output(image, "y");
    boolean[] same = new boolean[1];
    Thread other = new Thread(() -> same[0] = output(image, "y").equals(expected));
    other.start();
    other.join();
    assertTrue(same[0]);
    sd.getVariable("y").sum("loss");
    sd.setLossVariables("loss");
    INDArray gradient = sd.calculateGradients(Map.of("x", image), "w0").get("w0");
    assertTrue(gradient.norm1Number().doubleValue() > 0);
    check(image, "y");
    check(image, "y");
  }

  @Test
  void theSizesOfThisLibrarysResultsAreKnown() {
    for (DifferentialFunction op :
        List.of(
            new PlainConv2D(),
            new DeformableConv2D(),
            new DeformablePSROIPooling(),
            new DCNv3(),
            new MultiScaleDeformableAttention())) {
      assertTrue(OpKinds.isSettled(op, 3, false), op.opName());
    }
  }
}
