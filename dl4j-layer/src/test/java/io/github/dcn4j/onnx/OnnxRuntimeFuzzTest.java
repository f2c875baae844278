package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OrtException;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Random nodes against ONNX Runtime: a result is the same, or the node was refused. More of them by
 * {@code -Ddcn4j.fuzz.cases=500}, from another seed on by {@code -Ddcn4j.fuzz.seed=1000}.
 */
class OnnxRuntimeFuzzTest {
  private static final int CASES = Integer.getInteger("dcn4j.fuzz.cases", 10);
  private static final long SEED = Long.getLong("dcn4j.fuzz.seed", 0);

  static List<String> kinds() {
    return FuzzCases.kinds();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void isTheSameOrRefused(String kind) {
    int compared = 0;
    int known = 0;
    for (long seed = SEED; seed < SEED + CASES; seed++) {
      FuzzCases c = FuzzCases.of(kind, seed);
      INDArray expected;
      try {
        expected = OnnxRuntime.run(c.model(), c.inputs);
      } catch (OrtException e) {
        continue; // it lacks the type, or the opset
      }
      if (c.hasOpenSizes() && expected.isEmpty()) {
        continue; // ND4J has no ranges of nothing; an exception tells
      }
      known++;
      SameDiff sd;
      try {
        sd = OnnxModel.parse(c.model()).toSameDiff();
      } catch (IllegalArgumentException e) {
        continue;
      }
      compared++;
      for (int run = 0; run < 2; run++) { // the second by a plan
        NodeGoldenTest.assertSame(c.text, expected, output(sd, c));
      }
    }
    assertTrue(2 * compared >= known, kind + ": only " + compared + " of " + known + " compared");
  }

  private static INDArray output(SameDiff sd, FuzzCases c) {
    try {
      return sd.output(c.inputs, "y").get("y");
    } catch (RuntimeException e) {
      throw new AssertionError(c.text, e);
    }
  }
}
