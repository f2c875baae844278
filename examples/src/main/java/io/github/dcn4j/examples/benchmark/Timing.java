package io.github.dcn4j.examples.benchmark;

import java.io.Serializable;
import lombok.Value;
import org.apache.commons.math3.stat.StatUtils;

/** Milliseconds of a contender: the best and the median of several rounds. */
@Value
class Timing implements Serializable {
  double best;
  double median;

  static Timing of(double[] milliseconds) {
    return new Timing(StatUtils.min(milliseconds), StatUtils.percentile(milliseconds, 50));
  }

  Timing plus(Timing other) {
    return new Timing(best + other.best, median + other.median);
  }
}
