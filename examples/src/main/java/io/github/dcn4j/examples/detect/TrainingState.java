package io.github.dcn4j.examples.detect;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import lombok.Getter;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * How far a training is: with the network and its updater, all that decides how it goes on. The
 * images of a pass, and how they are varied, depend on the pass and the seed only.
 */
@Getter
public final class TrainingState {
  /** Passes that are wanted. */
  private final int epochs;

  /** Passes that are done, evaluation and all. */
  private int epoch;

  /** Minibatches learnt in the pass after those. */
  private int batches;

  /** Minibatches learnt in all. */
  private long steps;

  private double lossSum;
  private double seconds;
  private final List<EpochResult> results;

  /** Of the order of the images. */
  private final long seed;

  private long randomRoot;
  private long randomNode;

  /** A training that begins. */
  TrainingState(TrainingOptions options) {
    epochs = options.getEpochs();
    seed = options.getSeed();
    results = new ArrayList<>();
    keepRandom();
  }

  @JsonCreator
  private TrainingState(
      @JsonProperty(value = "epochs", required = true) int epochs,
      @JsonProperty(value = "epoch", required = true) int epoch,
      @JsonProperty(value = "batches", required = true) int batches,
      @JsonProperty(value = "steps", required = true) long steps,
      @JsonProperty(value = "lossSum", required = true) double lossSum,
      @JsonProperty(value = "seconds", required = true) double seconds,
      @JsonProperty(value = "results", required = true) List<EpochResult> results,
      @JsonProperty(value = "seed", required = true) long seed,
      @JsonProperty(value = "randomRoot", required = true) long randomRoot,
      @JsonProperty(value = "randomNode", required = true) long randomNode) {
    this.epochs = epochs;
    this.epoch = epoch;
    this.batches = batches;
    this.steps = steps;
    this.lossSum = lossSum;
    this.seconds = seconds;
    this.results = new ArrayList<>(results);
    this.seed = seed;
    this.randomRoot = randomRoot;
    this.randomNode = randomNode;
  }

  /** What the passes brought that are done. */
  public List<EpochResult> getResults() {
    return Collections.unmodifiableList(results);
  }

  /** Whether no pass is left. */
  public boolean isFinished() {
    return epoch >= epochs;
  }

  /** The order in which this pass takes its images, the same whenever it is asked for. */
  int[] order(int images) {
    Random shuffler = new Random(seed);
    for (int pass = 0; pass < epoch; pass++) {
      Trainer.shuffled(images, shuffler); // as the passes before did
    }
    return Trainer.shuffled(images, shuffler);
  }

  /** Mean of the loss over the minibatches of this pass so far. */
  double meanLoss() {
    return lossSum / batches;
  }

  /** A minibatch has been learnt. */
  void learnt(double loss, double itsSeconds) {
    lossSum += loss;
    seconds += itsSeconds;
    batches++;
    steps++;
  }

  /**
   * Whether a result is better than those of all passes before: by its mean average precision over
   * IoU 0.5 to 0.95. Where there is none, as without held-out objects, the last pass is the best.
   */
  boolean isBest(EpochResult result) {
    return results.stream().allMatch(before -> !(result.getMap() <= before.getMap()));
  }

  /** A pass over the images and the evaluation after it are done. */
  void epochEnded(EpochResult result) {
    results.add(result);
    epoch++;
    batches = 0;
    lossSum = 0;
    seconds = 0;
  }

  /** Takes down ND4J's random state, from which layers such as dropout draw. */
  void keepRandom() {
    randomRoot = Nd4j.getRandom().rootState();
    randomNode = Nd4j.getRandom().nodeState();
  }

  /** Brings ND4J's random state back to what it was. */
  void restoreRandom() {
    Nd4j.getRandom().setStates(randomRoot, randomNode);
  }
}
