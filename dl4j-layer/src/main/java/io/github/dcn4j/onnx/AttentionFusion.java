package io.github.dcn4j.onnx;

import static java.util.stream.Collectors.toList;

import io.github.dcn4j.ops.SDDeformable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import lombok.RequiredArgsConstructor;
import onnx.Onnx;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Finds multi-scale deformable attention that was exported as what Deformable DETR's PyTorch core
 * composes it of: one {@code GridSample} a level, their stack times the weights, a sum.
 *
 * <p>From the sum back, every node must be what the core has there, with its constants, and must
 * have no other reader. Between those nodes any that only move elements may stand: whether they
 * move them as the core does is computed, by {@link Layout}. What is not proven to be the same
 * stays as it is. The levels' sizes must be known; those of batch and queries may be open, {@link
 * OpenSizes}.
 */
final class AttentionFusion {
  private final Graph graph;

  /** With a number in the place of every open size. */
  private final Views views;

  /** What is known while sizes are open. */
  private final Map<String, Value> values;

  private final OpenSizes open;
  private final Map<String, List<Onnx.NodeProto>> readers = new HashMap<>();

  private AttentionFusion(Graph graph, Map<String, Value> values, Views views, OpenSizes open) {
    this.graph = graph;
    this.values = values;
    this.open = open;
    this.views = views;
    for (Onnx.NodeProto node : graph.nodes()) {
      new HashSet<>(node.getInputList())
          .forEach(name -> readers.computeIfAbsent(name, n -> new ArrayList<>()).add(node));
    }
  }

  /** Whether a graph has what attention is made of. */
  static boolean mayHold(Graph graph) {
    return graph.nodes().stream().anyMatch(AttentionFusion::isGridSample);
  }

  /**
   * What to import in the place of nodes, by their first outputs.
   *
   * @param values those of the graph, imported as it is
   * @param views the same, with numbers for open sizes
   */
  static Map<String, Fused> find(
      Graph graph, Map<String, Value> values, Views views, OpenSizes open) {
    Map<String, Fused> all = new HashMap<>();
    AttentionFusion fusion = new AttentionFusion(graph, values, views, open);
    for (Onnx.NodeProto node : graph.nodes()) {
      if (is(node, "ReduceSum")) {
        try {
          Map<String, Fused> found = fusion.new Match(node).fused();
          if (Collections.disjoint(all.keySet(), found.keySet())) {
            all.putAll(found);
          }
        } catch (NoMatch | Refusal | ArithmeticException e) {
          continue; // another sum, or not exactly this; sizes may be absurd
        }
      }
    }
    return all;
  }

  private static boolean is(Onnx.NodeProto node, String op) {
    return node != null && Graph.isStandard(node.getDomain()) && node.getOpType().equals(op);
  }

  private static boolean isGridSample(Onnx.NodeProto node) {
    return is(node, "GridSample");
  }

  private static String first(Onnx.NodeProto node) {
    return node.getOutputCount() == 0 ? "" : node.getOutput(0);
  }

  /** The node that makes a value, of one op. */
  private Onnx.NodeProto maker(String name, String op) {
    Onnx.NodeProto node = views.maker(name);
    NoMatch.unless(is(node, op));
    return node;
  }

  private static String last(String name, List<Views.Step> steps) {
    return steps.isEmpty() ? name : steps.get(steps.size() - 1).from;
  }

  /** A level: its sampler, and what leads to its inputs. */
  @RequiredArgsConstructor
  private static final class Level {
    final Onnx.NodeProto sampler;
    final List<Views.Step> toPixels;
    final List<Views.Step> toGrid;

    /** So many steps to the grid at least belong to the match. */
    final int scaled;
  }

  /** One sum, and what stands around it. */
  private final class Match {
    private final Onnx.NodeProto sum;

    /** All nodes that go. */
    private final Map<String, Onnx.NodeProto> inside = new LinkedHashMap<>();

    private final List<Level> levels = new ArrayList<>();
    private final long images;
    private final long heads;
    private final long channels;
    private final long queries;
    private final long points;
    private final long[] sizes;
    private final String value;
    private final String locations;
    private final String weights;
    private final Onnx.NodeProto end;

