package io.github.dcn4j.ops;

import static io.github.dcn4j.Goldens.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.DoublePrecision;
import java.io.File;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.validation.GradCheckUtil;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** DCNv3 and multi-scale deformable attention in SameDiff graphs. */
@ExtendWith(DoublePrecision.class)
class AggregationSameDiffTest {
  private static final String[] DCNV3 = {"input", "offset", "mask"};
  private static final String[] ATTENTION = {"value", "sizes", "locations", "weights"};

  static Stream<Aggregation> both() {
    return Aggregation.both(DataType.DOUBLE);
  }

  private static String[] namesOf(Aggregation call) {
    return call.getConfig() == null ? ATTENTION : DCNV3;
  }

  /** A graph with every array of the call as a variable, and the output's squared norm. */
  private static SameDiff graph(Aggregation call) {
    SameDiff sd = SameDiff.create();
    SDVariable output = call.in(sd, namesOf(call));
    sd.math().square(output).sum().rename("loss").markAsLoss();
    return sd;
  }

  @ParameterizedTest
  @MethodSource("both")
  void gradientsAgreeWithNumericalOnes(Aggregation call) {
    assertTrue(GradCheckUtil.checkGradients(graph(call), new HashMap<>(), false, true));
  }

  @ParameterizedTest
  @MethodSource("both")
  void gradientsAreThoseOfTheEagerOp(Aggregation call) {
    SameDiff sd = graph(call);
    INDArray output = call.forward();
    assertEquals(output, sd.outputSingle(new HashMap<>(), "output"));
    INDArray[] eager = call.toBuilder().gradOutput(output.mul(2)).build().backward();
    String[] names =
        call.getConfig() == null ? new String[] {"value", "locations", "weights"} : DCNV3;
    Map<String, INDArray> gradients = sd.calculateGradients(new HashMap<>(), names);
    for (int i = 0; i < names.length; i++) {
      assertClose(eager[i], gradients.get(names[i]), 1e-12, names[i]);
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void aSavedGraphComesBackWithItsGradients(Aggregation call, @TempDir Path folder) {
    SameDiff sd = graph(call);
    Map<String, INDArray> before = sd.calculateGradients(new HashMap<>(), namesOf(call)[0]);
    File file = folder.resolve("graph.fb").toFile();
    sd.save(file, true);
    SameDiff loaded = SameDiff.load(file, true);
    assertEquals(call.forward(), loaded.outputSingle(new HashMap<>(), "output"));
    assertEquals(before, loaded.calculateGradients(new HashMap<>(), namesOf(call)[0]));
  }
}
