package io.github.dcn4j.onnx;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import lombok.AccessLevel;
import lombok.RequiredArgsConstructor;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;

/**
 * A model in the ONNX format, with or without the standard op {@code DeformConv} (opset 19 and
 * later), which PyTorch's exporter makes of {@code torchvision.ops.deform_conv2d}.
 *
 * <pre>{@code
 * SameDiff sd = OnnxModel.read(Path.of("model.onnx")).toSameDiff();
 * INDArray y = sd.output(Map.of("x", image), "y").get("y");
 * }</pre>
 */
@RequiredArgsConstructor(access = AccessLevel.PRIVATE)
public final class OnnxModel {
  private final Onnx.ModelProto model;

  /**
   * Reads a file.
   *
   * @throws IOException if it cannot be read, or is no ONNX model
   */
  public static OnnxModel read(Path file) throws IOException {
    try {
      return parse(Files.readAllBytes(file));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Reads what a file holds.
   *
   * @throws IllegalArgumentException if it is no ONNX model
   */
  public static OnnxModel parse(byte[] bytes) {
    Onnx.ModelProto model;
    try {
      model = Onnx.ModelProto.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("expected an ONNX model: " + e.getMessage(), e);
    }
    if (model.getGraph().getNodeCount() == 0) {
      throw new IllegalArgumentException("expected an ONNX model, got no nodes");
    }
    return new OnnxModel(model);
  }

  /** The names of the inputs, as {@link #toSameDiff()} has them. */
  public List<String> inputs() {
    return inputsOf(prepared());
  }

  /** The names of the outputs, as {@link #toSameDiff()} has them. */
  public List<String> outputs() {
    return outputsOf(prepared());
  }

  /** The names of the stored tensors (weights and constants), as the file has them. */
  public Set<String> initializers() {
    return model.getGraph().getInitializerList().stream()
        .map(Onnx.TensorProto::getName)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /**
   * A stored tensor, copied, in its own type.
   *
   * @param name one of {@link #initializers()}
   * @throws IllegalArgumentException if there is none of that name, or it cannot be read
   */
  public INDArray initializer(String name) {
    return Tensors.toArray(
        model.getGraph().getInitializerList().stream()
            .filter(tensor -> tensor.getName().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "initializer " + name + ": expected one of " + initializers())));
  }

  /**
   * The model as a SameDiff graph, for inference: its weights are constants. Its placeholders are
   * {@link #inputs()}, its outputs {@link #outputs()}. It saves and loads as any, and where it is
   * loaded nothing of ONNX is needed.
   *
   * <p>Every variable has the name that it has in the file, with underscores for colons.
   *
   * <p>Needs the optional dependency {@code org.nd4j:samediff-import-onnx}, whose importer runs the
   * graph once, and prints to the standard output. Sizes that the model leaves open are 1 in that
   * run; where the graph does not work with that, {@link #toSameDiff(Map)} takes examples.
   *
   * @throws IllegalStateException if the dependency is missing
   * @throws IllegalArgumentException if the model has something that is not supported, naming it
   */
  public SameDiff toSameDiff() {
    return toSameDiff(Collections.emptyMap());
  }

  /**
   * As {@link #toSameDiff()}, with an array for each input to run the graph on while importing; the
   * graph takes other sizes afterwards as the model does.
   */
  public SameDiff toSameDiff(Map<String, INDArray> examples) {
    return imported(prepared(), examples);
  }

  private static SameDiff imported(Onnx.GraphProto graph, Map<String, INDArray> examples) {
    for (String name : examples.keySet()) {
      if (!inputsOf(graph).contains(name)) {
        throw new IllegalArgumentException(
            "examples: expected inputs of the model, " + inputsOf(graph) + ", got " + name);
      }
    }
    try {
      Map<String, INDArray> all = new LinkedHashMap<>();
      for (Onnx.ValueInfoProto input : graph.getInputList()) {
        String name = input.getName();
        all.put(name, examples.containsKey(name) ? examples.get(name) : Tensors.example(input));
      }
      all.keySet().retainAll(inputsOf(graph));
      SameDiff sd = DeformConvImport.importGraph(graph, all);
      sd.setOutputs(outputsOf(graph));
      return sd;
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException(
          "Importing an ONNX model needs the dependency org.nd4j:samediff-import-onnx,"
              + " and the class path lacks "
              + e.getMessage(),
          e);
    }
  }

  /**
   * As {@link #toSameDiff()}, with variables for weights and biases: those of convolutions, linear
   * layers and normalisations, but not the running statistics of batch normalisation. Add a loss,
   * set a {@code TrainingConfig}, and call {@code fit}.
   */
  public SameDiff toTrainableSameDiff() {
    return toTrainableSameDiff(Collections.emptyMap());
  }

  /** As {@link #toTrainableSameDiff()}, with examples as {@link #toSameDiff(Map)} takes them. */
  public SameDiff toTrainableSameDiff(Map<String, INDArray> examples) {
    GraphPreparation preparation = new GraphPreparation(model.getGraph());
    SameDiff sd = imported(preparation.forTraining(), examples);
    for (String name : preparation.weights()) {
      SDVariable weight = sd.getVariable(name);
      if (weight.isConstant() && weight.dataType().isFPType()) {
        sd.convertToVariable(weight);
      }
    }
    return sd;
  }

  private Onnx.GraphProto prepared() {
    return new GraphPreparation(model.getGraph()).forInference();
  }

  /** Old models list their initializers among the inputs. */
  private static List<String> inputsOf(Onnx.GraphProto graph) {
    Set<String> stored =
        graph.getInitializerList().stream()
            .map(Onnx.TensorProto::getName)
            .collect(Collectors.toSet());
    return graph.getInputList().stream()
        .map(Onnx.ValueInfoProto::getName)
        .filter(name -> !stored.contains(name))
        .collect(Collectors.toList());
  }

  private static List<String> outputsOf(Onnx.GraphProto graph) {
    return graph.getOutputList().stream()
        .map(Onnx.ValueInfoProto::getName)
        .collect(Collectors.toList());
  }
}
