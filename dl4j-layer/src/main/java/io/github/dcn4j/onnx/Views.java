package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import lombok.RequiredArgsConstructor;
import onnx.Onnx;

/** Nodes that only move elements, in a graph that was imported once, so that sizes are known. */
final class Views {
  private final Map<String, Value> values;
  private final Map<String, Value> others;
  private final OpenSizes open;
  private final Map<String, Onnx.NodeProto> makers = new HashMap<>();

  /**
   * Those of a graph.
   *
   * @param values those with primes for open sizes
   * @param others those with the other primes
   */
  Views(Graph graph, Map<String, Value> values, Map<String, Value> others, OpenSizes open) {
    this.values = values;
    this.others = others;
    this.open = open;
    for (Onnx.NodeProto node : graph.nodes()) {
      node.getOutputList().forEach(output -> makers.put(output, node));
    }
  }

  /** A node on the way from one value to another. */
  @RequiredArgsConstructor
  static final class Step {
    final Onnx.NodeProto node;
    final String from;
    final String to;
  }

  /** The node that makes a value, or null. */
  Onnx.NodeProto maker(String name) {
    return makers.get(name);
  }

  Value value(String name) {
    Value value = values.get(name);
    NoMatch.unless(value != null && !value.isRefused());
    return value;
  }

  /** A value's shape, all of which must be known, or products of open sizes. */
  long[] shape(String name) {
    Value value = value(name);
    NoMatch.unless(value.isStatic());
    return checked(value.shape(), others.get(name).shape());
  }

  private long[] checked(long[] numbers, long[] other) {
    NoMatch.unless(Arrays.equals(Arrays.stream(numbers).map(open::other).toArray(), other));
    return numbers;
  }

  static boolean isView(Onnx.NodeProto node) {
    if (node == null || !Graph.isStandard(node.getDomain())) {
      return false;
    }
    switch (node.getOpType()) {
      case "Identity":
      case "Reshape":
      case "Flatten":
      case "Squeeze":
      case "Unsqueeze":
      case "Transpose":
      case "Split":
      case "Slice":
      case "Gather":
        return true;
      default:
        return false;
    }
  }

  /** The views that lead to a value, the last first, as far back as there are any. */
  List<Step> before(String name) {
    List<Step> steps = new ArrayList<>();
    String to = name;
    for (Onnx.NodeProto node = maker(to); isView(node); node = maker(to)) {
      steps.add(new Step(node, node.getInput(0), to));
      to = node.getInput(0);
    }
    return steps;
  }

  /** What steps, the last first, that lead from a value make of it. */
  Layout layout(String from, List<Step> steps) {
    Layout layout = Layout.of(shape(from));
    for (int i = steps.size() - 1; i >= 0; i--) {
      layout = layout(layout, steps.get(i));
    }
    return layout;
  }

  /** What a step makes of a view; steps that are none keep the shape. */
  Layout layout(Layout layout, Step step) {
    Attributes attributes = new Attributes(step.node);
    switch (step.node.getOpType()) {
      case "Reshape":
      case "Flatten":
      case "Squeeze":
      case "Unsqueeze":
        return layout.reshaped(shape(step.to));
      case "Transpose":
        return layout.transposed(order(attributes.integers("perm"), shape(step.from).length));
      case "Split":
        return split(layout, step, attributes.integer("axis", 0));
      case "Slice":
        return slice(layout, step);
      case "Gather":
        return gather(layout, step, attributes.integer("axis", 0));
      default:
        NoMatch.unless(Arrays.equals(shape(step.from), shape(step.to)));
        return layout;
    }
  }

  private static int axis(long given, int rank) {
    return Math.toIntExact(given < 0 ? given + rank : given);
  }

  private static int[] order(long[] perm, int rank) {
    int[] order = new int[rank];
    for (int i = 0; i < rank; i++) {
      order[i] = perm == null ? rank - 1 - i : axis(perm[i], rank);
    }
    return order;
  }

  private Layout split(Layout layout, Step step, long givenAxis) {
    int axis = axis(givenAxis, shape(step.from).length);
    long begin = 0;
    for (String output : step.node.getOutputList()) {
      long size = shape(output)[axis];
      if (output.equals(step.to)) {
        return layout.part(axis, begin, size);
      }
      begin += size;
    }
    throw new NoMatch();
  }

  /** An input's whole numbers; null if it was left out. */
  long[] integers(Onnx.NodeProto node, int input) {
    if (input >= node.getInputCount() || node.getInput(input).isEmpty()) {
      return null;
    }
    long[] known = value(node.getInput(input)).knownElements();
    NoMatch.unless(known != null);
    return checked(known, others.get(node.getInput(input)).knownElements());
  }

  private Layout slice(Layout layout, Step step) {
    long[] shape = shape(step.from);
    long[] starts = integers(step.node, 1);
    long[] axes = integers(step.node, 3);
    long[] steps = integers(step.node, 4);
    NoMatch.unless(starts != null); // before opset 10 they are attributes
    NoMatch.unless(steps == null || Arrays.stream(steps).allMatch(s -> s == 1));
    Layout result = layout;
    for (int i = 0; i < starts.length; i++) {
      int axis = axis(axes == null ? i : axes[i], shape.length);
      long start = starts[i] < 0 ? starts[i] + shape[axis] : starts[i];
      result = result.part(axis, Math.max(0, start), shape(step.to)[axis]);
    }
    return result;
  }

  private Layout gather(Layout layout, Step step, long givenAxis) {
    long[] shape = shape(step.from);
    int axis = axis(givenAxis, shape.length);
    long[] indices = integers(step.node, 1);
    NoMatch.unless(indices != null && indices.length == 1);
    long index = indices[0] < 0 ? indices[0] + shape[axis] : indices[0];
    return layout.part(axis, index, 1).reshaped(shape(step.to));
  }

  /** The values that steps, the last first, come through, from the nearest. */
  static List<String> sources(String to, List<Step> steps) {
    List<String> sources = new ArrayList<>(Collections.singletonList(to));
    steps.forEach(step -> sources.add(step.from));
    return sources;
  }
}
