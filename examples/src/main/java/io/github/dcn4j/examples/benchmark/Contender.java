package io.github.dcn4j.examples.benchmark;

import lombok.Getter;
import lombok.RequiredArgsConstructor;

/** What is timed. */
@Getter
@RequiredArgsConstructor
enum Contender {
  /** What the multiply-adds of the forward pass take if nothing else bounds the processor. */
  FMA_PEAK("FMA peak"),
  /** What a cache line takes from one thread to another. */
  CACHE_LINE("cache line"),
  FORWARD("DCN4J forward"),
  HALF_FORWARD("HALF forward"),
  BFLOAT16_FORWARD("BFLOAT16 forward"),
  DOUBLE_FORWARD("DOUBLE forward"),
  ONNX_DEFORM_CONV("ONNX Runtime `DeformConv` forward"),
  ONNX_CONV("ONNX Runtime plain `Conv` forward"),
  ONNX_GRID_SAMPLE("ONNX Runtime `GridSample` forward"),
  ONEDNN_CONV("oneDNN plain forward"),
  ND4J_CONV("ND4J plain `conv2d` forward"),
  PLAIN("DCN4J plain forward"),
  BACKWARD("DCN4J backward"),
  HALF_BACKWARD("HALF backward"),
  BFLOAT16_BACKWARD("BFLOAT16 backward"),
  DOUBLE_BACKWARD("DOUBLE backward"),
  ONEDNN_CONV_BACKWARD("oneDNN plain backward"),
  ND4J_CONV_BACKWARD("ND4J plain `conv2d_bp`"),
  PLAIN_BACKWARD("DCN4J plain backward"),
  DEFORMABLE_NETWORK("`DeformableConvolution2D`"),
  PLAIN_NETWORK("plain `ConvolutionLayer`");

  private final String title;

  /** The contender of this project that does the same work. */
  Contender ours() {
    if (compareTo(PLAIN) <= 0) {
      return FORWARD;
    }
    return compareTo(PLAIN_BACKWARD) <= 0 ? BACKWARD : DEFORMABLE_NETWORK;
  }

  /**
   * How many times the multiply-adds of a forward pass in float it takes, a double's being two; 0
   * where that says nothing.
   */
  int passes() {
    switch (this) {
      case FORWARD:
      case HALF_FORWARD:
      case BFLOAT16_FORWARD:
      case PLAIN:
        return 1;
      case DOUBLE_FORWARD:
      case BACKWARD:
      case HALF_BACKWARD:
      case BFLOAT16_BACKWARD:
      case PLAIN_BACKWARD:
        return 2;
      case DOUBLE_BACKWARD:
        return 4;
      default:
        return 0;
    }
  }
}
