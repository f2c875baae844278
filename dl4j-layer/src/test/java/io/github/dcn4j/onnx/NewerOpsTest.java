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
class NewerOpsTest {
  private static void check(INDArray x, String op, Object... attributes) throws Exception {
    byte[] model =
        new TestGraph()
            .input("x", DataType.FLOAT, x.shape())
            .node(op, List.of("x"), "y", attributes)
            .model(DataType.FLOAT, "y");
    check(model, Map.of("x", x));
  }

  private static void check(byte[] model, Map<String, INDArray> inputs) throws Exception {
    INDArray expected = OnnxRuntime.run(model, inputs);
    SameDiff sd = OnnxModel.parse(model).toSameDiff();
    for (int run = 0; run < 2; run++) { // the second by a plan
      INDArray actual = sd.output(inputs, "y").get("y");
      Goldens.assertClose(expected, actual, 1e-5, "y");
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

  @Test
  void rootMeanSquare() throws Exception {
    INDArray x = image();
    for (long axis : new long[] {-1, 2}) {
      INDArray scale =
          axis == -1 ? Nd4j.randn(DataType.FLOAT, 3) : Nd4j.randn(DataType.FLOAT, 4, 3);
      byte[] model =
          new TestGraph()
              .input("x", DataType.FLOAT, x.shape())
              .initializer("scale", scale)
              .node("RMSNormalization", List.of("x", "scale"), "y", "axis", axis, "epsilon", 0.1f)
              .model(23, DataType.FLOAT, "y");
      check(model, Map.of("x", x));
    }
  }

  @Test
  void castingToTheTypeOfAnother() throws Exception {
    INDArray x = Nd4j.createFromArray(-2.75f, -0.5f, 0f, 1.5f, 7.99f);
    byte[] model =
        new TestGraph()
            .input("x", DataType.FLOAT, x.shape())
            .initializer("like", 1L)
            .node("CastLike", List.of("x", "like"), "y")
            .model(DataType.INT64, "y");
    check(model, Map.of("x", x));
  }

  @Test
  void bitsTurnedOver() throws Exception {
    for (DataType type : new DataType[] {DataType.INT32, DataType.INT64}) {
      INDArray x = Nd4j.createFromArray(0, 1, -1, 5, -77, Integer.MAX_VALUE).castTo(type);
      byte[] model =
          new TestGraph()
              .input("x", type, x.shape())
              .node("BitwiseNot", List.of("x"), "y")
              .model(type, "y");
      check(model, Map.of("x", x));
    }
  }
}
