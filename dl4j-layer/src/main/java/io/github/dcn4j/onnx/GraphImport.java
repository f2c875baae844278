package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.NameScope;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.dtype.Cast;

/** Makes a SameDiff graph of an ONNX graph, node by node; nothing runs but constants. */
final class GraphImport {
  private final Graph graph;
  private final ExternalData files;

  /** Names of stored tensors that are variables, not constants. */
  private final Set<String> weights;

  private final SameDiff sd = SameDiff.create();
  private final Map<String, Value> values = new HashMap<>();

  /** Stored tensors, and identities of them. */
  private final Map<String, INDArray> stored = new HashMap<>();

  private final Set<String> problems = new LinkedHashSet<>();
  private final TreeSet<String> names;

  /** What is imported in the place of nodes, by their first outputs. */
  private final Map<String, Fused> fused;

  /** Shapes of inputs in the place of the file's. */
  private final Map<String, long[]> shapes;

  /** Imports each node as it is. */
  GraphImport(Graph graph, ExternalData files, Set<String> weights) {
    this(graph, files, weights, Collections.emptyMap(), Collections.emptyMap());
  }

  private GraphImport(
      Graph graph,
      ExternalData files,
      Set<String> weights,
      Map<String, Fused> fused,
      Map<String, long[]> shapes) {
    this.graph = graph;
    this.files = files;
    this.weights = weights;
    this.fused = fused;
    this.shapes = shapes;
    names = new TreeSet<>(graph.names().values());
  }

  /**
   * Imports a graph, with one op for nodes that together are one. What they are is known once all
   * were imported; where there are such, it is done again.
   *
   * @throws IllegalArgumentException listing everything that is not supported
   */
  static SameDiff fusing(Graph graph, ExternalData files, Set<String> weights) {
    GraphImport plain = new GraphImport(graph, files, weights);
    SameDiff sd = plain.run();
    if (!AttentionFusion.mayHold(graph)) {
      return sd;
    }
    Map<String, Fused> fused = plain.attention();
    return fused.isEmpty()
        ? sd
        : new GraphImport(graph, files, weights, fused, Collections.emptyMap()).run();
  }

  /** What is multi-scale attention, for all sizes where some are open. */
  private Map<String, Fused> attention() {
    try {
      OpenSizes open = OpenSizes.of(graph, values);
      if (open.isEmpty()) {
        return AttentionFusion.find(graph, values, new Views(graph, values, values, open), open);
      }
      Views views = new Views(graph, closed(open.shapes()), closed(open.otherShapes()), open);
      return AttentionFusion.find(graph, values, views, open);
    } catch (NoMatch | IllegalArgumentException e) {
      return Collections.emptyMap(); // the open sizes are no such that any will do
    }
  }

  /** What the graph has where its inputs are of these shapes. */
  private Map<String, Value> closed(Map<String, long[]> shapes) {
    GraphImport closed = new GraphImport(graph, files, weights, Collections.emptyMap(), shapes);
    closed.run();
    return closed.values;
  }

