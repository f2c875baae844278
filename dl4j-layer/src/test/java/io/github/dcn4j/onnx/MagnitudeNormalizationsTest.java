package io.github.dcn4j.onnx;

import io.github.dcn4j.Goldens;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Ops that ONNX's node tests in the resources lack, against ONNX Runtime. */
class MagnitudeNormalizationsTest {
  private static void check(INDArray x, String op, Object... attributes) throws Exception {
    byte[] model =
        new TestGraph()
            .input("x", DataType.FLOAT, x.shape())
            .node(op, List.of("x"), "y", attributes)
            .model(DataType.FLOAT, "y");
    INDArray expected = OnnxRuntime.run(model, Map.of("x", x));
    SameDiff sd = OnnxModel.parse(model).toSameDiff();
    for (int run = 0; run < 2; run++) { // the second by a plan
      INDArray actual = sd.output(Map.of("x", x), "y").get("y");
      Goldens.assertClose(expected, actual, 1e-5, op);
    }
  }

  private static INDArray image() {
    return Nd4j.randn(DataType.FLOAT, 2, 5, 4, 3);
  }

  @Test
  void localResponse() throws Exception {
    check(image(), "LRN", "size", 3L);
    check(image(), "LRN", "size", 5L, "alpha", 0.2f, "beta", 0.5f, "bias", 2f);
  }

  @Test
  void norms() throws Exception {
    for (long p : new long[] {1, 2}) {
      for (long axis : new long[] {-1, 0, 1, 2}) {
        check(image(), "LpNormalization", "p", p, "axis", axis);
      }
    }
  }

  @Test
  void meanAndVariance() throws Exception {
    check(image(), "MeanVarianceNormalization");
    check(image(), "MeanVarianceNormalization", "axes", new long[] {0, 2, 3});
  }
}
