package io.github.dcn4j.onnx;

/** Why a node cannot be converted. Those of all nodes are told together. */
final class Refusal extends RuntimeException {
  private static final long serialVersionUID = 1;

  Refusal(String reason) {
    super(reason, null, false, false);
  }
}
