package io.github.dcn4j.ops;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Deformable ops on arrays, run at once. */
public class NDDeformable {
  /**
   * Deformable convolution; shapes as {@link DeformableConv2D} says.
   *
   * @param mask null for Deformable ConvNets v1
   * @param bias null for none
   * @return [N, O, oH, oW], or [N, oH, oW, O] in NHWC
   */
  public INDArray deformableConv2d(
      INDArray input,
      INDArray weights,
      INDArray offset,
      INDArray mask,
      INDArray bias,
      DeformableConv2DConfig config) {
    return Nd4j.exec(
        new DeformableConv2D(
            Arguments.required("input", input),
            Arguments.required("weights", weights),
            Arguments.required("offset", offset),
            mask,
            bias,
            Arguments.required("config", config)))[0];
  }

  /**
   * The gradients of {@link #deformableConv2d}.
   *
   * @param gradOutput shaped as its result
   * @return the gradients of input, weights, offset, then of the mask and of the bias where given
   */
  public INDArray[] deformableConv2dBp(
      INDArray input,
      INDArray weights,
      INDArray offset,
      INDArray mask,
      INDArray bias,
      INDArray gradOutput,
      DeformableConv2DConfig config) {
    return Nd4j.exec(
        new DeformableConv2DDerivative(
            Arguments.required("input", input),
            Arguments.required("weights", weights),
            Arguments.required("offset", offset),
            mask,
            bias,
            Arguments.required("gradOutput", gradOutput),
            Arguments.required("config", config)));
  }
}
