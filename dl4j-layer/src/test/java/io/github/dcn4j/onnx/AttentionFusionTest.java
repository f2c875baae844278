package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.onnxruntime.OrtException;
import io.github.dcn4j.onnx.AttentionGraph.Variant;
import io.github.dcn4j.ops.MultiScaleDeformableAttention;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import onnx.Onnx;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;

/** Exported multi-scale deformable attention is one op where it is exactly that. */
class AttentionFusionTest {
  private static final long[][] LEVELS = {{5, 4}, {3, 2}, {2, 2}};

  /** Of one size, so that exchanging them leaves all shapes as they are. */
  private static final long[][] EQUAL_LEVELS = {{3, 4}, {3, 4}, {3, 4}};

  private static long count(SameDiff sd, String op) {
    return Arrays.stream(sd.ops()).filter(o -> o.opName().equals(op)).count();
  }

  /** The output, compared with ONNX Runtime's. */
  private static SameDiff checked(AttentionGraph graph) throws OrtException {
    byte[] model = graph.model(DataType.FLOAT, false);
    Map<String, INDArray> inputs = graph.inputs(DataType.FLOAT);
    SameDiff sd = OnnxModel.parse(model).toSameDiff();
    INDArray expected = OnnxRuntime.run(model, inputs);
    INDArray actual = sd.output(inputs, "y").get("y");
    assertArrayEquals(expected.shape(), actual.shape());
    assertArrayEquals(expected.dup('c').data().asFloat(), actual.dup('c').data().asFloat(), 1e-4f);
    return sd;
  }

  private static void checkFused(AttentionGraph graph) throws OrtException {
    SameDiff sd = checked(graph);
    assertEquals(1, count(sd, MultiScaleDeformableAttention.OP_NAME));
    assertEquals(1, sd.ops().length, "nothing of what was fused is left");
  }

