package io.github.dcn4j.ops;

import java.util.LinkedHashMap;
import java.util.Map;

/** What the configurations of ops that slide a window over an image have in common. */
final class WindowArguments {
  /** In the order of the integer arguments, which begin with them. */
  private static final String[] NAMES = {"kH", "kW", "sH", "sW", "pH", "pW", "dH", "dW"};

  private WindowArguments() {}

  static void checkKernel(long kH, long kW) {
    if (kH < 1 || kW < 1) {
      throw new IllegalArgumentException(
          "kH, kW: expected a kernel size of at least 1 x 1, got " + kH + " x " + kW);
    }
  }

  static void checkNumber(String kind, int expected, int got) {
    if (got != expected) {
      throw new IllegalArgumentException(
          kind + " arguments: expected " + expected + ", got " + got);
    }
  }

  /** The window by its names, for an op's properties; others may be added. */
  static Map<String, Object> properties(OpConfig config) {
    long[] integers = config.toIArgs();
    Map<String, Object> properties = new LinkedHashMap<>();
    for (int i = 0; i < NAMES.length; i++) {
      properties.put(NAMES[i], integers[i]);
    }
    return properties;
  }
}
