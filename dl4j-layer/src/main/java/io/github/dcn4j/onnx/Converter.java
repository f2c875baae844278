package io.github.dcn4j.onnx;

/**
 * Makes variables of one node.
 *
 * <p>A converter first reads all attributes that the node may have, with the standard's defaults,
 * then its inputs, and then makes all outputs that the node names. Whatever it does not read or
 * make is found and refused, so nothing is ignored. What it does not support it refuses by {@link
 * Node#refuse}.
 */
@FunctionalInterface
interface Converter {
  void convert(Node node);
}
