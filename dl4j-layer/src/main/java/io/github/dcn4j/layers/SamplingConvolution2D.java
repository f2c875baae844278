package io.github.dcn4j.layers;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import lombok.AccessLevel;
import lombok.Data;
import lombok.EqualsAndHashCode;
import lombok.Getter;
import lombok.NoArgsConstructor;
import lombok.Setter;
import lombok.ToString;
import org.deeplearning4j.nn.api.layers.LayerConstraint;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * A layer that predicts from its input where to sample it, and how much to make of each sample; its
 * predictor may learn at a rate of its own. {@link SamplingLayer} runs it.
 */
@Data
@NoArgsConstructor
@ToString(callSuper = true)
@EqualsAndHashCode(callSuper = true)
abstract class SamplingConvolution2D extends GroupedConvolution2D {
  private static final String MULTIPLIER = "offsetLearningRateMultiplier";

  /** Factor of the learning rate of the predictor. */
  private double offsetLearningRateMultiplier = 1.0;

  SamplingConvolution2D(Builder<?> builder) {
    super(builder);
    offsetLearningRateMultiplier = builder.getOffsetLearningRateMultiplier();
  }

  /** Whether a parameter is one of the predictor's. */
  abstract boolean isPredictorParam(String key);

  /**
   * Whether constraints may act on a parameter; not where it starts at zero: UnitNorm gives NaN.
   */
  boolean isConstrained(String key) {
    return !isPredictorParam(key);
  }

  /** What makes the mask of its logits; null if samples are taken as they are. */
  abstract MaskActivation maskActivation();

  /** Sampled positions of an output pixel: groups × taps. */
  long sampledTaps() {
    return (long) offsetGroups() * kernelSize[0] * kernelSize[1];
  }

  /** Sampled positions of an output pixel in one of the groups. */
  int taps() {
    return Math.toIntExact(sampledTaps() / offsetGroups());
  }

  /** Values predicted for an output pixel: the offsets, then the mask logits. */
  long predictionChannels() {
    return (maskActivation() == null ? 2 : 3) * sampledTaps();
  }

  @Override
  void check() {
    super.check();
    ScaledUpdater.check(MULTIPLIER, offsetLearningRateMultiplier, getIUpdater(), getBiasUpdater());
  }

  /**
   * The updater of a parameter. For those that predict where to sample it is a copy whose learning
   * rate is multiplied by {@code offsetLearningRateMultiplier}.
   */
  @Override
  public IUpdater getUpdaterByParam(String paramName) {
    IUpdater updater = super.getUpdaterByParam(paramName);
    return isPredictorParam(paramName)
        ? ScaledUpdater.of(updater, offsetLearningRateMultiplier)
        : updater;
  }

  @Override
  public List<Regularization> getRegularizationByParam(String paramName) {
    List<Regularization> all = super.getRegularizationByParam(paramName);
    return isPredictorParam(paramName)
        ? ScaledUpdater.regularization(all, offsetLearningRateMultiplier)
        : all;
  }

  /** Factor of the learning rate of the predictor, finite and at least 0. */
  @JsonProperty(MULTIPLIER)
  public void setOffsetLearningRateMultiplier(double multiplier) {
    offsetLearningRateMultiplier = ScaledUpdater.checked(MULTIPLIER, multiplier);
  }

  /** As in ConvolutionLayer, but for parameters that are {@link #isConstrained} alone. */
  @Override
  protected void initializeConstraints(org.deeplearning4j.nn.conf.layers.Layer.Builder<?> builder) {
    super.initializeConstraints(builder);
    constraints = thoseAllowed(constraints);
  }

  private List<LayerConstraint> thoseAllowed(List<LayerConstraint> constraints) {
    if (constraints == null) {
      return null;
    }
    List<LayerConstraint> kept = new ArrayList<>();
    for (LayerConstraint constraint : constraints) {
      Set<String> names = new HashSet<>(constraint.getParams());
      names.removeIf(name -> !isConstrained(name));
      constraint.setParams(names);
      kept.add(constraint);
    }
    return kept;
  }

  /**
   * Builder with one setting more.
   *
   * @param <T> the builder
   */
  @Getter
  @Setter
  // As in DL4J's own builders.
  @SuppressWarnings("unchecked")
  abstract static class Builder<T extends Builder<T>> extends GroupedConvolution2D.Builder<T> {
    /** Factor of the learning rate of the predictor. */
    @Setter(AccessLevel.NONE)
    private double offsetLearningRateMultiplier = 1.0;

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

    /**
     * Factor of the learning rate of what predicts where to sample, finite and at least 0. Default
     * 1; 0.1 is usual; 0 leaves it as it is. An updater without a learning rate (AdaDelta) takes
     * only 1 and 0.
     */
    public T offsetLearningRateMultiplier(double multiplier) {
      this.offsetLearningRateMultiplier = ScaledUpdater.checked(MULTIPLIER, multiplier);
      return (T) this;
    }
  }
}
