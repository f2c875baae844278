package io.github.dcn4j.onnx;

/** Convolutions. */
final class Convolutions {
  private Convolutions() {}

  static void addTo(Converters all) {}
}
