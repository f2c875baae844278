package io.github.dcn4j.examples.detect;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import lombok.Getter;
import org.apache.commons.lang3.SerializationUtils;
import org.nd4j.linalg.factory.Nd4j;

/**
 * How far a training is: with the network and its updater, all that decides how it goes on. The
 * images of a pass, and how they are varied, depend on the pass and the seed only.
 */
@Getter
public final class TrainingState implements Serializable {
  private static final long serialVersionUID = 1L;

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
  private final ArrayList<EpochResult> results = new ArrayList<>();

  /** Shuffles the images; as it was before it shuffled those of this pass. */
  private Random shuffler;

  private long randomRoot;
  private long randomNode;

  /** A training that begins. */
  TrainingState(TrainingOptions options) {
    epochs = options.getEpochs();
    shuffler = new Random(options.getSeed());
    keepRandom();
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
    return Trainer.shuffled(images, SerializationUtils.clone(shuffler));
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

  /** A pass over so many images and the evaluation after it are done. */
  void epochEnded(EpochResult result, int images) {
    results.add(result);
    Trainer.shuffled(images, shuffler);
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