    Match(Onnx.NodeProto sum) {
      this.sum = sum;
      add(sum);
      checkAxis();
      Onnx.NodeProto product = add(maker(sum.getInput(0), "Mul"));
      int stacked = findLevels(product);
      String sampled = levels.get(0).sampler.getOutput(0);
      channels = views.shape(sampled)[1];
      queries = views.shape(sampled)[2];
      points = views.shape(sampled)[3];
      sizes = sizes();
      value = value();
      images = views.shape(value)[0];
      heads = views.shape(sampled)[0] / images;
      locations = locations();
      String factors = product.getInput(1 - stacked);
      weights = weights(factors, views.before(factors));
      end = end();
      checkTypes();
    }

    private Onnx.NodeProto add(Onnx.NodeProto node) {
      NoMatch.unless(!first(node).isEmpty());
      inside.put(first(node), node);
      return node;
    }

    private void addAll(List<Views.Step> steps) {
      steps.forEach(step -> add(step.node));
    }

    /** The sum is over the last axis. */
    private void checkAxis() {
      long rank = views.shape(sum.getInput(0)).length;
      long[] axes =
          sum.getInputCount() > 1 && !sum.getInput(1).isEmpty()
              ? views.integers(sum, 1)
              : new Attributes(sum).integers("axes");
      NoMatch.unless(axes != null && axes.length == 1);
      NoMatch.unless(axes[0] == rank - 1 || axes[0] == -1);
    }

    /** Which input of the product the stack of the levels is. */
    private int findLevels(Onnx.NodeProto product) {
      for (int i = 0; i < 2; i++) {
        String name = product.getInput(i);
        List<Views.Step> steps = views.before(name);
        Onnx.NodeProto stack = views.maker(last(name, steps));
        if (is(stack, "Concat")) {
          checkStack(stack, name, steps);
          return i;
        }
        if (isGridSample(stack)) { // of a single level
          addLevel(stack);
          checkLayout(samples(1), views.layout(stack.getOutput(0), steps));
          addAll(steps);
          return i;
        }
      }
      throw new NoMatch();
    }

    private void checkStack(Onnx.NodeProto stack, String name, List<Views.Step> steps) {
      Layout part = null;
      for (String input : stack.getInputList()) {
        List<Views.Step> own = views.before(input);
        String sampled = last(input, own);
        addLevel(maker(sampled, "GridSample"));
        Layout layout = views.layout(sampled, own);
        NoMatch.unless(part == null || part.equals(layout));
        part = layout;
        addAll(own);
      }
      long[] shape = views.shape(stack.getOutput(0));
      long given = new Attributes(stack).integer("axis");
      int axis = Math.toIntExact(given < 0 ? given + shape.length : given);
      String first = levels.get(0).sampler.getOutput(0);
      Layout layout = part.repeated(axis, levels.size(), Sizes.product(views.shape(first)));
      for (int i = steps.size() - 1; i >= 0; i--) {
        layout = views.layout(layout, steps.get(i));
      }
      checkLayout(samples(levels.size()), layout);
      add(stack);
      addAll(steps);
    }

    /** The levels' samples [N·M, D, Q, P], one after another, as [N·M, D, Q, L·P]. */
    private Layout samples(long count) {
      long[] s = views.shape(levels.get(0).sampler.getOutput(0));
      NoMatch.unless(s.length == 4);
      return Layout.of(count, s[0], s[1], s[2], s[3])
          .transposed(1, 2, 3, 0, 4)
          .reshaped(s[0], s[1], s[2], Math.multiplyExact(count, s[3]));
    }

    private void addLevel(Onnx.NodeProto sampler) {
      Attributes attributes = new Attributes(sampler);
      String mode = attributes.word("mode", "linear", "bilinear", "nearest", "bicubic", "cubic");
      NoMatch.unless(mode.endsWith("linear"));
      NoMatch.unless(
          attributes.word("padding_mode", "zeros", "border", "reflection").equals("zeros"));
      NoMatch.unless(!attributes.flag("align_corners", false));
      add(sampler);
      List<Views.Step> grid = views.before(sampler.getInput(1));
      addAffine(grid, sampler.getInput(1));
      int scaled = grid.size();
      grid.addAll(views.before(last(sampler.getInput(1), grid)));
      levels.add(new Level(sampler, views.before(sampler.getInput(0)), grid, scaled));
    }

