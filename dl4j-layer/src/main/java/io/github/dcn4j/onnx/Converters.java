package io.github.dcn4j.onnx;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import lombok.Value;
import lombok.experimental.Accessors;

/** The converters by op and opset. */
final class Converters {
  /** The newest opset of which every op here was compared with the standard. */
  static final int NEWEST_OPSET = 28;

  private static final Converters ALL = new Converters();

  private final NavigableMap<String, NavigableMap<Integer, Entry>> byName = new TreeMap<>();

  @Value
  @Accessors(fluent = true)
  static class Entry {
    int from;
    int to;
    Converter converter;
  }

  private Converters() {
    Activations.addTo(this);
    Convolutions.addTo(this);
    Detection.addTo(this);
    Einsum.addTo(this);
    Elementwise.addTo(this);
    GridSampling.addTo(this);
    Logical.addTo(this);
    MagnitudeNormalizations.addTo(this);
    Matrices.addTo(this);
    Normalizations.addTo(this);
    PixelShuffle.addTo(this);
    Padding.addTo(this);
    Pools.addTo(this);
    Resizing.addTo(this);
    Reductions.addTo(this);
    Repeating.addTo(this);
    Selection.addTo(this);
    Sequences.addTo(this);
    Shapes.addTo(this);
  }

  static Converters all() {
    return ALL;
  }

  /** An op from the opset in which it came, or took the form that the converter knows. */
  Converters add(String op, int from, Converter converter) {
    return add(op, from, NEWEST_OPSET, converter);
  }

  Converters add(String op, int from, int to, Converter converter) {
    NavigableMap<Integer, Entry> entries = byName.computeIfAbsent(op, name -> new TreeMap<>());
    Map.Entry<Integer, Entry> before = entries.floorEntry(to);
    if (before != null && before.getValue().to() >= from) {
      throw new IllegalStateException(op + ": two converters for one opset");
    }
    entries.put(from, new Entry(from, to, converter));
    return this;
  }

  /** The ops, each with its converters by their first opset. */
  NavigableMap<String, NavigableMap<Integer, Entry>> byName() {
    return byName;
  }

  /**
   * The converter of an op.
   *
   * @throws Refusal if there is none
   */
  Converter of(String op, long opset) {
    NavigableMap<Integer, Entry> entries = byName.get(op);
    if (entries == null) {
      throw new Refusal("the op is not supported");
    }
    for (Entry entry : entries.values()) {
      if (entry.from() <= opset && opset <= entry.to()) {
        return entry.converter();
      }
    }
    throw new Refusal(
        "opset: expected "
            + entries.firstEntry().getValue().from()
            + " to "
            + entries.lastEntry().getValue().to()
            + ", got "
            + opset);
  }
}
