package io.github.dcn4j.layers;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import lombok.AccessLevel;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.Getter;
import lombok.NoArgsConstructor;
import lombok.Setter;
import lombok.ToString;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.inputs.InvalidInputTypeException;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.GraphVertex;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Modulated deformable position-sensitive ROI pooling (arXiv 1811.11168, section 3.2) that predicts
 * its own shifts and mask, as {@code DCNPooling} of the PyTorch DCNv2 ports does: it pools without
 * shifts, predicts from what it pooled by three fully connected layers (ReLU, ReLU, none), pools
 * again with the shifts, and multiplies by the sigmoid of the mask.
 *
 * <p>Inputs, for R rois and pooled size P:
 *
 * <ol>
 *   <li>features [N, outputDim·groupSize², H, W], or [N, H, W, outputDim·groupSize²] in NHWC
 *   <li>rois [R, 5], each (image, x1, y1, x2, y2) in image coordinates; their gradient is zero.
 *       With InputTypes: {@code InputType.feedForward(5)}
 * </ol>
 *
 * <p>Output: [R, outputDim, P, P], NCHW also for features in NHWC. R may be 0.
 *
 * <p>Parameters: {@code fc0W} [outputDim·P², fcDim], {@code fc0b} [fcDim], {@code fc1W} [fcDim,
 * fcDim], {@code fc1b} [fcDim], {@code fc2W} [fcDim, 3·P²], {@code fc2b} [3·P²]. The pooled values
 * enter in the order (outputDim, y, x); what leaves is the plane of x shifts, that of y shifts
 * (fractions of the roi's width and height before {@code transStd}) and that of mask logits, each
 * [P, P]. There is one part for each bin, and one class.
 *
 * <p><b>A fresh vertex gives half of plain pooling:</b> {@code fc2W} and {@code fc2b} start at
 * zero, so all shifts are 0 and all masks sigmoid(0) = 0.5. {@code weightInit}, {@code biasInit}
 * and constraints act on the other parameters, as on a DenseLayer's.
 *
 * <p>With {@code noTrans(true)} it is plain position-sensitive pooling without parameters.
 *
 * <p>Bit-identical from run to run and for any number of threads, as all of this library: the fully
 * connected layers depend on no BLAS.
 *
 * <p>Of what DL4J 1.0.0-M2.1 does for layers only: constraints act, as part of the update; of a
 * {@code FineTuneConfiguration} the updaters, penalties and clipping act (not its constraints, nor
 * an updater that equals DL4J's default, {@code Sgd} with its rate); global dropout and weight
 * noise do not; and the graph's score leaves out the vertex's L1 and L2 terms (their gradients
 * act). {@link VertexParameters} says what to do where DL4J's own methods leave vertices out: after
 * {@code TransferLearning}, and with a new learning rate for all. R is not the number of images N,
 * and DL4J divides gradients by the latter, the size of the first input: scale the loss where that
 * matters.
 */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = true)
public class ModulatedDeformablePSROIPoolingVertex extends ParameterVertex {
  static final String[] WEIGHT_KEYS = {"fc0W", "fc1W", "fc2W"};
  static final String[] BIAS_KEYS = {"fc0b", "fc1b", "fc2b"};

  @JsonProperty
  @Getter(AccessLevel.PACKAGE)
  @Setter(AccessLevel.NONE)
  private RoiPooling pooling;

  /** Width of the first two fully connected layers. */
  private long fcDim;

  /** Whether it is plain pooling, without parameters. */
  private boolean noTrans;

  private ModulatedDeformablePSROIPoolingVertex(Builder b, RoiPooling pooling) {
    super(b);
    this.pooling = pooling;
    fcDim = b.fcDim;
    noTrans = b.noTrans;
    if (noTrans) {
      setConstraints(null);
    }
  }

  @Override
  public ModulatedDeformablePSROIPoolingVertex clone() {
    ModulatedDeformablePSROIPoolingVertex c = copyTo(new ModulatedDeformablePSROIPoolingVertex());
    c.pooling = pooling.copy();
    c.fcDim = fcDim;
    c.noTrans = noTrans;
    return c;
  }

  /** Values of the last layer: planes of x shifts, y shifts and mask logits. */
  long predictedValues() {
    long size = pooling.getConfig().getPooledSize();
    return 3 * size * size;
  }

  @Override
  Map<String, long[]> shapes() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    if (noTrans) {
      return shapes;
    }
    long[] sizes = {pooling.pooledValues(), fcDim, fcDim, predictedValues()};
    for (int i = 0; i < 3; i++) {
      shapes.put(WEIGHT_KEYS[i], new long[] {sizes[i], sizes[i + 1]});
      shapes.put(BIAS_KEYS[i], new long[] {sizes[i + 1]});
    }
    return shapes;
  }

  @Override
  boolean isWeight(String key) {
    return key.endsWith("W");
  }

  /** Not those that start at zero, which UnitNorm would make NaN. */
  @Override
  Set<String> ordinaryParameters() {
    return noTrans ? Collections.emptySet() : Set.of("fc0W", "fc0b", "fc1W", "fc1b");
  }

  @Override
  String[] inputNames() {
    return new String[] {"features", "rois"};
  }

  @Override
  public int minVertexInputs() {
    return 2;
  }

  @Override
  public int maxVertexInputs() {
    return 2;
  }

  @Override
  void check() {
    pooling.check();
    RoiPooling.checkSize("fcDim", fcDim);
    refuseWeightNoise();
  }

  @Override
  public void initializeParameters(Map<String, INDArray> params) {
    for (int i = 0; i < 2; i++) {
      initFullyConnected(params.get(WEIGHT_KEYS[i]), params.get(BIAS_KEYS[i]));
    }
    params.get(WEIGHT_KEYS[2]).assign(0);
    params.get(BIAS_KEYS[2]).assign(0);
  }

  @Override
  GraphVertex runner(
      ComputationGraph graph,
      String name,
      int index,
      INDArray params,
      Map<String, INDArray> paramTable,
      DataType networkDataType) {
    return new ModulatedDeformablePSROIPoolingGraphVertex(
        this, graph, name, index, params, paramTable, networkDataType);
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType... inputs)
      throws InvalidInputTypeException {
    if (inputs.length != 2) {
      throw new InvalidInputTypeException(
          owner() + ": inputs: expected features and rois, got " + inputs.length);
    }
    return pooling.outputType(owner(), inputs);
  }

  @Override
  public MemoryReport getMemoryReport(InputType... inputTypes) {
    InputType out = outputType(inputTypes);
    long values = out.arrayElementsPerExample();
    // Both poolings with their counts, the layers' outputs; in training the gradients of these and
    // those of the features that come through the shifts.
    long predicting = noTrans ? 0 : 2 * fcDim + predictedValues();
    long inference = (noTrans ? 1 : 3) * values + predicting;
    long training = 2 * inference + (noTrans ? 0 : inputTypes[0].arrayElementsPerExample());
    return memoryReport(inputTypes[0], out, inference, training);
  }

  /** Builder with the settings of the pooling, of the layers and of any vertex with parameters. */
  public static class Builder extends ParameterVertex.Builder<Builder>
      implements RoiPoolingSettings<Builder> {
    private final RoiPooling.Draft pooling = new RoiPooling.Draft();
    private long fcDim = 1024;
    private boolean noTrans;

    @Override
    public RoiPooling.Draft pooling() {
      return pooling;
    }

    @Override
    public Builder self() {
      return this;
    }

    /** Width of the first two fully connected layers, at least 1. Default 1024. */
    public Builder fcDim(long fcDim) {
      RoiPooling.checkSize("fcDim", fcDim);
      this.fcDim = fcDim;
      return this;
    }

    /** True for plain pooling without parameters. Default false. */
    public Builder noTrans(boolean noTrans) {
      this.noTrans = noTrans;
      return this;
    }

    /** The vertex, if what is known of it by now can work. */
    public ModulatedDeformablePSROIPoolingVertex build() {
      return new ModulatedDeformablePSROIPoolingVertex(this, pooling.build());
    }
  }
}
