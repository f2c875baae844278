package io.github.dcn4j.onnx;

import io.github.dcn4j.Goldens;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** Small networks of the kinds people deploy, exported by PyTorch, against ONNX Runtime. */
class ModelGoldenTest {
  static final Map<String, byte[]> FILES = NodeCases.unzip("/goldens/onnx_models.zip");

  @TempDir Path folder;

  static Stream<String> models() throws Exception {
    return new ObjectMapper().readTree(FILES.get("index.json")).findValuesAsText("name").stream();
  }

  private Map<String, INDArray> arrays(String model, String start, List<String> names)
      throws Exception {
    Path file = Files.write(folder.resolve("arrays.npz"), FILES.get(model + ".npz"));
    Map<String, INDArray> stored = Nd4j.createFromNpzFile(file.toFile());
    Map<String, INDArray> arrays = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      arrays.put(names.get(i), stored.get(start + i));
    }
    return arrays;
  }

  @ParameterizedTest
  @MethodSource("models")
  void outputsAreThoseOfOnnxRuntime(String name) throws Exception {
    OnnxModel model = OnnxModel.parse(FILES.get(name + ".onnx"));
    Map<String, INDArray> inputs = new HashMap<>(arrays(name, "in", model.inputs()));
    Map<String, INDArray> expected = arrays(name, "out", model.outputs());
    for (SameDiff sd : List.of(model.toSameDiff(), model.toTrainableSameDiff())) {
      for (int run = 0; run < 2; run++) { // the second reuses the first one's arrays
        Map<String, INDArray> outputs = sd.output(inputs, model.outputs());
        expected.forEach((key, e) -> Goldens.assertClose(e, outputs.get(key), 1e-4, key));
      }
    }
  }
}
