package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.BadFiles;
import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.detect.EpochResult;
import io.github.dcn4j.examples.detect.ObjectDetector;
import io.github.dcn4j.examples.detect.TrainingObserver;
import io.github.dcn4j.examples.detect.TrainingState;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar for each epoch, a line of figures after it, and files of what it brought. */
final class Console implements TrainingObserver {
  private final List<EpochResult> results = new ArrayList<>();
  private final PrintWriter out;
  private final int epochs;
  private final TrainingObserver files;
  private ProgressBar bar;

  /** For a training that keeps nothing but its checkpoints. */
  Console(PrintWriter out, int epochs) {
    this(out, epochs, new TrainingObserver() {});
  }

  /** For a training of which some files are kept. */
  Console(PrintWriter out, int epochs, TrainingObserver files) {
    this.out = out;
    this.epochs = epochs;
    this.files = files;
  }

  /**
   * Runs a training that reports to this console.
   *
   * @throws UserInputException if the loss stops being a number
   */
  <T> T watch(Function<TrainingObserver, T> training) {
    try {
      return training.apply(this);
    } catch (ArithmeticException e) {
      throw new UserInputException(e.getMessage(), e);
    } finally {
      close();
    }
  }

  /** What the epochs brought so far. */
  List<EpochResult> results() {
    return Collections.unmodifiableList(results);
  }

  /** What the last epoch brought. */
  EpochResult last() {
    return results.get(results.size() - 1);
  }

  /** What the best and the last epoch's models are worth, in words. */
  String precision() {
    EpochResult best = results.get(0);
    for (EpochResult result : results) {
      best = result.getMap() <= best.getMap() ? best : result;
    }
    return "On held-out images: "
        + (Double.isNaN(best.getMap())
            ? "NaN, as they hold no objects"
            : figures("best", best) + "; " + figures("last", last()));
  }

  private static String figures(String name, EpochResult result) {
    return String.format(
        Locale.ROOT,
        "%s epoch %d mAP@0.5 %.3f, mAP@[.5:.95] %.3f",
        name,
        result.getEpoch(),
        result.getMap50(),
        result.getMap());
  }

  /** Seconds that the epochs took, those before an interruption too. */
  double seconds() {
    return results.stream()
        .mapToDouble(result -> result.getTrainingSeconds() + result.getEvaluationSeconds())
        .sum();
  }

  /** Seconds that the epochs took without the measurements after each. */
  double trainingSeconds() {
    return results.stream().mapToDouble(EpochResult::getTrainingSeconds).sum();
  }

  @Override
  public void resumed(Path checkpoint, TrainingState state) {
    results.addAll(state.getResults());
    out.printf(
        "Goes on from %s: %d of %d epochs%s done%n",
        FileNames.text(checkpoint),
        state.getEpoch(),
        epochs,
        state.getBatches() == 0 ? "" : " and " + state.getBatches() + " minibatches");
    out.flush();
  }

  @Override
  public void epochStarted(int epoch, int images) {
    bar = bar("epoch " + epoch + "/" + epochs, images);
  }

  @Override
  public void imagesSeen(int images, double loss) {
    bar.stepTo(images);
    bar.setExtraMessage(String.format(Locale.ROOT, "loss %.2f", loss));
  }

  @Override
  public void evaluationStarted() {
    close();
  }

  @Override
  public void measured(ObjectDetector detector, List<EpochResult> all, boolean best) {
    files.measured(detector, all, best);
  }

  @Override
  public void epochEnded(EpochResult result) {
    results.add(result);
    out.printf(
        Locale.ROOT,
        "epoch %2d/%d  loss %6.3f  mAP@0.5 %.3f  mAP@[.5:.95] %.3f  (%.0f s + %.0f s)%n",
        result.getEpoch(),
        epochs,
        result.getLoss(),
        result.getMap50(),
        result.getMap(),
        result.getTrainingSeconds(),
        result.getEvaluationSeconds());
    out.flush();
  }

  private void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }

  /** Says which files were left out, and why; nothing if none was. */
  static void printLeftOut(BadFiles badFiles, PrintWriter out) {
    List<String> complaints = badFiles.complaints();
    if (!complaints.isEmpty()) {
      out.printf("Left out for what is wrong with them: %d%n", complaints.size());
      complaints.forEach(complaint -> out.println("  " + complaint));
      out.flush();
    }
  }

  /** A progress bar that keeps quiet where nobody watches. */
  static ProgressBar bar(String name, long steps) {
    return new ProgressBarBuilder()
        .setTaskName(name)
        .setInitialMax(steps)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(System.console() == null ? 10_000 : 500)
        .build();
  }
}
