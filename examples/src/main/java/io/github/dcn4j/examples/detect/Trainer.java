package io.github.dcn4j.examples.detect;

import io.github.dcn4j.examples.data.DetectionDataset;
import io.github.dcn4j.examples.data.LabelledImage;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import lombok.RequiredArgsConstructor;
import lombok.extern.slf4j.Slf4j;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.optimize.api.BaseTrainingListener;

/** Trains a detector on one data set and measures it on another after each pass. */
@Slf4j
@RequiredArgsConstructor
public final class Trainer {
  private static final int ANCHORS = 3;

  /** Held-out images to run through the network together. */
  private static final int EVALUATION_BATCH = 25;

  private final TrainingOptions options;
  private final DetectionDataset training;
  private final DetectionDataset heldOut;

  /**
   * Trains.
   *
   * @param observer is told of the progress
   * @return the detector after the last pass
   * @throws ArithmeticException if the loss stops being a number
   */
  public Detector train(TrainingObserver observer) {
    int side = training.get(0).getImage().getWidth();
    int grid = side / DetectorNetwork.STRIDE;
    double[][] anchors = anchors();
    int batches = (training.size() + options.getBatchSize() - 1) / options.getBatchSize();
    MultiLayerNetwork network =
        DetectorNetwork.create(
            anchors, training.labels().size(), side, batches * options.getEpochs(), options);
    log.debug("{}", network.summary());
    Progress progress = new Progress(observer, options.getBatchSize(), training.size());
    network.setListeners(progress);
    Detector detector = new Detector(network, training.labels(), side);
    Random random = new Random(options.getSeed());
    for (int epoch = 0; epoch < options.getEpochs(); epoch++) {
      observer.epochStarted(epoch + 1, training.size());
      progress.reset();
      long start = System.nanoTime();
      network.fit(
          new DetectionBatches(
              training.forEpoch(epoch),
              shuffled(training.size(), random),
              options.getBatchSize(),
              grid));
      long trained = System.nanoTime();
      observer.evaluationStarted();
      MeanAveragePrecision precision = evaluate(detector, heldOut);
      observer.epochEnded(
          new EpochResult(
              epoch + 1,
              progress.meanLoss(),
              precision.mean(0.5),
              precision.meanOverThresholds(),
              (trained - start) / 1e9,
              (System.nanoTime() - trained) / 1e9));
    }
    return detector;
  }

  /** Compares a detector's output with the true boxes of a data set. */
  public static MeanAveragePrecision evaluate(ObjectDetector detector, DetectionDataset dataset) {
    MeanAveragePrecision precision = new MeanAveragePrecision(dataset.labels().size());
    for (int start = 0; start < dataset.size(); start += EVALUATION_BATCH) {
      List<LabelledImage> images =
          IntStream.range(start, Math.min(start + EVALUATION_BATCH, dataset.size()))
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

  /** Anchors in cells of the network's output. */
  private double[][] anchors() {
    double[][] sizes = Anchors.of(training, ANCHORS, options.getSeed());
    for (double[] size : sizes) {
      size[0] /= DetectorNetwork.STRIDE;
      size[1] /= DetectorNetwork.STRIDE;
    }
    return sizes;
  }

  /** The numbers from 0 to {@code size - 1} in random order. */
  public static int[] shuffled(int size, Random random) {
    List<Integer> order =
        IntStream.range(0, size).boxed().collect(Collectors.toCollection(ArrayList::new));
    Collections.shuffle(order, random);
    return order.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Sums the loss up and passes the progress on. */
  @RequiredArgsConstructor
  private static final class Progress extends BaseTrainingListener {
    private final TrainingObserver observer;
    private final int batchSize;
    private final int images;
    private double sum;
    private int batches;

    void reset() {
      sum = 0;
      batches = 0;
    }

    double meanLoss() {
      return sum / batches;
    }

    @Override
    public void iterationDone(Model model, int iteration, int epoch) {
      double loss = model.score();
      if (!Double.isFinite(loss)) {
        throw new ArithmeticException(
            "the loss became "
                + loss
                + " at minibatch "
                + (iteration + 1)
                + ": try a lower learning rate");
      }
      sum += loss;
      batches++;
      observer.imagesSeen(Math.min(batches * batchSize, images), loss);
    }
  }
}
