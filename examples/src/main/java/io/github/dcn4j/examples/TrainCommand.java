package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.detect.BackboneLayer;
import io.github.dcn4j.examples.detect.DetectionSheet;
import io.github.dcn4j.examples.detect.Detector;
import io.github.dcn4j.examples.detect.Trainer;
import io.github.dcn4j.examples.detect.TrainingCurve;
import io.github.dcn4j.examples.detect.TrainingOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains a detector and shows how well it does. */
@Command(
    name = "train",
    description = {
      "Trains a one-stage detector with deformable layers.",
      "Without --data: on handwritten digits, warped and placed on photographs.",
      "Prints the loss and the mean average precision on held-out images after each epoch, and"
          + " writes to the --output folder: best.zip and last.zip, the models of the best epoch (by"
          + " mAP@[.5:.95]) and the last; results.csv and training-curve.png, the figures of all"
          + " epochs; arguments.json; and detections.png."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false)
final class TrainCommand implements Callable<Integer> {
  private static final String NETWORK = "detector";

  @Spec private CommandSpec spec;

  @Mixin private TrainingArguments arguments;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "detector",
      description = "Folder to write to; made if missing.")
  private Path output;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "7",
      description = "Passes over the training images.")
  private int epochs;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "16", description = "Minibatch size.")
  private int batch;

  @Option(
      names = "--layer",
      paramLabel = "KIND",
      defaultValue = "v2",
      description = "Convolutions of the backbone: ${COMPLETION-CANDIDATES}.")
  private BackboneLayer layer;

  @Override
  public Integer call() throws IOException {
    TrainingOptions options =
        arguments.options(epochs, batch, layer, layer.getLearningRate(), Trainer.STRIDE);
    try (OutputFolder folder = OutputFolder.open(output)) {
      arguments.prepare(folder, Map.of(NETWORK, options));
      files(folder).begin(arguments.checkpoints(folder, NETWORK, options));
      ArgumentsFile.write(spec, folder);
      train(options, folder);
    }
    return 0;
  }

  private static TrainingFiles files(OutputFolder folder) {
    return new TrainingFiles(folder, "");
  }

  private void train(TrainingOptions options, OutputFolder folder) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    out.printf("Backbone of %s convolutions.%n", layer.name().toLowerCase(Locale.ROOT));
    out.flush();

    Trainer trainer =
        new Trainer(
            options,
            arguments.training(),
            arguments.heldOut(),
            arguments.checkpoints(folder, NETWORK, options));
    TrainingFiles files = files(folder);
    Console console = new Console(out, epochs, files);
    Detector detector = console.watch(trainer::train);

    files.restore(detector, console.results());
    DetectionSheet.write(detector, arguments.shown(), folder.resolve("detections.png"));
    TrainingCurve.write(console.results(), folder.resolve("training-curve.png"));
    out.printf(Locale.ROOT, "Done in %.0f s. %s%n", console.seconds(), console.precision());
    out.printf(
        "Written to %s: %s, detections.png, training-curve.png, arguments.json%n",
        folder, String.join(", ", files.names()));
    out.printf(
        "See what it finds: detect --model %s --source IMAGE_OR_FOLDER%n",
        FileNames.text(files.best()));
    out.flush();
    arguments.printLeftOut();
  }
}
