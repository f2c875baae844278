package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
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
 *   <li>it does not know some defaults (a convolution's kernel, strides and padding of pooling, the
 *       axis of {@code Flatten}): they are filled in;
 *   <li>it fails on {@code Split}, which PyTorch's {@code chunk} becomes: there is a slice for each
 *       output;
 *   <li>it imports {@code MatMul} with a factor of 0, {@code Gemm} so that it writes beyond its
 *       addend, and {@code GlobalAveragePool} with a gradient that writes beyond an array: {@link
 *       MatrixProductHook} and {@link GlobalAverageHook} take their places.
 * </ul>
 *
 * <p>Graphs with subgraphs ({@code If}, {@code Loop}) stay as they are.
 */
final class GraphPreparation {
  /** Ops, and which of their inputs training may change. */
  private static final Map<String, List<Integer>> WEIGHT_INPUTS = weightInputs();

  /** Ops whose import is replaced; they keep their inputs and attributes. */
  private static final Map<String, String> OWN_TYPES =
      Map.of(
          "GlobalAveragePool",
          DeformConvImport.GLOBAL_AVERAGE,
          "MatMul",
          DeformConvImport.MATRIX_PRODUCT);

  private final Onnx.GraphProto prepared;
  private final Set<String> weights = new LinkedHashSet<>();
  private final Set<String> outputs;
  private final Map<String, Onnx.TensorProto> constants = new LinkedHashMap<>();
  private final Map<String, String> sameAs = new HashMap<>();
  private final Map<String, String> newNames = new HashMap<>();
  private final Set<String> taken = new HashSet<>();

  private static Map<String, List<Integer>> weightInputs() {
    Map<String, List<Integer>> inputs = new LinkedHashMap<>();
    inputs.put("Conv", Arrays.asList(1, 2));
    inputs.put("ConvTranspose", Arrays.asList(1, 2));
    inputs.put("DeformConv", Arrays.asList(1, 3));
    inputs.put("Gemm", Arrays.asList(1, 2));
    inputs.put("MatMul", Arrays.asList(0, 1));
    inputs.put("BatchNormalization", Arrays.asList(1, 2));
    inputs.put("PRelu", Collections.singletonList(1));
    return inputs;
  }

  /**
   * Rewrites a graph.
   *
   * @throws IllegalArgumentException naming a tensor that lies in another file or is of a type that
   *     cannot be imported, or a node with an attribute that is not supported
   */
  GraphPreparation(Onnx.GraphProto graph) {
    for (Onnx.TensorProto tensor : graph.getInitializerList()) {
      Tensors.requireInline(tensor);
      requireImportable(tensor.getName(), tensor.getDataType());
      constants.put(tensor.getName(), tensor);
    }
    for (Onnx.ValueInfoProto input : graph.getInputList()) {
      requireImportable(input.getName(), input.getType().getTensorType().getElemType());
    }
    outputs =
        graph.getOutputList().stream()
            .map(Onnx.ValueInfoProto::getName)
            .collect(Collectors.toSet());
    boolean hasSubgraphs =
        graph.getNodeList().stream()
            .flatMap(node -> node.getAttributeList().stream())
            .anyMatch(attribute -> attribute.hasG() || attribute.getGraphsCount() > 0);
    prepared = hasSubgraphs ? graph : rewritten(graph);
    for (Onnx.NodeProto node : graph.getNodeList()) {
      for (int index : WEIGHT_INPUTS.getOrDefault(node.getOpType(), Collections.emptyList())) {
        if (index < node.getInputCount()) {
          String name = source(node.getInput(index));
          if (constants.containsKey(name)) {
            weights.add(hasSubgraphs ? name : newName(name));
          }
        }
      }
    }
  }

  /** The rewritten graph; its inputs and outputs are in their order. */
  Onnx.GraphProto forInference() {
    return prepared;
  }

  /**
   * The rewritten graph, with batch normalisation such that gradients flow through it; its
   * statistics stay as they are.
   */
  Onnx.GraphProto forTraining() {
    Onnx.GraphProto.Builder result = prepared.toBuilder();
    for (Onnx.NodeProto.Builder node : result.getNodeBuilderList()) {
      if (node.getOpType().equals("BatchNormalization") && node.getOutputCount() == 1) {
        node.setOpType(DeformConvImport.FROZEN_BATCH_NORMALIZATION);
      }
    }
    return result.build();
  }

