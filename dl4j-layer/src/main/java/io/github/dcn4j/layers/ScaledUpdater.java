package io.github.dcn4j.layers;

import java.util.List;
import java.util.stream.Collectors;
import lombok.EqualsAndHashCode;
import lombok.RequiredArgsConstructor;
import lombok.ToString;
import org.deeplearning4j.exception.DL4JInvalidConfigException;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.linalg.schedule.ISchedule;

/** Scales the learning rate of an updater, for the parameters of the offset convolution. */
final class ScaledUpdater {
  private ScaledUpdater() {}

  /**
   * A copy of the updater with its learning rate, constant or scheduled, times the multiplier; the
   * updater itself where there is nothing to scale.
   */
  static IUpdater of(IUpdater updater, double multiplier) {
    if (updater == null || multiplier == 1.0) {
      return updater;
    }
    if (multiplier == 0.0) {
      return new Sgd(0.0); // others still move a little: Adam takes its epsilon for a rate of 0
    }
    if (updater instanceof NoOp) {
      return new Sgd(multiplier); // NoOp takes the gradient itself, as a rate of 1 does
    }
    IUpdater scaled = updater.clone();
    scaled.setLrAndSchedule(Double.NaN, new ScaledLearningRate(updater, multiplier));
    return scaled;
  }

  /**
   * What of a parameter's regularisation acts: without what acts beside the updater, weight decay,
   * for one that is held by a multiplier of 0.
   */
  static List<Regularization> regularization(List<Regularization> all, double multiplier) {
    return all == null || multiplier != 0
        ? all
        : all.stream()
            .filter(r -> r.applyStep() != Regularization.ApplyStep.POST_UPDATER)
            .collect(Collectors.toList());
  }

  /** Refuses a multiplier that is not one; the exception names it. */
  static double checked(String name, double multiplier) {
    if (!(multiplier >= 0) || Double.isInfinite(multiplier)) {
      throw new IllegalArgumentException(
          name + ": expected a finite number of at least 0, got " + multiplier);
    }
    return multiplier;
  }

  /** Refuses a multiplier that one of the updaters would ignore. */
  static void check(String name, double multiplier, IUpdater... updaters) {
    checked(name, multiplier);
    for (IUpdater updater : updaters) {
      boolean ignored = updater != null && !updater.hasLearningRate() && !(updater instanceof NoOp);
      if (multiplier != 1.0 && multiplier != 0.0 && ignored) {
        throw new DL4JInvalidConfigException(
            name
                + ": expected 1 or 0 with the updater "
                + updater.getClass().getSimpleName()
                + ", which has no learning rate, got "
                + multiplier);
      }
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
