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

  /**
   * Deformable position-sensitive ROI pooling; shapes as {@link DeformablePSROIPooling} says.
   *
   * @param trans null for plain position-sensitive pooling
   * @return [R, outputDim, pooledSize, pooledSize]
   */
  public INDArray deformablePSROIPooling(
      INDArray input, INDArray rois, INDArray trans, DeformablePSROIPoolingConfig config) {
    return deformablePSROIPoolingWithCount(input, rois, trans, config)[0];
  }

  /**
   * As {@link #deformablePSROIPooling}.
   *
   * @return its result, and of the same shape the number of samples that each value is the mean of
   */
  public INDArray[] deformablePSROIPoolingWithCount(
      INDArray input, INDArray rois, INDArray trans, DeformablePSROIPoolingConfig config) {
    return Nd4j.exec(
        new DeformablePSROIPooling(
            Arguments.required("input", input),
            Arguments.required("rois", rois),
            trans,
            Arguments.required("config", config)));
  }

  /**
   * The gradients of {@link #deformablePSROIPooling}.
   *
   * @param count what {@link #deformablePSROIPoolingWithCount} counted
   * @param gradOutput shaped as its result
   * @return the gradients of input and, where given, of trans; rois have none
   */
  public INDArray[] deformablePSROIPoolingBp(
      INDArray input,
      INDArray rois,
      INDArray trans,
      INDArray count,
      INDArray gradOutput,
      DeformablePSROIPoolingConfig config) {
    return Nd4j.exec(
        new DeformablePSROIPoolingDerivative(
            Arguments.required("input", input),
            Arguments.required("rois", rois),
            trans,
            Arguments.required("count", count),
            Arguments.required("gradOutput", gradOutput),
            Arguments.required("config", config)));
  }
}
