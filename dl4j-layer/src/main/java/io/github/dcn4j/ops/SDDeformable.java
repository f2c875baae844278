package io.github.dcn4j.ops;

import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.ops.SDOps;

/** Deformable ops in a {@link SameDiff} graph: {@code new SDDeformable(sd).deformableConv2d(…)}. */
public class SDDeformable extends SDOps {
  /** Adds ops to this graph. */
  public SDDeformable(SameDiff sd) {
    super(sd);
  }

  /**
   * Deformable convolution; shapes as {@link DeformableConv2D} says.
   *
   * @param mask null for Deformable ConvNets v1
   * @param bias null for none
   * @return [N, O, oH, oW], or [N, oH, oW, O] in NHWC
   */
  public SDVariable deformableConv2d(
      SDVariable input,
      SDVariable weights,
      SDVariable offset,
      SDVariable mask,
      SDVariable bias,
      DeformableConv2DConfig config) {
    return new DeformableConv2D(
            sd,
            Arguments.required("input", input),
            Arguments.required("weights", weights),
            Arguments.required("offset", offset),
            mask,
            bias,
            Arguments.required("config", config))
        .outputVariable();
  }

  /** As the other, with a name for the result. */
  public SDVariable deformableConv2d(
      String name,
      SDVariable input,
      SDVariable weights,
      SDVariable offset,
      SDVariable mask,
      SDVariable bias,
      DeformableConv2DConfig config) {
    return sd.updateVariableNameAndReference(
        deformableConv2d(input, weights, offset, mask, bias, config), name);
  }

  /**
   * Deformable position-sensitive ROI pooling; shapes as {@link DeformablePSROIPooling} says. The
   * gradient of the rois is zero.
   *
   * @param trans null for plain position-sensitive pooling
   * @return [R, outputDim, pooledSize, pooledSize]
   */
  public SDVariable deformablePSROIPooling(
      SDVariable input, SDVariable rois, SDVariable trans, DeformablePSROIPoolingConfig config) {
    return deformablePSROIPoolingWithCount(input, rois, trans, config)[0];
  }

  /** As the other, with a name for the result. */
  public SDVariable deformablePSROIPooling(
      String name,
      SDVariable input,
      SDVariable rois,
      SDVariable trans,
      DeformablePSROIPoolingConfig config) {
    return sd.updateVariableNameAndReference(
        deformablePSROIPooling(input, rois, trans, config), name);
  }

  /**
   * As {@link #deformablePSROIPooling}.
   *
   * @return its result, and of the same shape the number of samples that each value is the mean of
   */
  public SDVariable[] deformablePSROIPoolingWithCount(
      SDVariable input, SDVariable rois, SDVariable trans, DeformablePSROIPoolingConfig config) {
    return new DeformablePSROIPooling(
            sd,
            Arguments.required("input", input),
            Arguments.required("rois", rois),
            trans,
            Arguments.required("config", config))
        .outputVariables();
  }
}
