package io.github.dcn4j.layers;

import io.github.dcn4j.ops.DeformablePSROIPooling;
import io.github.dcn4j.ops.DeformablePSROIPoolingConfig;
import io.github.dcn4j.ops.DeformablePSROIPoolingConfig.DeformablePSROIPoolingConfigBuilder;
import io.github.dcn4j.ops.DeformablePSROIPoolingDerivative;
import java.io.Serializable;
import java.util.Arrays;
import lombok.AllArgsConstructor;
import lombok.Data;
import lombok.NoArgsConstructor;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.exception.DL4JInvalidInputException;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.annotation.JsonUnwrapped;

/** What the pooling vertices share: settings, checks and the calls of the native op. */
@Data
@NoArgsConstructor
@AllArgsConstructor
final class RoiPooling implements Serializable {
  /** Stored beside the format, not in it. */
  @JsonUnwrapped private DeformablePSROIPoolingConfig config;

  private CNN2DFormat dataFormat;

  /** Settings while they are made; see {@link RoiPoolingSettings}. */
  static final class Draft {
    final DeformablePSROIPoolingConfigBuilder config = DeformablePSROIPoolingConfig.builder();
    CNN2DFormat dataFormat = CNN2DFormat.NCHW;

    /** The settings, if they can work. */
    RoiPooling build() {
      try {
        RoiPooling made = new RoiPooling(config.build(), dataFormat);
        made.check();
        return made;
      } catch (IllegalArgumentException e) { // one that is required is not there
        throw new DL4JInvalidConfigException(e.getMessage(), e);
      }
    }
  }

  /** Of its own: an InputType may change the format. */
  RoiPooling copy() {
    return new RoiPooling(config, dataFormat);
  }

  /** Refuses settings that no input can fit. */
  void check() {
    checkFinite("spatialScale", config.getSpatialScale());
    checkFinite("transStd", config.getTransStd());
    checkSize("outputDim", config.getOutputDim());
    checkSize("groupSize", config.getGroupSize());
    checkSize("pooledSize", config.getPooledSize());
    checkSize("partSize", config.getPartSize());
    checkSize("samplePerPart", config.getSamplePerPart());
  }

  private static void checkFinite(String name, double value) {
    if (!Double.isFinite(value)) {
      throw new DL4JInvalidConfigException(name + ": expected a finite number, got " + value);
    }
  }

  static void checkSize(String name, long value) {
    if (value < 1) {
      throw new DL4JInvalidConfigException(name + ": expected at least 1, got " + value);
    }
  }

  private long channels() {
    return config.getOutputDim() * config.getGroupSize() * config.getGroupSize();
  }

  private long size() {
    return config.getPooledSize();
  }

  /** Values pooled from one roi. */
  long pooledValues() {
    return config.getOutputDim() * size() * size();
  }

  /** The shape of what is pooled from these rois. */
  long[] outputShape(INDArray rois) {
    return new long[] {rois.size(0), config.getOutputDim(), size(), size()};
  }

  /**
   * The output for these inputs; takes the data format from the first.
   *
   * @param owner says whose settings they are, for messages
   */
  InputType outputType(String owner, InputType... inputs) throws InvalidInputTypeException {
    boolean cnn = inputs[0] instanceof InputType.InputTypeConvolutional;
    if (!cnn || ((InputType.InputTypeConvolutional) inputs[0]).getChannels() != channels()) {
      throw new InvalidInputTypeException(
          owner
              + ": features: expected a CNN type with outputDim·groupSize² = "
              + channels()
              + " channels, got "
              + inputs[0]);
    }
    if (!InputType.feedForward(5).equals(inputs[1])) {
      throw new InvalidInputTypeException(
          owner
              + ": rois: expected InputType.feedForward(5) (image, x1, y1, x2, y2), got "
              + inputs[1]);
    }
    dataFormat = ((InputType.InputTypeConvolutional) inputs[0]).getFormat();
    return InputType.convolutional(size(), size(), config.getOutputDim(), CNN2DFormat.NCHW);
  }

  /** Checks the shapes of the features and the rois, which the op knows by other names. */
  void checkInputs(String owner, INDArray features, INDArray rois) {
    int channelDimension = dataFormat == CNN2DFormat.NHWC ? 3 : 1;
    if (features.rank() != 4 || features.size(channelDimension) != channels()) {
      throw new DL4JInvalidInputException(
          owner
              + ": features: expected rank 4 "
              + dataFormat.dimensionNames()
              + " with outputDim·groupSize² = "
              + channels()
              + " channels, got "
              + Arrays.toString(features.shape()));
    }
    if (rois.rank() != 2 || rois.size(1) != 5) {
      throw new DL4JInvalidInputException(
          owner
              + ": rois: expected [R, 5] (image, x1, y1, x2, y2), got "
              + Arrays.toString(rois.shape()));
    }
  }

  /** The features, or their gradient, as the op has them. */
  private INDArray channelsFirst(INDArray features) {
    return dataFormat == CNN2DFormat.NHWC ? features.permute(0, 3, 1, 2) : features;
  }

  /** A new array of zeros; an empty one is in no workspace, where there is no room for it. */
  static INDArray zeros(LayerWorkspaceMgr ws, ArrayType arrayType, DataType type, long[] shape) {
    return isEmpty(shape) ? empty(type, shape) : ws.create(arrayType, type, shape, 'c');
  }

  private static INDArray uninitialized(
      LayerWorkspaceMgr ws, ArrayType arrayType, DataType type, long[] shape) {
    return isEmpty(shape)
        ? empty(type, shape)
        : ws.createUninitialized(arrayType, type, shape, 'c');
  }

  @SuppressWarnings("try") // the scope is only opened and closed
  private static INDArray empty(DataType type, long[] shape) {
    try (MemoryWorkspace none = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
      return Nd4j.create(type, shape);
    }
  }

  private static boolean isEmpty(long[] shape) {
    return Arrays.stream(shape).anyMatch(size -> size == 0);
  }

  /** The rois in a type that the op takes with any other. */
  static INDArray precise(INDArray rois) {
    return rois.dataType() == DataType.DOUBLE ? rois : rois.castTo(DataType.FLOAT);
  }

  /** A pass over one set of rois: what was pooled, and the count that its gradients need. */
  final class Pass {
    private final INDArray features;
    private final INDArray rois;
    private final INDArray trans; // null for plain pooling
    private final INDArray count;
    final INDArray output;

    /**
     * Pools.
     *
     * @param outputType where the output goes; the count is working memory of its kind of pass
     * @param trans null for plain pooling
     */
    Pass(
        INDArray features,
        INDArray rois,
        INDArray trans,
        ArrayType outputType,
        ArrayType workingType,
        LayerWorkspaceMgr ws) {
      this.features = features;
      this.rois = precise(rois);
      this.trans = trans;
      DataType type = features.dataType();
      long[] shape = outputShape(rois);
      output = uninitialized(ws, outputType, type, shape);
      DataType countType = type == DataType.DOUBLE ? DataType.DOUBLE : DataType.FLOAT;
      count = uninitialized(ws, workingType, countType, shape);
      new DeformablePSROIPooling(channelsFirst(features), this.rois, trans, config)
          .run(output, count);
    }

    /** Writes the gradients of the features and, where there is a trans, of that. */
    void backward(INDArray gradOutput, INDArray gradFeatures, INDArray gradTrans) {
      new DeformablePSROIPoolingDerivative(
              channelsFirst(features), rois, trans, count, gradOutput, config)
          .run(channelsFirst(gradFeatures), gradTrans);
    }
  }
}
