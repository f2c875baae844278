package io.github.dcn4j.examples.detect;

import io.github.dcn4j.detection.MeanAveragePrecision;
import io.github.dcn4j.detection.data.DetectionDataset;
import io.github.dcn4j.detection.data.LabelledImage;
import io.github.dcn4j.examples.checkpoint.Checkpoint;
import io.github.dcn4j.examples.checkpoint.CheckpointFolder;
import java.util.Arrays;
import java.util.Optional;
import lombok.RequiredArgsConstructor;
import org.deeplearning4j.nn.api.Model;

/**
 * The passes over the images that the trainers of all detectors share.
 *
 * <p>After every so many minibatches and after each pass it writes a checkpoint. A training that
 * goes on from one gets the same bits as one that was never interrupted, on the same machine and
 * with the same number of threads.
 */
@RequiredArgsConstructor
public final class TrainingLoop {
  private final TrainingOptions options;
  private final DetectionDataset training;
  private final DetectionDataset heldOut;
  private final CheckpointFolder checkpoints;

  /** What learns. */
  public interface Learner {
    /** The network with its updater: what a checkpoint keeps. */
    default Model network() {
      return detector().getNetwork();
    }

    /** The network together with what its output means. */
    ObjectDetector detector();

    /**
     * One step of the network's updater.
     *
     * @return the loss before it
     */
    double learn(LabelledImage... images);

    /** A pass over the images is done. */
    default void endEpoch() {
      detector().getNetwork().incrementEpochCount();
    }
  }

  /** Number of minibatches in the whole training. */
  public int steps() {
    int batches = (training.size() + options.getBatchSize() - 1) / options.getBatchSize();
    return batches * options.getEpochs();
  }

  /**
   * Trains to the end.
   *
   * @param learner made from the network of {@code checkpoint} if there is one
   * @param checkpoint where to go on; nothing to begin
   * @throws ArithmeticException if the loss stops being a number
   */
  public void run(
      Learner learner, Optional<Checkpoint<TrainingState>> checkpoint, TrainingObserver observer) {
    TrainingState state =
        checkpoint.map(Checkpoint::getState).orElseGet(() -> new TrainingState(options));
    checkpoint.ifPresent(resumed -> observer.resumed(resumed.getFile(), state));
    state.restoreRandom();
    while (!state.isFinished()) {
      observer.epochStarted(state.getEpoch() + 1, training.size());
      pass(learner, state, observer);
      learner.endEpoch();
      observer.evaluationStarted();
      EpochResult result = evaluate(learner.detector(), state);
      boolean best = state.isBest(result);
      state.epochEnded(result);
      observer.measured(learner.detector(), state.getResults(), best);
      save(learner, state);
      observer.epochEnded(result);
    }
  }

  /** What is left of one pass over the images. */
  private void pass(Learner learner, TrainingState state, TrainingObserver observer) {
    DetectionDataset images = training.forEpoch(state.getEpoch());
    int[] order = state.order(images.size());
    while (state.getBatches() * options.getBatchSize() < order.length) {
      int first = state.getBatches() * options.getBatchSize();
      int end = Math.min(first + options.getBatchSize(), order.length);
      long start = System.nanoTime();
      LabelledImage[] batch =
          Arrays.stream(order, first, end)
              .parallel()
              .mapToObj(images::get)
              .toArray(LabelledImage[]::new);
      double loss = learner.learn(batch);
      if (!Double.isFinite(loss)) {
        throw new ArithmeticException(
            String.format(
                "the loss became %s at minibatch %d: try a lower learning rate",
                loss, state.getSteps() + 1));
      }
      state.learnt(loss, (System.nanoTime() - start) / 1e9);
      observer.imagesSeen(end, loss);
      if (state.getBatches() % options.getCheckpointEvery() == 0) {
        save(learner, state);
      }
    }
  }

  private EpochResult evaluate(ObjectDetector detector, TrainingState state) {
    long start = System.nanoTime();
    MeanAveragePrecision precision = Trainer.evaluate(detector, heldOut);
    return new EpochResult(
        state.getEpoch() + 1,
        state.meanLoss(),
        precision.mean(0.5),
        precision.meanOverThresholds(),
        state.getSeconds(),
        (System.nanoTime() - start) / 1e9);
  }

  private void save(Learner learner, TrainingState state) {
    state.keepRandom();
    checkpoints.save(state.getSteps(), state, learner.network());
  }
}
