package io.github.dcn4j.examples.benchmark;

import static io.github.dcn4j.examples.benchmark.OnnxPeer.integer;
import static io.github.dcn4j.examples.benchmark.OnnxPeer.integers;

import ai.onnxruntime.OrtException;
import java.util.List;
import lombok.experimental.UtilityClass;
import onnx.Onnx;
import org.apache.commons.lang3.ArrayUtils;

/** ONNX's convolutions: weights and bias in the model, as in one that was exported. */
@UtilityClass
class OnnxConvolution {
  static OnnxPeer deformable(ConvolutionArrays arrays) throws OrtException {
    return weighted(arrays)
        .input("offset", arrays.getOffset())
        .input("mask", arrays.getMask())
        .node(
            "DeformConv",
            "y",
            List.of("x", "w", "offset", "b", "mask"),
            attributes(
                arrays.getShape(),
                integer("offset_group", arrays.getShape().getDeformableGroups())));
  }

  static OnnxPeer plain(ConvolutionArrays arrays) throws OrtException {
    return weighted(arrays)
        .node("Conv", "y", List.of("x", "w", "b"), attributes(arrays.getShape()));
  }

  private static OnnxPeer weighted(ConvolutionArrays arrays) throws OrtException {
    return new OnnxPeer()
        .input("x", arrays.getInput())
        .constant("w", arrays.getWeights())
        .constant("b", arrays.getBias());
  }

  private static Onnx.AttributeProto[] attributes(
      ConvolutionShape shape, Onnx.AttributeProto... others) {
    long padding = shape.getPadding();
    return ArrayUtils.addAll(
        others,
        integers("kernel_shape", shape.getKernel(), shape.getKernel()),
        integers("strides", shape.getStride(), shape.getStride()),
        integers("pads", padding, padding, padding, padding),
        integer("group", shape.getGroups()));
  }
}
