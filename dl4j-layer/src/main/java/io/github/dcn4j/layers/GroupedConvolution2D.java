package io.github.dcn4j.layers;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import lombok.AccessLevel;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.Getter;
import lombok.NoArgsConstructor;
import lombok.Setter;
import lombok.ToString;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.CacheMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.LayerValidation;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.deeplearning4j.util.ValidationUtils;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What the convolution layers of this library share beside what {@link ConvolutionLayer} has. */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = true)
abstract class GroupedConvolution2D extends ConvolutionLayer {
  /** Groups of the convolution; divides nIn and nOut. */
  private int groups = 1;

  GroupedConvolution2D(Builder<?> builder) {
    super(builder);
    cnn2dDataFormat = builder.getDataFormat();
    groups = builder.getGroups();
  }

  @Override
  public GroupedConvolution2D clone() {
    GroupedConvolution2D clone = (GroupedConvolution2D) super.clone();
    clone.dilation = dilation == null ? null : dilation.clone();
    return clone;
  }

  /** Groups of input channels with offsets of their own. */
  abstract int offsetGroups();

  /** The layer that runs this configuration, yet without parameters. */
  abstract ConvolvingLayer<?, ?> runner(NeuralNetConfiguration conf, DataType networkDataType);

  /** Refuses negative sizes; 0 is one that is yet to be set. */
  void refuseNegativeSizes() {
    try {
      Geometry.notNegative("nIn", getNIn());
      Geometry.notNegative("nOut", getNOut());
    } catch (IllegalArgumentException e) {
      throw new DL4JInvalidConfigException(geometry().getOwner() + ": " + e.getMessage(), e);
    }
  }

  /** Refuses settings that can't work. */
  void check() {
    geometry().checkChannels(getNIn(), getNOut());
  }

  @Override
  public Layer instantiate(
      NeuralNetConfiguration conf,
      Collection<TrainingListener> listeners,
      int layerIndex,
      INDArray paramsView,
      boolean initializeParams,
      DataType networkDataType) {
    LayerValidation.assertNInNOutSet(
        getClass().getSimpleName(), getLayerName(), layerIndex, getNIn(), getNOut());
    check();
    ConvolvingLayer<?, ?> layer = runner(conf, networkDataType);
    layer.setListeners(listeners);
    layer.setIndex(layerIndex);
    layer.setParamsViewArray(paramsView);
    layer.setParamTable(initializer().init(conf, paramsView, initializeParams));
    layer.setConf(conf);
    return layer;
  }

  /** The geometry; made anew, as the setters may change it. */
  Geometry geometry() {
    return Geometry.builder()
        .owner(getClass().getSimpleName() + " (layer name: " + getLayerName() + ")")
        .kernel(kernelSize)
        .stride(stride)
        .padding(padding)
        .dilation(dilation)
        .mode(convolutionMode)
        .format(cnn2dDataFormat)
        .deformableGroups(offsetGroups())
        .groups(groups)
        .build();
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType inputType) {
    geometry().checkMode();
    return super.getOutputType(layerIndex, inputType);
  }

  /** A report of the parameters and of this many numbers of working memory for each example. */
  LayerMemoryReport memoryReport(InputType in, InputType out, long inference, long training) {
    long updaterState = 0;
    for (Map.Entry<String, long[]> e : ((TableInitializer) initializer()).shapes(this).entrySet()) {
      updaterState += getUpdaterByParam(e.getKey()).stateSize(ParameterTable.length(e.getValue()));
    }
    long dropped = getIDropout() == null ? 0 : in.arrayElementsPerExample();
    Map<CacheMode, Long> trainingByMode = new HashMap<>();
    for (CacheMode mode : CacheMode.values()) {
      trainingByMode.put(mode, training + dropped);
    }
    return new LayerMemoryReport.Builder(getLayerName(), getClass(), in, out)
        .standardMemory(initializer().numParams(this), updaterState)
        .workingMemory(0, inference, MemoryReport.CACHE_MODE_ALL_ZEROS, trainingByMode)
        .cacheMemory(MemoryReport.CACHE_MODE_ALL_ZEROS, MemoryReport.CACHE_MODE_ALL_ZEROS)
        .build();
  }

  /**
   * Builder with the settings of {@code ConvolutionLayer.Builder} and groups.
   *
   * @param <T> the builder
   */
  @Getter
  @Setter
  // As in DL4J's own builders, the setters take varargs.
  @SuppressWarnings({"overrides", "unchecked"})
  abstract static class Builder<T extends Builder<T>> extends ConvolutionLayer.BaseConvBuilder<T> {
    /** Where the activations have their channels. */
    private CNN2DFormat dataFormat = CNN2DFormat.NCHW;

    /** Groups of the convolution. */
    @Setter(AccessLevel.NONE)
    private int groups = 1;

    Builder() {}

    Builder(int... kernelSize) {
      super(kernelSize);
    }

    Builder(int[] kernelSize, int[] stride) {
      super(kernelSize, stride);
    }

    Builder(int[] kernelSize, int[] stride, int[] padding) {
      super(kernelSize, stride, padding);
    }

    /** Where the activations have their channels; NCHW by default, or what the InputType says. */
    public T dataFormat(CNN2DFormat dataFormat) {
      this.dataFormat = dataFormat;
      return (T) this;
    }

    /** Groups of the convolution, at least 1; divides nIn and nOut. Default 1. */
    public T groups(int groups) {
      this.groups = Geometry.atLeastOne("groups", groups);
      return (T) this;
    }

    @Override
    protected boolean allowCausal() {
      return false;
    }

    @Override
    public void setKernelSize(int... kernelSize) {
      this.kernelSize = ValidationUtils.validate2NonNegative(kernelSize, true, "kernelSize");
    }

    @Override
    public void setStride(int... stride) {
      this.stride = ValidationUtils.validate2NonNegative(stride, true, "stride");
    }

    @Override
    public void setPadding(int... padding) {
      this.padding = ValidationUtils.validate2NonNegative(padding, true, "padding");
    }

    @Override
    public void setDilation(int... dilation) {
      this.dilation = ValidationUtils.validate2NonNegative(dilation, true, "dilation");
    }

    /** Refuses settings that no input can fit. */
    void check() {
      Geometry.notNegative("nIn", getNIn());
      Geometry.notNegative("nOut", getNOut());
      Geometry.checkWindow(
          getConvolutionMode(), kernelSize, getStride(), getPadding(), getDilation());
    }
  }
}
