package io.github.dcn4j.examples.benchmark;

import java.io.Serializable;
import lombok.Value;
import org.apache.commons.math3.stat.descriptive.rank.Percentile;

/** Milliseconds of a contender: the median and the quartiles of several runs. */
@Value
class Timing implements Serializable {
  double lowerQuartile;
  double median;
  double upperQuartile;

  static Timing of(double[] milliseconds) {
    Percentile percentile = new Percentile();
    percentile.setData(milliseconds);
    return new Timing(percentile.evaluate(25), percentile.evaluate(50), percentile.evaluate(75));
  }
}
