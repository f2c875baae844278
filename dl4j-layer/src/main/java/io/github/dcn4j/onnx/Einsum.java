package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import lombok.RequiredArgsConstructor;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * The op {@code Einsum}: operand after operand, each product one of matrices, or of elements where
 * nothing is summed over.
 */
final class Einsum {
  /** Axes under an ellipsis, counted from its end, have labels from here on. */
  private static final int ELLIPSIS = 1 << 16;

  private static final String DOTS = "...";

  private final Node node;
  private final SameDiff sd;

  /** The axis that tells a label's size: one of a known size other than 1 where there is any. */
  private final Map<Integer, Axis> sizes = new LinkedHashMap<>();

  private Einsum(Node node) {
    this.node = node;
    sd = node.sd();
  }

  static void addTo(Converters all) {
    all.add("Einsum", 12, node -> new Einsum(node).convert());
  }

  @RequiredArgsConstructor
  private static final class Axis {
    final Value of;
    final int index;

    long size() {
      return of.shape()[index];
    }
  }

  /**
   * An array whose axes have labels, each once. Its own axes tell their sizes: while the graph
   * runs, one of size 1 may stand beside longer ones of its label.
   */
  @RequiredArgsConstructor
  private static final class Term {
    final SDVariable x;
    final List<Integer> labels;
    final Map<Integer, Axis> axes;
  }

  private void convert() {
    String equation = node.text("equation").replace(" ", "");
    List<Value> inputs = new ArrayList<>();
    for (int i = 0; i < node.inputCount(); i++) {
      inputs.add(Elementwise.sameType(node, i, node.input(0).type()));
    }
    int arrow = equation.indexOf("->");
    String left = arrow < 0 ? equation : equation.substring(0, arrow);
    String[] terms = left.split(",", -1);
    if (terms.length != inputs.size()) {
      throw bad(equation, inputs.size() + " terms, as there are inputs");
    }
    List<List<Integer>> labels = new ArrayList<>();
    int dots = 0;
    for (int i = 0; i < terms.length; i++) {
      int letters = terms[i].replace(DOTS, "").length();
      int more = node.shape(i).length - letters;
      if (more < 0 || (more > 0 && !terms[i].contains(DOTS))) {
        throw node.bad(i, letters + " dimensions for " + terms[i], Sizes.text(node.shape(i)));
      }
      labels.add(labels(equation, terms[i], more));
      dots = Math.max(dots, more);
      note(inputs.get(i), labels.get(i));
    }
    List<Integer> output =
        arrow < 0
            ? impliedOutput(labels, dots)
            : labels(equation, equation.substring(arrow + 2), dots);
    if (new LinkedHashSet<>(output).size() < output.size() || !sizes.keySet().containsAll(output)) {
      throw bad(equation, "labels of inputs, each once, on the right");
    }
    finish(inputs, labels, output);
  }

  private static Refusal bad(String equation, String expected) {
    return Attributes.bad("equation", expected, equation);
  }

  private static List<Integer> labels(String equation, String term, int dots) {
    List<Integer> labels = new ArrayList<>();
    for (int i = 0; i < term.length(); i++) {
      if (term.startsWith(DOTS, i) && term.lastIndexOf(DOTS) == i) {
        for (int d = dots; d > 0; d--) {
          labels.add(ELLIPSIS + d);
        }
        i += 2;
      } else if (Character.isLetter(term.charAt(i))) {
        labels.add((int) term.charAt(i));
      } else {
        throw bad(equation, "letters, one ellipsis a term, commas and ->");
      }
    }
    return labels;
  }

  /** The ellipsis, then what is there once, by the alphabet. */
  private static List<Integer> impliedOutput(List<List<Integer>> terms, int dots) {
    Map<Integer, Integer> counts = new TreeMap<>();
    terms.forEach(term -> term.forEach(label -> counts.merge(label, 1, Integer::sum)));
    List<Integer> output = new ArrayList<>();
    for (int d = dots; d > 0; d--) {
      output.add(ELLIPSIS + d);
    }
    counts.forEach(
        (label, count) -> {
          if (label < ELLIPSIS && count == 1) {
            output.add(label);
          }
        });
    return output;
  }

