package io.github.dcn4j.examples.detect;

import java.io.Serializable;
import lombok.Value;

/** What one pass over the training images brought. */
@Value
public class EpochResult implements Serializable {
  private static final long serialVersionUID = 1L;

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
}