  /**
   * The stored tensors that training may change: weights and biases of convolutions, linear layers
   * and normalisations, but not the running statistics of batch normalisation.
   */
  Set<String> weights() {
    return weights;
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

  private Onnx.GraphProto rewritten(Onnx.GraphProto graph) {
    Onnx.GraphProto.Builder result = graph.toBuilder().clearNode().clearInitializer();
    result.clearValueInfo(); // holds old names, and nothing that the importer reads
    for (Onnx.NodeProto node : graph.getNodeList()) { // each after those that it reads
      if (node.getOpType().equals("Constant") && node.getAttributeCount() == 1) {
        constants.put(node.getOutput(0), constant(node));
      } else if (node.getOpType().equals("Split")) {
        parts(node).forEach(part -> result.addNode(renamed(part)));
      } else if (node.getOpType().equals("Gemm")) {
        product(node).forEach(part -> result.addNode(renamed(part)));
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
    Map<String, Onnx.AttributeProto> attributes = attributes(split);
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
          node(DeformConvImport.SPLIT_PART, split.getOutput(i), split.getInput(0))
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

  /** A matrix product and, if there is one, the addend: A·B + C, either of A and B transposed. */
  private static List<Onnx.NodeProto> product(Onnx.NodeProto gemm) {
    Map<String, Onnx.AttributeProto> attributes = attributes(gemm);
    for (String factor : Arrays.asList("alpha", "beta")) {
      if (attributes.containsKey(factor) && attributes.get(factor).getF() != 1) {
        throw new IllegalArgumentException(
            "Gemm "
                + gemm.getOutput(0)
                + ": attribute "
                + factor
                + ": expected 1, got "
                + attributes.get(factor).getF());
      }
    }
    boolean adds = gemm.getInputCount() > 2 && !gemm.getInput(2).isEmpty();
    String product = adds ? gemm.getOutput(0) + "/product" : gemm.getOutput(0);
    Onnx.NodeProto.Builder node =
        node(DeformConvImport.MATRIX_PRODUCT, product, gemm.getInput(0), gemm.getInput(1));
    for (String transposed : Arrays.asList("transA", "transB")) {
      if (attributes.containsKey(transposed)) {
        node.addAttribute(attributes.get(transposed));
      }
    }
    return adds
        ? Arrays.asList(
            node.build(), node("Add", gemm.getOutput(0), product, gemm.getInput(2)).build())
        : Collections.singletonList(node.build());
  }

  private static Onnx.NodeProto.Builder node(String type, String output, String... inputs) {
    return Onnx.NodeProto.newBuilder()
        .setOpType(type)
        .addAllInput(Arrays.asList(inputs))
        .addOutput(output);
  }

  private static Map<String, Onnx.AttributeProto> attributes(Onnx.NodeProto node) {
    return node.getAttributeList().stream()
        .collect(Collectors.toMap(Onnx.AttributeProto::getName, attribute -> attribute));
  }

  private static Onnx.AttributeProto number(String name, long value) {
    return Onnx.AttributeProto.newBuilder()
        .setName(name)
        .setType(Onnx.AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  private static Onnx.AttributeProto numbers(String name, List<Long> values) {
    return Onnx.AttributeProto.newBuilder()
        .setName(name)
        .setType(Onnx.AttributeProto.AttributeType.INTS)
        .addAllInts(values)
        .build();
  }

  private String source(String name) {
    return sameAs.getOrDefault(name, name);
  }

  private Onnx.NodeProto renamed(Onnx.NodeProto node) {
    Onnx.NodeProto.Builder result = node.toBuilder();
    addDefaults(result);
    result.setOpType(OWN_TYPES.getOrDefault(node.getOpType(), node.getOpType()));
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
        addIfAbsent(
            node,
            numbers("kernel_shape", weights.getDimsList().subList(2, weights.getDimsCount())));
      }
    } else if (node.getOpType().equals("MaxPool") || node.getOpType().equals("AveragePool")) {
      addIfAbsent(node, numbers("strides", Arrays.asList(1L, 1L)));
      addIfAbsent(node, numbers("pads", Arrays.asList(0L, 0L, 0L, 0L)));
    } else if (node.getOpType().equals("Flatten")) {
      addIfAbsent(node, number("axis", 1));
    }
  }

  private static void addIfAbsent(Onnx.NodeProto.Builder node, Onnx.AttributeProto attribute) {
    if (node.getAttributeList().stream()
        .noneMatch(given -> given.getName().equals(attribute.getName()))) {
      node.addAttribute(attribute);
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