  private void note(Value x, List<Integer> labels) {
    for (int i = 0; i < labels.size(); i++) {
      Axis axis = new Axis(x, i);
      long first = x.shape()[labels.indexOf(labels.get(i))];
      if (labels.indexOf(labels.get(i)) < i && (first < 0 || first != axis.size())) {
        throw node.refuse("a diagonal: expected equal, known sizes, got " + Sizes.text(x.shape()));
      }
      Axis known = sizes.putIfAbsent(labels.get(i), axis);
      if (known == null) {
        continue;
      }
      long a = known.size();
      long b = axis.size();
      if (a > 1 && b > 1 && a != b) {
        throw node.refuse("expected one size for each label, got " + a + " and " + b);
      }
      if (a == 1 || (a < 0 && b > 1)) {
        sizes.put(labels.get(i), axis);
      }
    }
  }

  private void finish(List<Value> inputs, List<List<Integer>> labels, List<Integer> output) {
    Term result = null;
    for (int i = 0; i < inputs.size(); i++) {
      Set<Integer> later = new LinkedHashSet<>(output);
      labels.subList(i + 1, labels.size()).forEach(later::addAll);
      Term next = term(inputs.get(i), labels.get(i));
      if (result == null) {
        result = summed(next, later);
        continue;
      }
      Set<Integer> alsoLater = new LinkedHashSet<>(later);
      alsoLater.addAll(result.labels);
      next = summed(next, alsoLater);
      Set<Integer> needed = new LinkedHashSet<>(later);
      needed.addAll(next.labels);
      result = product(summed(result, needed), next, later);
    }
    long[] shape = output.stream().mapToLong(label -> sizes.get(label).size()).toArray();
    SDVariable y = permuted(result, output);
    node.output(output.isEmpty() ? sd.reshape(y, new long[0]) : y, shape);
  }

  /** Without axes of size 1 that others are longer on, and with each label once. */
  private Term term(Value x, List<Integer> labels) {
    long[] shape = x.shape();
    List<Integer> kept = new ArrayList<>();
    List<Long> to = new ArrayList<>();
    Map<Integer, Axis> axes = new LinkedHashMap<>();
    for (int i = 0; i < shape.length; i++) {
      if (shape[i] != 1 || sizes.get(labels.get(i)).size() == 1) {
        kept.add(labels.get(i));
        to.add(shape[i]);
        axes.put(labels.get(i), new Axis(x, i));
      }
    }
    SDVariable y = x.variable();
    if (kept.size() < shape.length) {
      y = Shapes.reshapeTo(node, x, to.stream().mapToLong(Long::longValue).toArray());
    }
    Term term = new Term(y, kept, axes);
    for (Integer label : new LinkedHashSet<>(kept)) {
      while (term.labels.indexOf(label) != term.labels.lastIndexOf(label)) {
        term = diagonal(term, label);
      }
    }
    return term;
  }

  /** Of two axes with one label, the elements at equal places. */
  private Term diagonal(Term term, Integer label) {
    long size = term.axes.get(label).size();
    node.checkSize("a diagonal", size);
    int rank = term.labels.size();
    int first = term.labels.indexOf(label);
    int second = term.labels.lastIndexOf(label);
    List<Integer> order = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    for (int i = 0; i < rank; i++) {
      if (i != first && i != second) {
        order.add(i);
        labels.add(term.labels.get(i));
      }
    }
    order.add(first);
    order.add(second);
    if (labels.stream().filter(l -> term.axes.get(l).size() < 0).count() > 1) {
      throw node.refuse("a diagonal: expected known sizes");
    }
    long[] flat = new long[rank - 1];
    for (int i = 0; i < rank - 2; i++) {
      flat[i] = term.axes.get(labels.get(i)).size();
    }
    flat[rank - 2] = size * size;
    SDVariable turned = sd.permute(term.x, order.stream().mapToInt(Integer::intValue).toArray());
    long[] places = new long[Math.toIntExact(size)];
    Arrays.setAll(places, i -> i * (size + 1));
    labels.add(label);
    SDVariable y = Indexing.rows(sd.reshape(turned, flat), node.longs(places), rank - 2);
    return new Term(y, labels, term.axes);
  }

  /** Summed over what is not needed any more. */
  private Term summed(Term term, Set<Integer> needed) {
    Term result = term;
    for (Integer label : term.labels) {
      if (!needed.contains(label)) {
        List<Integer> labels = new ArrayList<>(result.labels);
        int axis = labels.indexOf(label);
        labels.remove(axis);
        result = new Term(Sums.along(result.x, labels.size() + 1, axis), labels, term.axes);
      }
    }
    return result;
  }

