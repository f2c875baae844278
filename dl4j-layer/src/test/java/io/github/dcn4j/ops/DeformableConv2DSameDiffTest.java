package io.github.dcn4j.ops;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import io.github.dcn4j.FreshJvm;
import java.io.File;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.autodiff.validation.GradCheckUtil;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** The op in SameDiff graphs: gradients, training, saving and loading. */
@ExtendWith(DoublePrecision.class)
class DeformableConv2DSameDiffTest {
  /** A graph with every array of the problem as a variable, and the output's squared norm. */
  private static SameDiff graph(Problem p, boolean mask, boolean bias) {
    SameDiff sd = SameDiff.create();
    SDVariable output =
        new SDDeformable(sd)
            .deformableConv2d(
                "output",
                sd.var("input", p.getInput()),
                sd.var("weights", p.getWeights()),
                sd.var("offset", p.getOffset()),
                mask ? sd.var("mask", p.getMask()) : null,
                bias ? sd.var("bias", p.getBias()) : null,
                p.getConfig());
    sd.math().square(output).sum().rename("loss").markAsLoss();
    return sd;
  }

  @ParameterizedTest
  @CsvSource({"true, true", "true, false", "false, true", "false, false"})
  void gradientsAgreeWithNumericalOnes(boolean mask, boolean bias) {
    SameDiff sd = graph(Problem.random(DataType.DOUBLE), mask, bias);
    assertTrue(GradCheckUtil.checkGradients(sd, new HashMap<>(), false, true));
  }

  @Test
  void gradientsAreThoseOfTheEagerOp() {
    Problem p = Problem.random(DataType.DOUBLE);
    SameDiff sd = graph(p, true, true);
    String[] names = {"input", "weights", "offset", "mask", "bias"};
    Map<String, INDArray> gradients = sd.calculateGradients(new HashMap<>(), names);
    INDArray output = p.forward();
    INDArray[] eager = p.toBuilder().gradOutput(output.mul(2)).build().backward();
    assertEquals(output, sd.outputSingle(new HashMap<>(), "output"));
    for (int i = 0; i < names.length; i++) {
      assertClose(eager[i], gradients.get(names[i]), 1e-12, names[i]);
    }
  }

  /** SameDiff itself adds the op, and fails from then on whatever is asked of it. */
  @Test
  void aVariableOfAnotherGraphIsNamedAndTheGraphGoesOn() {
    Problem p = Problem.random(DataType.DOUBLE);
    SameDiff sd = graph(p, true, true);
    SDVariable[] own = {
      sd.getVariable("input"),
      sd.getVariable("weights"),
      sd.getVariable("offset"),
      sd.getVariable("mask"),
      sd.getVariable("bias")
    };
    String[] names = {"input", "weights", "offset", "mask", "bias"};
    for (int i = 0; i < own.length; i++) {
      SDVariable[] mixed = own.clone();
      mixed[i] = SameDiff.create().var("stray", Nd4j.zeros(1));
      Calls.assertMessage(
          names[i] + ": expected a variable of this graph, got stray of another",
          () ->
              new SDDeformable(sd)
                  .deformableConv2d(
                      mixed[0], mixed[1], mixed[2], mixed[3], mixed[4], p.getConfig()));
    }
    Calls.assertMessage("sd: expected a value, got null", () -> new SDDeformable(null));
    assertEquals(p.forward(), sd.outputSingle(new HashMap<>(), "output"));
    assertEquals(5, sd.calculateGradients(new HashMap<>(), names).size());
  }

  @Test
  void integersTooWideAreRefusedAndTheGraphGoesOn() {
    Problem p = Problem.random(DataType.DOUBLE);
    SameDiff sd = graph(p, true, true);
    int ops = sd.getOps().size();
    DeformableConv2DConfig wide = p.getConfig().toBuilder().pW((1L << 32) + 1).build();
    Calls.assertMessage(
        "deformable_conv2d: pW: expected an integer of 32 bits, got 4294967297",
        () ->
            new SDDeformable(sd)
                .deformableConv2d(
                    sd.getVariable("input"),
                    sd.getVariable("weights"),
                    sd.getVariable("offset"),
                    null,
                    null,
                    wide));
    assertEquals(ops, sd.getOps().size());
    assertEquals(p.forward(), sd.outputSingle(new HashMap<>(), "output"));
    assertEquals(2, sd.calculateGradients(new HashMap<>(), "input", "weights").size());
  }

  /** ND4J makes the ops of a graph that it loads, and sets their integers. */
  @Test
  void integersTooWideThatNd4jSetsAreRefused() {
    DeformableConv2D op = new DeformableConv2D();
    op.addIArgument(3, 3, 1, 1, 1, (1L << 32) + 1, 1, 1, 0, 0, 1, 1);
    Calls.assertMessage(
        "deformable_conv2d: pW: expected an integer of 32 bits, got 4294967297",
        op::configureFromArguments);
  }

