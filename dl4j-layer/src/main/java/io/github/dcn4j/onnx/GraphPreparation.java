package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import onnx.Onnx;

/**
 * Rewrites a graph, without changing what it computes, so that ND4J's importer (1.0.0-M2.1) takes
 * it:
 *
 * <ul>
 *   <li>that importer reads what follows a colon as the number of an output, as TensorFlow has
 *       them, and so fails on {@code onnx::Conv_78}, a name that PyTorch makes: colons become
 *       underscores;
 *   <li>it takes the name of a node of {@code Constant} and {@code Identity} for the name of its
 *       output, and leaves out nodes without a name: constants become initializers, identities
 *       vanish, and every node is named after its output;
 *   <li>it does not know the defaults of a convolution's kernel, and of the strides and padding of
 *       pooling: they are filled in;
 *   <li>it fails on {@code Split}, which PyTorch's {@code chunk} becomes: there is a slice for each
 *       output.
 * </ul>
 *
 * <p>Graphs with subgraphs ({@code If}, {@code Loop}) stay as they are.
 */
final class GraphPreparation {
  private final Onnx.GraphProto graph;
  private final Set<String> outputs;
  private final Map<String, Onnx.TensorProto> constants = new LinkedHashMap<>();
  private final Map<String, String> sameAs = new HashMap<>();
  private final Map<String, String> newNames = new HashMap<>();
  private final Set<String> taken = new HashSet<>();

  private GraphPreparation(Onnx.GraphProto graph) {
    this.graph = graph;
    outputs =
        graph.getOutputList().stream()
            .map(Onnx.ValueInfoProto::getName)
            .collect(Collectors.toSet());
  }

  /**
   * As {@link #forInference}, and batch normalisation such that gradients flow through it; its
   * statistics stay as they are.
   */
  static Onnx.GraphProto forTraining(Onnx.GraphProto graph) {
    Onnx.GraphProto.Builder result = forInference(graph).toBuilder();
    for (Onnx.NodeProto.Builder node : result.getNodeBuilderList()) {
      if (node.getOpType().equals("BatchNormalization") && node.getOutputCount() == 1) {
        node.setOpType(DeformConvImport.FROZEN_BATCH_NORMALIZATION);
      }
    }
    return result.build();
  }

  /**
   * The rewritten graph; its inputs and outputs are in their order.
   *
   * @throws IllegalArgumentException naming a tensor that lies in another file or is of a type that
   *     cannot be imported
   */
  static Onnx.GraphProto forInference(Onnx.GraphProto graph) {
    for (Onnx.TensorProto tensor : graph.getInitializerList()) {
      Tensors.requireInline(tensor);
      requireImportable(tensor.getName(), tensor.getDataType());
    }
    for (Onnx.ValueInfoProto input : graph.getInputList()) {
      requireImportable(input.getName(), input.getType().getTensorType().getElemType());
    }
    boolean hasSubgraphs =
        graph.getNodeList().stream()
            .flatMap(node -> node.getAttributeList().stream())
            .anyMatch(attribute -> attribute.hasG() || attribute.getGraphsCount() > 0);
    return hasSubgraphs ? graph : new GraphPreparation(graph).rewritten();
  }

  /** ND4J's importer takes this type for none at all, and fails at some later place. */
  private static void requireImportable(String name, int type) {
    if (type == Onnx.TensorProto.DataType.BFLOAT16_VALUE) {
      throw new IllegalArgumentException(
          "tensor "
              + name
              + ": expected a type that ND4J's importer knows, such as FLOAT or FLOAT16,"
              + " got BFLOAT16");
    }
  }

  private Onnx.GraphProto rewritten() {
    for (Onnx.TensorProto tensor : graph.getInitializerList()) {
      constants.put(tensor.getName(), tensor);
    }
    Onnx.GraphProto.Builder result = graph.toBuilder().clearNode().clearInitializer();
    result.clearValueInfo(); // holds old names, and nothing that the importer reads
    for (Onnx.NodeProto node : graph.getNodeList()) { // each after those that it reads
      if (node.getOpType().equals("Constant") && node.getAttributeCount() == 1) {
        constants.put(node.getOutput(0), constant(node));
      } else if (node.getOpType().equals("Split")) {
        parts(node).forEach(part -> result.addNode(renamed(part)));
      } else if (!(node.getOpType().equals("Identity") && vanishes(node))) {
        result.addNode(renamed(node));
      }
    }
    constants.forEach(
        (name, tensor) -> result.addInitializer(tensor.toBuilder().setName(newName(name))));
    result.getInputBuilderList().forEach(input -> input.setName(newName(input.getName())));
    result.getOutputBuilderList().forEach(output -> output.setName(newName(output.getName())));
    return result.build();
  }

