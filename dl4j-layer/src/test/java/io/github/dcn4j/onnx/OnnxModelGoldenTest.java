package io.github.dcn4j.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dcn4j.Goldens;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;

/** Stored models, one of them exported by PyTorch, against what ONNX Runtime made of them. */
class OnnxModelGoldenTest {
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;

  static Stream<File> models() throws Exception {
    File goldens = new File(OnnxModelGoldenTest.class.getResource("/goldens/onnx").toURI());
    File[] models = goldens.listFiles((directory, name) -> name.endsWith(".onnx"));
    assertTrue(models.length > 0, "no models in " + goldens);
    return Stream.of(models).sorted();
  }

  private static Map<String, INDArray> arrays(File model) throws Exception {
    return Nd4j.createFromNpzFile(new File(model.getPath().replace(".onnx", ".npz")));
  }

  private static INDArray output(SameDiff sd, Map<String, INDArray> arrays) {
    return sd.output(Map.of("x", arrays.get("x")), "y").get("y");
  }

  @ParameterizedTest
  @MethodSource("models")
  void runsSavedAndLoadedToo(File file) throws Exception {
    Map<String, INDArray> arrays = arrays(file);
    OnnxModel model = OnnxModel.read(file.toPath());
    assertEquals(List.of("x"), model.inputs());
    assertEquals(List.of("y"), model.outputs());
    SameDiff sd = model.toSameDiff();
    assertEquals(List.of("x"), sd.inputs());
    assertEquals(List.of("y"), sd.outputs());
    INDArray y = output(sd, arrays);
    Goldens.assertClose(arrays.get("y"), y, TOLERANCE, "y");

    File saved = folder.resolve("model.fb").toFile();
    sd.save(saved, true);
    assertEquals(y, output(SameDiff.load(saved, true), arrays));
  }

  @ParameterizedTest
  @MethodSource("models")
  void fineTunes(File file) throws Exception {
    Map<String, INDArray> arrays = arrays(file);
    SameDiff sd = OnnxModel.read(file.toPath()).toTrainableSameDiff();
    Goldens.assertClose(arrays.get("y"), output(sd, arrays), TOLERANCE, "y");

    INDArray wanted = arrays.get("y").mul(0.5);
    addLoss(sd, wanted);
    List<String> variables = variables(sd);
    assertTrue(variables.size() >= 1, "nothing to train");
    Map<String, INDArray> before = new HashMap<>();
    variables.forEach(name -> before.put(name, sd.getVariable(name).getArr().dup()));
    sd.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Sgd(0.1))
            .dataSetFeatureMapping("x")
            .dataSetLabelMapping("wanted")
            .build());
    double lossBefore = loss(sd, arrays.get("x"), wanted);
    for (int i = 0; i < 5; i++) {
      sd.fit(new DataSet(arrays.get("x"), wanted));
    }
    double lossAfter = loss(sd, arrays.get("x"), wanted);
    assertTrue(lossAfter < lossBefore, lossBefore + " to " + lossAfter);
    for (String name : variables) {
      assertTrue(!before.get(name).equals(sd.getVariable(name).getArr()), name + " did not change");
    }
  }

  @Test
  void ofAPyTorchModelTheWeightsAreTrainedAndTheStatisticsAreNot() throws Exception {
    File file =
        models().filter(f -> f.getName().equals("torch_net.onnx")).findFirst().orElseThrow();
    SameDiff sd = OnnxModel.read(file.toPath()).toTrainableSameDiff();
    Set<String> expected = new HashSet<>();
    for (String layer : List.of("n.3.om", "n.3.dc", "n.4", "n.7.om", "n.7.dc", "n.9")) {
      expected.add(layer + ".weight");
      expected.add(layer + ".bias");
    }
    expected.add("onnx__Conv_78"); // in the file they have two colons
    expected.add("onnx__Conv_79");
    assertEquals(expected, new HashSet<>(variables(sd)));
    assertTrue(sd.getVariable("n.4.running_mean").isConstant());
    assertTrue(sd.getVariable("n.4.running_var").isConstant());
  }

  /** Central differences of the loss; in double, so that they are exact enough. */
  @Test
  void theGradientsOfAPyTorchModelEqualNumericOnes() throws Exception {
    File file =
        models().filter(f -> f.getName().equals("torch_net.onnx")).findFirst().orElseThrow();
    Map<String, INDArray> arrays = arrays(file);
    byte[] model = TestGraph.inDouble(java.nio.file.Files.readAllBytes(file.toPath()));
    SameDiff sd = OnnxModel.parse(model).toTrainableSameDiff();
    INDArray x = arrays.get("x").castTo(DataType.DOUBLE);
    INDArray wanted = arrays.get("y").castTo(DataType.DOUBLE).mul(0.5);
    addLoss(sd, wanted);
    Map<String, INDArray> feed = Map.of("x", x, "wanted", wanted);
    List<String> variables = variables(sd);
    Map<String, INDArray> gradients = sd.calculateGradients(feed, variables);
    double step = 1e-6;
    for (String name : variables) {
      INDArray weights = sd.getVariable(name).getArr();
      INDArray gradient = gradients.get(name);
      double scale = gradient.amaxNumber().doubleValue();
      for (long i = 0; i < weights.length(); i += Math.max(1, weights.length() / 3)) {
        double value = weights.getDouble(i);
        weights.putScalar(i, value + step);
        double above = loss(sd, x, wanted);
        weights.putScalar(i, value - step);
        double below = loss(sd, x, wanted);
        weights.putScalar(i, value);
        double numeric = (above - below) / (2 * step);
        assertEquals(numeric, gradient.getDouble(i), 1e-4 * scale, name + " at " + i);
      }
    }
  }

  private static void addLoss(SameDiff sd, INDArray wanted) {
    SDVariable label = sd.placeHolder("wanted", wanted.dataType(), wanted.shape());
    sd.loss().meanSquaredError("loss", label, sd.getVariable("y"), null);
    sd.setLossVariables("loss");
  }

  private static double loss(SameDiff sd, INDArray x, INDArray wanted) {
    return sd.output(Map.of("x", x, "wanted", wanted), "loss").get("loss").getDouble(0);
  }

  private static List<String> variables(SameDiff sd) {
    return new ArrayList<>(sd.variables())
        .stream()
            .filter(variable -> variable.getVariableType() == VariableType.VARIABLE)
            .map(SDVariable::name)
            .collect(Collectors.toList());
  }
}
