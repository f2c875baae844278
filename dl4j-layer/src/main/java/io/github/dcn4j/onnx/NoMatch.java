package io.github.dcn4j.onnx;

/** Thrown where nodes turn out not to be what is looked for. */
final class NoMatch extends RuntimeException {
  private static final long serialVersionUID = 1;

  NoMatch() {
    super(null, null, false, false);
  }

  static void unless(boolean condition) {
    if (!condition) {
      throw new NoMatch();
    }
  }
}
