package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.onnxruntime.OrtException;
import io.github.dcn4j.Goldens;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Ops and cases that ONNX's node tests in the resources lack, against ONNX Runtime. */
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
      if (expected.isEmpty()) {
        assertArrayEquals(expected.shape(), actual.shape());
      } else {
        Goldens.assertClose(expected, actual, 1e-5, "y");
      }
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

  /** The rows from one to before another of x, whose sizes may be open. */
  private static byte[] rows(long[] shape, long start, long end, long step) {
    return new TestGraph()
        .input("x", DataType.FLOAT, shape)
        .initializer("start", start)
        .initializer("end", end)
        .initializer("axis", 0)
        .initializer("step", step)
        .node("Slice", List.of("x", "start", "end", "axis", "step"), "y")
        .model(DataType.FLOAT, "y");
  }

  @Test
  void slicesOfOpenAxesMayBeEmpty() throws Exception {
    long[][] bounds = {{1, Long.MAX_VALUE}, {1, -1}, {0, -1}, {-1, Long.MAX_VALUE}, {-1, -1}};
    for (long[] bound : bounds) {
      byte[] model = rows(new long[] {-1, 2}, bound[0], bound[1], 1);
      for (long size : new long[] {1, 2, 5}) {
        check(model, Map.of("x", Nd4j.randn(DataType.FLOAT, size, 2)));
      }
    }
  }

  @Test
  void stepsMayBeLongerThanAnyAxis() throws Exception {
    INDArray x = Nd4j.randn(DataType.FLOAT, 6);
    for (long size : new long[] {6, -1}) {
      for (long step : new long[] {(1L << 32) + 1, Integer.MAX_VALUE, Long.MAX_VALUE}) {
        check(rows(new long[] {size}, 0, Long.MAX_VALUE, step), Map.of("x", x));
        check(rows(new long[] {size}, -1, Long.MIN_VALUE, -step), Map.of("x", x));
      }
    }
  }

  private static byte[] einsum(String equation, long[]... shapes) {
    TestGraph graph = new TestGraph().input("x", DataType.FLOAT, shapes[0]);
    if (shapes.length > 1) {
      graph.input("w", DataType.FLOAT, shapes[1]);
    }
    List<String> names = shapes.length > 1 ? List.of("x", "w") : List.of("x");
    return graph.node("Einsum", names, "y", "equation", equation).model(DataType.FLOAT, "y");
  }

  /** Where sizes that are told late broadcast, the result is right, or there is none. */
  @Test
  void einsumsOfOpenSizesKeepTheSizesOfEachOperand() throws Exception {
    String[] equations = {"bij,bjk->bik", "abij,abjk->abik", "bij,bjk->bik", "bij,bjk->bik"};
    long[][][] declared = {
      {{-1, -1, 8}, {4, 8, 5}},
      {{-1, 2, -1, 8}, {4, 2, 8, 5}},
      {{4, 3, 8}, {-1, 8, -1}},
      {{-1, -1, -1}, {-1, -1, -1}},
    };
    long[][][] late = {
      {{1, 4, 8}, {4, 8, 5}},
      {{1, 2, 4, 8}, {4, 2, 8, 5}},
      {{4, 3, 8}, {1, 8, 4}},
      {{1, 4, 8}, {4, 8, 5}},
    };
    for (int i = 0; i < equations.length; i++) {
      byte[] model = einsum(equations[i], declared[i]);
      Map<String, INDArray> inputs =
          Map.of(
              "x", Nd4j.randn(DataType.FLOAT, late[i][0]),
              "w", Nd4j.randn(DataType.FLOAT, late[i][1]));
      INDArray expected = OnnxRuntime.run(model, inputs);
      SameDiff sd = OnnxModel.parse(model).toSameDiff();
      INDArray actual;
      try {
        actual = sd.output(inputs, "y").get("y");
      } catch (RuntimeException e) {
        continue; // ND4J's products of matrices do not broadcast
      }
      Goldens.assertClose(expected, actual, 1e-5, equations[i]);
    }
  }

  @Test
  void einsumsOfOpenSizesMultiply() throws Exception {
    INDArray x = Nd4j.randn(DataType.FLOAT, 2, 3, 4, 8);
    INDArray w = Nd4j.randn(DataType.FLOAT, 2, 3, 8, 5);
    byte[] model = einsum("abij,abjk->abik", new long[] {-1, 3, -1, 8}, new long[] {-1, -1, 8, -1});
    check(model, Map.of("x", x, "w", w));
    INDArray row = Nd4j.randn(DataType.FLOAT, 2, 5);
    model = einsum("abij,aj->abi", new long[] {-1, 3, -1, -1}, new long[] {-1, -1});
    check(model, Map.of("x", Nd4j.randn(DataType.FLOAT, 2, 3, 4, 5), "w", row));
  }

  private static void assertRefused(byte[] model) {
    OnnxModel parsed = OnnxModel.parse(model);
    assertThrows(IllegalArgumentException.class, parsed::toSameDiff);
  }

  @Test
  void diagonalsAreOfEqualSizes() throws Exception {
    check(einsum("ii->i", new long[] {3, 3}), Map.of("x", Nd4j.randn(DataType.FLOAT, 3, 3)));
    byte[] unequal = einsum("ii->i", new long[] {1, 3});
    Map<String, INDArray> x = Map.of("x", Nd4j.randn(DataType.FLOAT, 1, 3));
    assertThrows(OrtException.class, () -> OnnxRuntime.run(unequal, x));
    assertRefused(unequal);
    assertRefused(einsum("ii->i", new long[] {2_000_000_000L, 2_000_000_000L}));
  }

  private static byte[] reversed(long... lengths) {
    TestGraph graph = new TestGraph().input("x", DataType.FLOAT, lengths.length == 0 ? -1 : 2, 3);
    if (lengths.length == 0) {
      graph.input("lengths", DataType.INT64, -1);
    } else {
      graph.initializer("lengths", lengths);
    }
    return graph
        .node("ReverseSequence", List.of("x", "lengths"), "y", "batch_axis", 0L, "time_axis", 1L)
        .model(DataType.FLOAT, "y");
  }

  @Test
  void reversedSequencesEndWithinTheirAxis() throws Exception {
    INDArray x = Nd4j.randn(DataType.FLOAT, 2, 3);
    check(reversed(3, 1), Map.of("x", x));
    check(reversed(), Map.of("x", x, "lengths", Nd4j.createFromArray(1L, 3L)));
    for (long wrong : new long[] {4, 5, -1, Long.MAX_VALUE}) {
      assertThrows(OrtException.class, () -> OnnxRuntime.run(reversed(wrong, 2), Map.of("x", x)));
      assertRefused(reversed(wrong, 2));
      Map<String, INDArray> late = Map.of("x", x, "lengths", Nd4j.createFromArray(wrong, 2L));
      SameDiff sd = OnnxModel.parse(reversed()).toSameDiff();
      assertThrows(RuntimeException.class, () -> sd.output(late, "y"), wrong + " late");
    }
  }
}
