package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import onnx.Onnx;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Weights in a second file, as PyTorch's exporter writes them. */
class ExternalDataTest {
  @TempDir Path outer;
  private Path folder;

  private final INDArray weights = Nd4j.createFromArray(new float[] {1, 2, 3, 4, 5, 6});

  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectory(outer.resolve("model"));
  }

  private static Onnx.StringStringEntryProto entry(String key, Object value) {
    return Onnx.StringStringEntryProto.newBuilder().setKey(key).setValue(value.toString()).build();
  }

  /** y = x + w, with w somewhere. */
  private OnnxModel model(String location, Object offset, Object length) throws IOException {
    byte[] bytes =
        new TestGraph()
            .input("x", DataType.FLOAT, 6)
            .initializer("w", weights)
            .node("Add", List.of("x", "w"), "y")
            .model(DataType.FLOAT, "y");
    Onnx.ModelProto.Builder model = Onnx.ModelProto.parseFrom(bytes).toBuilder();
    model
        .getGraphBuilder()
        .getInitializerBuilder(0)
        .clearRawData()
        .setDataLocation(Onnx.TensorProto.DataLocation.EXTERNAL)
        .addExternalData(entry("location", location))
        .addExternalData(entry("offset", offset))
        .addExternalData(entry("length", length));
    return OnnxModel.read(Files.write(folder.resolve("m.onnx"), model.build().toByteArray()));
  }

  private byte[] data() {
    byte[] bytes = new byte[4096 + 24];
    System.arraycopy(TestGraph.bytes(weights).array(), 0, bytes, 4096, 24);
    return bytes;
  }

  @Test
  void isReadFromTheModelsFolder() throws IOException {
    Files.write(folder.resolve("m.onnx.data"), data());
    OnnxModel model = model("m.onnx.data", 4096, 24);
    assertEquals(weights, model.initializer("w"));
    INDArray x = Nd4j.ones(DataType.FLOAT, 6);
    assertEquals(weights.add(1), model.toSameDiff().output(Map.of("x", x), "y").get("y"));
  }

  private static void assertRefused(OnnxModel model, String what) {
    String message = assertThrows(IllegalArgumentException.class, model::toSameDiff).getMessage();
    assertTrue(message.startsWith("tensor w: ") && message.contains(what), message);
  }

  @Test
  void isNotReadFromElsewhere() throws IOException {
    Path secret = Files.write(outer.resolve("secret"), data());
    String outside = "expected a file in the model's folder";
    assertRefused(model("../secret", 0, 24), outside);
    assertRefused(model("a/../../secret", 0, 24), outside);
    assertRefused(model(secret.toString(), 0, 24), outside);
    assertRefused(model("", 0, 24), outside);
    Files.createSymbolicLink(folder.resolve("link"), secret);
    assertRefused(model("link", 0, 24), outside);
    Files.createSymbolicLink(folder.resolve("up"), outer);
    assertRefused(model("up/secret", 0, 24), outside);
  }

  @Test
  void mustBeAsLongAsItSays() throws IOException {
    Files.write(folder.resolve("d"), data());
    assertRefused(model("d", 4097, 24), "a file of at least 4097 + 24 bytes");
    assertRefused(model("d", Long.MAX_VALUE, 24), "bytes");
    assertRefused(model("d", 0, 1L << 50), "24 bytes");
    assertRefused(model("d", -1, 24), "offset as a number of bytes");
    assertRefused(model("d", "x", 24), "offset as a number of bytes");
    assertRefused(model("absent", 0, 24), "cannot read absent");
  }
}
