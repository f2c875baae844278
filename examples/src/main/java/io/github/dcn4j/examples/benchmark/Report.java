package io.github.dcn4j.examples.benchmark;

import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
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
      text.append(distance(result.getCases()));
      text.append(table(result));
    }
    return text.toString();
  }

  static String title(Task task) {
    return String.format(
        Locale.ROOT,
        "%s, %s%s, %d %s",
        task.getKind().getTitle(),
        task.getKind() == Task.Kind.TYPES ? "" : "float, ",
        task.getKernel(),
        task.getThreads(),
        task.getThreads() == 1 ? "thread" : "threads");
  }

  private static String table(TaskResult result) {
    TreeSet<Contender> contenders = new TreeSet<>();
    result.getCases().forEach(c -> contenders.addAll(c.getTimings().keySet()));
    contenders.removeAll(List.of(Contender.FMA_PEAK, Contender.CACHE_LINE));
    StringBuilder text = new StringBuilder("| " + ConvolutionShape.NAMES + " |");
    contenders.forEach(contender -> text.append(' ').append(contender.getTitle()).append(" |"));
    text.append("\n| --- |").append(" --- |".repeat(contenders.size())).append('\n');
    List<TaskResult.Case> rows = new ArrayList<>(result.getCases());
    if (result.getTask().getKind() == Task.Kind.SMALL_MAPS) {
      rows.add(together(rows));
    }
    double peak = peak(result.getCases());
    for (TaskResult.Case row : rows) {
      text.append("| ").append(row.getShape()).append(" | ");
      text.append(
          contenders.stream()
              .map(contender -> cell(contender, row) + share(contender, row, peak))
              .collect(Collectors.joining(" | ")));
      text.append(" |\n");
    }
    return text.toString();
  }

  private static TaskResult.Case together(List<TaskResult.Case> cases) {
    Map<Contender, Timing> sums = new TreeMap<>(cases.get(0).getTimings());
    for (TaskResult.Case c : cases.subList(1, cases.size())) {
      c.getTimings().forEach((contender, timing) -> sums.merge(contender, timing, Timing::plus));
    }
    double operations = cases.stream().mapToDouble(TaskResult.Case::getOperations).sum();
    return new TaskResult.Case("together", operations, sums);
  }

  /**
   * Operations a millisecond at the FMA peak, the best of all rows: in a row of its own it would be
   * too low whenever another guest of the machine had a core just then. 0 where it was not
   * measured.
   */
  private static double peak(List<TaskResult.Case> cases) {
    return cases.stream()
        .filter(c -> c.getTimings().containsKey(Contender.FMA_PEAK))
        .mapToDouble(c -> c.getOperations() / c.getTimings().get(Contender.FMA_PEAK).getBest())
        .max()
        .orElse(0);
  }

  /** Between which medians of its rows a cache line's way from one thread to another was. */
  private static String distance(List<TaskResult.Case> cases) {
    DoubleSummaryStatistics nanoseconds =
        cases.stream()
            .filter(c -> c.getTimings().containsKey(Contender.CACHE_LINE))
            .mapToDouble(c -> c.getTimings().get(Contender.CACHE_LINE).getMedian() * 1e6)
            .summaryStatistics();
    return nanoseconds.getCount() == 0
        ? ""
        : String.format(
            Locale.ROOT,
            "A cache line takes %.0f to %.0f ns from one thread to another.%n%n",
            nanoseconds.getMin(),
            nanoseconds.getMax());
  }

  private static String share(Contender contender, TaskResult.Case row, double peak) {
    Timing timing = row.getTimings().get(contender);
    if (timing == null || peak == 0 || contender.passes() == 0) {
      return "";
    }
    double share = contender.passes() * row.getOperations() / peak / timing.getBest();
    return String.format(Locale.ROOT, " %.0f %%", 100 * share);
  }

  private static String cell(Contender contender, TaskResult.Case row) {
    Map<Contender, Timing> timings = row.getTimings();
    Timing timing = timings.get(contender);
    if (timing == null) {
      return ABSENT;
    }
    String text = number(timing.getBest()) + " (" + number(timing.getMedian()) + ")";
    if (contender == contender.ours()) {
      text = "**" + text + "**";
    } else {
      double ratio = timing.getBest() / timings.get(contender.ours()).getBest();
      text += String.format(Locale.ROOT, " ×%.2f", ratio);
    }
    return text;
  }

  /** Three digits. */
  private static String number(double milliseconds) {
    int decimals = milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0;
    return String.format(Locale.ROOT, "%." + decimals + "f", milliseconds);
  }
}
