package io.github.dcn4j.examples.detect;

import lombok.Value;
import org.nd4j.shade.jackson.annotation.JsonCreator;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/** What one pass over the training images brought. */
@Value
public class EpochResult {
  /** Which pass, from 1. */
  int epoch;

  /** Mean of the loss over the minibatches of the pass, regularisation included. */
  double loss;

  /** Mean average precision on the held-out images at IoU 0.5; NaN if they hold no objects. */
  double map50;

  /** The same, averaged over IoU 0.5 to 0.95. */
  double map;

  /** Time spent training, in seconds. */
  double trainingSeconds;

  /** Time spent on the held-out images, in seconds. */
  double evaluationSeconds;

  @JsonCreator
  EpochResult(
      @JsonProperty(value = "epoch", required = true) int epoch,
      @JsonProperty(value = "loss", required = true) double loss,
      @JsonProperty(value = "map50", required = true) double map50,
      @JsonProperty(value = "map", required = true) double map,
      @JsonProperty(value = "trainingSeconds", required = true) double trainingSeconds,
      @JsonProperty(value = "evaluationSeconds", required = true) double evaluationSeconds) {
    this.epoch = epoch;
    this.loss = loss;
    this.map50 = map50;
    this.map = map;
    this.trainingSeconds = trainingSeconds;
    this.evaluationSeconds = evaluationSeconds;
  }
}
