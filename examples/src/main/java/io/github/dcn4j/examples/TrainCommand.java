package io.github.dcn4j.examples;

import io.github.dcn4j.examples.data.DetectionDataset;
import io.github.dcn4j.examples.data.DigitScenes;
import io.github.dcn4j.examples.data.LabelledImage;
import io.github.dcn4j.examples.data.VocFolder;
import io.github.dcn4j.examples.detect.BackboneLayer;
import io.github.dcn4j.examples.detect.DetectionSheet;
import io.github.dcn4j.examples.detect.Detector;
import io.github.dcn4j.examples.detect.EpochResult;
import io.github.dcn4j.examples.detect.Trainer;
import io.github.dcn4j.examples.detect.TrainingCurve;
import io.github.dcn4j.examples.detect.TrainingObserver;
import io.github.dcn4j.examples.detect.TrainingOptions;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
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
  private static final int SIDE = DigitScenes.SIDE;

  /** Held-out scenes are the same in every run, so that runs can be compared. */
  private static final long HELD_OUT_SEED = 20_011;

  private static final int PICTURES = 8;

  @Spec private CommandSpec spec;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description =
          "Pascal VOC folder to train on: JPEGImages, Annotations and, if the split is given,"
              + " ImageSets/Main/train.txt and val.txt. Images are stretched to 128×128.")
  private Path data;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "detector",
      description = "Folder to write to; made if missing.")
  private Path output;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "10",
      description = "Passes over the training images.")
  private int epochs;

  @Option(
      names = "--images",
      paramLabel = "N",
      description = "Composed training images in an epoch, new ones in each (default: 3200).")
  private Integer images;

  @Option(
      names = "--held-out",
      paramLabel = "N",
      description = "Composed held-out images, the same after each epoch (default: 300).")
  private Integer heldOut;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "16", description = "Minibatch size.")
  private int batch;

  @Option(
      names = "--learning-rate",
      paramLabel = "X",
      defaultValue = "0.002",
      description = "Highest learning rate of Adam.")
  private double learningRate;

  @Option(
      names = "--layer",
      paramLabel = "KIND",
      defaultValue = "deformable",
      description = "Convolutions of the backbone: deformable, or plain to compare with.")
  private BackboneLayer layer;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Decides all that is random.")
  private long seed;

  @Override
  public Integer call() throws IOException {
    check(epochs >= 1, "--epochs", epochs, "at least 1");
    check(batch >= 1, "--batch", batch, "at least 1");
    check(images == null || images >= 1, "--images", images, "at least 1");
    check(heldOut == null || heldOut >= 1, "--held-out", heldOut, "at least 1");
    check(learningRate > 0 && learningRate < 1, "--learning-rate", learningRate, "between 0 and 1");
    if (data != null && (images != null || heldOut != null)) {
      throw new ParameterException(
          spec.commandLine(), "--images and --held-out are for composed images, not for --data");
    }
    prepareOutput();

    PrintWriter out = spec.commandLine().getOut();
    DetectionDataset training;
    DetectionDataset test;
    if (data == null) {
      training = DigitScenes.training(images == null ? 3200 : images, seed);
      test = DigitScenes.heldOut(heldOut == null ? 300 : heldOut, HELD_OUT_SEED);
    } else {
      VocFolder folder = VocFolder.open(data, seed);
      training = folder.training(SIDE);
      test = folder.heldOut(SIDE);
      readAll(training, test);
    }
    out.printf(
        "%d training images an epoch, %d held out; %d classes: %s%n",
        training.size(),
        test.size(),
        training.labels().size(),
        String.join(", ", training.labels()));
    out.printf("Backbone of %s convolutions.%n", layer.name().toLowerCase(Locale.ROOT));
    out.flush();

    TrainingOptions options =
        TrainingOptions.builder()
            .epochs(epochs)
            .batchSize(batch)
            .learningRate(learningRate)
            .seed(seed)
            .backbone(layer)
            .build();
    Console console = new Console(out, epochs);
    Detector detector;
    try (console) {
      detector = new Trainer(options, training, test).train(console);
    } catch (ArithmeticException e) {
      throw new UserInputException(e.getMessage(), e);
    }

    write(detector, test, console.results);
    double precision = console.results.get(console.results.size() - 1).getMap50();
    out.printf(
        Locale.ROOT,
        "Done in %.0f s. mAP@0.5 on held-out images: %.3f%s%n",
        console.seconds(),
        precision,
        Double.isNaN(precision) ? " (they hold no objects)" : "");
    out.printf("Written to %s: detector.zip, detections.png, training-curve.png%n", output);
    out.flush();
    return 0;
  }

  private void check(boolean fine, String option, Object given, String expected) {
    if (!fine) {
      throw new ParameterException(
          spec.commandLine(), option + ": expected " + expected + ", got " + given);
    }
  }

  /** Fails before the training, not after it, if nothing can be written. */
  private void prepareOutput() {
    try {
      Files.createDirectories(output);
    } catch (IOException e) {
      throw new UserInputException("--output: cannot make the folder " + output, e);
    }
    if (!Files.isWritable(output)) {
      throw new UserInputException("--output: cannot write to the folder " + output);
    }
    checkFonts();
  }

  /** The pictures have text; a bare machine may have no font for it. */
  private static void checkFonts() {
    try {
      new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB)
          .createGraphics()
          .getFontMetrics()
          .stringWidth("0");
    } catch (RuntimeException | Error e) { // what Java throws without fontconfig differs
      throw new UserInputException(
          "cannot draw text, which the pictures need: install the packages fontconfig and"
              + " fonts-dejavu-core",
          e);
    }
  }

  /** Finds unreadable images before the training; the memory keeps what it has room for. */
  private static void readAll(DetectionDataset... datasets) {
    for (DetectionDataset dataset : datasets) {
      try (ProgressBar bar = bar("reading images", dataset.size())) {
        IntStream.range(0, dataset.size())
            .parallel()
            .forEach(
                i -> {
                  dataset.get(i);
                  bar.step();
                });
      }
    }
  }

  private void write(Detector detector, DetectionDataset test, List<EpochResult> results)
      throws IOException {
    detector.save(output.resolve("detector.zip").toFile());
    List<LabelledImage> shown =
        IntStream.range(0, Math.min(PICTURES, test.size()))
            .mapToObj(test::get)
            .collect(Collectors.toList());
    DetectionSheet.write(detector, shown, output.resolve("detections.png"));
    TrainingCurve.write(results, output.resolve("training-curve.png"));
  }

  private static ProgressBar bar(String name, long steps) {
    return new ProgressBarBuilder()
        .setTaskName(name)
        .setInitialMax(steps)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(System.console() == null ? 10_000 : 500)
        .build();
  }

  /** A progress bar for each epoch and a line of figures after it. */
  private static final class Console implements TrainingObserver, AutoCloseable {
    final List<EpochResult> results = new ArrayList<>();
    private final PrintWriter out;
    private final int epochs;
    private final long start = System.nanoTime();
    private ProgressBar bar;

    Console(PrintWriter out, int epochs) {
      this.out = out;
      this.epochs = epochs;
    }

    double seconds() {
      return (System.nanoTime() - start) / 1e9;
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

    @Override
    public void close() {
      if (bar != null) {
        bar.close();
        bar = null;
      }
    }
  }
}