    /** Steps from a grid to the locations x of which it is 2·x − 1. */
    private void addAffine(List<Views.Step> steps, String grid) {
      String shifted = last(grid, steps);
      Onnx.NodeProto shift = views.maker(shifted);
      int input = is(shift, "Sub") ? isScalar(shift.getInput(1), 1) ? 0 : -1 : other(shift, -1);
      NoMatch.unless(input >= 0 && (is(shift, "Sub") || is(shift, "Add")));
      steps.add(new Views.Step(shift, shift.getInput(input), shifted));
      steps.addAll(views.before(shift.getInput(input)));
      String doubled = last(grid, steps);
      Onnx.NodeProto factor = maker(doubled, "Mul");
      input = other(factor, 2);
      NoMatch.unless(input >= 0);
      steps.add(new Views.Step(factor, factor.getInput(input), doubled));
    }

    /** The other one of two inputs of which one is this number; -1 if none is. */
    private int other(Onnx.NodeProto node, double number) {
      if (node == null || node.getInputCount() != 2) {
        return -1;
      }
      return isScalar(node.getInput(1), number) ? 0 : isScalar(node.getInput(0), number) ? 1 : -1;
    }

    private boolean isScalar(String name, double number) {
      INDArray constant = values.get(name).constant();
      return constant != null && constant.length() == 1 && constant.getDouble(0) == number;
    }

    private void checkLayout(Layout expected, Layout actual) {
      NoMatch.unless(expected.equals(actual));
    }

    /** The levels' (H, W). */
    private long[] sizes() {
      long[] all = new long[2 * levels.size()];
      for (int i = 0; i < levels.size(); i++) {
        long[] pixels = views.shape(levels.get(i).sampler.getInput(0));
        all[2 * i] = pixels[2];
        all[2 * i + 1] = pixels[3];
      }
      NoMatch.unless(Arrays.stream(all).noneMatch(open::isOpen));
      return all;
    }

    /** The steps from the nearest of several values; null if they do not come through it. */
    private List<Views.Step> from(String source, String to, List<Views.Step> steps) {
      int at = Views.sources(to, steps).indexOf(source);
      return at < 0 ? null : steps.subList(0, at);
    }

    /** The nearest value [N, S, M, D] that holds the pixels of all levels. */
    private String value() {
      Level first = levels.get(0);
      for (String source : Views.sources(first.sampler.getInput(0), first.toPixels)) {
        List<Views.Step> steps = new ArrayList<>();
        if (arePixels(source, steps)) {
          addAll(steps);
          return source;
        }
      }
      throw new NoMatch();
    }

    private boolean arePixels(String source, List<Views.Step> steps) {
      try {
        long[] shape = views.shape(source);
        long all = views.shape(levels.get(0).sampler.getInput(0))[0];
        long pixels = 0;
        for (int i = 0; i < sizes.length; i += 2) {
          pixels += Math.multiplyExact(sizes[i], sizes[i + 1]);
        }
        NoMatch.unless(shape.length > 0 && all % shape[0] == 0);
        Layout whole = Layout.of(shape).reshaped(shape[0], pixels, all / shape[0], channels);
        long begin = 0;
        for (int i = 0; i < levels.size(); i++) {
          String to = levels.get(i).sampler.getInput(0);
          List<Views.Step> own = from(source, to, levels.get(i).toPixels);
          NoMatch.unless(own != null);
          long height = sizes[2 * i];
          long width = sizes[2 * i + 1];
          checkLayout(
              whole
                  .part(1, begin, height * width)
                  .transposed(0, 2, 3, 1)
                  .reshaped(all, channels, height, width),
              views.layout(source, own));
          begin += height * width;
          steps.addAll(own);
        }
        return true;
      } catch (NoMatch e) {
        return false;
      }
    }

    /** The nearest value [N, Q, M, L, P, 2] that holds the locations of all levels. */
    private String locations() {
      Level first = levels.get(0);
      List<String> sources = Views.sources(first.sampler.getInput(1), first.toGrid);
      for (String source : sources.subList(first.scaled, sources.size())) {
        List<Views.Step> steps = new ArrayList<>();
        if (areLocations(source, steps)) {
          addAll(steps);
          return source;
        }
      }
      throw new NoMatch();
    }

