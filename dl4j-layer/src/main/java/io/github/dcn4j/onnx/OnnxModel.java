package io.github.dcn4j.onnx;

import io.github.dcn4j.inference.PlannedSession;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import lombok.AccessLevel;
import lombok.RequiredArgsConstructor;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;

/**
 * A model in the ONNX format, opsets 9 to 28, with or without the standard op {@code DeformConv}
 * (opset 19 and later), which PyTorch's exporter makes of {@code torchvision.ops.deform_conv2d}.
 *
 * <pre>{@code
 * SameDiff sd = OnnxModel.read(Path.of("model.onnx")).toSameDiff();
 * INDArray y = sd.output(Map.of("x", image), "y").get("y");
 * }</pre>
 *
 * <p>The ops that are supported stand in the module's README. What is not supported is refused, and
 * told for the whole model at once; nothing of a model is ignored.
 */
@RequiredArgsConstructor(access = AccessLevel.PRIVATE)
public final class OnnxModel {
  private final Onnx.ModelProto model;
  private final ExternalData files;

  /** The model's inputs and outputs: callers ask at every image. */
  private volatile List<List<String>> names;

  /**
   * Reads a file. Weights that PyTorch's exporter puts into a second file beside it ({@code
   * model.onnx.data}) are read when they are needed, from the model's folder alone.
   *
   * @throws IOException if it cannot be read, or is no ONNX model
   */
  public static OnnxModel read(Path file) throws IOException {
    if (Files.size(file) > Integer.MAX_VALUE - 8) {
      throw new IOException(file + ": expected at most 2 GiB, with the rest in other files");
    }
    try {
      Path folder = file.toAbsolutePath().getParent();
      return new OnnxModel(parsed(Files.readAllBytes(file)), new ExternalData(folder));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Reads what a file holds. Weights in other files are not found.
   *
   * @throws IllegalArgumentException if it is no ONNX model
   */
  public static OnnxModel parse(byte[] bytes) {
    return new OnnxModel(parsed(bytes), new ExternalData(null));
  }

  private static Onnx.ModelProto parsed(byte[] bytes) {
    Onnx.ModelProto model;
    try {
      model = Onnx.ModelProto.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("expected an ONNX model: " + e.getMessage(), e);
    }
    if (model.getGraph().getNodeCount() == 0) {
      throw new IllegalArgumentException("expected an ONNX model, got no nodes");
    }
    return model;
  }

  /** The names of the inputs, as {@link #toSameDiff()} has them. */
  public List<String> inputs() {
    return names().get(0);
  }

  /** The names of the outputs, as {@link #toSameDiff()} has them. */
  public List<String> outputs() {
    return names().get(1);
  }

  private List<List<String>> names() {
    List<List<String>> known = names;
    if (known == null) {
      Graph graph = new Graph(model);
      known =
          List.of(
              List.copyOf(graph.named(graph.inputs().keySet())),
              List.copyOf(graph.named(graph.outputs())));
      names = known;
    }
    return known;
  }

  /**
   * The names that {@link #toSameDiff()} has to change, from the file's to the graph's. SameDiff
   * takes a colon for the number of an output, so there are underscores for colons.
   */
  public Map<String, String> renamed() {
    return Collections.unmodifiableMap(new Graph(model).renamed());
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
                        "initializer " + name + ": expected one of " + initializers())),
        files);
  }

  /**
   * The model as a SameDiff graph, for inference: its weights are constants. Its placeholders are
   * {@link #inputs()}, its outputs {@link #outputs()}. It saves and loads as any, and where it is
   * loaded nothing of ONNX is needed.
   *
   * <p>Every variable has the name that it has in the file, but for those of {@link #renamed()}. A
   * value that is only another name of one is not there under its own, nor is what was computed
   * from constants alone and is not needed. Sizes that the model leaves open stay open.
   *
   * @throws IllegalArgumentException if the model is broken, or has something that is not
   *     supported; all such nodes are listed, each with the reason
   */
  public SameDiff toSameDiff() {
    SameDiff sd = GraphImport.fusing(new Graph(model), files, Collections.emptySet());
    PlannedSession.attach(sd);
    return sd;
  }

  /**
   * As {@link #toSameDiff()}, which needs no examples.
   *
   * @param examples arrays for some inputs; only their names are looked at
   * @throws IllegalArgumentException also if one is no input of the model
   */
  public SameDiff toSameDiff(Map<String, INDArray> examples) {
    checkInputs(examples);
    return toSameDiff();
  }

  /**
   * As {@link #toSameDiff()}, with variables for weights and biases: those of convolutions, linear
   * layers and normalisations, but not the running statistics of batch normalisation. Add a loss,
   * set a {@code TrainingConfig}, and call {@code fit}.
   */
  public SameDiff toTrainableSameDiff() {
    Graph graph = new Graph(model);
    return GraphImport.fusing(graph, files, TrainableWeights.of(graph));
  }

  /** As {@link #toTrainableSameDiff()}, with examples as {@link #toSameDiff(Map)} takes them. */
  public SameDiff toTrainableSameDiff(Map<String, INDArray> examples) {
    checkInputs(examples);
    return toTrainableSameDiff();
  }

  private void checkInputs(Map<String, INDArray> examples) {
    List<String> unknown = new ArrayList<>(examples.keySet());
    unknown.removeAll(inputs());
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          "examples: expected inputs of the model, " + inputs() + ", got " + unknown.get(0));
    }
  }
}
