package io.github.dcn4j.onnx;

/** Normalizations. */
final class Normalizations {
  private Normalizations() {}

  static void addTo(Converters all) {}
}
