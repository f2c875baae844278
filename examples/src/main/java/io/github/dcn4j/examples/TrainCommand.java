package io.github.dcn4j.examples;

import io.github.dcn4j.examples.detect.BackboneLayer;
import io.github.dcn4j.examples.detect.DetectionSheet;
import io.github.dcn4j.examples.detect.Detector;
import io.github.dcn4j.examples.detect.Trainer;
import io.github.dcn4j.examples.detect.TrainingCurve;
import io.github.dcn4j.examples.detect.TrainingOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
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
          + " writes the model (detector.zip), detections.png and training-curve.png."
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
      arguments.prepare(folder, List.of(NETWORK));
      train(options, folder);
    }
    return 0;
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
            arguments.checkpoints(folder, NETWORK));
    Console console = new Console(out, epochs);
    Detector detector = console.watch(trainer::train);

    detector.save(folder.resolve("detector.zip").toFile());
    DetectionSheet.write(detector, arguments.shown(), folder.resolve("detections.png"));
    TrainingCurve.write(console.results(), folder.resolve("training-curve.png"));
    double precision = console.last().getMap50();
    out.printf(
        Locale.ROOT,
        "Done in %.0f s. mAP@0.5 on held-out images: %.3f%s%n",
        console.seconds(),
        precision,
        Double.isNaN(precision) ? " (they hold no objects)" : "");
    out.printf("Written to %s: detector.zip, detections.png, training-curve.png%n", folder);
    out.flush();
    arguments.printLeftOut();
  }
}
