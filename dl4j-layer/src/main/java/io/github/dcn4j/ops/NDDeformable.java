package io.github.dcn4j.ops;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Deformable ops on arrays, run at once.
 *
 * <p>An argument that does not fit gets an IllegalArgumentException that names it, what was
 * expected and what was given. Inputs are never changed, and may be views with any strides.
 */
public class NDDeformable {
  /**
   * Deformable convolution, {@link DeformableConv2D}; shapes in NCHW.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param offset [N, 2·deformableGroups·kH·kW, oH, oW], in pixels
   * @param mask [N, deformableGroups·kH·kW, oH, oW]; null for Deformable ConvNets v1
   * @param bias [O]; null for none
   * @param config the geometry
   * @return [N, O, oH, oW], or [N, oH, oW, O] in NHWC
   */
  public INDArray deformableConv2d(
      INDArray input,
      INDArray weights,
      INDArray offset,
      INDArray mask,
      INDArray bias,
      DeformableConv2DConfig config) {
    return new DeformableConv2D(
            Arguments.required("input", input),
            Arguments.required("weights", weights),
            Arguments.required("offset", offset),
            mask,
            bias,
            Arguments.required("config", config))
        .run()[0];
  }

  /**
   * The gradients of {@link #deformableConv2d}.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param offset [N, 2·deformableGroups·kH·kW, oH, oW], in pixels
   * @param mask [N, deformableGroups·kH·kW, oH, oW]; null for Deformable ConvNets v1
   * @param bias [O]; null for none
   * @param gradOutput the gradient of the output, [N, O, oH, oW]
   * @param config the geometry
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
    return new DeformableConv2DDerivative(
            Arguments.required("input", input),
            Arguments.required("weights", weights),
            Arguments.required("offset", offset),
            mask,
            bias,
            Arguments.required("gradOutput", gradOutput),
            Arguments.required("config", config))
        .run();
  }

  /**
   * Plain convolution, {@link PlainConv2D}: reproducible, with groups; shapes in NCHW.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param config the geometry, with one deformable group
   * @return [N, O, oH, oW], or [N, oH, oW, O] in NHWC
   */
  public INDArray conv2d(
      INDArray input, INDArray weights, INDArray bias, DeformableConv2DConfig config) {
    return new PlainConv2D(
            Arguments.required("input", input),
            Arguments.required("weights", weights),
            bias,
            Arguments.required("config", config))
        .run()[0];
  }

  /**
   * The gradients of {@link #conv2d}.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param gradOutput the gradient of the output, [N, O, oH, oW]
   * @param config the geometry, with one deformable group
   * @return the gradients of input and weights, then of the bias where given
   */
  public INDArray[] conv2dBp(
      INDArray input,
      INDArray weights,
      INDArray bias,
      INDArray gradOutput,
      DeformableConv2DConfig config) {
    return new PlainConv2DDerivative(
            Arguments.required("input", input),
            Arguments.required("weights", weights),
            bias,
            Arguments.required("gradOutput", gradOutput),
            Arguments.required("config", config))
        .run();
  }

  /**
   * Deformable position-sensitive ROI pooling, {@link DeformablePSROIPooling}.
   *
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param config the geometry
   * @return [R, outputDim, pooledSize, pooledSize]
   */
  public INDArray deformablePSROIPooling(
      INDArray input, INDArray rois, INDArray trans, DeformablePSROIPoolingConfig config) {
    return deformablePSROIPoolingWithCount(input, rois, trans, config)[0];
  }

  /**
   * As {@link #deformablePSROIPooling}.
   *
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param config the geometry
   * @return its result, and of the same shape the number of samples that each value is the mean of
   */
  public INDArray[] deformablePSROIPoolingWithCount(
      INDArray input, INDArray rois, INDArray trans, DeformablePSROIPoolingConfig config) {
    return new DeformablePSROIPooling(
            Arguments.required("input", input),
            Arguments.required("rois", rois),
            trans,
            Arguments.required("config", config))
        .run();
  }

  /**
   * The gradients of {@link #deformablePSROIPooling}.
   *
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param count the second output of the forward op, [R, outputDim, pooledSize, pooledSize]
   * @param gradOutput the gradient of the first output, of the same shape
   * @param config the geometry
   * @return the gradients of input and, where given, of trans; rois have none
   */
  public INDArray[] deformablePSROIPoolingBp(
      INDArray input,
      INDArray rois,
      INDArray trans,
      INDArray count,
      INDArray gradOutput,
      DeformablePSROIPoolingConfig config) {
    return new DeformablePSROIPoolingDerivative(
            Arguments.required("input", input),
            Arguments.required("rois", rois),
            trans,
            Arguments.required("count", count),
            Arguments.required("gradOutput", gradOutput),
            Arguments.required("config", config))
        .run();
  }
}
