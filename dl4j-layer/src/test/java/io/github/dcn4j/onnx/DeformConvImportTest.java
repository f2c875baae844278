package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.Goldens;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/** The op DeformConv with all its attributes, against ONNX Runtime. */
class DeformConvImportTest {
  private static final int N = 2;
  private static final int H = 9;
  private static final int W = 8;
  private static final int CHANNELS = 4;
  private static final int OUTPUTS = 6;

  @TempDir Path folder;

  /** One node and its arrays; the defaults are those of the standard. */
  private static final class Case {
    final Map<String, Object> attributes = new LinkedHashMap<>();
    long[] kernel = {3, 3};
    boolean bias = true;
    boolean mask = true;
    DataType type = DataType.FLOAT;

    static Case with(Object... attributes) {
      Case c = new Case();
      for (int i = 0; i < attributes.length; i += 2) {
        c.attributes.put((String) attributes[i], attributes[i + 1]);
      }
      return c;
    }

    Case kernel(long kH, long kW) {
      kernel = new long[] {kH, kW};
      return this;
    }

    Case without(boolean bias, boolean mask) {
      this.bias = !bias;
      this.mask = !mask;
      return this;
    }

    private long[] numbers(String name, long... standard) {
      return (long[]) attributes.getOrDefault(name, standard);
    }

    private long number(String name) {
      return (Long) attributes.getOrDefault(name, 1L);
    }

    private long size(long size, int axis) {
      long[] pads = numbers("pads", 0, 0, 0, 0);
      long reach = numbers("dilations", 1, 1)[axis] * (kernel[axis] - 1) + 1;
      return (size + pads[axis] + pads[axis + 2] - reach) / numbers("strides", 1, 1)[axis] + 1;
    }

    /** Random arrays for all inputs that there are, in the standard's order. */
    Map<String, INDArray> arrays() {
      Nd4j.getRandom().setSeed(5);
      long taps = number("offset_group") * kernel[0] * kernel[1];
      long oH = size(H, 0);
      long oW = size(W, 1);
      Map<String, INDArray> arrays = new LinkedHashMap<>();
      arrays.put("x", random(N, CHANNELS, H, W));
      arrays.put("w", random(OUTPUTS, CHANNELS / number("group"), kernel[0], kernel[1]));
      arrays.put("offset", random(N, 2 * taps, oH, oW).mul(2));
      if (bias) {
        arrays.put("b", random(OUTPUTS));
      }
      if (mask) {
        arrays.put("mask", random(N, taps, oH, oW));
      }
      return arrays;
    }

    private INDArray random(long... shape) {
      return Nd4j.randn(DataType.DOUBLE, shape).castTo(type);
    }

    List<String> inputs() {
      List<String> inputs = new ArrayList<>(List.of("x", "w", "offset"));
      if (bias || mask) {
        inputs.add(bias ? "b" : "");
      }
      if (mask) {
        inputs.add("mask");
      }
      return inputs;
    }

    /** A model in which the weights are stored and the rest comes from outside. */
    byte[] model(Map<String, INDArray> arrays, long images) {
      return graph(arrays, images).model(type, "y");
    }

    TestGraph graph(Map<String, INDArray> arrays, long images) {
      TestGraph graph = new TestGraph();
      arrays.forEach(
          (name, array) -> {
            long[] shape = array.shape();
            if (name.equals("w") || name.equals("b")) {
              graph.initializer(name, array);
            } else {
              graph.input(name, type, images, shape[1], shape[2], shape[3]);
            }
          });
      Object[] flat =
          attributes.entrySet().stream()
              .flatMap(entry -> Stream.of(entry.getKey(), entry.getValue()))
              .toArray();
      return graph.node("DeformConv", inputs(), "y", flat);
    }

    @Override
    public String toString() {
      return Nd4j.createFromArray(kernel).toString();
    }
  }

  private static Arguments named(String name, Case c) {
    return Arguments.of(name, c);
  }

  private static long[] of(long... numbers) {
    return numbers;
  }

