package io.github.dcn4j.onnx;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import lombok.Value;
import onnx.Onnx;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** ONNX's own node tests, from {@code goldens/onnx_nodes.zip}. */
final class NodeCases {
  /** A folder like that of the resource, with others of ONNX's node tests. */
  private static final String FOLDER = System.getProperty("dcn4j.nodes.folder");

  private static final Map<String, byte[]> FILES =
      FOLDER == null ? unzip("/goldens/onnx_nodes.zip") : files(Path.of(FOLDER));

  private NodeCases() {}

  /** A model of one node, what it is given, and what the standard's reference makes of it. */
  @Value
  static class Case {
    String name;
    byte[] model;
    Map<String, INDArray> inputs;
    Map<String, INDArray> outputs;

    @Override
    public String toString() {
      return name;
    }
  }

  static Map<String, byte[]> unzip(String resource) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    try (InputStream stream = NodeCases.class.getResourceAsStream(resource);
        ZipInputStream zip = new ZipInputStream(stream)) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        zip.transferTo(bytes);
        files.put(entry.getName(), bytes.toByteArray());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return files;
  }

  private static Map<String, byte[]> files(Path folder) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path file : all.filter(Files::isRegularFile).collect(Collectors.toList())) {
        files.put(folder.relativize(file).toString(), Files.readAllBytes(file));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return files;
  }

  static Stream<Case> all() {
    try {
      List<Case> cases = new ArrayList<>();
      for (JsonNode entry : new ObjectMapper().readTree(FILES.get("index.json"))) {
        cases.add(read(entry.get("name").asText()));
      }
      return cases.stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Case read(String name) throws IOException {
    byte[] bytes = FILES.get(name + "/model.onnx");
    Onnx.GraphProto graph = Onnx.ModelProto.parseFrom(bytes).getGraph();
    return new Case(
        name,
        bytes,
        arrays(name + "/input_", graph.getInputList()),
        arrays(name + "/output_", graph.getOutputList()));
  }

  private static Map<String, INDArray> arrays(String start, List<Onnx.ValueInfoProto> values)
      throws IOException {
    Map<String, INDArray> arrays = new LinkedHashMap<>();
    for (int i = 0; i < values.size(); i++) {
      Onnx.TensorProto tensor = Onnx.TensorProto.parseFrom(FILES.get(start + i + ".pb"));
      arrays.put(values.get(i).getName(), Tensors.toArray(tensor, new ExternalData(null)));
    }
    return arrays;
  }
}
