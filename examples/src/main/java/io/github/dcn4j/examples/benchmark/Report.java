package io.github.dcn4j.examples.benchmark;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import lombok.experimental.UtilityClass;

/** The timings as Markdown. */
@UtilityClass
class Report {
  private static final String ABSENT = "–";

  /**
   * A text with a table for each task.
   *
   * @param conditions lines that say what was compared, and where
   */
  static String markdown(List<String> conditions, List<TaskResult> results) {
    StringBuilder text = new StringBuilder();
    conditions.forEach(line -> text.append("- ").append(line).append('\n'));
    for (TaskResult result : results) {
      text.append("\n**").append(title(result.getTask())).append("**\n\n");
      text.append(table(result));
    }
    return text.toString();
  }

  static String title(Task task) {
    String where =
        String.format(
            Locale.ROOT,
            "%s, %d %s",
            task.getKernel(),
            task.getThreads(),
            task.getThreads() == 1 ? "thread" : "threads");
    if (task.getKind() == Task.Kind.TRAINING) {
      return String.format(
          Locale.ROOT,
          "One training iteration in DL4J, %d layers, float, %s",
          TrainingCase.LAYERS,
          where);
    }
    return "Convolution, " + (task.isDoublePrecision() ? "double, " : "float, ") + where;
  }

  private static String table(TaskResult result) {
    TreeSet<Contender> contenders = new TreeSet<>();
    result.getCases().forEach(c -> contenders.addAll(c.getTimings().keySet()));
    StringBuilder text = new StringBuilder("| " + ConvolutionShape.NAMES + " |");
    contenders.forEach(contender -> text.append(' ').append(contender.getTitle()).append(" |"));
    text.append("\n| --- |").append(" --- |".repeat(contenders.size())).append('\n');
    for (TaskResult.Case c : result.getCases()) {
      text.append("| ").append(c.getShape()).append(" | ");
      text.append(
          contenders.stream()
              .map(contender -> cell(contender, c.getTimings()))
              .collect(Collectors.joining(" | ")));
      text.append(" |\n");
    }
    return text.toString();
  }

  private static String cell(Contender contender, Map<Contender, Timing> timings) {
    Timing timing = timings.get(contender);
    if (timing == null) {
      return ABSENT;
    }
    String times =
        number(timing.getMedian())
            + " ("
            + number(timing.getLowerQuartile())
            + "–"
            + number(timing.getUpperQuartile())
            + ")";
    if (contender == contender.ours()) {
      return "**" + times + "**";
    }
    double ratio = timing.getMedian() / timings.get(contender.ours()).getMedian();
    return times + String.format(Locale.ROOT, " ×%.2f", ratio);
  }

  /** Three digits. */
  private static String number(double milliseconds) {
    int decimals = milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0;
    return String.format(Locale.ROOT, "%." + decimals + "f", milliseconds);
  }
}