  private static Onnx.TensorProto constant(Onnx.NodeProto node) {
    Onnx.AttributeProto value = node.getAttribute(0);
    Onnx.TensorProto.Builder tensor = Onnx.TensorProto.newBuilder();
    switch (value.getName()) {
      case "value":
        return value.getT();
      case "value_float":
        return tensor
            .setDataType(Onnx.TensorProto.DataType.FLOAT_VALUE)
            .addFloatData(value.getF())
            .build();
      case "value_floats":
        return tensor
            .setDataType(Onnx.TensorProto.DataType.FLOAT_VALUE)
            .addDims(value.getFloatsCount())
            .addAllFloatData(value.getFloatsList())
            .build();
      case "value_int":
        return tensor
            .setDataType(Onnx.TensorProto.DataType.INT64_VALUE)
            .addInt64Data(value.getI())
            .build();
      case "value_ints":
        return tensor
            .setDataType(Onnx.TensorProto.DataType.INT64_VALUE)
            .addDims(value.getIntsCount())
            .addAllInt64Data(value.getIntsList())
            .build();
      default:
        throw new IllegalArgumentException(
            "Constant "
                + node.getOutput(0)
                + ": expected a value of numbers, got the attribute "
                + value.getName());
    }
  }

  /**
   * Whether an identity can go. Of a constant it is a constant of its own: PyTorch shares equal
   * tensors in this way, and training must not change a running mean with a bias.
   */
  private boolean vanishes(Onnx.NodeProto identity) {
    String input = source(identity.getInput(0));
    String output = identity.getOutput(0);
    if (constants.containsKey(input)) {
      constants.put(output, constants.get(input));
      return !outputs.contains(output);
    }
    if (outputs.contains(output)) {
      return false;
    }
    sameAs.put(output, input);
    return true;
  }

  /** A node for each output, where the sizes are known before the graph runs. */
  private List<Onnx.NodeProto> parts(Onnx.NodeProto split) {
    Map<String, Onnx.AttributeProto> attributes =
        split.getAttributeList().stream()
            .collect(Collectors.toMap(Onnx.AttributeProto::getName, attribute -> attribute));
    List<Long> sizes = null;
    if (attributes.containsKey("split")) { // before opset 13
      sizes = attributes.get("split").getIntsList();
    } else if (split.getInputCount() > 1 && !split.getInput(1).isEmpty()) {
      Onnx.TensorProto tensor = constants.get(source(split.getInput(1)));
      if (tensor == null) {
        return Collections.singletonList(split);
      }
      long[] values = Tensors.toArray(tensor).toLongVector();
      sizes = Arrays.stream(values).boxed().collect(Collectors.toList());
    }
    long axis = attributes.containsKey("axis") ? attributes.get("axis").getI() : 0;
    List<Onnx.NodeProto> parts = new ArrayList<>();
    long begin = 0;
    for (int i = 0; i < split.getOutputCount(); i++) {
      Onnx.NodeProto.Builder part =
          Onnx.NodeProto.newBuilder()
              .setOpType(DeformConvImport.SPLIT_PART)
              .addInput(split.getInput(0))
              .addOutput(split.getOutput(i))
              .addAttribute(number("axis", axis));
      if (sizes == null) {
        part.addAttribute(number("index", i)).addAttribute(number("parts", split.getOutputCount()));
      } else {
        part.addAttribute(number("begin", begin));
        begin += sizes.get(i);
        part.addAttribute(number("end", begin));
      }
      parts.add(part.build());
    }
    return parts;
  }

  private static Onnx.AttributeProto number(String name, long value) {
    return Onnx.AttributeProto.newBuilder()
        .setName(name)
        .setType(Onnx.AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  private String source(String name) {
    return sameAs.getOrDefault(name, name);
  }

  private Onnx.NodeProto renamed(Onnx.NodeProto node) {
    Onnx.NodeProto.Builder result = node.toBuilder();
    addDefaults(result);
    result.clearInput().clearOutput();
    node.getInputList().forEach(input -> result.addInput(newName(source(input))));
    node.getOutputList().forEach(output -> result.addOutput(newName(output)));
    List<String> names = result.getOutputList();
    return names.isEmpty() ? result.build() : result.setName(names.get(0)).build();
  }

  private void addDefaults(Onnx.NodeProto.Builder node) {
    if (node.getOpType().equals("Conv")) {
      Onnx.TensorProto weights = constants.get(source(node.getInput(1)));
      if (weights != null && weights.getDimsCount() > 2) {
        addIfAbsent(node, "kernel_shape", weights.getDimsList().subList(2, weights.getDimsCount()));
      }
    } else if (node.getOpType().equals("MaxPool") || node.getOpType().equals("AveragePool")) {
      addIfAbsent(node, "strides", Arrays.asList(1L, 1L));
      addIfAbsent(node, "pads", Arrays.asList(0L, 0L, 0L, 0L));
    }
  }

  private static void addIfAbsent(Onnx.NodeProto.Builder node, String name, List<Long> values) {
    boolean given =
        node.getAttributeList().stream().anyMatch(attribute -> attribute.getName().equals(name));
    if (!given) {
      node.addAttribute(
          Onnx.AttributeProto.newBuilder()
              .setName(name)
              .setType(Onnx.AttributeProto.AttributeType.INTS)
              .addAllInts(values));
    }
  }

  /** The name without colons, and unlike all others; none stays none. */
  private String newName(String name) {
    return name.isEmpty() ? name : newNames.computeIfAbsent(name, this::makeName);
  }

  private String makeName(String name) {
    String made = name.replace(':', '_');
    while (!taken.add(made)) {
      made += "_";
    }
    return made;
  }
}
