package io.github.dcn4j.onnx;

/** Pools. */
final class Pools {
  private Pools() {}

  static void addTo(Converters all) {}
}