  private Term product(Term a, Term b, Set<Integer> needed) {
    List<Integer> common =
        a.labels.stream().filter(b.labels::contains).collect(Collectors.toList());
    List<Integer> batch = common.stream().filter(needed::contains).collect(Collectors.toList());
    List<Integer> inner = without(common, batch);
    List<Integer> rows = without(a.labels, common);
    List<Integer> columns = without(b.labels, common);
    Map<Integer, Axis> axes = new LinkedHashMap<>(b.axes);
    a.axes.forEach((label, axis) -> axes.merge(label, axis, (y, x) -> x.size() < 0 ? y : x));
    if (inner.isEmpty() || !a.x.dataType().isFPType()) {
      List<Integer> all = joined(batch, rows, columns, inner);
      SDVariable y = aligned(a, all).mul(aligned(b, all));
      return summed(new Term(y, all, axes), needed);
    }
    List<List<Integer>> left = new ArrayList<>(Arrays.asList(rows, inner));
    List<List<Integer>> right = new ArrayList<>(Arrays.asList(inner, columns));
    if (!batch.isEmpty()) {
      left.add(0, batch);
      right.add(0, batch);
    }
    SDVariable x = grouped(permuted(a, joined(batch, rows, inner)), left, a.axes);
    SDVariable y = grouped(permuted(b, joined(batch, inner, columns)), right, b.axes);
    SDVariable xy = sd.mmul(x, y, false, false, false);
    List<Integer> labels = joined(batch, rows, columns);
    if (batch.size() > 1 || rows.size() != 1 || columns.size() != 1) {
      List<List<Integer>> each = labels.stream().map(Arrays::asList).collect(Collectors.toList());
      xy = labels.isEmpty() ? sd.reshape(xy, new long[0]) : reshaped(xy, each, axes);
    }
    return new Term(xy, labels, axes);
  }

  private static List<Integer> without(List<Integer> labels, List<Integer> others) {
    return labels.stream().filter(label -> !others.contains(label)).collect(Collectors.toList());
  }

  @SafeVarargs
  private static List<Integer> joined(List<Integer>... parts) {
    List<Integer> all = new ArrayList<>();
    for (List<Integer> part : parts) {
      all.addAll(part);
    }
    return all;
  }

  /** With the axes in the order of labels that are a part of its own. */
  private SDVariable permuted(Term term, List<Integer> labels) {
    int[] order =
        labels.stream().filter(term.labels::contains).mapToInt(term.labels::indexOf).toArray();
    return order.length < 2 ? term.x : sd.permute(term.x, order);
  }

  /** With an axis for each label, of size 1 for those that are not its own. */
  private SDVariable aligned(Term term, List<Integer> labels) {
    long[] from =
        labels.stream()
            .filter(term.labels::contains)
            .mapToLong(label -> term.axes.get(label).size())
            .toArray();
    long[] to =
        labels.stream()
            .mapToLong(label -> term.labels.contains(label) ? term.axes.get(label).size() : 1)
            .toArray();
    SDVariable x = permuted(term, labels);
    return Arrays.equals(from, to) ? x : Shapes.reshapeTo(node, Value.of("", x, from, null), to);
  }

  /** With the axes of each group as one. */
  private SDVariable grouped(SDVariable x, List<List<Integer>> groups, Map<Integer, Axis> axes) {
    boolean isSo = groups.stream().allMatch(group -> group.size() == 1);
    return isSo ? x : reshaped(x, groups, axes);
  }

  /** With an axis for each group of labels, whose sizes are those of axes. */
  private SDVariable reshaped(SDVariable x, List<List<Integer>> groups, Map<Integer, Axis> axes) {
    long[] shape =
        groups.stream()
            .mapToLong(
                group -> Sizes.product(group.stream().mapToLong(l -> axes.get(l).size()).toArray()))
            .toArray();
    if (Arrays.stream(shape).filter(size -> size < 0).count() <= 1) {
      return sd.reshape(x, shape);
    }
    SDVariable[] parts =
        groups.stream().map(group -> extent(group, axes)).toArray(SDVariable[]::new);
    return sd.reshape(x, Extents.vector(node, parts));
  }

  private SDVariable extent(List<Integer> labels, Map<Integer, Axis> axes) {
    SDVariable product = node.scalar(org.nd4j.linalg.api.buffer.DataType.INT64, 1);
    for (Integer label : labels) {
      Axis axis = axes.get(label);
      product = product.mul(Extents.one(node, axis.of, axis.index));
    }
    return product;
  }
}
