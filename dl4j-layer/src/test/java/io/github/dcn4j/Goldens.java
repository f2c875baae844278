package io.github.dcn4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import lombok.Value;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/** The reference data among the test resources, and how results are compared with it. */
public final class Goldens {
  private Goldens() {}

  /** One case: its arguments and its arrays, in double. */
  @Value
  public static class Case {
    String name;
    JsonNode arguments;
    Map<String, INDArray> arrays;

    /** The array of that name in a type, or null if the case has none. */
    public INDArray array(String key, DataType type) {
      INDArray array = arrays.get(key);
      return array == null ? null : array.castTo(type);
    }

    /** The first or second number of a pair such as "stride". */
    public long pair(String key, int index) {
      return arguments.get(key).get(index).asLong();
    }

    /** The numbers of these names one after another; of a pair such as "stride" both. */
    public long[] numbers(String... keys) {
      return Stream.of(keys)
          .map(arguments::get)
          .flatMap(value -> value.isArray() ? stream(value) : Stream.of(value))
          .mapToLong(JsonNode::asLong)
          .toArray();
    }

    /** The number of that name. */
    public long number(String key) {
      return arguments.get(key).asLong();
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** All cases of a folder. */
  public static Stream<Case> cases(String folder) {
    try {
      File directory = new File(Goldens.class.getResource("/goldens/" + folder).toURI());
      JsonNode index = new ObjectMapper().readTree(new File(directory, "index.json"));
      assertTrue(index.size() > 0, "no cases in " + folder);
      return stream(index).map(entry -> read(directory, entry));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Stream<JsonNode> stream(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false);
  }

  private static Case read(File directory, JsonNode entry) {
    String name = entry.get("name").asText();
    try {
      return new Case(name, entry, Nd4j.createFromNpzFile(new File(directory, name + ".npz")));
    } catch (Exception e) {
      throw new IllegalStateException(name, e);
    }
  }

  /** Asserts equal shapes, and values within {@code tolerance} times the largest expected one. */
  public static void assertClose(
      INDArray expected, INDArray actual, double tolerance, String what) {
    assertArrayEquals(expected.shape(), actual.shape(), what);
    double[] e = expected.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    double[] a = actual.castTo(DataType.DOUBLE).dup('c').data().asDouble();
    double largest = 0;
    for (double value : e) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < e.length; i++) {
      // Not the negation: a NaN must fail.
      boolean close = Math.abs(e[i] - a[i]) <= tolerance * largest;
      assertTrue(close, what + " at " + i + ": expected " + e[i] + ", got " + a[i]);
    }
  }
}
