package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.Detection;
import io.github.dcn4j.detection.MeanAveragePrecision;
import io.github.dcn4j.detection.anchors.Anchors;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.detection.yolo.YoloLabels;
import io.github.dcn4j.examples.checkpoint.Checkpoint;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import lombok.RequiredArgsConstructor;
import lombok.extern.slf4j.Slf4j;
import org.deeplearning4j.nn.graph.ComputationGraph;

/** Trains a detector on one data set and measures it on another after each pass. */
@Slf4j
@RequiredArgsConstructor
public final class Trainer {
  /** The side of a training image is a multiple of this, in pixels. */
  public static final int STRIDE = DetectorNetwork.STRIDE;

  private static final int ANCHORS = 3;

  /** Pixels of held-out images that run through the network together: 25 images of 320×320. */
  private static final long EVALUATION_PIXELS = 25 * 320 * 320;

  private static final int MOST_IMAGES = 25;

  private final TrainingOptions options;
  private final DetectionDataset training;
  private final DetectionDataset heldOut;

  private final CheckpointFolder checkpoints;

  /**
   * Trains, from the newest checkpoint if there is one.
   *
   * @param observer is told of the progress
   * @return the detector after the last pass
   * @throws ArithmeticException if the loss stops being a number
   */
  public Detector train(TrainingObserver observer) {
    TrainingLoop loop = new TrainingLoop(options, training, heldOut, checkpoints);
    Optional<Checkpoint<TrainingState>> checkpoint = checkpoints.resume(TrainingState.class);
    int side = training.get(0).getImage().getWidth();
    double[][] anchors = Anchors.of(training, ANCHORS, options.getSeed());
    ComputationGraph network =
        checkpoint
            .map(Checkpoint::computationGraph)
            .orElseGet(() -> fresh(anchors, side, loop.steps()));
    log.debug("{}", network.summary());
    ModelDescription description =
        new ModelDescription(
            ModelDescription.Kind.ONE_STAGE, null, training.labels(), side, anchors);
    Detector detector = new Detector(description, network);
    loop.run(new DetectorLearner(detector), checkpoint, observer);
    return detector;
  }

  private ComputationGraph fresh(double[][] anchors, int side, int steps) {
    double[][] cells =
        Arrays.stream(anchors)
            .map(size -> Arrays.stream(size).map(s -> s / DetectorNetwork.STRIDE).toArray())
            .toArray(double[][]::new);
    return DetectorNetwork.create(cells, training.labels().size(), side, steps, options);
  }

  /** Compares a detector's output with the true boxes of a data set. */
  public static MeanAveragePrecision evaluate(ObjectDetector detector, DetectionDataset dataset) {
    MeanAveragePrecision precision = new MeanAveragePrecision(dataset.labels().size());
    long side = detector.getSide();
    int batch = (int) Math.max(1, Math.min(MOST_IMAGES, EVALUATION_PIXELS / (side * side)));
    for (int start = 0; start < dataset.size(); start += batch) {
      List<LabelledImage> images =
          IntStream.range(start, Math.min(start + batch, dataset.size()))
              .parallel()
              .mapToObj(dataset::get)
              .collect(Collectors.toList());
      List<List<Detection>> detections = detector.detect(images);
      for (int i = 0; i < images.size(); i++) {
        precision.add(images.get(i).getBoxes(), detections.get(i));
      }
    }
    return precision;
  }

  /** The numbers from 0 to {@code size - 1} in random order. */
  public static int[] shuffled(int size, Random random) {
    List<Integer> order =
        IntStream.range(0, size).boxed().collect(Collectors.toCollection(ArrayList::new));
    Collections.shuffle(order, random);
    return order.stream().mapToInt(Integer::intValue).toArray();
  }

  /** The network's own updater, on the loss of its output layer. */
  @RequiredArgsConstructor
  private static final class DetectorLearner implements TrainingLoop.Learner {
    private final Detector detector;

    @Override
    public Detector detector() {
      return detector;
    }

    @Override
    public double learn(LabelledImage... images) {
      int grid = detector.getSide() / DetectorNetwork.STRIDE;
      ComputationGraph network = detector.getNetwork();
      network.fit(
          YoloLabels.minibatch(
              DetectorNetwork.anchors(network), detector.getLabels().size(), grid, images));
      return network.score();
    }
  }
}
