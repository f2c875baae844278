package io.github.dcn4j.ops;

import io.github.dcn4j.loader.NativeLibrary;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import lombok.Getter;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;

/**
 * The gradients of {@link DeformablePSROIPooling}.
 *
 * <p>Inputs: those of the forward op, in their order, then its second output, the count, then
 * gradOutput, shaped as its first. Outputs: the gradient of the input and, where there is one, of
 * trans; rois have none. Where a sample is at an integer position its slope is 0. Bit-identical
 * from run to run and for any number of threads.
 */
public class DeformablePSROIPoolingDerivative extends DynamicCustomOp {
  /** The name of the native op. */
  public static final String OP_NAME = "deformable_psroi_pooling_bp";

  /** The geometry; null until ND4J has set the arguments of an op that it made. */
  @Getter private DeformablePSROIPoolingConfig config;

  /** For ND4J, which makes ops by reflection and then sets their arguments. */
  public DeformablePSROIPoolingDerivative() {}

  /**
   * The op in a graph.
   *
   * @param sd the graph
   * @param inputs the forward op's inputs, its count, then the gradient of its output
   * @param config the geometry
   */
  public DeformablePSROIPoolingDerivative(
      SameDiff sd, SDVariable[] inputs, DeformablePSROIPoolingConfig config) {
    super(sd, inputs);
    configure(config);
  }

  /**
   * The op on arrays.
   *
   * @param input [N, outputDim·groupSize², H, W]
   * @param rois [R, 5], each (batch index, x1, y1, x2, y2) in image coordinates
   * @param trans [R, 2·classes, partSize, partSize]; null for plain position-sensitive pooling
   * @param count the second output of the forward op, [R, outputDim, pooledSize, pooledSize]
   * @param gradOutput the gradient of the first output, of the same shape
   * @param config the geometry
   */
  public DeformablePSROIPoolingDerivative(
      INDArray input,
      INDArray rois,
      INDArray trans,
      INDArray count,
      INDArray gradOutput,
      DeformablePSROIPoolingConfig config) {
    super(wrapFilterNull(input, rois, trans, count, gradOutput), null);
    configure(config);
  }

  private void configure(DeformablePSROIPoolingConfig config) {
    NativeLibrary.require();
    this.config = config;
    addIArgument(config.toIArgs());
    addTArgument(config.toTArgs());
  }

  @Override
  public String opName() {
    return OP_NAME;
  }

  @Override
  public void configureFromArguments() {
    config = DeformablePSROIPoolingConfig.fromArgs(iArgs(), tArgs());
  }

  @Override
  public Map<String, Object> propertiesForFunction() {
    return config == null ? Collections.emptyMap() : config.toProperties();
  }

  /** Nothing to set: {@link #configureFromArguments()} has the configuration. */
  @Override
  public void setPropertiesForFunction(Map<String, Object> properties) {}

  /** One, or two if there is a trans: one for each input but rois, count and gradOutput. */
  @Override
  public int getNumOutputs() {
    return (sameDiff == null ? numInputArguments() : args().length) - 3;
  }

  @Override
  public List<DataType> calculateOutputDataTypes(List<DataType> inputTypes) {
    return Collections.nCopies(inputTypes.size() - 3, inputTypes.get(0));
  }

  @Override
  public List<SDVariable> doDiff(List<SDVariable> gradients) {
    throw new UnsupportedOperationException(
        "Deformable pooling has first derivatives only: " + OP_NAME + " has no gradient");
  }
}
