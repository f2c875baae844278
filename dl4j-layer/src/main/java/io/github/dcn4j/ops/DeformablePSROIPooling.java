package io.github.dcn4j.ops;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Deformable position-sensitive ROI pooling (arXiv 1703.06211, equation 6 and section 2.2).
 * Numerically the same function as the reference implementation that MXNet ({@code
 * _contrib_DeformablePSROIPooling}) and the PyTorch ports of DCNv2 carry.
 *
 * <p>Inputs, for R rois and pooled size P:
 *
 * <ul>
 *   <li>input [N, outputDim·groupSize², H, W]
 *   <li>rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates; FLOAT, DOUBLE or the
 *       type of the input
 *   <li>optionally trans [R, 2·classes, partSize, partSize], channels class-major, then (x, y): how
 *       far each part moves, as a fraction of the roi's width and height, before {@code transStd};
 *       classes divide outputDim. Without it, plain position-sensitive pooling
 * </ul>
 *
 * <p>Outputs: the pooled values [R, outputDim, P, P], and of the same shape the count of samples
 * that each is the mean of (DOUBLE for a DOUBLE input, else FLOAT). Input, trans and the first
 * output have one type: FLOAT, DOUBLE, HALF or BFLOAT16.
 *
 * <p>A roi begins at round(x1)·spatialScale − 0.5 and ends at (round(x2) + 1)·spatialScale − 0.5,
 * halves rounded away from zero, and is at least 0.1 wide; y alike. Each of its P² bins is sampled
 * at samplePerPart² points from its start. A sample outside [−0.5, W − 0.5] × [−0.5, H − 0.5] is
 * skipped, others are clamped to the image and bilinear between floor and ceil. A bin without
 * samples is 0.
 *
 * <p>{@link #run} throws an IllegalArgumentException for an argument that does not fit; it names
 * the argument, what was expected and what was given.
 */
public class DeformablePSROIPooling extends NativeOp<DeformablePSROIPoolingConfig> {
  /** The name of the native op. */
  public static final String OP_NAME = "deformable_psroi_pooling";

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public DeformablePSROIPooling() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param config the geometry
   */
  public DeformablePSROIPooling(
      SameDiff sd,
      SDVariable input,
      SDVariable rois,
      SDVariable trans,
      DeformablePSROIPoolingConfig config) {
    super(OP_NAME, sd, config, input, rois, trans);
  }

  /**
   * The op on arrays.
   *
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param config the geometry
   */
  public DeformablePSROIPooling(
      INDArray input, INDArray rois, INDArray trans, DeformablePSROIPoolingConfig config) {
    super(OP_NAME, config, input, rois, trans);
  }

  @Override
  public String opName() {
    return OP_NAME;
  }

  @Override
  DeformablePSROIPoolingConfig configOf(long[] integers, double[] floats) {
    return DeformablePSROIPoolingConfig.fromArgs(integers, floats);
  }

  @Override
  public int getNumOutputs() {
    return 2;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> inputTypes) {
    DataType type = inputTypes.get(0);
    return Arrays.asList(type, type == DataType.DOUBLE ? DataType.DOUBLE : DataType.FLOAT);
  }

  /** The gradients of input, rois (zeros) and trans; the count has none. */
  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    SDVariable[] all = inputsAnd(outputVariables()[1], gradients.get(0));
    List<SDVariable> result = new ArrayList<>();
    Collections.addAll(
        result, new DeformablePSROIPoolingDerivative(sameDiff, all, getConfig()).outputVariables());
    result.add(1, sameDiff.zerosLike(args()[1]));
    return result;
  }
}
