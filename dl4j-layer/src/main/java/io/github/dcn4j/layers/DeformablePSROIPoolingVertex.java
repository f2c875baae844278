package io.github.dcn4j.layers;

import lombok.AccessLevel;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.Getter;
import lombok.NoArgsConstructor;
import lombok.Setter;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Deformable position-sensitive ROI pooling (arXiv 1703.06211, equation 6 and section 2.2) with
 * shifts that other parts of the graph make; {@link ModulatedDeformablePSROIPoolingVertex} makes
 * its own. No parameters. The function is {@link io.github.dcn4j.ops.DeformablePSROIPooling}.
 *
 * <p>Inputs, for R rois and pooled size P:
 *
 * <ol>
 *   <li>features [N, outputDim·groupSize², H, W], or [N, H, W, outputDim·groupSize²] in NHWC
 *   <li>rois [R, 5], each (image, x1, y1, x2, y2) in image coordinates; their gradient is zero.
 *       With InputTypes: {@code InputType.feedForward(5)}
 *   <li>optionally trans [R, 2·classes, partSize, partSize], channels class-major, then (x, y), as
 *       fractions of the roi's width and height before {@code transStd}
 * </ol>
 *
 * <p>Output: [R, outputDim, P, P], NCHW also for features in NHWC. R may be 0.
 *
 * <p>R is not the number of images N, and DL4J divides gradients by the latter, the size of the
 * first input: scale the loss where that matters.
 */
@Data
@NoArgsConstructor
@EqualsAndHashCode(callSuper = false)
public class DeformablePSROIPoolingVertex extends GraphVertex {
  @JsonProperty
  @Getter(AccessLevel.PACKAGE)
  @Setter(AccessLevel.NONE)
  private RoiPooling pooling;

  private DeformablePSROIPoolingVertex(RoiPooling pooling) {
    this.pooling = pooling;
  }

  @Override
  public DeformablePSROIPoolingVertex clone() {
    return new DeformablePSROIPoolingVertex(pooling.copy());
  }

  @Override
  public long numParams(boolean backprop) {
    return 0;
  }

  @Override
  public int minVertexInputs() {
    return 2;
  }

  @Override
  public int maxVertexInputs() {
    return 3;
  }

  @Override
  public org.deeplearning4j.nn.graph.vertex.GraphVertex instantiate(
      ComputationGraph graph,
      String name,
      int index,
      INDArray paramsView,
      boolean initializeParams,
      DataType networkDataType) {
    return new DeformablePSROIPoolingGraphVertex(pooling, graph, name, index, networkDataType);
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType... inputs)
      throws InvalidInputTypeException {
    String owner = "DeformablePSROIPoolingVertex";
    if (inputs.length < minVertexInputs() || inputs.length > maxVertexInputs()) {
      throw new InvalidInputTypeException(
          owner + ": inputs: expected features, rois and optionally trans, got " + inputs.length);
    }
    InputType out = pooling.outputType(owner, inputs);
    if (inputs.length == 3) {
      boolean cnn = inputs[2] instanceof InputType.InputTypeConvolutional;
      InputType.InputTypeConvolutional trans =
          cnn ? (InputType.InputTypeConvolutional) inputs[2] : null;
      long size = pooling.getConfig().getPartSize();
      if (trans == null
          || trans.getFormat() != CNN2DFormat.NCHW
          || trans.getHeight() != size
          || trans.getWidth() != size
          || trans.getChannels() % 2 != 0
          || pooling.getConfig().getOutputDim() % (trans.getChannels() / 2) != 0) {
        throw new InvalidInputTypeException(
            owner
                + ": trans: expected a CNN type in NCHW of 2·classes channels (classes a divisor of"
                + " outputDim = "
                + pooling.getConfig().getOutputDim()
                + ") and partSize = "
                + size
                + " pixels each way, got "
                + inputs[2]);
      }
    }
    return out;
  }

  @Override
  public MemoryReport getMemoryReport(InputType... inputTypes) {
    InputType out;
    try {
      out = getOutputType(-1, inputTypes);
    } catch (InvalidInputTypeException e) {
      throw new IllegalArgumentException(e);
    }
    long values = out.arrayElementsPerExample(); // the counts; in training the output again
    return new LayerMemoryReport.Builder(null, getClass(), inputTypes[0], out)
        .standardMemory(0, 0)
        .workingMemory(0, values, 0, 2 * values)
        .cacheMemory(0, 0)
        .build();
  }

  /** Builder with the settings of the op and the data format of the features. */
  public static class Builder implements RoiPoolingSettings<Builder> {
    private final RoiPooling.Draft pooling = new RoiPooling.Draft();

    @Override
    public RoiPooling.Draft pooling() {
      return pooling;
    }

    @Override
    public Builder self() {
      return this;
    }

    /** Parts with a shift of their own along each side of a roi, at least 1. Default pooledSize. */
    public Builder partSize(long partSize) {
      RoiPooling.checkSize("partSize", partSize);
      pooling.config.partSize(partSize);
      return this;
    }

    /** The vertex, if what is known of it by now can work. */
    public DeformablePSROIPoolingVertex build() {
      return new DeformablePSROIPoolingVertex(pooling.build());
    }
  }
}