    private boolean areLocations(String source, List<Views.Step> steps) {
      try {
        Layout whole =
            Layout.of(views.shape(source))
                .reshaped(images, queries, heads, levels.size(), points, 2);
        for (int i = 0; i < levels.size(); i++) {
          Level level = levels.get(i);
          List<Views.Step> own = from(source, level.sampler.getInput(1), level.toGrid);
          NoMatch.unless(own != null && own.size() >= level.scaled);
          checkLayout(
              whole
                  .part(3, i, 1)
                  .transposed(0, 2, 1, 3, 4, 5)
                  .reshaped(images * heads, queries, points, 2),
              views.layout(source, own));
          steps.addAll(own);
        }
        return true;
      } catch (NoMatch e) {
        return false;
      }
    }

    /** The nearest value [N, Q, M, L·P] that holds the weights. */
    private String weights(String factors, List<Views.Step> steps) {
      long samples = levels.size() * points;
      for (String source : Views.sources(factors, steps)) {
        List<Views.Step> own = from(source, factors, steps);
        try {
          checkLayout(
              Layout.of(images, queries, heads, samples)
                  .transposed(0, 2, 1, 3)
                  .reshaped(images * heads, 1, queries, samples),
              views.layout(source, own));
          addAll(own);
          return source;
        } catch (NoMatch e) {
          continue; // farther back
        }
      }
      throw new NoMatch();
    }

    /** The first node from the sum on whose output is [N, Q, M·D]. */
    private Onnx.NodeProto end() {
      long all = Sizes.product(images, heads, channels, queries);
      Layout expected =
          Layout.of(images, heads, channels, queries).transposed(0, 3, 1, 2).reshaped(all);
      Onnx.NodeProto node = sum;
      Layout layout = Layout.of(views.shape(sum.getOutput(0)));
      while (!layout.reshaped(all).equals(expected)) {
        String name = node.getOutput(0);
        List<Onnx.NodeProto> next =
            new ArrayList<>(readers.getOrDefault(name, Collections.emptyList()));
        next.removeIf(reader -> is(reader, "Shape"));
        NoMatch.unless(next.size() == 1 && Views.isView(next.get(0)));
        NoMatch.unless(next.get(0).getInput(0).equals(name));
        node = add(next.get(0));
        layout = views.layout(layout, new Views.Step(node, name, node.getOutput(0)));
      }
      return node;
    }

    private void checkTypes() {
      Value first = views.value(value);
      NoMatch.unless(first.isFloat());
      NoMatch.unless(views.value(locations).isFloat());
      NoMatch.unless(views.value(weights).type() == first.type());
    }

    /** What takes the place of the nodes; nobody else reads what they make. */
    Map<String, Fused> fused() {
      List<String> sources = Arrays.asList(value, locations, weights);
      for (String source : sources) {
        NoMatch.unless(!inside.containsValue(views.maker(source)));
      }
      checkReshapes();
      Map<String, Fused> result = new HashMap<>();
      inside.keySet().forEach(name -> result.put(name, Fused.NOTHING));
      Map<String, Onnx.NodeProto> idle = idle(sources);
      idle.keySet().forEach(name -> result.put(name, Fused.NOTHING));
      for (Onnx.NodeProto node : inside.values()) {
        if (node != end) {
          node.getOutputList().forEach(name -> result.putAll(readersOutside(name, idle)));
        }
      }
      result.put(first(end), new Fused(attention(), this::convert));
      return result;
    }

    /** Nodes that only those read that go: their shape arithmetic. */
    private Map<String, Onnx.NodeProto> idle(List<String> sources) {
      Map<String, Onnx.NodeProto> idle = new HashMap<>();
      List<Onnx.NodeProto> nodes = graph.nodes();
      for (int i = nodes.size() - 1; i >= 0; i--) { // readers come after what they read
        Onnx.NodeProto node = nodes.get(i);
        boolean read = node.getOutputList().stream().anyMatch(readers::containsKey);
        boolean kept =
            !read
                || inside.get(first(node)) == node
                || node.getOutputList().stream().anyMatch(name -> isKept(name, sources, idle));
        if (!kept) {
          idle.put(first(node), node);
        }
      }
      return idle;
    }

    private boolean isKept(String name, List<String> sources, Map<String, Onnx.NodeProto> idle) {
      return sources.contains(name)
          || graph.outputs().contains(name)
          || readers.getOrDefault(name, Collections.emptyList()).stream()
              .anyMatch(reader -> !goes(reader, idle));
    }

