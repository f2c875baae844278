package io.github.dcn4j.examples;

import io.github.dcn4j.detection.data.AnnotatedImages;
import io.github.dcn4j.detection.data.BadFiles;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.FileNames;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.data.LetterboxedDataset;
import io.github.dcn4j.examples.checkpoint.Checkpoint;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import io.github.dcn4j.examples.data.DigitScenes;
import io.github.dcn4j.examples.detect.BackboneLayer;
import io.github.dcn4j.examples.detect.TrainingOptions;
import io.github.dcn4j.examples.detect.TrainingState;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import me.tongfei.progressbar.ProgressBar;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that the commands that train share: what to train on, and how. */
final class TrainingArguments {
  /** Input size for a user's images, where none is asked for. */
  private static final int SIDE_FOR_DATA = 320;

  private static final int MAX_SIDE = 4096;

  /** Held-out scenes are the same in every run, so that runs can be compared. */
  private static final long HELD_OUT_SEED = 20_011;

  private static final int PICTURES = 8;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description =
          "Images to train on. A Pascal VOC folder: JPEGImages, Annotations and, if the split is"
              + " given, ImageSets/Main/train.txt and val.txt. Or a COCO folder or file:"
              + " annotations/instances_train*.json and instances_val*.json. Where no split is"
              + " given, every fifth image is held out.")
  private Path data;

  @Option(
      names = "--size",
      paramLabel = "N",
      description =
          "Rows and columns of the square that the network sees, a multiple of its stride; an image"
              + " is scaled into it as a whole (default: 128, with --data 320).")
  private Integer size;

  @Option(
      names = "--no-augment",
      description =
          "Takes the training images of --data as they are. Otherwise they are mirrored, scaled,"
              + " cropped and recoloured at random, which is wrong where left and right or colours"
              + " mean something, as in text and signs.")
  private boolean noAugment;

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

  @Option(
      names = "--learning-rate",
      paramLabel = "X",
      description =
          "Highest learning rate of Adam (default: 0.008, with plain 0.016; in two stages 0.004).")
  private Double learningRate;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Decides all that is random.")
  private long seed;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      defaultValue = "50",
      description = "Minibatches between two checkpoints; there is one after each epoch, too.")
  private int checkpointEvery;

  @Option(
      names = "--resume",
      description =
          "Goes on from the last checkpoint in the --output folder, with the same options as"
              + " before; begins, if there is none.")
  private boolean resume;

  @Option(
      names = "--on-bad-file",
      paramLabel = "WHAT",
      defaultValue = "refuse",
      description =
          "What to do if images or annotations of --data cannot be read, lack each other or do not"
              + " fit each other (${COMPLETION-CANDIDATES}): refuse to begin, or leave them out. They are"
              + " named in either case.")
  private BadFiles.Policy onBadFile;

  private DetectionDataset training;
  private DetectionDataset test;
  private BadFiles badFiles;
  private final Map<String, String> decisive = new LinkedHashMap<>();

  /**
   * Refuses what cannot be used.
   *
   * @param defaultLearningRate what holds where none is asked for
   * @param stride of the network, in pixels
   * @return training options with all that is given set
   */
  TrainingOptions options(
      int epochs, int batch, BackboneLayer layer, double defaultLearningRate, int stride) {
    double rate = learningRate == null ? defaultLearningRate : learningRate;
    check(epochs >= 1, "--epochs", epochs, "at least 1");
    check(batch >= 1, "--batch", batch, "at least 1");
    check(images == null || images >= 1, "--images", images, "at least 1");
    check(heldOut == null || heldOut >= 1, "--held-out", heldOut, "at least 1");
    check(rate > 0 && rate < 1, "--learning-rate", rate, "between 0 and 1");
    check(checkpointEvery >= 1, "--checkpoint-every", checkpointEvery, "at least 1");
    check(
        side() % stride == 0 && side() >= 2 * stride && side() <= MAX_SIDE,
        "--size",
        side(),
        String.format("a multiple of %d from %d to %d", stride, 2 * stride, MAX_SIDE));
    if (data == null && noAugment) {
      throw new ParameterException(
          spec.commandLine(), "--no-augment is for --data: composed images are always new");
    }
    if (data != null && (images != null || heldOut != null)) {
      throw new ParameterException(
          spec.commandLine(), "--images and --held-out are for composed images, not for --data");
    }
    decisive.put("--epochs", Integer.toString(epochs));
    decisive.put("--batch", Integer.toString(batch));
    decisive.put("--size", Integer.toString(side()));
    decisive.put("--no-augment", Boolean.toString(noAugment));
    decisive.put("--seed", Long.toString(seed));
    return TrainingOptions.builder()
        .epochs(epochs)
        .batchSize(batch)
        .learningRate(rate)
        .seed(seed)
        .checkpointEvery(checkpointEvery)
        .backbone(layer)
        .build();
  }

  private int side() {
    return size != null ? size : data == null ? DigitScenes.SIDE : SIDE_FOR_DATA;
  }

  /**
   * Opens the data sets. After {@link #options}.
   *
   * @param output where the training writes to
   * @param networks the networks to train by their names, and how each is trained
   * @throws UserInputException if something cannot be used, or would be lost
   */
  void prepare(OutputFolder output, Map<String, TrainingOptions> networks) throws IOException {
    checkFonts();
    if (!resume) {
      refuseInterrupted(output);
    }
    badFiles = new BadFiles(onBadFile, "--on-bad-file skip leaves out what cannot be used");
    if (data == null) {
      training =
          new LetterboxedDataset(
              DigitScenes.training(images == null ? 3200 : images, seed), side());
      test =
          new LetterboxedDataset(
              DigitScenes.heldOut(heldOut == null ? 300 : heldOut, HELD_OUT_SEED), side());
      decisive.put("--images", Integer.toString(training.size()));
      decisive.put("--held-out", Integer.toString(test.size()));
    } else {
      AnnotatedImages folder = readable(AnnotatedImages.open(data, seed, badFiles));
      training = noAugment ? folder.training(side()) : folder.augmented(side());
      test = folder.heldOut(side());
      decisive.put(
          "--data", String.format("%d images, checksum %x", folder.size(), folder.fingerprint()));
    }
    for (Map.Entry<String, TrainingOptions> network : networks.entrySet()) {
      CheckpointFolder checkpoints = checkpoints(output, network.getKey(), network.getValue());
      if (resume) {
        checkpoints.resume(TrainingState.class); // refuses other options now, not hours later
      } else {
        checkpoints.clear();
      }
      Files.createDirectories(output.checkpoints(network.getKey())); // is to be trained
    }
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        "%d training images an epoch, %d held out; %d classes: %s%n",
        training.size(),
        test.size(),
        training.labels().size(),
        String.join(", ", training.labels()));
    badFiles.notes().forEach(out::println);
    out.flush();
  }

  /**
   * A training may have taken days: it is not lost by an oversight, such as the wish for one of its
   * networks. A network that has a folder, but no checkpoint yet, was to be trained after another.
   */
  private void refuseInterrupted(OutputFolder output) throws IOException {
    List<String> networks = output.networks();
    List<TrainingState> states = new ArrayList<>();
    for (String network : networks) {
      Optional<Checkpoint<TrainingState>> newest =
          new CheckpointFolder(output.checkpoints(network), decisive).newest(TrainingState.class);
      newest.ifPresent(checkpoint -> states.add(checkpoint.getState()));
    }
    boolean begun = !states.isEmpty();
    boolean finished =
        states.size() == networks.size() && states.stream().allMatch(TrainingState::isFinished);
    if (begun && !finished) {
      throw new UserInputException(
          output
              + " holds a training that was interrupted: --resume goes on with it; to begin anew,"
              + " delete "
              + FileNames.text(output.resolve("checkpoints"))
              + " or give another --output");
    }
  }

  /** The checkpoints of one of the networks, and how it is trained. */
  CheckpointFolder checkpoints(OutputFolder output, String network, TrainingOptions options) {
    Map<String, String> all = new LinkedHashMap<>(decisive);
    all.put("--layer", options.getBackbone().name().toLowerCase(Locale.ROOT));
    all.put("--learning-rate", Double.toString(options.getLearningRate()));
    return new CheckpointFolder(output.checkpoints(network), all);
  }

  private void check(boolean fine, String option, Object given, String expected) {
    if (!fine) {
      throw new ParameterException(
          spec.commandLine(), option + ": expected " + expected + ", got " + given);
    }
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

  /** Finds unreadable images before the training. */
  private AnnotatedImages readable(AnnotatedImages folder) {
    try (ProgressBar bar = Console.bar("reading images", folder.size())) {
      AnnotatedImages readable = folder.readable(side(), !noAugment, badFiles, bar::step);
      readable.requireEnough();
      return readable;
    }
  }

  /** Says which files were left out. */
  void printLeftOut() {
    Console.printLeftOut(badFiles, spec.commandLine().getOut());
  }

  /** The images to learn from, after {@link #prepare}. */
  DetectionDataset training() {
    return training;
  }

  /** The images to measure on, after {@link #prepare}. */
  DetectionDataset heldOut() {
    return test;
  }

  /** Some held-out images for pictures, after {@link #prepare}. */
  List<LabelledImage> shown() {
    return IntStream.range(0, Math.min(PICTURES, test.size()))
        .mapToObj(test::get)
        .collect(Collectors.toList());
  }
}
