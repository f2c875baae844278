package io.github.dcn4j.ops;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import io.github.dcn4j.FreshJvm;
import java.io.File;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.validation.GradCheckUtil;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The op in SameDiff graphs: gradients, saving and loading. */
@ExtendWith(DoublePrecision.class)
class DeformablePSROIPoolingSameDiffTest {
  private static Map<String, INDArray> feed(PoolingProblem p) {
    return Collections.singletonMap("rois", p.getRois());
  }

  /** A graph with the arrays of the problem, its rois to be fed, and the output's squared norm. */
  private static SameDiff graph(PoolingProblem p, boolean trans) {
    SameDiff sd = SameDiff.create();
    return addTo(sd, sd.placeHolder("rois", DataType.DOUBLE, -1, 5), p, trans);
  }

  private static SameDiff addTo(SameDiff sd, SDVariable rois, PoolingProblem p, boolean trans) {
    SDVariable output =
        new SDDeformable(sd)
            .deformablePSROIPooling(
                "output",
                sd.var("input", p.getInput()),
                rois,
                trans ? sd.var("trans", p.getTrans()) : null,
                p.getConfig());
    sd.math().square(output).sum().rename("loss").markAsLoss();
    return sd;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void gradientsAgreeWithNumericalOnes(boolean trans) {
    PoolingProblem p = PoolingProblem.random(DataType.DOUBLE);
    SameDiff sd = SameDiff.create();
    addTo(sd, sd.constant("rois", p.getRois()), p, trans);
    assertTrue(
        GradCheckUtil.checkGradients(
            sd,
            new HashMap<>(),
            GradCheckUtil.DEFAULT_EPS,
            GradCheckUtil.DEFAULT_MAX_REL_ERROR,
            GradCheckUtil.DEFAULT_MIN_ABS_ERROR,
            false,
            true,
            false,
            false,
            Collections.singleton("rois"), // batch indices can't be moved
            null));
  }

  @Test
  void gradientsAreThoseOfTheEagerOpAndRoisHaveZeros() {
    for (DataType type : new DataType[] {DataType.DOUBLE, DataType.FLOAT}) {
      PoolingProblem p = PoolingProblem.random(type);
      SameDiff sd = SameDiff.create();
      addTo(sd, sd.var("rois", p.getRois().castTo(DataType.DOUBLE)), p, true);
      Map<String, INDArray> gradients =
          sd.calculateGradients(new HashMap<>(), "input", "rois", "trans");
      INDArray[] eager = p.toBuilder().gradOutput(p.forward().mul(2)).build().backward();
      assertEquals(p.forward(), sd.outputSingle(new HashMap<>(), "output"));
      assertClose(eager[0], gradients.get("input"), 1e-6, "input");
      assertClose(eager[1], gradients.get("trans"), 1e-6, "trans");
      assertEquals(Nd4j.zeros(DataType.DOUBLE, 6, 5), gradients.get("rois"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"DOUBLE", "FLOAT", "HALF"})
  void theCountIsThereToo(String typeName) {
    DataType type = DataType.valueOf(typeName);
    PoolingProblem p = PoolingProblem.random(type);
    SameDiff sd = SameDiff.create();
    SDVariable[] outputs =
        new SDDeformable(sd)
            .deformablePSROIPoolingWithCount(
                sd.var("input", p.getInput()),
                sd.constant("rois", p.getRois()),
                sd.var("trans", p.getTrans()),
                p.getConfig());
    assertEquals(type, outputs[0].dataType());
    assertEquals(p.getCount().dataType(), outputs[1].dataType());
    assertEquals(p.getCount(), outputs[1].eval());
  }

  @Test
  void oneGraphTakesAnyNumberOfRois() {
    PoolingProblem p = PoolingProblem.random(DataType.DOUBLE);
    SameDiff sd = SameDiff.create();
    SDVariable rois = sd.placeHolder("rois", DataType.DOUBLE, -1, 5);
    new SDDeformable(sd)
        .deformablePSROIPooling("output", sd.var(p.getInput()), rois, null, p.getConfig());
    for (int r : new int[] {2, 1, 7, 0, 3}) {
      INDArray feed = Nd4j.create(DataType.DOUBLE, r, 5);
      assertArrayEquals(
          new long[] {r, 4, 5, 5},
          sd.outputSingle(Collections.singletonMap("rois", feed), "output").shape());
    }
  }

  @Test
  void aSavedGraphHasTheSameGradientsAfterLoading(@TempDir Path directory) {
    File file = directory.resolve("graph.fb").toFile();
    PoolingProblem p = PoolingProblem.random(DataType.DOUBLE);
    SameDiff sd = graph(p, true);
    INDArray expected = sd.calculateGradients(feed(p), "trans").get("trans");
    sd.save(file, true);
    SameDiff loaded = SameDiff.load(file, true);
    DeformablePSROIPooling op = (DeformablePSROIPooling) loaded.getVariableOutputOp("output");
    assertEquals(p.getConfig(), op.getConfig());
    assertEquals(expected, loaded.calculateGradients(feed(p), "trans").get("trans"));
  }

  @Test
  void aFreshJvmThatOnlyLoadsAGraphRunsIt(@TempDir Path directory) throws Exception {
    PoolingProblem p = PoolingProblem.random(DataType.DOUBLE);
    File file = directory.resolve("graph.fb").toFile();
    SameDiff sd = SameDiff.create();
    addTo(sd, sd.constant("rois", p.getRois()), p, true).save(file, false);
    FreshJvm.Result result =
        FreshJvm.run(
            DeformableConv2DSameDiffTest.LoadOnly.class, FreshJvm.classPath(), file.toString());
    assertEquals(0, result.getExitCode(), result.getOutput());
    double norm = Double.parseDouble(result.lineAfter("norm: "));
    assertEquals(p.forward().norm2Number().doubleValue(), norm, 1e-9);
  }
}