  @ParameterizedTest
  @ValueSource(longs = {16, 18, 20})
  void whatExportersWriteIsOneOp(long opset) throws OrtException {
    checkFused(new AttentionGraph(opset, LEVELS));
    checkFused(new AttentionGraph(opset, EQUAL_LEVELS));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 3})
  void oneLevelIsOneOpToo(long height) throws OrtException {
    long[][] level = {{height, 5}};
    for (Variant variant : List.of(Variant.FACTORS_FIRST, Variant.JOINED_ALONG_POINTS)) {
      SameDiff sd = checked(new AttentionGraph(16, level, variant));
      assertEquals(1, count(sd, MultiScaleDeformableAttention.OP_NAME));
    }
  }

  @ParameterizedTest
  @EnumSource(Variant.class)
  void whatIsTheSameIsFusedAndNothingElse(Variant variant) throws OrtException {
    AttentionGraph graph = new AttentionGraph(17, EQUAL_LEVELS, variant);
    SameDiff sd = checked(graph);
    assertEquals(variant.fused ? 1 : 0, count(sd, MultiScaleDeformableAttention.OP_NAME));
  }

  static Stream<List<Variant>> combinations() {
    return Stream.of(
        List.of(Variant.FACTORS_FIRST, Variant.SCALED_BY_LEVEL, Variant.LEVEL_BY_SLICE),
        List.of(Variant.WIDE_VALUE, Variant.PIXELS_BY_SLICE, Variant.LEVEL_BY_SPLIT),
        List.of(Variant.COPIES, Variant.KEPT_AXIS, Variant.ADDED_SHIFT));
  }

  @ParameterizedTest
  @MethodSource("combinations")
  void waysOfWritingItCombine(List<Variant> variants) throws OrtException {
    SameDiff sd = checked(new AttentionGraph(20, LEVELS, variants.toArray(new Variant[0])));
    assertEquals(1, count(sd, MultiScaleDeformableAttention.OP_NAME));
  }

  @ParameterizedTest
  @ValueSource(strings = {"value", "locations", "weights"})
  void gradientsAreThoseOfTheNodes(String name) throws InvalidProtocolBufferException {
    AttentionGraph attention = new AttentionGraph(16, LEVELS);
    byte[] model = attention.model(DataType.DOUBLE, true);
    Graph graph = new Graph(Onnx.ModelProto.parseFrom(model));
    Set<String> variables = attention.inputs(DataType.DOUBLE).keySet();
    ExternalData none = new ExternalData(null);
    SameDiff fused = GraphImport.fusing(graph, none, variables);
    SameDiff plain = new GraphImport(graph, none, variables).run();
    assertEquals(1, count(fused, MultiScaleDeformableAttention.OP_NAME));
    assertEquals(0, count(plain, MultiScaleDeformableAttention.OP_NAME));
    assertArrayEquals(gradient(plain, name), gradient(fused, name), 1e-10);
  }

  private static double[] gradient(SameDiff sd, String name) {
    Nd4j.getRandom().setSeed(9);
    SDVariable y = sd.getVariable("y");
    INDArray factors = Nd4j.randn(DataType.DOUBLE, y.eval().shape());
    SDVariable loss = y.mul(sd.constant(factors)).sum("loss");
    sd.setLossVariables(loss);
    return sd.calculateGradients(Collections.emptyMap(), name).get(name).dup('c').data().asDouble();
  }

  /** One level of so many queries as the axis of locations and weights has. */
  private static TestGraph oneLevel(TestGraph graph, String pixels, String samples) {
    return graph
        .initializer("parts", 2, 1)
        .node("Split", List.of(samples, "parts"), List.of("locations", "factors"), "axis", -1L)
        .initializer("factor", Nd4j.scalar(2f))
        .initializer("shift", Nd4j.scalar(1f))
        .node("Mul", List.of("locations", "factor"), "doubled")
        .node("Sub", List.of("doubled", "shift"), "grids")
        .node("Transpose", List.of("grids"), "moved", "perm", new long[] {0, 2, 1, 3, 4})
        .initializer("gridShape", 3, -1, 2, 2)
        .node("Reshape", List.of("moved", "gridShape"), "grid")
        .node("GridSample", List.of(pixels, "grid"), "sampled", "mode", "bilinear")
        .node("Transpose", List.of("factors"), "weights", "perm", new long[] {0, 2, 1, 3, 4})
        .initializer("weightShape", 3, 1, -1, 2)
        .node("Reshape", List.of("weights", "weightShape"), "weight")
        .node("Mul", List.of("sampled", "weight"), "product")
        .initializer("last", -1)
        .node("ReduceSum", List.of("product", "last"), "sum", "keepdims", 0L)
        .initializer("joined", 1, 12, -1)
        .node("Reshape", List.of("sum", "joined"), "columns")
        .node("Transpose", List.of("columns"), "y", "perm", new long[] {0, 2, 1});
  }

  /** Queries of an open number, and so many more. */
  private static byte[] queries(long more) {
    TestGraph graph =
        new TestGraph()
            .input("value", DataType.FLOAT, 1, 20, 12)
            .input("samples", DataType.FLOAT, 1, -1, 3, 2, 3)
            .node("Transpose", List.of("value"), "turned", "perm", new long[] {0, 2, 1})
            .initializer("pixelShape", 3, 4, 4, 5)
            .node("Reshape", List.of("turned", "pixelShape"), "pixels");
    if (more > 0) {
      graph
          .initializer("more", Nd4j.rand(DataType.FLOAT, 1, more, 3, 2, 3))
          .node("Concat", List.of("samples", "more"), "all", "axis", 1L);
    }
    return oneLevel(graph, "pixels", more > 0 ? "all" : "samples")
        .node("Shape", List.of("y"), "shape")
        .node("ConstantOfShape", List.of("shape"), "zeros")
        .node("Add", List.of("y", "zeros"), "z")
        .model(16, DataType.FLOAT, "z");
  }

  /** With a level that is a pooled image of any size. */
  private static byte[] pooled() {
    TestGraph graph =
        new TestGraph()
            .input("image", DataType.FLOAT, 1, 12, -1, -1)
            .input("samples", DataType.FLOAT, 1, 6, 3, 2, 3)
            .node(
                "AveragePool",
                List.of("image"),
                "level",
                "kernel_shape",
                new long[] {2, 2},
                "strides",
                new long[] {2, 2})
            .node("Shape", List.of("level"), "size")
            .initializer("two", 2)
            .initializer("four", 4)
            .node("Slice", List.of("size", "two", "four"), "pixelSize")
            .initializer("flatShape", 1, 12, -1)
            .node("Reshape", List.of("level", "flatShape"), "flat")
            .node("Transpose", List.of("flat"), "value", "perm", new long[] {0, 2, 1})
            .node("Relu", List.of("value"), "positive")
            .node("Transpose", List.of("positive"), "turned", "perm", new long[] {0, 2, 1})
            .initializer("parted", 3, 4)
            .node("Concat", List.of("parted", "pixelSize"), "pixelShape", "axis", 0L)
            .node("Reshape", List.of("turned", "pixelShape"), "pixels");
    return oneLevel(graph, "pixels", "samples").model(16, DataType.FLOAT, "y");
  }

  private static long attentions(byte[] model, String output, Map<String, INDArray> inputs)
      throws OrtException {
    SameDiff sd = OnnxModel.parse(model).toSameDiff();
    INDArray expected = OnnxRuntime.run(model, inputs);
    INDArray actual = sd.output(inputs, output).get(output);
    assertArrayEquals(expected.shape(), actual.shape());
    assertArrayEquals(expected.dup('c').data().asFloat(), actual.dup('c').data().asFloat(), 1e-4f);
    return count(sd, MultiScaleDeformableAttention.OP_NAME);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 3, 4})
  void onlyProductsOfOpenSizesAreFused(long more) throws OrtException {
    INDArray value = Nd4j.randn(DataType.FLOAT, 1, 20, 12);
    for (long count : new long[] {5, 8}) {
      INDArray samples = Nd4j.rand(DataType.FLOAT, 1, count, 3, 2, 3);
      Map<String, INDArray> inputs = Map.of("value", value, "samples", samples);
      assertEquals(more == 0 ? 1 : 0, attentions(queries(more), "z", inputs));
    }
  }

  /** 80x120 has as many pixels as a level of 48x50 has, the halves of two primes. */
  @ParameterizedTest
  @ValueSource(longs = {8, 80})
  void levelsOfOpenSizesStayAsTheyAre(long height) throws OrtException {
    INDArray image = Nd4j.rand(DataType.FLOAT, 1, 12, height, height == 80 ? 120 : 10);
    INDArray samples = Nd4j.rand(DataType.FLOAT, 1, 6, 3, 2, 3);
    assertEquals(0, attentions(pooled(), "y", Map.of("image", image, "samples", samples)));
  }
}
