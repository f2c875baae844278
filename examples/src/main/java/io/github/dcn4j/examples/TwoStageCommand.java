package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import io.github.dcn4j.examples.detect.BackboneLayer;
import io.github.dcn4j.examples.detect.DetectionSheet;
import io.github.dcn4j.examples.detect.TrainingOptions;
import io.github.dcn4j.examples.rfcn.BinSheet;
import io.github.dcn4j.examples.rfcn.Pooling;
import io.github.dcn4j.examples.rfcn.TwoStageDetector;
import io.github.dcn4j.examples.rfcn.TwoStageTrainer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains two-stage detectors that differ in how they pool regions, and compares them. */
@Command(
    name = "train-two-stage",
    description = {
      "Trains two-stage detectors with plain, deformable and modulated deformable"
          + " position-sensitive pooling of regions, and compares them in a table.",
      "Without --data: on handwritten digits, warped and placed on photographs.",
      "All see the same images in the same order.",
      "Writes to the --output folder for each pooling: POOLING-best.zip and POOLING-last.zip, the"
          + " models of the best epoch (by mAP@[.5:.95]) and the last; POOLING-results.csv, the"
          + " figures of all epochs; POOLING-detections.png; and, where the bins of the pooling"
          + " move, POOLING-bins.png, which shows where they moved. And arguments.json."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false)
final class TwoStageCommand implements Callable<Integer> {
  /** What to train. */
  private enum Choice {
    NONE(Pooling.NONE),
    DEFORMABLE(Pooling.DEFORMABLE),
    MODULATED(Pooling.MODULATED),
    ALL(Pooling.values());

    private final List<Pooling> poolings;

    Choice(Pooling... poolings) {
      this.poolings = List.of(poolings);
    }
  }

  @Spec private CommandSpec spec;

  @Mixin private TrainingArguments arguments;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "two-stage",
      description = "Folder to write to; made if missing.")
  private Path output;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "5",
      description = "Passes over the training images.")
  private int epochs;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "8", description = "Minibatch size.")
  private int batch;

  @Option(
      names = "--pooling",
      paramLabel = "KIND",
      defaultValue = "all",
      description =
          "Pooling of regions (${COMPLETION-CANDIDATES}): in none the bins stay in place; all are"
              + " trained one after the other.")
  private Choice pooling;

  @Option(
      names = "--layer",
      paramLabel = "KIND",
      defaultValue = "v2",
      description = "Convolutions of the backbone, the same for all: ${COMPLETION-CANDIDATES}.")
  private BackboneLayer layer;

  @Override
  public Integer call() throws IOException {
    TrainingOptions options =
        arguments.options(
            epochs, batch, layer, TwoStageTrainer.LEARNING_RATE, TwoStageTrainer.STRIDE);
    try (OutputFolder folder = OutputFolder.open(output)) {
      arguments.prepare(
          folder,
          pooling.poolings.stream()
              .collect(Collectors.toMap(TwoStageCommand::name, kind -> options)));
      for (Pooling kind : pooling.poolings) {
        files(kind, folder).begin(arguments.checkpoints(folder, name(kind), options));
      }
      ArgumentsFile.write(spec, folder);
      train(options, folder);
    }
    return 0;
  }

  private void train(TrainingOptions options, OutputFolder folder) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    TwoStageTrainer trainer =
        new TwoStageTrainer(options, arguments.training(), arguments.heldOut());
    List<String> written = new ArrayList<>();
    List<Path> models = new ArrayList<>();
    Map<Pooling, Console> consoles = new EnumMap<>(Pooling.class);
    for (Pooling kind : pooling.poolings) {
      out.printf("%n%s%n", title(kind));
      out.flush();
      TrainingFiles files = files(kind, folder);
      Console console = new Console(out, epochs, files);
      consoles.put(kind, console);
      CheckpointFolder checkpoints = arguments.checkpoints(folder, name(kind), options);
      TwoStageDetector detector =
          console.watch(observer -> trainer.train(kind, checkpoints, observer));
      files.restore(detector, console.results());
      written.addAll(files.names());
      draw(detector, folder, written);
      models.add(files.best());
    }
    print(out, consoles);
    out.printf("%nWritten to %s: %s, arguments.json%n", folder, String.join(", ", written));
    out.printf(
        "See what one finds: detect --model %s --source IMAGE_OR_FOLDER%n",
        FileNames.text(models.get(models.size() - 1)));
    out.flush();
    arguments.printLeftOut();
  }

  /** What the files of a pooling begin with. */
  private static String name(Pooling kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  private static TrainingFiles files(Pooling kind, OutputFolder folder) {
    return new TrainingFiles(folder, name(kind) + "-");
  }

  private void draw(TwoStageDetector detector, OutputFolder folder, List<String> written)
      throws IOException {
    String name = name(detector.getPooling());
    String detections = name + "-detections.png";
    DetectionSheet.write(detector, arguments.shown(), folder.resolve(detections));
    written.add(detections);
    if (detector.getPooling() != Pooling.NONE) {
      String bins = name + "-bins.png";
      BinSheet.write(detector, arguments.shown(), folder.resolve(bins));
      written.add(bins);
    }
  }

  private static String title(Pooling kind) {
    switch (kind) {
      case NONE:
        return "Plain position-sensitive pooling";
      case DEFORMABLE:
        return "Deformable position-sensitive pooling";
      default:
        return "Modulated deformable position-sensitive pooling";
    }
  }

  private static void print(PrintWriter out, Map<Pooling, Console> consoles) {
    out.printf("%nOn held-out images after the last epoch:%n%n");
    out.println("| pooling of regions | mAP@0.5 | mAP@[.5:.95] | seconds |");
    out.println("| --- | --- | --- | --- |");
    consoles.forEach(
        (kind, console) ->
            out.printf(
                Locale.ROOT,
                "| %s | %.3f | %.3f | %.0f |%n",
                title(kind),
                console.last().getMap50(),
                console.last().getMap(),
                console.seconds()));
  }
}
