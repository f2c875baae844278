package io.github.dcn4j.ops;

/** Checks of what callers give. */
final class Arguments {
  private Arguments() {}

  /** Returns the value, or names the argument that is missing. */
  static <T> T required(String name, T value) {
    if (value == null) {
      throw new IllegalArgumentException(name + ": expected a value, got null");
    }
    return value;
  }
}
