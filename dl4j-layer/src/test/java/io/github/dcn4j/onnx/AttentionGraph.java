package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Multi-scale deformable attention as PyTorch's exporters write Deformable DETR's core, of "value",
 * "locations" and "weights" to "y".
 */
final class AttentionGraph {
  /** What differs from that. */
  enum Variant {
    // The same function, written otherwise
    FACTORS_FIRST(true),
    ADDED_SHIFT(true),
    JOINED_ALONG_POINTS(true),
    LEVEL_BY_SLICE(true),
    LEVEL_BY_SPLIT(true),
    SCALED_BY_LEVEL(true),
    PIXELS_BY_SLICE(true),
    WIDE_VALUE(true),
    KEPT_AXIS(true),
    READ_SHAPE(true),
    COPIES(true),
    // Other functions
    NEAREST(false),
    BORDER(false),
    CORNERS(false),
    OTHER_FACTOR(false),
    OTHER_SHIFT(false),
    LEVELS_SWAPPED_IN_STACK(false),
    LEVELS_SWAPPED_IN_GRID(false),
    POINTS_BEFORE_LEVELS(false),
    PIXELS_NOT_TRANSPOSED(false),
    GRID_NOT_TRANSPOSED(false),
    WEIGHTS_NOT_TRANSPOSED(false),
    QUERIES_LAST(false),
    WEIGHTS_ADDED(false),
    SUM_OVER_QUERIES(false),
    // The same function, of which more is needed
    GRID_IS_OUTPUT(false),
    STACK_IS_READ(false),
    OPEN_BATCH(false);

    final boolean fused;

    Variant(boolean fused) {
      this.fused = fused;
    }
  }

  static final long IMAGES = 2;
  static final long HEADS = 3;
  static final long CHANNELS = 4;

  /** As many as heads, and as samples: orders that are wrong then still have the right shape. */
  static final long QUERIES = 6;

  static final long POINTS = 2;

  private final TestGraph graph = new TestGraph();
  private final long opset;
  private final long[][] sizes;
  private final Set<Variant> variants;
  private final Map<String, INDArray> inputs = new LinkedHashMap<>();
  private final List<String> outputs = new ArrayList<>(Collections.singletonList("y"));
  private final long heads;
  private int made;

  AttentionGraph(long opset, long[][] sizes, Variant... variants) {
    this.opset = opset;
    this.sizes = sizes;
    this.variants = EnumSet.noneOf(Variant.class);
    Collections.addAll(this.variants, variants);
    boolean square = has(Variant.GRID_NOT_TRANSPOSED) || has(Variant.WEIGHTS_NOT_TRANSPOSED);
    heads = square ? QUERIES : HEADS;
    Nd4j.getRandom().setSeed(5);
    long pixels = 0;
    for (long[] size : sizes) {
      pixels += size[0] * size[1];
    }
    long[] value =
        has(Variant.WIDE_VALUE)
            ? new long[] {IMAGES, pixels, heads * CHANNELS}
            : new long[] {IMAGES, pixels, heads, CHANNELS};
    inputs.put("value", Nd4j.randn(DataType.DOUBLE, value));
    // Some are outside.
    long[] locations = {IMAGES, QUERIES, heads, sizes.length, POINTS, 2};
    inputs.put("locations", Nd4j.rand(DataType.DOUBLE, locations).mul(1.4).sub(0.2));
    inputs.put("weights", Nd4j.rand(DataType.DOUBLE, IMAGES, QUERIES, heads, sizes.length, POINTS));
  }

  private boolean has(Variant variant) {
    return variants.contains(variant);
  }

  /** The arrays of the inputs. */
  Map<String, INDArray> inputs(DataType type) {
    Map<String, INDArray> result = new LinkedHashMap<>();
    inputs.forEach((name, array) -> result.put(name, array.castTo(type)));
    return result;
  }

