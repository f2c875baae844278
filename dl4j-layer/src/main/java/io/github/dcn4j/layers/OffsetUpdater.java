package io.github.dcn4j.layers;

import lombok.EqualsAndHashCode;
import lombok.RequiredArgsConstructor;
import lombok.ToString;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.schedule.ISchedule;

/** Scales the learning rate of an updater, for the parameters of the offset convolution. */
final class OffsetUpdater {
  private OffsetUpdater() {}

  /**
   * A copy of the updater with its learning rate, constant or scheduled, times the multiplier; the
   * updater itself where there is nothing to scale.
   */
  static IUpdater scaled(IUpdater updater, double multiplier) {
    if (updater == null || multiplier == 1.0 || updater instanceof NoOp) {
      return updater;
    }
    if (multiplier == 0.0) {
      return new Sgd(0.0); // others still move a little: Adam takes its epsilon for a rate of 0
    }
    IUpdater scaled = updater.clone();
    scaled.setLrAndSchedule(Double.NaN, new ScaledLearningRate(updater, multiplier));
    return scaled;
  }

  /** Refuses a multiplier that an updater would ignore. */
  static void checkMultiplier(DeformableConvolution2D conf) {
    double multiplier = conf.getOffsetLearningRateMultiplier();
    checkMultiplier(multiplier, conf.getIUpdater());
    checkMultiplier(multiplier, conf.getBiasUpdater());
  }

  private static void checkMultiplier(double multiplier, IUpdater updater) {
    boolean ignored = updater != null && !updater.hasLearningRate() && !(updater instanceof NoOp);
    if (multiplier != 1.0 && multiplier != 0.0 && ignored) {
      throw new DL4JInvalidConfigException(
          "offsetLearningRateMultiplier: expected 1 or 0 with the updater "
              + updater.getClass().getSimpleName()
              + ", which has no learning rate, got "
              + multiplier);
    }
  }

  /** The learning rate of an updater times a constant. */
  @EqualsAndHashCode
  @ToString
  @RequiredArgsConstructor
  private static final class ScaledLearningRate implements ISchedule {
    private final IUpdater updater;
    private final double multiplier;

    @Override
    public double valueAt(int iteration, int epoch) {
      return multiplier * updater.getLearningRate(iteration, epoch);
    }

    @Override
    public ISchedule clone() {
      return new ScaledLearningRate(updater.clone(), multiplier);
    }
  }
}
