package io.github.dcn4j.onnx;

import lombok.Value;
import lombok.experimental.Accessors;
import onnx.Onnx;

/** What is imported in the place of a node. */
@Value
@Accessors(fluent = true)
final class Fused {
  /** For a node that nobody reads any more. */
  static final Fused NOTHING = new Fused(null, null);

  /** It has the outputs of the node. */
  Onnx.NodeProto node;

  Converter converter;
}
