package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.ImageFiles;
import io.github.dcn4j.examples.checkpoint.AtomicFile;
import io.github.dcn4j.examples.data.HandwrittenDigits;
import io.github.dcn4j.examples.onnx.DigitBatches;
import io.github.dcn4j.examples.onnx.ImageClassifier;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.nd4j.linalg.dataset.DataSet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Imports an ONNX model with deformable convolutions, runs it, and trains it on. */
@Command(
    name = "import-onnx",
    description = {
      "Imports an ONNX model with the op DeformConv, runs it on an image, and fine-tunes it.",
      "Without --model: a small classifier of upright handwritten digits learns turned ones."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false)
final class ImportOnnxCommand implements Callable<Integer> {
  private static final double MAX_DEGREES = 60;
  private static final long SEED = 1;

  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "FILE",
      description =
          "An image classifier of your own: input [N, 1 or 3, H, W], values 0 to 1, output"
              + " [N, classes]. It is fine-tuned to see --label in --image.")
  private Path model;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description =
          "The image to run on, stretched to the input's size; by default a turned digit.")
  private Path image;

  @Option(
      names = "--label",
      paramLabel = "N",
      description = "The class of --image, from 0, for fine-tuning with --model.")
  private Integer label;

  @Option(
      names = "--digits",
      paramLabel = "N",
      defaultValue = "5000",
      description = "Turned digits to fine-tune on.")
  private int digits;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "50", description = "Minibatch size.")
  private int batch;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Where to save the fine-tuned graph, for SameDiff.load.")
  private Path output;

  @Override
  public Integer call() throws IOException {
    check(digits >= 1 && digits <= 10_000, "--digits", digits, "1 to 10000");
    check(batch >= 1, "--batch", batch, "at least 1");
    if (model == null ? label != null : image == null) {
      throw new ParameterException(
          spec.commandLine(), "expected --image with --model, and --label with both only");
    }
    PrintWriter out = spec.commandLine().getOut();
    ImageClassifier classifier =
        model == null ? ImageClassifier.bundled() : ImageClassifier.read(model);
    out.printf("imported %s%n", classifier);
    check(
        label == null || (label >= 0 && label < classifier.getClasses()),
        "--label",
        label,
        "0 to " + (classifier.getClasses() - 1));

    DigitBatches heldOut = new DigitBatches(HandwrittenDigits.heldOut(), MAX_DEGREES, SEED);
    BufferedImage shown = image == null ? heldOut.picture(0) : ImageFiles.read(image);
    out.printf("the image is %s%n", classifier.describe(shown));
    if (model == null) {
      fineTuneOnDigits(classifier, heldOut, out);
    } else if (label != null) {
      for (int step = 0; step < 10; step++) {
        classifier.fit(new DataSet(classifier.input(shown), classifier.oneHot(label)));
      }
    }
    if (model == null || label != null) {
      out.printf("fine-tuned, the image is %s%n", classifier.describe(shown));
    }
    if (output != null) {
      AtomicFile.write(output, classifier::save);
      out.printf("saved %s%n", output);
    }
    return 0;
  }

  private void fineTuneOnDigits(ImageClassifier classifier, DigitBatches heldOut, PrintWriter out) {
    DataSet upright = new DigitBatches(HandwrittenDigits.heldOut(), 0, SEED).batch(0, 1000);
    DataSet turned = heldOut.batch(0, 1000);
    out.printf(
        "right of 1000 held-out digits: %.1f %% upright, %.1f %% turned up to %.0f degrees%n",
        100 * classifier.accuracy(upright), 100 * classifier.accuracy(turned), MAX_DEGREES);
    DigitBatches training = new DigitBatches(HandwrittenDigits.training(), MAX_DEGREES, SEED);
    for (int first = 0; first < digits; first += batch) {
      classifier.fit(training.batch(first, Math.min(batch, digits - first)));
    }
    out.printf(
        "fine-tuned on %d turned digits: %.1f %% upright, %.1f %% turned%n",
        digits, 100 * classifier.accuracy(upright), 100 * classifier.accuracy(turned));
  }

  private void check(boolean good, String option, Object value, String expected) {
    if (!good) {
      throw new ParameterException(
          spec.commandLine(), option + ": expected " + expected + ", got " + value);
    }
  }
}