  /**
   * Imports the graph.
   *
   * @throws IllegalArgumentException listing everything that is not supported
   */
  SameDiff run() {
    graph.inputs().values().forEach(this::addInput);
    for (Onnx.TensorProto tensor : graph.initializers().values()) {
      try {
        store(tensor.getName(), Tensors.toArray(tensor, files));
      } catch (IllegalArgumentException e) {
        problems.add(e.getMessage());
        values.put(tensor.getName(), Value.refused(tensor.getName()));
      }
    }
    graph.nodes().forEach(this::addNodeOrFused);
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          problems.size() == 1
              ? problems.iterator().next()
              : "the model holds what is not supported:\n  " + String.join("\n  ", problems));
    }
    if (graph.outputs().isEmpty()) {
      throw new IllegalArgumentException("outputs: expected at least one, got none");
    }
    try {
      graph.outputs().forEach(this::finishOutput);
    } catch (Refusal e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    sd.setOutputs(graph.named(graph.outputs()));
    return sd;
  }

  private void addInput(Onnx.ValueInfoProto input) {
    String name = input.getName();
    Onnx.TypeProto.Tensor tensor = input.getType().getTensorType();
    DataType type = input.getType().hasTensorType() ? Types.of(tensor.getElemType()) : null;
    if (type == null) {
      problems.add(
          "input "
              + name
              + ": expected a tensor of floating point numbers, integers or BOOL, got "
              + (input.getType().hasTensorType()
                  ? Types.name(tensor.getElemType())
                  : input.getType().getValueCase()));
      values.put(name, Value.refused(name));
      return;
    }
    long[] shape = null;
    if (tensor.hasShape()) {
      shape =
          tensor.getShape().getDimList().stream()
              .mapToLong(size -> size.hasDimValue() ? size.getDimValue() : Value.OPEN)
              .map(size -> Math.max(size, Value.OPEN))
              .toArray();
    }
    shape = shapes.getOrDefault(name, shape);
    String newName = graph.names().get(name);
    SDVariable placeholder =
        shape == null ? sd.placeHolder(newName, type) : sd.placeHolder(newName, type, shape);
    values.put(name, Value.of(name, placeholder, shape, null));
  }

  /** A stored tensor: a variable where training may change it, else a constant. */
  private void store(String name, INDArray array) {
    stored.put(name, array);
    String newName = graph.names().get(name);
    boolean trained = weights.contains(name) && array.dataType().isFPType();
    values.put(
        name,
        trained
            ? Value.of(name, sd.var(newName, array), array.shape(), null)
            : Value.constant(name, array, () -> sd.constant(newName, array)));
  }

  private void addNodeOrFused(Onnx.NodeProto proto) {
    Fused other = proto.getOutputCount() == 0 ? null : fused.get(proto.getOutput(0));
    if (other == null) {
      addNode(proto, null);
    } else if (other != Fused.NOTHING) {
      addNode(other.node(), other.converter());
    }
  }

  /**
   * Adds what a node makes.
   *
   * @param own its converter; null for that of its op
   */
  private void addNode(Onnx.NodeProto proto, Converter own) {
    try {
      // Of a stored tensor it is one of its own: PyTorch shares equal tensors in this way, and
      // training must not change a running mean with a bias.
      if (proto.getOpType().equals("Identity") && stored.containsKey(input(proto, 0))) {
        store(proto.getOutput(0), stored.get(proto.getInput(0)).dup());
        return;
      }
      if (!Graph.isStandard(proto.getDomain())) {
        throw new Refusal("the domain " + proto.getDomain() + " is not supported");
      }
      Converter converter =
          own == null ? Converters.all().of(proto.getOpType(), graph.opset()) : own;
      List<Value> inputs = new ArrayList<>();
      for (String name : proto.getInputList()) {
        inputs.add(name.isEmpty() ? null : values.get(name));
      }
      Value[] outputs = new Folding(proto, graph.opset()).fold(converter, inputs);
      if (outputs == null) {
        outputs = new Value[proto.getOutputCount()];
        Value[] made = outputs;
        within(
            scope(proto),
            () -> {
              convert(converter, new Node(proto, graph.opset(), sd, inputs, made, graph.readers()));
              for (Value value : made) {
                if (value != null && !value.isLazy() && value.constant() == null) {
                  variable(value);
                }
              }
              return null;
            });
      }
      keep(proto, outputs);
    } catch (Value.RefusedInput e) {
      refuse(proto);
    } catch (Refusal e) {
      problems.add(Graph.title(proto) + ": " + e.getMessage());
      refuse(proto);
    }
  }

  private static String input(Onnx.NodeProto node, int index) {
    return index < node.getInputCount() ? node.getInput(index) : "";
  }

  /** A value's variable, made now if it is not there yet. */
  private static SDVariable variable(Value value) {
    try {
      return value.variable();
    } catch (Refusal | Value.RefusedInput e) {
      throw e;
    } catch (RuntimeException e) { // SameDiff's
      throw new Refusal(e.getMessage() == null ? e.toString() : e.getMessage());
    }
  }

  /** Variables that are made have names of their own, which begin with the scope. */
  private <T> T within(String scope, Supplier<T> action) {
    NameScope open = sd.withNameScope(scope);
    try {
      return action.get();
    } finally {
      open.close();
    }
  }

  /** Converts, and refuses what the converter did not look at. */
  static void convert(Converter converter, Node node) {
    try {
      converter.convert(node);
    } catch (Value.RefusedInput e) {
      node.checkAllRead(); // converters read the attributes first
      throw e;
    } catch (Refusal e) {
      throw e;
    } catch (RuntimeException e) { // SameDiff's, or of arithmetic with absurd sizes
      throw new Refusal(e.getMessage() == null ? e.toString() : e.getMessage());
    }
    node.checkComplete();
  }

  private void refuse(Onnx.NodeProto proto) {
    proto.getOutputList().forEach(name -> values.put(name, Value.refused(name)));
  }

  /** What a node's own variables are named after; no name of the file begins with it. */
  private String scope(Onnx.NodeProto proto) {
    String output =
        proto.getOutputList().stream().filter(o -> !o.isEmpty()).findFirst().orElse("none");
    String scope = graph.names().getOrDefault(output, output);
    while (isPrefix(scope + "/")) {
      scope += "_";
    }
    return scope;
  }

  private boolean isPrefix(String start) {
    String next = names.ceiling(start);
    return next != null && next.startsWith(start);
  }

  /** Gives the outputs the names of the file. */
  private void keep(Onnx.NodeProto proto, Value[] outputs) {
    Set<SDVariable> named = Collections.newSetFromMap(new IdentityHashMap<>());
    String own = scope(proto) + "/";
    for (int i = 0; i < outputs.length; i++) {
      String name = proto.getOutput(i);
      Value value = outputs[i];
      if (name.isEmpty() || value == null) {
        continue;
      }
      if (value.constant() != null) {
        store(name, value.constant());
        continue;
      }
      String newName = graph.names().get(name);
      if (value.isLazy() && value.name().equals(name)) {
        values.put(
            name, value.madeBy(made -> within(scope(proto), () -> renamed(made.get(), newName))));
        continue;
      }
      SDVariable variable = value.variable();
      if (variable.name().startsWith(own) && named.add(variable)) {
        renamed(variable, newName);
      }
      values.put(name, value);
    }
  }

  private SDVariable renamed(SDVariable variable, String name) {
    sd.renameVariable(variable.name(), name);
    return variable;
  }

  /** An output that is only another name of a value becomes a copy. */
  private void finishOutput(String name) {
    SDVariable variable = variable(values.get(name));
    String newName = graph.names().get(name);
    if (!variable.name().equals(newName)) {
      renamed(new Cast(sd, variable, variable.dataType()).outputVariable(), newName);
    }
  }
}
