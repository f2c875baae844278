package io.github.dcn4j.examples;

import io.github.dcn4j.detection.MeanAveragePrecision;
import io.github.dcn4j.detection.data.AnnotatedImages;
import io.github.dcn4j.detection.data.BadFiles;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.examples.detect.ObjectDetector;
import io.github.dcn4j.examples.detect.PrecisionRecallChart;
import io.github.dcn4j.examples.detect.Trainer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ProgressBar;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures a trained model on images with known boxes. */
@Command(
    name = "evaluate",
    description = {
      "Measures a model that train or train-two-stage wrote on images with boxes.",
      "Prints the average precision of each class, as COCO defines it, and writes"
          + " precision-recall.png to the --output folder."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false)
final class EvaluateCommand implements Callable<Integer> {
  /** Which images to measure on. */
  private enum Part {
    HELD_OUT,
    TRAINING,
    ALL
  }

  @Spec private CommandSpec spec;

  @Mixin private ModelArguments arguments = new ModelArguments("evaluation");

  @Option(
      names = "--data",
      paramLabel = "DIR",
      required = true,
      description = "Images with boxes, as train takes them: a Pascal VOC folder, or one of COCO.")
  private Path data;

  @Option(
      names = "--part",
      paramLabel = "PART",
      defaultValue = "held_out",
      description =
          "Which images (${COMPLETION-CANDIDATES}): held_out are those that the folder's lists say,"
              + " or, without lists, those that train with the same --seed held out; all suits data"
              + " that no training has seen.")
  private Part part;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "The seed of the training.")
  private long seed;

  @Option(
      names = "--on-bad-file",
      paramLabel = "WHAT",
      defaultValue = "refuse",
      description = "What to do about files that cannot be used: ${COMPLETION-CANDIDATES}.")
  private BadFiles.Policy onBadFile;

  @Override
  public Integer call() throws IOException {
    ObjectDetector detector = ModelFiles.load(arguments.model());
    BadFiles badFiles =
        new BadFiles(onBadFile, "--on-bad-file skip leaves out what cannot be used");
    AnnotatedImages images = AnnotatedImages.open(data, seed, badFiles);
    try (ProgressBar bar = Console.bar("reading images", images.size())) {
      images = images.readable(detector.getSide(), false, badFiles, bar::step);
    }
    List<String> labels = detector.getLabels();
    List<String> unknown = new ArrayList<>(images.getLabels());
    unknown.removeAll(labels);
    if (unknown.size() == images.getLabels().size()) {
      throw new UserInputException(
          String.format(
              "%s: holds none of the model's classes (%s), but %s",
              FileNames.text(data), String.join(", ", labels), String.join(", ", unknown)));
    }
    DetectionDataset dataset = chosen(images, detector.getSide(), labels);
    if (dataset.size() == 0) {
      throw new UserInputException(
          FileNames.text(data) + ": no images in this part (--part all takes them all)");
    }
    MeanAveragePrecision precision = Trainer.evaluate(detector, dataset);
    print(precision, labels, dataset.size(), unknown);
    OutputFolder.make(arguments.output());
    Path chart = arguments.output().resolve("precision-recall.png");
    PrecisionRecallChart.write(precision, labels, chart);
    PrintWriter out = spec.commandLine().getOut();
    out.printf("Written: %s%n", FileNames.text(chart));
    badFiles.notes().forEach(out::println);
    out.flush();
    Console.printLeftOut(badFiles, out);
    return 0;
  }

  private DetectionDataset chosen(AnnotatedImages images, int side, List<String> labels) {
    switch (part) {
      case TRAINING:
        return images.training(side, labels);
      case ALL:
        return images.all(side, labels);
      default:
        return images.heldOut(side, labels);
    }
  }

  private void print(
      MeanAveragePrecision precision, List<String> labels, int images, List<String> unknown) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf("%d images%n%n", images);
    out.println("| class | objects | detections | AP@0.5 | AP@[.5:.95] |");
    out.println("| --- | --- | --- | --- | --- |");
    for (int label = 0; label < labels.size(); label++) {
      out.printf(
          Locale.ROOT,
          "| %s | %d | %d | %.3f | %.3f |%n",
          labels.get(label),
          precision.objects(label),
          precision.detections(label),
          precision.averagePrecision(label, 0.5),
          precision.averageOverThresholds(label));
    }
    out.printf(
        Locale.ROOT,
        "| mean | | | %.3f | %.3f |%n%n",
        precision.mean(0.5),
        precision.meanOverThresholds());
    if (!unknown.isEmpty()) {
      out.printf("Left out, as the model does not know them: %s%n", String.join(", ", unknown));
    }
    out.flush();
  }
}
