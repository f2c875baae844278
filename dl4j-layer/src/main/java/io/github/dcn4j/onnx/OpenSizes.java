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
 * such products are equal for all sizes if they are for these. Other primes tell whether they are.
 */
final class OpenSizes {
  private static final long FIRST = 97;
  private static final long LAST = 599;

  private final Map<String, long[]> shapes = new HashMap<>();
  private final Map<String, long[]> otherShapes = new HashMap<>();
  private final List<Long> primes = new ArrayList<>();

  /** In falling order: what lies between two sizes is never the same as for the primes. */
  private final List<Long> others = new ArrayList<>();

  private OpenSizes() {}

  /** Those of a graph's inputs; equal names of sizes mean equal sizes. */
  static OpenSizes of(Graph graph, Map<String, Value> values) {
    OpenSizes sizes = new OpenSizes();
    Map<String, Integer> named = new HashMap<>();
    for (Onnx.ValueInfoProto input : graph.inputs().values()) {
      long[] shape = values.get(input.getName()).shape();
      long[] other = shape == null ? null : shape.clone();
      for (int i = 0; shape != null && i < shape.length; i++) {
        if (shape[i] < 0) {
          String name = input.getType().getTensorType().getShape().getDim(i).getDimParam();
          String key = name.isEmpty() ? input.getName() + "/" + i : " " + name;
          int at = named.computeIfAbsent(key, k -> sizes.add(values));
          shape[i] = sizes.primes.get(at);
          other[i] = sizes.others.get(at);
        }
      }
      sizes.shapes.put(input.getName(), shape);
      sizes.otherShapes.put(input.getName(), other);
    }
    return sizes;
  }

  /** One more of both, at the index that it returns. */
  private int add(Map<String, Value> values) {
    int at = primes.size();
    primes.add(next(at == 0 ? FIRST : primes.get(at - 1) + 1, 1, values));
    others.add(next(at == 0 ? LAST : others.get(at - 1) - 1, -1, values));
    NoMatch.unless(primes.get(at) < others.get(at));
    return at;
  }

  private static long next(long first, int step, Map<String, Value> values) {
    for (long p = first; p >= FIRST && p <= LAST; p += step) {
      long candidate = p;
      boolean prime = true;
      for (long d = 2; d * d <= p && prime; d++) {
        prime = p % d != 0;
      }
      if (prime && values.values().stream().noneMatch(value -> holds(value, candidate))) {
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

  /** The shapes of inputs, with other primes. */
  Map<String, long[]> otherShapes() {
    return otherShapes;
  }

  /**
   * What a product of sizes is with the other primes. A number that depends on open sizes otherwise
   * is another one there.
   */
  long other(long product) {
    long result = product;
    for (int i = 0; i < primes.size() && result != 0; i++) {
      while (result % primes.get(i) == 0) {
        result = result / primes.get(i) * others.get(i);
      }
    }
    return result;
  }

  /** Whether a size depends on open ones. */
  boolean isOpen(long size) {
    return primes.stream().anyMatch(prime -> size % prime == 0);
  }
}
