package io.github.dcn4j.ops;

import org.nd4j.autodiff.samediff.SDIndex;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.ops.SDOps;

/** Deformable ops in a {@link SameDiff} graph: {@code new SDDeformable(sd).deformableConv2d(…)}. */
public class SDDeformable extends SDOps {
  /**
   * Adds ops to this graph.
   *
   * @param sd the graph
   * @throws IllegalArgumentException if it is null
   */
  public SDDeformable(SameDiff sd) {
    super(Arguments.required("sd", sd));
  }

  /** An input, which must be of this graph: SameDiff would add the op, and never get rid of it. */
  private SDVariable own(String name, SDVariable variable) {
    if (Arguments.required(name, variable).getSameDiff() != sd) {
      throw new IllegalArgumentException(
          name + ": expected a variable of this graph, got " + variable.name() + " of another");
    }
    return variable;
  }

  private SDVariable ownOrNull(String name, SDVariable variable) {
    return variable == null ? null : own(name, variable);
  }

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
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, or an integer has more than 32 bits; the graph is as before,
   *     and the message names the argument
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
            own("input", input),
            own("weights", weights),
            own("offset", offset),
            ownOrNull("mask", mask),
            ownOrNull("bias", bias),
            Arguments.required("config", config))
        .outputVariable();
  }

  /**
   * As the other, with a name for the result.
   *
   * @param name the result's name
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param offset [N, 2·deformableGroups·kH·kW, oH, oW], in pixels
   * @param mask [N, deformableGroups·kH·kW, oH, oW]; null for Deformable ConvNets v1
   * @param bias [O]; null for none
   * @param config the geometry
   * @return [N, O, oH, oW], or [N, oH, oW, O] in NHWC
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, or an integer has more than 32 bits; the graph is as before,
   *     and the message names the argument
   */
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
   * Deformable convolution that predicts its own offsets and mask, as the layer {@code
   * DeformableConvolution2D} and the layers of the PyTorch DCNv2 ports do: a plain convolution of
   * the input, with the same kernel size, stride, padding and dilation, gives the offsets and, with
   * a mask, its logits, whose sigmoid is the mask. Shapes in NCHW, for G deformable groups and
   * kH·kW taps.
   *
   * @param name the result's name; null for one that SameDiff makes
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param offsetWeights [3·G·kH·kW, C, kH, kW], its outputs the offsets (group-major, then tap,
   *     then (dy, dx)), then the logits (group-major, then tap); [2·G·kH·kW, C, kH, kW] without a
   *     mask. Zeros to start with
   * @param offsetBias [3·G·kH·kW], or [2·G·kH·kW] without a mask; null for none
   * @param modulated whether there is a mask: true for Deformable ConvNets v2
   * @param config the geometry
   * @return [N, O, oH, oW], or [N, oH, oW, O] in NHWC
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, an integer has more than 32 bits, or the sampled taps are too
   *     many or none; the graph is as before, and the message names the argument
   */
  public SDVariable deformableConv2dLayer(
      String name,
      SDVariable input,
      SDVariable weights,
      SDVariable bias,
      SDVariable offsetWeights,
      SDVariable offsetBias,
      boolean modulated,
      DeformableConv2DConfig config) {
    own("input", input);
    own("weights", weights);
    ownOrNull("bias", bias);
    own("offsetWeights", offsetWeights);
    ownOrNull("offsetBias", offsetBias);
    int taps = sampledTaps(config);
    SDVariable prediction =
        conv2d(
            input,
            offsetWeights,
            offsetBias,
            config.toBuilder().groups(1).deformableGroups(1).build());
    SDVariable offset = channels(prediction, 0, 2 * taps, config);
    SDVariable mask =
        modulated ? sd.nn().sigmoid(channels(prediction, 2 * taps, 3 * taps, config)) : null;
    SDVariable output = deformableConv2d(input, weights, offset, mask, bias, config);
    return name == null ? output : sd.updateVariableNameAndReference(output, name);
  }

  /** Deformable groups × taps, of a configuration that none of several ops will refuse. */
  private static int sampledTaps(DeformableConv2DConfig config) {
    NativeOp.checkIntegers(DeformableConv2D.OP_NAME, Arguments.required("config", config));
    // In floating point, as the product of three integers of 32 bits may have more than 64.
    double taps = (double) config.getDeformableGroups() * config.getKH() * config.getKW();
    if (taps < 1 || 3 * taps > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "deformableGroups, kH, kW: expected 1 to "
              + Integer.MAX_VALUE / 3
              + " sampled taps, got "
              + config.getDeformableGroups()
              + " x "
              + config.getKH()
              + " x "
              + config.getKW());
    }
    return (int) taps;
  }

  private static SDVariable channels(
      SDVariable from, int begin, int end, DeformableConv2DConfig config) {
    SDIndex all = SDIndex.all();
    SDIndex some = SDIndex.interval(begin, end);
    return config.isNHWC() ? from.get(all, all, all, some) : from.get(all, some, all, all);
  }

  /**
   * Plain convolution, {@link PlainConv2D}: reproducible, with groups; shapes in NCHW.
   *
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param config the geometry, with one deformable group
   * @return [N, O, oH, oW], or [N, oH, oW, O] in NHWC
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, an integer has more than 32 bits, or deformableGroups is not
   *     1; the graph is as before, and the message names the argument
   */
  public SDVariable conv2d(
      SDVariable input, SDVariable weights, SDVariable bias, DeformableConv2DConfig config) {
    return new PlainConv2D(
            sd,
            own("input", input),
            own("weights", weights),
            ownOrNull("bias", bias),
            Arguments.required("config", config))
        .outputVariable();
  }

  /**
   * As the other, with a name for the result.
   *
   * @param name the result's name
   * @param input [N, C, H, W]
   * @param weights [O, C/groups, kH, kW]
   * @param bias [O]; null for none
   * @param config the geometry, with one deformable group
   * @return [N, O, oH, oW], or [N, oH, oW, O] in NHWC
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, an integer has more than 32 bits, or deformableGroups is not
   *     1; the graph is as before, and the message names the argument
   */
  public SDVariable conv2d(
      String name,
      SDVariable input,
      SDVariable weights,
      SDVariable bias,
      DeformableConv2DConfig config) {
    return sd.updateVariableNameAndReference(conv2d(input, weights, bias, config), name);
  }

  /**
   * Deformable position-sensitive ROI pooling, {@link DeformablePSROIPooling}. The gradient of the
   * rois is zero.
   *
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param config the geometry
   * @return [R, outputDim, pooledSize, pooledSize]
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, or an integer has more than 32 bits; the graph is as before,
   *     and the message names the argument
   */
  public SDVariable deformablePSROIPooling(
      SDVariable input, SDVariable rois, SDVariable trans, DeformablePSROIPoolingConfig config) {
    return deformablePSROIPoolingWithCount(input, rois, trans, config)[0];
  }

  /**
   * As the other, with a name for the result.
   *
   * @param name the result's name
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param config the geometry
   * @return [R, outputDim, pooledSize, pooledSize]
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, or an integer has more than 32 bits; the graph is as before,
   *     and the message names the argument
   */
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
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param config the geometry
   * @return its result, and of the same shape the number of samples that each value is the mean of
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, or an integer has more than 32 bits; the graph is as before,
   *     and the message names the argument
   */
  public SDVariable[] deformablePSROIPoolingWithCount(
      SDVariable input, SDVariable rois, SDVariable trans, DeformablePSROIPoolingConfig config) {
    return new DeformablePSROIPooling(
            sd,
            own("input", input),
            own("rois", rois),
            ownOrNull("trans", trans),
            Arguments.required("config", config))
        .outputVariables();
  }

  /**
   * The operator of DCNv3 and, with a mask that no softmax bounds, of DCNv4: {@link DCNv3}.
   *
   * @param input [N, H, W, G·D]
   * @param offset [N, oH, oW, G·K·2], channels group-major, then tap, then (x, y)
   * @param mask [N, oH, oW, G·K], channels group-major, then tap; no softmax inside
   * @param config the geometry
   * @return [N, oH, oW, G·D]
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, or an integer has more than 32 bits; the graph is as before,
   *     and the message names the argument
   */
  public SDVariable dcnv3(
      SDVariable input, SDVariable offset, SDVariable mask, DCNv3Config config) {
    return new DCNv3(
            sd,
            own("input", input),
            own("offset", offset),
            own("mask", mask),
            Arguments.required("config", config))
        .outputVariable();
  }

  /**
   * As the other, with a name for the result.
   *
   * @param name the result's name
   * @param input [N, H, W, G·D]
   * @param offset [N, oH, oW, G·K·2], channels group-major, then tap, then (x, y)
   * @param mask [N, oH, oW, G·K], channels group-major, then tap; no softmax inside
   * @param config the geometry
   * @return [N, oH, oW, G·D]
   * @throws IllegalArgumentException if a variable that is required or the configuration is null, a
   *     variable is of another graph, or an integer has more than 32 bits; the graph is as before,
   *     and the message names the argument
   */
  public SDVariable dcnv3(
      String name, SDVariable input, SDVariable offset, SDVariable mask, DCNv3Config config) {
    return sd.updateVariableNameAndReference(dcnv3(input, offset, mask, config), name);
  }

  /**
   * Multi-scale deformable attention: {@link MultiScaleDeformableAttention}. The gradient of
   * spatialShapes is zero.
   *
   * @param value [N, S, M, D], the levels one after another
   * @param spatialShapes [L, 2], each (H, W); INT or LONG
   * @param samplingLocations [N, Q, M, L, P, 2], each (x, y) in 0…1
   * @param attentionWeights [N, Q, M, L, P]; no softmax inside
   * @return [N, Q, M·D]
   * @throws IllegalArgumentException if a variable that is required is null, or one is of another
   *     graph; the graph is as before, and the message names the argument
   */
  public SDVariable multiScaleDeformableAttention(
      SDVariable value,
      SDVariable spatialShapes,
      SDVariable samplingLocations,
      SDVariable attentionWeights) {
    return new MultiScaleDeformableAttention(
            sd,
            own("value", value),
            own("spatialShapes", spatialShapes),
            own("samplingLocations", samplingLocations),
            own("attentionWeights", attentionWeights))
        .outputVariable();
  }

  /**
   * As the other, with a name for the result.
   *
   * @param name the result's name
   * @param value [N, S, M, D], the levels one after another
   * @param spatialShapes [L, 2], each (H, W); INT or LONG
   * @param samplingLocations [N, Q, M, L, P, 2], each (x, y) in 0…1
   * @param attentionWeights [N, Q, M, L, P]; no softmax inside
   * @return [N, Q, M·D]
   * @throws IllegalArgumentException if a variable that is required is null, or one is of another
   *     graph; the graph is as before, and the message names the argument
   */
  public SDVariable multiScaleDeformableAttention(
      String name,
      SDVariable value,
      SDVariable spatialShapes,
      SDVariable samplingLocations,
      SDVariable attentionWeights) {
    return sd.updateVariableNameAndReference(
        multiScaleDeformableAttention(value, spatialShapes, samplingLocations, attentionWeights),
        name);
  }
}
