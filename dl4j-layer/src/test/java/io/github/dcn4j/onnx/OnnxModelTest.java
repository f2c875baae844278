package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.Goldens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import onnx.Onnx;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** Reading models, names, and what is refused. */
class OnnxModelTest {
  private static final DataType FLOAT = DataType.FLOAT;

  @TempDir Path folder;

  private static INDArray random(long... shape) {
    return Nd4j.randn(FLOAT, shape);
  }

  @Test
  void whatIsNoModelIsTold() throws IOException {
    Path file = Files.writeString(folder.resolve("notes.txt"), "shopping: apples, pears");
    String message = assertThrows(IOException.class, () -> OnnxModel.read(file)).getMessage();
    assertTrue(message.contains("notes.txt: expected an ONNX model"), message);
    assertThrows(IllegalArgumentException.class, () -> OnnxModel.parse(new byte[0]));
    assertThrows(IOException.class, () -> OnnxModel.read(folder.resolve("absent.onnx")));
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE", "HALF", "BFLOAT16", "INT", "LONG"})
  void initializersAreReadInTheirType(DataType type) {
    INDArray array = Nd4j.createFromArray(new float[] {1, -2, 100, 0, 7, 5}).reshape(2, 3);
    OnnxModel model = modelWith(TestGraph.tensor("a", array.castTo(type)));
    assertEquals(Set.of("a"), model.initializers());
    assertEquals(array.castTo(type), model.initializer("a"));
  }

  @Test
  void initializersAreReadFromTypedFieldsToo() {
    Onnx.TensorProto half =
        Onnx.TensorProto.newBuilder()
            .setName("a")
            .addDims(2)
            .setDataType(Onnx.TensorProto.DataType.FLOAT16_VALUE)
            .addInt32Data(0x3c00) // 1
            .addInt32Data(0xc000) // -2
            .build();
    assertEquals(
        Nd4j.createFromArray(1f, -2f).castTo(DataType.FLOAT16), modelWith(half).initializer("a"));
    Onnx.TensorProto scalar =
        Onnx.TensorProto.newBuilder()
            .setName("a")
            .setDataType(Onnx.TensorProto.DataType.FLOAT_VALUE)
            .addFloatData(3)
            .build();
    assertEquals(Nd4j.scalar(3f), modelWith(scalar).initializer("a"));
  }

  private static OnnxModel modelWith(Onnx.TensorProto tensor) {
    return OnnxModel.parse(
        Onnx.ModelProto.newBuilder()
            .setGraph(
                Onnx.GraphProto.newBuilder()
                    .addInitializer(tensor)
                    .addNode(
                        Onnx.NodeProto.newBuilder().setOpType("Relu").addInput("a").addOutput("y")))
            .build()
            .toByteArray());
  }

  private static void assertRefused(Onnx.TensorProto tensor, String what) {
    OnnxModel model = modelWith(tensor);
    String message =
        assertThrows(IllegalArgumentException.class, () -> model.initializer("a")).getMessage();
    assertTrue(message.startsWith("tensor a: expected "), message);
    assertTrue(message.contains(what), message);
  }

  @Test
  void badInitializersAreNamed() {
    Onnx.TensorProto good = TestGraph.tensor("a", Nd4j.ones(FLOAT, 2, 3));
    assertRefused(good.toBuilder().addDims(2).build(), "12 values");
    assertRefused(
        good.toBuilder().setDataType(Onnx.TensorProto.DataType.STRING_VALUE).build(), "STRING");
    assertRefused(
        good.toBuilder().setDataLocation(Onnx.TensorProto.DataLocation.EXTERNAL).build(),
        "another file");
    String message =
        assertThrows(IllegalArgumentException.class, () -> modelWith(good).initializer("b"))
            .getMessage();
    assertTrue(message.contains("initializer b: expected one of [a]"), message);
  }

  @Test
  void tensorsThatCannotBeImportedAreNamed() {
    Onnx.TensorProto tensor = TestGraph.tensor("a", Nd4j.ones(FLOAT, 2, 3));
    OnnxModel external =
        modelWith(
            tensor.toBuilder().setDataLocation(Onnx.TensorProto.DataLocation.EXTERNAL).build());
    String message =
        assertThrows(IllegalArgumentException.class, external::toSameDiff).getMessage();
    assertTrue(message.contains("tensor a"), message);
    OnnxModel text =
        modelWith(tensor.toBuilder().setDataType(Onnx.TensorProto.DataType.STRING_VALUE).build());
    message = assertThrows(IllegalArgumentException.class, text::toSameDiff).getMessage();
    assertTrue(message.contains("tensor a") && message.contains("STRING"), message);
  }

  /** The layer of torchvision's users: offsets and mask come from a convolution of the input. */
  private static TestGraph layer(long height, long width) {
    Nd4j.getRandom().setSeed(3);
    return new TestGraph()
        .input("images:0", FLOAT, -1, 3, height, width)
        .initializer("om::w", random(27, 3, 3, 3).mul(0.2))
        .initializer("om::b", random(27))
        .initializer("dc:w", random(5, 3, 3, 3))
        .initializer("dc_w", random(5))
        .node("Conv", List.of("images:0", "om::w", "om::b"), "om", "pads", new long[] {1, 1, 1, 1})
        .node("Split", List.of("om", "parts"), List.of("o1", "o2", "m"), "axis", 1L)
        .initializer("parts", 9, 9, 9)
        .node("Concat", List.of("o1", "o2"), "offset", "axis", 1L)
        .node("Sigmoid", List.of("m"), "mask")
        .node("Identity", List.of("images:0"), "same")
        .node(
            "DeformConv",
            List.of("same", "dc:w", "offset", "dc_w", "mask"),
            "sampled",
            "pads",
            new long[] {1, 1, 1, 1})
        .node("Identity", List.of("sampled"), "y:0");
  }

  @Test
  void namesWithColonsAndNodesWithoutNamesAndIdentitiesComeThrough() throws Exception {
    byte[] bytes = layer(7, 6).model(FLOAT, "y:0");
    OnnxModel model = OnnxModel.parse(bytes);
    assertEquals(List.of("images_0"), model.inputs());
    assertEquals(List.of("y_0"), model.outputs());
    SameDiff sd = model.toSameDiff();
    assertEquals(model.outputs(), sd.outputs());
    for (long n : new long[] {1, 3}) {
      INDArray x = random(n, 3, 7, 6);
      Goldens.assertClose(
          OnnxRuntime.run(bytes, Map.of("images:0", x)),
          sd.output(Map.of("images_0", x), "y_0").get("y_0"),
          1e-5,
          n + " images");
    }
  }

  @Test
  void imagesOfAnySizeGoThroughWhereTheModelLeavesItOpen() throws Exception {
    byte[] bytes =
        layer(-1, -1)
            .node("MaxPool", List.of("sampled"), "pooled", "kernel_shape", new long[] {2, 2})
            .model(FLOAT, "pooled");
    OnnxModel model = OnnxModel.parse(bytes);
    SameDiff sd = model.toSameDiff(Map.of("images_0", random(1, 3, 5, 5)));
    for (long side : new long[] {5, 8}) {
      INDArray x = random(2, 3, side, side + 1);
      Goldens.assertClose(
          OnnxRuntime.run(bytes, Map.of("images:0", x)),
          sd.output(Map.of("images_0", x), "pooled").get("pooled"),
          1e-5,
          side + " pixels");
    }
    Map<String, INDArray> wrong = Map.of("image", random(1, 3, 5, 5));
    String message =
        assertThrows(IllegalArgumentException.class, () -> model.toSameDiff(wrong)).getMessage();
    assertTrue(message.contains("[images_0], got image"), message);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aClassifierComesThrough(boolean transposed) throws Exception {
    Nd4j.getRandom().setSeed(4);
    byte[] bytes =
        new TestGraph()
            .input("x", FLOAT, -1, 4, 6, 6)
            .node("Split", List.of("x"), List.of("a", "b"), "axis", -3L, "num_outputs", 2L)
            .node("Concat", List.of("b", "a"), "swapped", "axis", 1L)
            .initializer("w", random(6, 4, 3, 3))
            .initializer("offset.w", random(18, 4, 3, 3).mul(0.1))
            .node("Conv", List.of("swapped", "offset.w"), "offset")
            .node("DeformConv", List.of("swapped", "w", "offset"), "sampled")
            .initializer("scale", random(6))
            .initializer("shift", random(6))
            .initializer("mean", random(6))
            .initializer("variance", Nd4j.rand(FLOAT, 6).add(0.5))
            .node(
                "BatchNormalization",
                List.of("sampled", "scale", "shift", "mean", "variance"),
                "normalized",
                "epsilon",
                0.01f)
            .node("GlobalAveragePool", List.of("normalized"), "pooled")
            .node("Flatten", List.of("pooled"), "flat")
            .initializer("head", transposed ? random(5, 6) : random(6, 5))
            .initializer("head.b", random(5))
            .node(
                "Gemm", List.of("flat", "head", "head.b"), "scores", "transB", transposed ? 1L : 0L)
            .model(FLOAT, "scores");
    OnnxModel model = OnnxModel.parse(bytes);
    INDArray x = random(3, 4, 6, 6);
    INDArray expected = OnnxRuntime.run(bytes, Map.of("x", x));
    SameDiff trainable = model.toTrainableSameDiff();
    for (SameDiff sd : List.of(model.toSameDiff(), trainable)) {
      INDArray scores = sd.output(Map.of("x", x), "scores").get("scores");
      Goldens.assertClose(expected, scores, 1e-5, "scores");
    }
    trainable
        .loss()
        .meanSquaredError(
            "loss",
            trainable.placeHolder("wanted", FLOAT, -1, 5),
            trainable.getVariable("scores"),
            null);
    trainable.setLossVariables("loss");
    trainable.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Adam(0.01))
            .dataSetFeatureMapping("x")
            .dataSetLabelMapping("wanted")
            .build());
    INDArray wanted = random(3, 5);
    Map<String, INDArray> feed = Map.of("x", x, "wanted", wanted);
    double before = trainable.output(feed, "loss").get("loss").getDouble(0);
    for (int i = 0; i < 40; i++) {
      trainable.fit(new DataSet(x, wanted));
    }
    double after = trainable.output(feed, "loss").get("loss").getDouble(0);
    assertTrue(after < before / 2, before + " to " + after);
  }

  @Test
  void everythingThatIsNotSupportedIsListedAtOnce() {
    OnnxModel model =
        OnnxModel.parse(
            new TestGraph()
                .input("x", FLOAT, 2, 3)
                .initializer("w", random(3, 4))
                .node("Gemm", List.of("x", "w"), "y", "alpha", 0.5f, "gamma", 2f)
                .node("Unheard", List.of("y"), "z")
                .node("Relu", List.of("z"), "relu", "slope", 1f)
                .node("Concat", List.of("relu", "y"), "both")
                .node("Add", List.of("both", "both", "y"), "sum")
                .model(FLOAT, "sum"));
    assertEquals(
        List.of(
            "the model holds what is not supported:",
            "  Gemm y: attribute gamma: not supported here",
            "  Unheard z: the op is not supported",
            "  Relu relu: attribute slope: not supported here",
            "  Concat both: attribute axis: expected a whole number, got none"),
        assertThrows(IllegalArgumentException.class, model::toSameDiff)
            .getMessage()
            .lines()
            .collect(Collectors.toList()));
  }
}
