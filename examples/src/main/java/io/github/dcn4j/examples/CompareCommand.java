package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.checkpoint.AtomicFile;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import io.github.dcn4j.examples.compare.Comparison;
import io.github.dcn4j.examples.compare.ComparisonChart;
import io.github.dcn4j.examples.compare.InferenceTime;
import io.github.dcn4j.examples.compare.Outcome;
import io.github.dcn4j.examples.detect.BackboneLayer;
import io.github.dcn4j.examples.detect.ObjectDetector;
import io.github.dcn4j.examples.detect.Trainer;
import io.github.dcn4j.examples.detect.TrainingObserver;
import io.github.dcn4j.examples.detect.TrainingOptions;
import io.github.dcn4j.examples.rfcn.Pooling;
import io.github.dcn4j.examples.rfcn.TwoStageTrainer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import lombok.RequiredArgsConstructor;
import lombok.extern.slf4j.Slf4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Trains detectors that differ in one thing only, several times each, and compares them. */
@Command(
    name = "compare",
    description = {
      "Trains one-stage detectors with plain, deformable (v1) and modulated deformable (v2)"
          + " convolutions, those of DCNv3 or DCNv4 (v3, v4), or with --two-stage detectors that"
          + " differ in how they pool regions, each with several seeds on the same images.",
      "Without --data: on handwritten digits, warped and placed on photographs.",
      "Prints means and standard deviations over the seeds of the mean average precision on"
          + " held-out images after the last epoch, of the time to train and of the time to find"
          + " the objects of an image, and writes them to compare.md, a line for each training to"
          + " compare.csv, and a chart, compare.png."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    sortOptions = false)
@Slf4j
final class CompareCommand implements Callable<Integer> {
  /** Where checkpoints go that nobody needs. */
  private static final String WARM_UP = "warm-up";

  private static final int WARM_UP_STEPS = 20;

  @Spec private CommandSpec spec;

  @Mixin private TrainingArguments arguments;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "compare",
      description = "Folder to write to; made if missing.")
  private Path output;

  @Option(
      names = "--two-stage",
      description = "Compares poolings of two-stage detectors, not layers of one-stage ones.")
  private boolean twoStage;

  @Option(
      names = "--layers",
      paramLabel = "KIND",
      split = ",",
      defaultValue = "plain,v1,v2",
      description =
          "Convolutions of the one-stage detectors: ${COMPLETION-CANDIDATES}, with commas between.")
  private List<BackboneLayer> layers;

  @Option(
      names = "--poolings",
      paramLabel = "KIND",
      split = ",",
      defaultValue = "none,deformable,modulated",
      description =
          "Poolings of the two-stage detectors: ${COMPLETION-CANDIDATES}, with commas between.")
  private List<Pooling> poolings;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      defaultValue = "3",
      description = "Trainings of each kind; their seeds are --seed and the numbers after it.")
  private int seeds;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "Passes over the training images (default: 4, for two stages 2).")
  private Integer epochs;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "Minibatch size (default: 16, for two stages 8).")
  private Integer batch;

  @Override
  public Integer call() throws IOException {
    if (seeds < 1) {
      throw new ParameterException(
          spec.commandLine(), "--seeds: expected at least 1, got " + seeds);
    }
    String other = twoStage ? "--layers" : "--poolings";
    if (spec.commandLine().getParseResult().hasMatchedOption(other)) {
      throw new ParameterException(
          spec.commandLine(),
          other + (twoStage ? " is not for --two-stage" : " is for --two-stage only"));
    }
    List<Kind> kinds = kinds();
    try (OutputFolder folder = OutputFolder.open(output)) {
      Map<String, TrainingOptions> networks = new LinkedHashMap<>();
      for (int seed = 0; seed < seeds; seed++) {
        for (Kind kind : kinds) {
          networks.put(kind.network(seed), kind.options);
        }
      }
      arguments.prepare(folder, networks);
      for (Kind kind : kinds) {
        warmUp(kind, folder);
      }
      Comparison comparison = new Comparison(twoStage ? "pooling of regions" : "convolutions");
      for (int seed = 0; seed < seeds; seed++) {
        for (Kind kind : kinds) {
          comparison.add(train(kind, seed, folder));
        }
      }
      write(comparison, folder);
    }
    return 0;
  }

  private List<Kind> kinds() {
    return twoStage
        ? poolings.stream()
            .distinct()
            .map(pooling -> new PoolingKind(name(pooling), options(BackboneLayer.V2), pooling))
            .collect(Collectors.toList())
        : layers.stream()
            .distinct()
            .map(layer -> new LayerKind(name(layer), options(layer)))
            .collect(Collectors.toList());
  }

  private TrainingOptions options(BackboneLayer layer) {
    int defaultEpochs = twoStage ? 2 : 4;
    int defaultBatch = twoStage ? 8 : 16;
    return arguments.options(
        epochs == null ? defaultEpochs : epochs,
        batch == null ? defaultBatch : batch,
        layer,
        twoStage ? TwoStageTrainer.LEARNING_RATE : layer.getLearningRate(),
        twoStage ? TwoStageTrainer.STRIDE : Trainer.STRIDE);
  }

  private static String name(Enum<?> kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  /**
   * A few minibatches whose time does not count: Java compiles as it goes, and the first training
   * would pay for all.
   */
  private void warmUp(Kind kind, OutputFolder folder) throws IOException {
    TrainingOptions options = kind.options.toBuilder().epochs(1).build();
    CheckpointFolder checkpoints =
        new CheckpointFolder(folder.checkpoints(WARM_UP), Collections.emptyMap());
    checkpoints.clear();
    try {
      kind.train(
          options,
          Selection.withObjects(arguments.training(), WARM_UP_STEPS * options.getBatchSize()),
          Selection.first(arguments.heldOut()),
          checkpoints,
          new TrainingObserver() {});
    } catch (ArithmeticException e) {
      log.debug("a loss that is no number is the training's to report", e);
    }
    checkpoints.clear();
    Files.deleteIfExists(folder.checkpoints(WARM_UP));
  }

  private Outcome train(Kind kind, int seed, OutputFolder folder) {
    PrintWriter out = spec.commandLine().getOut();
    TrainingOptions options = kind.options;
    options = options.toBuilder().seed(options.getSeed() + seed).build();
    out.printf(
        Locale.ROOT,
        "%n%s, seed %d, learning rate %s%n",
        kind.name,
        options.getSeed(),
        options.getLearningRate());
    out.flush();
    Console console = new Console(out, options.getEpochs());
    CheckpointFolder checkpoints = arguments.checkpoints(folder, kind.network(seed), kind.options);
    TrainingOptions seeded = options;
    ObjectDetector detector =
        console.watch(
            observer ->
                kind.train(
                    seeded, arguments.training(), arguments.heldOut(), checkpoints, observer));
    return new Outcome(
        kind.name,
        options.getSeed(),
        options.getLearningRate(),
        console.last().getMap50(),
        console.last().getMap(),
        console.trainingSeconds(),
        InferenceTime.milliseconds(detector, arguments.heldOut()));
  }

  private void write(Comparison comparison, OutputFolder folder) throws IOException {
    String table = comparison.markdown();
    AtomicFile.write(folder.resolve("compare.md"), part -> Files.writeString(part, table));
    AtomicFile.write(
        folder.resolve("compare.csv"), part -> Files.writeString(part, comparison.csv()));
    ComparisonChart.write(comparison, folder.resolve("compare.png"));
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        "%nOn held-out images after the last epoch, over %d seeds; detection in minibatches of"
            + " %d:%n%n%s%n",
        seeds, InferenceTime.BATCH, table);
    out.printf("Written to %s: compare.md, compare.csv, compare.png%n", folder);
    out.flush();
    arguments.printLeftOut();
  }

  /** What is compared. */
  @RequiredArgsConstructor
  private abstract static class Kind {
    final String name;
    final TrainingOptions options;

    /** What the files of a training are named after. */
    String network(int seed) {
      return name + "-" + (options.getSeed() + seed);
    }

    abstract ObjectDetector train(
        TrainingOptions seeded,
        DetectionDataset training,
        DetectionDataset heldOut,
        CheckpointFolder checkpoints,
        TrainingObserver observer);
  }

  private static final class LayerKind extends Kind {
    LayerKind(String name, TrainingOptions options) {
      super(name, options);
    }

    @Override
    ObjectDetector train(
        TrainingOptions seeded,
        DetectionDataset training,
        DetectionDataset heldOut,
        CheckpointFolder checkpoints,
        TrainingObserver observer) {
      return new Trainer(seeded, training, heldOut, checkpoints).train(observer);
    }
  }

  private static final class PoolingKind extends Kind {
    private final Pooling pooling;

    PoolingKind(String name, TrainingOptions options, Pooling pooling) {
      super(name, options);
      this.pooling = pooling;
    }

    @Override
    ObjectDetector train(
        TrainingOptions seeded,
        DetectionDataset training,
        DetectionDataset heldOut,
        CheckpointFolder checkpoints,
        TrainingObserver observer) {
      return new TwoStageTrainer(seeded, training, heldOut).train(pooling, checkpoints, observer);
    }
  }

  /** Some images of a data set. */
  @RequiredArgsConstructor
  private static final class Selection implements DetectionDataset {
    private final DetectionDataset whole;
    private final int[] chosen;

    /** The first ones with objects, as anchors are made from these. */
    static Selection withObjects(DetectionDataset whole, int limit) {
      return new Selection(
          whole,
          IntStream.range(0, whole.size())
              .filter(i -> whole.get(i).getBoxes().stream().anyMatch(box -> !box.isDifficult()))
              .limit(limit)
              .toArray());
    }

    static Selection first(DetectionDataset whole) {
      return new Selection(whole, new int[] {0});
    }

    @Override
    public List<String> labels() {
      return whole.labels();
    }

    @Override
    public int size() {
      return chosen.length;
    }

    @Override
    public LabelledImage get(int index) {
      return whole.get(chosen[index]);
    }
  }
}