  @Test
  void oneGraphTakesBatchesOfAnySize() {
    Problem p = Problem.random(DataType.DOUBLE);
    SameDiff sd = SameDiff.create();
    SDVariable input = sd.placeHolder("input", DataType.DOUBLE, -1, 4, 6, 5);
    SDVariable offset = sd.placeHolder("offset", DataType.DOUBLE, -1, 36, 6, 5);
    new SDDeformable(sd)
        .deformableConv2d(
            "output", input, sd.var("weights", p.getWeights()), offset, null, null, p.getConfig());
    for (int n : new int[] {2, 1, 7, 2}) {
      Map<String, INDArray> feed = new HashMap<>();
      feed.put("input", Nd4j.rand(DataType.DOUBLE, n, 4, 6, 5));
      feed.put("offset", Nd4j.rand(DataType.DOUBLE, n, 36, 6, 5));
      assertArrayEquals(new long[] {n, 6, 6, 5}, sd.outputSingle(feed, "output").shape());
    }
  }

  /** A network that predicts its own offsets and must learn a shifted copy of its input. */
  private static SameDiff trainable() {
    Nd4j.getRandom().setSeed(3);
    SameDiff sd = SameDiff.create();
    SDVariable input = sd.placeHolder("input", DataType.DOUBLE, -1, 1, 8, 8);
    SDVariable label = sd.placeHolder("label", DataType.DOUBLE, -1, 1, 8, 8);
    DeformableConv2DConfig config = DeformableConv2DConfig.builder().kH(1).kW(1).build();
    SDVariable shift = sd.var("shift", Nd4j.createFromArray(0.3, -0.3).reshape(1, 2, 1, 1));
    SDVariable offset = sd.math().add(sd.zerosLike(sd.concat(1, input, input)), shift);
    SDVariable weights = sd.var("weights", Nd4j.ones(DataType.DOUBLE, 1, 1, 1, 1));
    SDVariable output =
        new SDDeformable(sd).deformableConv2d("output", input, weights, offset, null, null, config);
    sd.loss.meanSquaredError("loss", label, output, null);
    sd.setLossVariables("loss");
    sd.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Adam(0.02))
            .dataSetFeatureMapping("input")
            .dataSetLabelMapping("label")
            .build());
    return sd;
  }

  /** Smooth images, and each moved by (0.8, 0.4) pixels. */
  private static DataSet shiftedImages() {
    INDArray images = Nd4j.create(DataType.DOUBLE, 4, 1, 8, 8);
    INDArray moved = Nd4j.create(DataType.DOUBLE, 4, 1, 8, 8);
    for (int n = 0; n < 4; n++) {
      for (int y = 0; y < 8; y++) {
        for (int x = 0; x < 8; x++) {
          images.putScalar(n, 0, y, x, bump(n, y, x));
          moved.putScalar(n, 0, y, x, bump(n, y + 0.8, x + 0.4));
        }
      }
    }
    return new DataSet(images, moved);
  }

  private static double bump(int n, double y, double x) {
    double dy = y - 3 - n * 0.3;
    double dx = x - 4 + n * 0.2;
    return Math.exp(-(dy * dy + dx * dx) / 4);
  }

  @Test
  void trainingFindsTheOffset() {
    SameDiff sd = trainable();
    DataSet data = shiftedImages();
    for (int i = 0; i < 150; i++) {
      sd.fit(data);
    }
    INDArray shift = sd.getVariable("shift").getArr();
    assertEquals(0.8, shift.getDouble(0), 0.1);
    assertEquals(0.4, shift.getDouble(1), 0.1);
  }

  @Test
  void aSavedGraphRunsAndTrainsAfterLoading(@TempDir Path directory) {
    File file = directory.resolve("graph.fb").toFile();
    SameDiff sd = trainable();
    DataSet data = shiftedImages();
    sd.fit(data);
    sd.save(file, true);
    SameDiff loaded = SameDiff.load(file, true);
    assertEquals(
        ((DeformableConv2D) sd.getOpById(opName(sd))).getConfig(),
        ((DeformableConv2D) loaded.getOpById(opName(loaded))).getConfig());
    sd.fit(data);
    loaded.fit(data);
    assertEquals(sd.getVariable("shift").getArr(), loaded.getVariable("shift").getArr());
  }

  private static String opName(SameDiff sd) {
    for (org.nd4j.autodiff.functions.DifferentialFunction op : sd.ops()) {
      if (op instanceof DeformableConv2D) {
        return op.getOwnName();
      }
    }
    throw new AssertionError("no deformable convolution in the graph");
  }

  @Test
  void aFreshJvmThatOnlyLoadsAGraphRunsIt(@TempDir Path directory) throws Exception {
    Problem p = Problem.random(DataType.DOUBLE);
    SameDiff sd = graph(p, true, true);
    File file = directory.resolve("graph.fb").toFile();
    sd.save(file, false);
    FreshJvm.Result result = FreshJvm.run(LoadOnly.class, FreshJvm.classPath(), file.toString());
    assertEquals(0, result.getExitCode(), result.getOutput());
    double norm = Double.parseDouble(result.lineAfter("norm: "));
    assertEquals(p.forward().norm2Number().doubleValue(), norm, 1e-9);
  }

  /** What a user's program does who never names this library. */
  static final class LoadOnly {
    public static void main(String[] arguments) {
      SameDiff sd = SameDiff.load(new File(arguments[0]), false);
      System.out.println(
          "norm: " + sd.outputSingle(new HashMap<>(), "output").norm2Number().doubleValue());
    }
  }
}
