package io.github.dcn4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import onnx.Onnx;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Sizes that a model leaves open, each replaced by a prime that divides none of the sizes and whole
 * numbers which the model holds. So a product of sizes tells its factors, and views whose sizes are
 * such products are equal for all sizes if they are for these.
 */
final class OpenSizes {
  private static final long FIRST = 97;
  private static final long LAST = 2000;

  private final Map<String, long[]> shapes = new HashMap<>();
  private final List<Long> primes = new ArrayList<>();

  private OpenSizes() {}

  /** Those of a graph's inputs; equal names of sizes mean equal sizes. */
  static OpenSizes of(Graph graph, Map<String, Value> values) {
    OpenSizes sizes = new OpenSizes();
    Map<String, Long> named = new HashMap<>();
    for (Onnx.ValueInfoProto input : graph.inputs().values()) {
      long[] shape = values.get(input.getName()).shape();
      for (int i = 0; shape != null && i < shape.length; i++) {
        if (shape[i] < 0) {
          String name = input.getType().getTensorType().getShape().getDim(i).getDimParam();
          String key = name.isEmpty() ? input.getName() + "/" + i : " " + name;
          shape[i] = named.computeIfAbsent(key, k -> sizes.next(graph, values));
        }
      }
      sizes.shapes.put(input.getName(), shape);
    }
    return sizes;
  }

  private long next(Graph graph, Map<String, Value> values) {
    long first = primes.isEmpty() ? FIRST : primes.get(primes.size() - 1) + 1;
    for (long p = first; p < LAST; p++) {
      long candidate = p;
      boolean prime = true;
      for (long d = 2; d * d <= p && prime; d++) {
        prime = p % d != 0;
      }
      if (prime && values.values().stream().noneMatch(value -> holds(value, candidate))) {
        primes.add(p);
        return p;
      }
    }
    throw new NoMatch();
  }

  private static boolean holds(Value value, long prime) {
    if (value.isRefused()) {
      return false;
    }
    long[] shape = value.shape();
    boolean inShape = shape != null && Arrays.stream(shape).anyMatch(s -> s > 0 && s % prime == 0);
    long[] elements = value.elements();
    boolean inElements =
        elements != null
            && value.type() != DataType.BOOL
            && Arrays.stream(elements)
                .anyMatch(e -> e != Value.UNKNOWN && e != 0 && e % prime == 0);
    return inShape || inElements;
  }

  boolean isEmpty() {
    return primes.isEmpty();
  }

  /** The shapes of inputs, with primes. */
  Map<String, long[]> shapes() {
    return shapes;
  }

  /** Whether a size depends on open ones. */
  boolean isOpen(long size) {
    return primes.stream().anyMatch(prime -> size % prime == 0);
  }
}