  /**
   * The model.
   *
   * @param stored whether the inputs are tensors of the model
   */
  byte[] model(DataType type, boolean stored) {
    inputs(type)
        .forEach(
            (name, array) -> {
              long[] shape = array.shape();
              shape[0] = has(Variant.OPEN_BATCH) ? -1 : shape[0];
              if (stored) {
                graph.initializer(name, array);
              } else {
                graph.input(name, type, shape);
              }
            });
    graph.initializer("factor", Nd4j.scalar(type, has(Variant.OTHER_FACTOR) ? 1.75 : 2));
    double shift = has(Variant.OTHER_SHIFT) ? 0.75 : 1;
    graph.initializer("shift", Nd4j.scalar(type, has(Variant.ADDED_SHIFT) ? -shift : shift));
    List<String> pixels = pixels();
    List<String> grids = grids();
    List<String> sampled = new ArrayList<>();
    for (int level = 0; level < sizes.length; level++) {
      sampled.add(
          add(
              "GridSample",
              List.of(pixels.get(level), grids.get(level)),
              "mode",
              has(Variant.NEAREST) ? "nearest" : opset < 20 ? "bilinear" : "linear",
              "padding_mode",
              has(Variant.BORDER) ? "border" : "zeros",
              "align_corners",
              has(Variant.CORNERS) ? 1L : 0L));
    }
    if (has(Variant.LEVELS_SWAPPED_IN_STACK)) {
      Collections.reverse(sampled);
    }
    addSum(stack(sampled));
    return graph.model(opset, type, outputs.toArray(new String[0]));
  }

  private String add(String op, List<String> inputs, Object... attributes) {
    String output = "t" + made++;
    graph.node(op, inputs, output, attributes);
    return output;
  }

  private String longs(long... values) {
    String name = "n" + made++;
    graph.initializer(name, values);
    return name;
  }

  private String reshape(String x, long... shape) {
    return add("Reshape", List.of(x, longs(shape)));
  }

  private String transpose(String x, long... order) {
    return add("Transpose", List.of(x), "perm", order);
  }

  private String slice(String x, long axis, long from, long to) {
    return add("Slice", List.of(x, longs(from), longs(to), longs(axis), longs(1)));
  }

  /** Each level's [N·M, D, H, W]. */
  private List<String> pixels() {
    long[] counts = new long[sizes.length];
    for (int level = 0; level < sizes.length; level++) {
      counts[level] = sizes[level][0] * sizes[level][1];
    }
    List<String> parts = split("value", 1, counts);
    List<String> result = new ArrayList<>();
    for (int level = 0; level < sizes.length; level++) {
      long count = counts[level];
      String flat = reshape(parts.get(level), -1, count, heads * CHANNELS);
      String moved = has(Variant.PIXELS_NOT_TRANSPOSED) ? flat : transpose(flat, 0, 2, 1);
      moved = has(Variant.COPIES) ? add("Identity", List.of(moved)) : moved;
      result.add(reshape(moved, folded(), CHANNELS, sizes[level][0], sizes[level][1]));
    }
    return result;
  }

  private long folded() {
    return has(Variant.OPEN_BATCH) ? -1 : IMAGES * heads;
  }

  private List<String> split(String x, long axis, long... counts) {
    List<String> parts = new ArrayList<>();
    if (has(Variant.PIXELS_BY_SLICE)) {
      long begin = 0;
      for (long count : counts) {
        boolean last = parts.size() == counts.length - 1;
        parts.add(slice(x, axis, begin, last ? Long.MAX_VALUE : begin + count));
        begin += count;
      }
      return parts;
    }
    for (int i = 0; i < counts.length; i++) {
      parts.add("t" + made++);
    }
    graph.node("Split", List.of(x, longs(counts)), parts, "axis", axis);
    return parts;
  }