    private boolean goes(Onnx.NodeProto node, Map<String, Onnx.NodeProto> idle) {
      return inside.get(first(node)) == node || idle.get(first(node)) == node;
    }

    /** What becomes of those who read what goes. */
    private Map<String, Fused> readersOutside(String name, Map<String, Onnx.NodeProto> idle) {
      NoMatch.unless(!graph.outputs().contains(name));
      Map<String, Fused> result = new HashMap<>();
      for (Onnx.NodeProto reader : readers.getOrDefault(name, Collections.emptyList())) {
        if (!goes(reader, idle)) {
          result.put(first(reader), knownShape(reader));
        }
      }
      return result;
    }

    /** Sizes of what goes are known without it. */
    private Fused knownShape(Onnx.NodeProto reader) {
      Value shape = is(reader, "Shape") ? values.get(reader.getOutput(0)) : null;
      NoMatch.unless(shape != null && shape.constant() != null);
      return new Fused(
          reader.toBuilder().clearInput().clearAttribute().build(),
          node -> node.constantOutput(0, shape.constant()));
    }

    private Onnx.NodeProto attention() {
      return Onnx.NodeProto.newBuilder()
          .setName(end.getName())
          .setOpType("MultiScaleDeformableAttention")
          .addAllInput(Arrays.asList(value, locations, weights))
          .addOutput(end.getOutput(0))
          .build();
    }

    private long[] valueShape() {
      long pixels = Sizes.product(views.shape(value)) / Sizes.product(images, heads, channels);
      return new long[] {images, pixels, heads, channels};
    }

    private long[] locationsShape() {
      return new long[] {images, queries, heads, levels.size(), points, 2};
    }

    private long[] weightsShape() {
      return new long[] {images, queries, heads, levels.size(), points};
    }

    private long[] ownShape() {
      return new long[] {images, queries, heads * channels};
    }

    /** Open sizes of what is reshaped must be those of an axis. */
    private void checkReshapes() {
      checkReshape(views.shape(value), valueShape());
      checkReshape(views.shape(locations), locationsShape());
      checkReshape(views.shape(weights), weightsShape());
      checkReshape(ownShape(), views.shape(end.getOutput(0)));
    }

    private void checkReshape(long[] from, long[] to) {
      long missing =
          Arrays.stream(to)
              .filter(open::isOpen)
              .filter(size -> Arrays.stream(from).noneMatch(s -> s == size))
              .count();
      NoMatch.unless(Arrays.equals(from, to) || missing == 0 || openIn(to) == 1);
    }

    private long openIn(long[] shape) {
      return Arrays.stream(shape).filter(open::isOpen).count();
    }

    private void convert(Node node) {
      long[] closed = views.shape(end.getOutput(0));
      DataType type = node.input(0).type();
      SDVariable result =
          new SDDeformable(node.sd())
              .multiScaleDeformableAttention(
                  reshaped(node, node.input(0), views.shape(value), valueShape()),
                  node.constant(Nd4j.createFromArray(sizes).reshape(levels.size(), 2)),
                  Shapes.cast(
                      reshaped(node, node.input(1), views.shape(locations), locationsShape()),
                      type),
                  reshaped(node, node.input(2), views.shape(weights), weightsShape()));
      Value own = Value.of("", result, opened(ownShape()), null);
      node.output(reshaped(node, own, ownShape(), closed), opened(closed));
    }

    private long[] opened(long[] closed) {
      return Arrays.stream(closed).map(size -> open.isOpen(size) ? Value.OPEN : size).toArray();
    }

    private SDVariable reshaped(Node node, Value x, long[] from, long[] to) {
      if (Arrays.equals(from, to)) {
        return x.variable();
      }
      if (openIn(to) <= 1) {
        return node.sd().reshape(x.variable(), opened(to));
      }
      SDVariable[] extents = new SDVariable[to.length];
      for (int i = 0; i < to.length; i++) {
        long size = to[i];
        extents[i] =
            open.isOpen(size)
                ? Extents.one(node, x, LongStream.of(from).boxed().collect(toList()).indexOf(size))
                : node.scalar(DataType.INT64, size);
      }
      return node.sd().reshape(x.variable(), Extents.vector(node, extents));
    }
  }
}
