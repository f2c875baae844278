package io.github.dcn4j.onnx;

/** Matrices. */
final class Matrices {
  private Matrices() {}

  static void addTo(Converters all) {}
}
