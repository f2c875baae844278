package io.github.dcn4j.examples;

import io.github.dcn4j.examples.checkpoint.AtomicFile;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import io.github.dcn4j.examples.detect.EpochResult;
import io.github.dcn4j.examples.detect.ObjectDetector;
import io.github.dcn4j.examples.detect.TrainingObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a training keeps after each epoch: the model of the best epoch so far and that of the last,
 * and a table of figures.
 *
 * <p>They are written before the epoch's checkpoint is. So a training that is killed and resumed
 * writes the same ones as one that was not.
 */
final class TrainingFiles implements TrainingObserver {
  private static final String HEADER =
      "epoch,loss,mAP@0.5,mAP@[.5:.95],training seconds,evaluation seconds";

  private final Path best;
  private final Path last;
  private final Path results;

  /**
   * Names the files.
   *
   * @param prefix what their names begin with
   */
  TrainingFiles(OutputFolder folder, String prefix) {
    best = folder.resolve(prefix + "best.zip");
    last = folder.resolve(prefix + "last.zip");
    results = folder.resolve(prefix + "results.csv");
  }

  /**
   * Deletes what an earlier training left, so that none of it is taken for this one's.
   *
   * @param checkpoints of this training; if there are some, it goes on, and the files are its own
   */
  void begin(CheckpointFolder checkpoints) throws IOException {
    if (checkpoints.isEmpty()) {
      for (Path file : List.of(best, last, results)) {
        Files.deleteIfExists(file);
      }
    }
  }

  /** The model of the best epoch; if that was deleted since, that of the last. */
  Path best() {
    return Files.exists(best) ? best : last;
  }

  /** The names of all files that are there. */
  List<String> names() {
    List<String> names = new ArrayList<>();
    for (Path file : List.of(best, last, results)) {
      if (Files.exists(file)) {
        names.add(file.getFileName().toString());
      }
    }
    return names;
  }

  @Override
  public void measured(ObjectDetector detector, List<EpochResult> all, boolean isBest) {
    try {
      if (isBest) {
        detector.save(best);
      }
      detector.save(last);
      AtomicFile.write(results, part -> Files.write(part, table(all)));
    } catch (IOException e) {
      throw new UncheckedIOException(
          new IOException(e.getMessage() + " (--resume goes on with the training)", e));
    }
  }

  /** Makes good what was deleted after the last epoch of a training that has ended. */
  void restore(ObjectDetector detector, List<EpochResult> all) throws IOException {
    if (!Files.exists(last)) {
      detector.save(last);
    }
    if (!Files.exists(results)) {
      AtomicFile.write(results, part -> Files.write(part, table(all)));
    }
  }

  private static List<String> table(List<EpochResult> all) {
    List<String> lines = new ArrayList<>(List.of(HEADER));
    for (EpochResult result : all) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%d,%s,%s,%s,%.3f,%.3f",
              result.getEpoch(),
              result.getLoss(),
              result.getMap50(),
              result.getMap(),
              result.getTrainingSeconds(),
              result.getEvaluationSeconds()));
    }
    return lines;
  }
}
