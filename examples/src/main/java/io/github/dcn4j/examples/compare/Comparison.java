package io.github.dcn4j.examples.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import lombok.RequiredArgsConstructor;
import org.apache.commons.math3.stat.descriptive.SummaryStatistics;

/** Trainings of several kinds of network, each with the same seeds, as tables. */
@RequiredArgsConstructor
public final class Comparison {
  /** What the kinds are kinds of. */
  private final String title;

  private final List<Outcome> outcomes = new ArrayList<>();

  /** Adds a training. */
  public void add(Outcome outcome) {
    outcomes.add(outcome);
  }

  /** The figure over the seeds of each kind, the kinds in the order of their first trainings. */
  Map<String, SummaryStatistics> statistics(ToDoubleFunction<Outcome> figure) {
    Map<String, SummaryStatistics> statistics = new LinkedHashMap<>();
    for (Outcome outcome : outcomes) {
      statistics
          .computeIfAbsent(outcome.getKind(), kind -> new SummaryStatistics())
          .addValue(figure.applyAsDouble(outcome));
    }
    return statistics;
  }

  /** A Markdown table of means and standard deviations over the seeds. */
  public String markdown() {
    StringBuilder table = new StringBuilder();
    table.append(
        String.format(
            "| %s | mAP@0.5 | mAP@[.5:.95] | training, s | detection, ms an image |%n", title));
    table.append(String.format("| --- | --- | --- | --- | --- |%n"));
    Map<String, SummaryStatistics> map50 = statistics(Outcome::getMap50);
    Map<String, SummaryStatistics> map = statistics(Outcome::getMap);
    Map<String, SummaryStatistics> seconds = statistics(Outcome::getTrainingSeconds);
    Map<String, SummaryStatistics> milliseconds = statistics(Outcome::getImageMilliseconds);
    for (String kind : map.keySet()) {
      table.append(
          String.format(
              "| %s | %s | %s | %s | %s |%n",
              kind,
              meanAndDeviation("%.3f", map50.get(kind)),
              meanAndDeviation("%.3f", map.get(kind)),
              meanAndDeviation("%.0f", seconds.get(kind)),
              meanAndDeviation("%.1f", milliseconds.get(kind))));
    }
    return table.toString();
  }

  /** One seed has no deviation. */
  private static String meanAndDeviation(String format, SummaryStatistics statistics) {
    String mean = String.format(Locale.ROOT, format, statistics.getMean());
    return statistics.getN() == 1
        ? mean
        : mean + " ± " + String.format(Locale.ROOT, format, statistics.getStandardDeviation());
  }

  /** A line for each training, as comma-separated values with a head. */
  public String csv() {
    StringBuilder lines =
        new StringBuilder(
            String.format(
                "kind,seed,learning_rate,map50,map,training_seconds,image_milliseconds%n"));
    for (Outcome outcome : outcomes) {
      lines.append(
          String.format(
              Locale.ROOT,
              "%s,%d,%s,%.5f,%.5f,%.2f,%.3f%n",
              outcome.getKind(),
              outcome.getSeed(),
              outcome.getLearningRate(),
              outcome.getMap50(),
              outcome.getMap(),
              outcome.getTrainingSeconds(),
              outcome.getImageMilliseconds()));
    }
    return lines.toString();
  }
}