  static Stream<Arguments> cases() {
    return Stream.of(
        named("no attribute at all", Case.with()),
        named("no attribute, no bias, no mask", Case.with().without(true, true)),
        named("pads", Case.with("pads", of(1, 1, 1, 1))),
        named("pads unlike in height and width", Case.with("pads", of(2, 1, 2, 1))),
        named("strides", Case.with("strides", of(2, 3), "pads", of(1, 1, 1, 1))),
        named("dilations", Case.with("dilations", of(2, 1), "pads", of(2, 1, 2, 1))),
        named("group", Case.with("group", 2L, "pads", of(1, 1, 1, 1))),
        named("offset_group", Case.with("offset_group", 2L, "pads", of(1, 1, 1, 1))),
        named("both groups", Case.with("group", 2L, "offset_group", 4L)),
        named("no bias but a mask", Case.with("pads", of(1, 1, 1, 1)).without(true, false)),
        named("a bias but no mask", Case.with("pads", of(1, 1, 1, 1)).without(false, true)),
        named("kernel_shape", Case.with("kernel_shape", of(3, 3))),
        named("1×1", Case.with().kernel(1, 1)),
        named("an even kernel", Case.with("pads", of(1, 1, 1, 1)).kernel(2, 4)),
        named("an even kernel at one side", Case.with("pads", of(0, 0, 1, 1)).kernel(2, 2)),
        named("pads of which each is another", Case.with("pads", of(0, 1, 2, 3))),
        named("pads of which the first are larger", Case.with("pads", of(3, 2, 1, 0))),
        named(
            "everything",
            Case.with(
                    "dilations",
                    of(1, 2),
                    "group",
                    2L,
                    "kernel_shape",
                    of(5, 3),
                    "offset_group",
                    2L,
                    "pads",
                    of(3, 1, 0, 4),
                    "strides",
                    of(2, 1))
                .kernel(5, 3)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void aBatchNormalisationAfterItIsFoldedIntoItsWeights(String name, Case c) {
    Map<String, INDArray> arrays = c.arrays();
    INDArray[] p = new INDArray[4];
    TestGraph graph = c.graph(arrays, N);
    List<String> inputs = new ArrayList<>(List.of("y"));
    for (int i = 0; i < p.length; i++) {
      p[i] = Nd4j.rand(DataType.FLOAT, OUTPUTS).addi(0.5);
      graph.initializer("p" + i, p[i]);
      inputs.add("p" + i);
    }
    byte[] model = graph.node("BatchNormalization", inputs, "z").model(c.type, "z");
    SameDiff sd = OnnxModel.parse(model).toSameDiff();
    assertTrue(
        sd.getOps().values().stream().noneMatch(op -> op.getOp().opName().startsWith("mul")),
        sd.summary());
    INDArray y = run(OnnxModel.parse(c.model(arrays, N)).toSameDiff(), arrays);
    INDArray factors = p[0].div(Transforms.sqrt(p[3].add(1e-5)));
    INDArray addends = p[1].sub(p[2].mul(factors));
    INDArray expected =
        y.mul(factors.reshape(1, OUTPUTS, 1, 1)).add(addends.reshape(1, OUTPUTS, 1, 1));
    Goldens.assertClose(expected, sd.output(fed(arrays), "z").get("z"), 2e-5, name);
  }

  private static Map<String, INDArray> fed(Map<String, INDArray> arrays) {
    Map<String, INDArray> fed = new HashMap<>(arrays);
    fed.remove("w");
    fed.remove("b");
    return fed;
  }

  private static INDArray run(SameDiff sd, Map<String, INDArray> arrays) {
    return sd.output(fed(arrays), "y").get("y");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void equalsOnnxRuntime(String name, Case c) throws Exception {
    Map<String, INDArray> arrays = c.arrays();
    byte[] model = c.model(arrays, N);
    INDArray expected = OnnxRuntime.run(model, fed(arrays));
    Goldens.assertClose(expected, run(OnnxModel.parse(model).toSameDiff(), arrays), 1e-5, "y");
  }

  @Test
  void anyNumberOfImagesGoesThroughWhereTheModelLeavesItOpen() throws Exception {
    Case c = Case.with("pads", of(1, 0, 2, 1), "offset_group", 2L);
    Map<String, INDArray> arrays = c.arrays();
    byte[] model = c.model(arrays, -1);
    SameDiff sd = OnnxModel.parse(model).toSameDiff();
    for (int images : new int[] {1, 2, 5}) {
      Map<String, INDArray> repeated = new HashMap<>();
      fed(arrays)
          .forEach(
              (name, array) ->
                  repeated.put(
                      name,
                      Nd4j.concat(0, Collections.nCopies(3, array).toArray(new INDArray[0]))
                          .get(org.nd4j.linalg.indexing.NDArrayIndex.interval(0, images))
                          .dup('c')));
      INDArray y = sd.output(repeated, "y").get("y");
      Goldens.assertClose(OnnxRuntime.run(model, repeated), y, 1e-5, images + " images");
    }
  }

  @Test
  void doubleStaysDouble() throws Exception {
    Case c = Case.with("pads", of(1, 1, 2, 1));
    c.type = DataType.DOUBLE;
    Map<String, INDArray> arrays = c.arrays();
    byte[] model = c.model(arrays, N);
    INDArray y = run(OnnxModel.parse(model).toSameDiff(), arrays);
    assertEquals(DataType.DOUBLE, y.dataType());
    Goldens.assertClose(OnnxRuntime.run(model, fed(arrays)), y, 1e-12, "y");
  }

  /** ONNX Runtime has no DeformConv in half on the CPU: what it makes of floats is the oracle. */
  @Test
  void halfStaysHalf() throws Exception {
    Case c = Case.with("pads", of(1, 1, 2, 1));
    c.type = DataType.FLOAT16;
    Map<String, INDArray> arrays = c.arrays();
    INDArray y = run(OnnxModel.parse(c.model(arrays, N)).toSameDiff(), arrays);
    assertEquals(DataType.FLOAT16, y.dataType());
    Map<String, INDArray> floats = new LinkedHashMap<>(arrays);
    floats.replaceAll((name, array) -> array.castTo(DataType.FLOAT));
    c.type = DataType.FLOAT;
    INDArray expected = OnnxRuntime.run(c.model(floats, N), fed(floats));
    Goldens.assertClose(expected, y, 1e-2, "y");
  }

  static Stream<Arguments> mistakes() {
    return Stream.of(
        Arguments.of("strides", of(1), "2 whole numbers of at least 1"),
        Arguments.of("strides", of(0, 1), "[0, 1]"),
        Arguments.of("strides", 2L, "expected type INTS, got INT"),
        Arguments.of("dilations", of(1, -1), "[1, -1]"),
        Arguments.of("dilations", of(1, 1, 1), "[1, 1, 1]"),
        Arguments.of("pads", of(1, 1), "4 whole numbers of at least 0"),
        Arguments.of("pads", of(0, 0, -1, 0), "[0, 0, -1, 0]"),
        Arguments.of("pads", new float[] {1, 1, 1, 1}, "expected type INTS, got FLOATS"),
        Arguments.of("kernel_shape", of(3), "[3]"),
        Arguments.of("kernel_shape", of(5, 3), "expected [3, 3] as W has, got [5, 3]"),
        Arguments.of("group", 0L, "got 0"),
        Arguments.of("group", 1.5f, "expected type INT, got FLOAT"),
        Arguments.of("offset_group", -2L, "got -2"),
        Arguments.of("offset_group", of(1, 1), "expected type INT, got INTS"),
        Arguments.of("padding", of(1, 1), "not supported here"));
  }

  @ParameterizedTest(name = "{0} {2}")
  @MethodSource("mistakes")
  void aMistakeIsToldByTheAttributesName(String name, Object value, String what) {
    Case good = Case.with();
    Map<String, INDArray> arrays = good.arrays();
    byte[] model =
        new TestGraph()
            .input("x", DataType.FLOAT, arrays.get("x").shape())
            .initializer("w", arrays.get("w"))
            .initializer("offset", arrays.get("offset"))
            .node("DeformConv", List.of("x", "w", "offset"), "y", name, value)
            .model(DataType.FLOAT, "y");
    OnnxModel parsed = OnnxModel.parse(model);
    String message = assertThrows(IllegalArgumentException.class, parsed::toSameDiff).getMessage();
    assertTrue(message.startsWith("DeformConv y: attribute " + name + ": "), message);
    assertTrue(message.contains(what), message);
  }

  @Test
  void aMissingOffsetIsTold() {
    Map<String, INDArray> arrays = Case.with().arrays();
    OnnxModel model =
        OnnxModel.parse(
            new TestGraph()
                .input("x", DataType.FLOAT, arrays.get("x").shape())
                .initializer("w", arrays.get("w"))
                .node("DeformConv", List.of("x", "w"), "y")
                .model(DataType.FLOAT, "y"));
    String message = assertThrows(IllegalArgumentException.class, model::toSameDiff).getMessage();
    assertTrue(message.contains("DeformConv y: input 2: expected one, got none"), message);
  }

  @Test
  void weightsOfThreeDimensionsAreTold() {
    OnnxModel model =
        OnnxModel.parse(
            new TestGraph()
                .input("x", DataType.FLOAT, 1, 2, 5)
                .initializer("w", Nd4j.ones(DataType.FLOAT, 2, 2, 3))
                .initializer("offset", Nd4j.ones(DataType.FLOAT, 1, 3, 3))
                .node("DeformConv", List.of("x", "w", "offset"), "y")
                .model(DataType.FLOAT, "y"));
    String message = assertThrows(IllegalArgumentException.class, model::toSameDiff).getMessage();
    assertTrue(message.contains("input x: expected 4 dimensions, got [1, 2, 5]"), message);
  }
}
