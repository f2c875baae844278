package io.github.dcn4j.examples.benchmark;

import lombok.Getter;
import lombok.RequiredArgsConstructor;

/** What is timed. */
@Getter
@RequiredArgsConstructor
enum Contender {
  FORWARD("DCN4J forward"),
  ONNX_DEFORM_CONV("ONNX Runtime `DeformConv` forward"),
  ONNX_CONV("ONNX Runtime plain `Conv` forward"),
  ND4J_CONV("ND4J plain `conv2d` forward"),
  BACKWARD("DCN4J backward"),
  ND4J_CONV_BACKWARD("ND4J plain `conv2d_bp`"),
  DEFORMABLE_NETWORK("`DeformableConvolution2D`"),
  PLAIN_NETWORK("plain `ConvolutionLayer`");

  private final String title;

  /** The contender of this project that does the same work. */
  Contender ours() {
    switch (this) {
      case BACKWARD:
      case ND4J_CONV_BACKWARD:
        return BACKWARD;
      case DEFORMABLE_NETWORK:
      case PLAIN_NETWORK:
        return DEFORMABLE_NETWORK;
      default:
        return FORWARD;
    }
  }
}
