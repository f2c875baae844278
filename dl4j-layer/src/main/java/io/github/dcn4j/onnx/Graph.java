package io.github.dcn4j.onnx;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import lombok.Getter;
import lombok.experimental.Accessors;
import onnx.Onnx;

/**
 * The graph of a model, checked: every value is made once, and before it is read.
 *
 * <p>Names are the file's, with underscores for colons, which SameDiff keeps for the outputs of one
 * op; where that makes two alike, an underscore is appended to the later one.
 */
@Getter
@Accessors(fluent = true)
final class Graph {
  private final long opset;

  /** Each after those whose outputs it reads. */
  private final List<Onnx.NodeProto> nodes;

  /** Those that a user gives; old models list their initializers among the inputs too. */
  private final Map<String, Onnx.ValueInfoProto> inputs = new LinkedHashMap<>();

  private final Map<String, Onnx.TensorProto> initializers = new LinkedHashMap<>();
  private final List<String> outputs;

  /** From the file's names to those in the SameDiff graph, all of them. */
  private final Map<String, String> names = new LinkedHashMap<>();

  /** How many nodes read a value; the user of an output counts as one. */
  private final Map<String, Integer> readers = new HashMap<>();

  private final Set<String> taken = new HashSet<>();

  /**
   * Reads a model's graph.
   *
   * @throws IllegalArgumentException naming what is wrong with it
   */
  Graph(Onnx.ModelProto model) {
    opset = opset(model);
    Onnx.GraphProto graph = model.getGraph();
    if (graph.getSparseInitializerCount() > 0) {
      throw bad("sparse initializers", "dense ones", graph.getSparseInitializerCount());
    }
    Set<String> made = new HashSet<>();
    for (Onnx.TensorProto tensor : graph.getInitializerList()) {
      initializers.put(tensor.getName(), tensor);
      addOnce(made, tensor.getName());
    }
    for (Onnx.ValueInfoProto input : graph.getInputList()) {
      if (!initializers.containsKey(input.getName())) {
        inputs.put(input.getName(), input);
        addOnce(made, input.getName());
      }
    }
    outputs =
        graph.getOutputList().stream()
            .map(Onnx.ValueInfoProto::getName)
            .collect(Collectors.toList());
    nodes = sorted(graph.getNodeList(), made);
    if (new HashSet<>(outputs).size() < outputs.size()) {
      throw bad("outputs", "each once", outputs);
    }
    for (String output : outputs) {
      if (!made.contains(output)) {
        throw bad("output " + output, "a node that makes it", "none");
      }
    }
    outputs.forEach(this::addReader);
    nodes.forEach(node -> node.getInputList().forEach(this::addReader));
    inputs.keySet().forEach(this::addName);
    outputs.forEach(this::addName);
    initializers.keySet().forEach(this::addName);
    nodes.forEach(node -> node.getOutputList().forEach(this::addName));
  }

  private static long opset(Onnx.ModelProto model) {
    for (Onnx.OperatorSetIdProto set : model.getOpsetImportList()) {
      if (isStandard(set.getDomain())) {
        return set.getVersion();
      }
    }
    return 1; // as before there were several
  }

  static boolean isStandard(String domain) {
    return domain.isEmpty() || domain.equals("ai.onnx");
  }

  private static void addOnce(Set<String> made, String name) {
    if (name.isEmpty() || !made.add(name)) {
      throw bad("value " + name, "a name that is given once", "it twice or empty");
    }
  }

  /** ONNX wants nodes in this order already; files that have another are read all the same. */
  private static List<Onnx.NodeProto> sorted(List<Onnx.NodeProto> nodes, Set<String> made) {
    Map<String, List<Integer>> readers = new HashMap<>();
    int[] missing = new int[nodes.size()];
    Set<String> promised = new HashSet<>(made);
    for (Onnx.NodeProto node : nodes) {
      for (String output : node.getOutputList()) {
        if (!output.isEmpty()) {
          addOnce(promised, output);
        }
      }
    }
    Deque<Integer> ready = new ArrayDeque<>();
    for (int i = 0; i < missing.length; i++) {
      for (String input : new LinkedHashSet<>(nodes.get(i).getInputList())) {
        if (!input.isEmpty() && !promised.contains(input)) {
          throw bad(title(nodes.get(i)), "its input " + input + " to be in the graph", "none");
        }
        if (!input.isEmpty() && !made.contains(input)) {
          readers.computeIfAbsent(input, name -> new ArrayList<>()).add(i);
          missing[i]++;
        }
      }
      if (missing[i] == 0) {
        ready.add(i);
      }
    }
    return inOrder(nodes, made, readers, missing, ready);
  }

  private static List<Onnx.NodeProto> inOrder(
      List<Onnx.NodeProto> nodes,
      Set<String> made,
      Map<String, List<Integer>> readers,
      int[] missing,
      Deque<Integer> ready) {
    List<Onnx.NodeProto> sorted = new ArrayList<>(nodes.size());
    while (!ready.isEmpty()) {
      Onnx.NodeProto node = nodes.get(ready.remove());
      sorted.add(node);
      for (String output : node.getOutputList()) {
        made.add(output);
        for (int reader : readers.getOrDefault(output, Collections.emptyList())) {
          if (--missing[reader] == 0) {
            ready.add(reader);
          }
        }
      }
    }
    for (int i = 0; i < missing.length; i++) {
      if (missing[i] > 0) {
        throw bad(title(nodes.get(i)), "inputs that do not depend on its outputs", "a cycle");
      }
    }
    return sorted;
  }

  /** Op and name of a node, for messages; one without a name has its first output's. */
  static String title(Onnx.NodeProto node) {
    String name = node.getName();
    if (name.isEmpty() && node.getOutputCount() > 0) {
      name = node.getOutput(0);
    }
    String op = isStandard(node.getDomain()) ? "" : node.getDomain() + ".";
    return op + node.getOpType() + " " + name;
  }

  private void addReader(String name) {
    readers.merge(name, 1, Integer::sum);
  }

  private void addName(String name) {
    if (!name.isEmpty() && !names.containsKey(name)) {
      String made = name.replace(':', '_');
      while (!taken.add(made)) {
        made += "_";
      }
      names.put(name, made);
    }
  }

  private static IllegalArgumentException bad(String what, String expected, Object got) {
    return new IllegalArgumentException(what + ": expected " + expected + ", got " + got);
  }

  /** Those of {@link #names()} that are not as in the file. */
  Map<String, String> renamed() {
    Map<String, String> renamed = new LinkedHashMap<>(names);
    renamed.entrySet().removeIf(name -> name.getKey().equals(name.getValue()));
    return renamed;
  }

  /** The names in the SameDiff graph. */
  List<String> named(Collection<String> fileNames) {
    return fileNames.stream().map(names::get).collect(Collectors.toList());
  }
}