  /** Each level's [N·M, Q, P, 2]. */
  private List<String> grids() {
    boolean early = !has(Variant.SCALED_BY_LEVEL);
    String all = early ? scaled("locations") : "locations";
    List<String> parts = new ArrayList<>();
    if (has(Variant.LEVEL_BY_SPLIT)) {
      long[] ones = new long[sizes.length];
      Arrays.fill(ones, 1);
      for (String part : split(all, 3, ones)) {
        parts.add(add("Squeeze", List.of(part, longs(3))));
      }
    } else {
      for (int level = 0; level < sizes.length; level++) {
        parts.add(level(all, level));
      }
    }
    if (has(Variant.LEVELS_SWAPPED_IN_GRID)) {
      Collections.reverse(parts);
    }
    List<String> result = new ArrayList<>();
    for (String part : parts) {
      String own = early ? part : scaled(part);
      String moved = has(Variant.GRID_NOT_TRANSPOSED) ? own : transpose(own, 0, 2, 1, 3, 4);
      result.add(reshape(moved, folded(), QUERIES, POINTS, 2));
    }
    if (has(Variant.GRID_IS_OUTPUT)) {
      outputs.add(all);
    }
    return result;
  }

  private String level(String all, int level) {
    if (has(Variant.LEVEL_BY_SLICE)) {
      return reshape(slice(all, -3, level, level + 1), -1, QUERIES, heads, POINTS, 2);
    }
    String index = "i" + made++;
    graph.initializer(index, Nd4j.scalar(DataType.INT64, level));
    return add("Gather", List.of(slice(all, 0, 0, Long.MAX_VALUE), index), "axis", 3L);
  }

  /** 2·x − 1. */
  private String scaled(String x) {
    boolean first = has(Variant.FACTORS_FIRST);
    String doubled = add("Mul", first ? List.of("factor", x) : List.of(x, "factor"));
    return add(has(Variant.ADDED_SHIFT) ? "Add" : "Sub", List.of(doubled, "shift"));
  }

  /** [N·M, D, Q, L·P]. */
  private String stack(List<String> sampled) {
    if (has(Variant.JOINED_ALONG_POINTS)) {
      return add("Concat", sampled, "axis", -1L);
    }
    long axis = has(Variant.POINTS_BEFORE_LEVELS) ? 4 : 3;
    List<String> parts = new ArrayList<>();
    for (String part : sampled) {
      parts.add(add("Unsqueeze", List.of(part, longs(axis))));
    }
    String stacked = add("Concat", parts, "axis", axis);
    if (has(Variant.STACK_IS_READ)) {
      graph.node("Relu", List.of(stacked), "other");
      outputs.add("other");
    }
    return reshape(stacked, folded(), CHANNELS, QUERIES, sizes.length * POINTS);
  }

  private void addSum(String stacked) {
    long samples = sizes.length * POINTS;
    String moved =
        has(Variant.WEIGHTS_NOT_TRANSPOSED) ? "weights" : transpose("weights", 0, 2, 1, 3, 4);
    String factors = reshape(moved, folded(), 1, QUERIES, samples);
    String product =
        add(
            has(Variant.WEIGHTS_ADDED) ? "Add" : "Mul",
            has(Variant.FACTORS_FIRST) ? List.of(factors, stacked) : List.of(stacked, factors));
    String sum =
        add(
            "ReduceSum",
            List.of(product, longs(has(Variant.SUM_OVER_QUERIES) ? 2 : -1)),
            "keepdims",
            has(Variant.KEPT_AXIS) ? 1L : 0L);
    String[] view = {longs(-1, heads * CHANNELS, QUERIES)};
    if (has(Variant.READ_SHAPE)) {
      // (N·M, D, Q) / (N·M, 1, 1) · (N, M, 1), of sizes that the exporter looks up
      String shape = add("Shape", List.of(sum));
      String rows = add("Div", List.of(shape, longs(IMAGES * heads, 1, 1)));
      view[0] = add("Mul", List.of(rows, longs(IMAGES, heads, 1)));
    }
    String viewed = add("Reshape", List.of(sum, view[0]));
    if (has(Variant.QUERIES_LAST)) {
      graph.node("Relu", List.of(viewed), "y");
    } else {
      graph.node("Transpose", List.of(viewed), "y", "perm", new long[] {0, 2, 1});
    }
  }
}
