package io.github.dcn4j.examples.compare;

import lombok.Value;

/** What one training brought. */
@Value
public class Outcome {
  /** The kind of network: trainings of one kind differ by their seeds only. */
  String kind;

  long seed;

  /** Highest learning rate. */
  double learningRate;

  /** Mean average precision on the held-out images after the last epoch, at IoU 0.5. */
  double map50;

  /** The same, averaged over IoU 0.5 to 0.95. */
  double map;

  /** Time that the training took, the measurements after each epoch apart. */
  double trainingSeconds;

  /** Time to find the objects of an image, in milliseconds. */
  double imageMilliseconds;
}
