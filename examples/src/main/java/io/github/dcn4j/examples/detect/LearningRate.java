package io.github.dcn4j.examples.detect;

import org.nd4j.linalg.schedule.ISchedule;
import org.nd4j.linalg.schedule.MapSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

/** How the learning rate changes in the course of a training. */
public final class LearningRate {
  /** Share of the training in which the learning rate rises. */
  private static final double WARM_UP = 0.1;

  /** In how many steps it changes. */
  private static final int STEPS = 50;

  private LearningRate() {}

  /**
   * A short linear rise, then a linear fall, in steps. Deeplearning4j 1.0.0-M2.1 has schedules of
   * both shapes, but cannot read the rising one back from a saved model.
   *
   * @param highest learning rate
   * @param iterations number of minibatches in the training
   */
  public static ISchedule warmUpThenLinearDecay(double highest, int iterations) {
    int steps = Math.min(STEPS, iterations);
    MapSchedule.Builder schedule = new MapSchedule.Builder(ScheduleType.ITERATION);
    for (int step = 0; step < steps; step++) {
      double done = (double) step / steps;
      double rise = Math.min(1, (step + 1.0) / (steps * WARM_UP));
      schedule.add((int) ((long) step * iterations / steps), highest * rise * (1 - done));
    }
    return schedule.build();
  }
}
