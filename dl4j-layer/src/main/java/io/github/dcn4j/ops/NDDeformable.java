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

  /**
   * The operator of DCNv3 and, with a mask that no softmax bounds, of DCNv4: {@link DCNv3}.
   *
   * @param input [N, H, W, G·D]
   * @param offset [N, oH, oW, G·K·2], channels group-major, then tap, then (x, y)
   * @param mask [N, oH, oW, G·K], channels group-major, then tap; no softmax inside
   * @param config the geometry
   * @return [N, oH, oW, G·D]
   */
  public INDArray dcnv3(INDArray input, INDArray offset, INDArray mask, DCNv3Config config) {
    return new DCNv3(
            Arguments.required("input", input),
            Arguments.required("offset", offset),
            Arguments.required("mask", mask),
            Arguments.required("config", config))
        .run()[0];
  }

  /**
   * The gradients of {@link #dcnv3}.
   *
   * @param input [N, H, W, G·D]
   * @param offset [N, oH, oW, G·K·2], channels group-major, then tap, then (x, y)
   * @param mask [N, oH, oW, G·K], channels group-major, then tap; no softmax inside
   * @param gradOutput the gradient of the output, [N, oH, oW, G·D]
   * @param config the geometry
   * @return the gradients of input, offset and mask
   */
  public INDArray[] dcnv3Bp(
      INDArray input, INDArray offset, INDArray mask, INDArray gradOutput, DCNv3Config config) {
    return new DCNv3Derivative(
            Arguments.required("input", input),
            Arguments.required("offset", offset),
            Arguments.required("mask", mask),
            Arguments.required("gradOutput", gradOutput),
            Arguments.required("config", config))
        .run();
  }

  /**
   * Multi-scale deformable attention: {@link MultiScaleDeformableAttention}.
   *
   * @param value [N, S, M, D], the levels one after another
   * @param spatialShapes [L, 2], each (H, W); INT or LONG
   * @param samplingLocations [N, Q, M, L, P, 2], each (x, y) in 0…1
   * @param attentionWeights [N, Q, M, L, P]; no softmax inside
   * @return [N, Q, M·D]
   */
  public INDArray multiScaleDeformableAttention(
      INDArray value,
      INDArray spatialShapes,
      INDArray samplingLocations,
      INDArray attentionWeights) {
    return new MultiScaleDeformableAttention(
            Arguments.required("value", value),
            Arguments.required("spatialShapes", spatialShapes),
            Arguments.required("samplingLocations", samplingLocations),
            Arguments.required("attentionWeights", attentionWeights))
        .run()[0];
  }

  /**
   * The gradients of {@link #multiScaleDeformableAttention}.
   *
   * @param value [N, S, M, D], the levels one after another
   * @param spatialShapes [L, 2], each (H, W); INT or LONG
   * @param samplingLocations [N, Q, M, L, P, 2], each (x, y) in 0…1
   * @param attentionWeights [N, Q, M, L, P]; no softmax inside
   * @param gradOutput the gradient of the output, [N, Q, M·D]
   * @return the gradients of value, samplingLocations and attentionWeights
   */
  public INDArray[] multiScaleDeformableAttentionBp(
      INDArray value,
      INDArray spatialShapes,
      INDArray samplingLocations,
      INDArray attentionWeights,
      INDArray gradOutput) {
    return new MultiScaleDeformableAttentionDerivative(
            Arguments.required("value", value),
            Arguments.required("spatialShapes", spatialShapes),
            Arguments.required("samplingLocations", samplingLocations),
            Arguments.required("attentionWeights", attentionWeights),
            Arguments.required("gradOutput", gradOutput))
        .run();
  }
}
