package io.github.dcn4j.examples.detect;

import lombok.Builder;
import lombok.Value;

/** How to train a detector. */
@Value
@Builder(toBuilder = true)
public class TrainingOptions {
  /** Passes over the training images. */
  int epochs;

  /** Images in a minibatch. */
  @Builder.Default int batchSize = 16;

  /** Highest learning rate of Adam; it rises to it at first and then falls to zero. */
  @Builder.Default double learningRate = BackboneLayer.V2.getLearningRate();

  /** Decides the network's first weights, the anchors and the order of images. */
  @Builder.Default long seed = 1;

  /** Minibatches from one checkpoint to the next; there is one after each pass, too. */
  @Builder.Default int checkpointEvery = 50;

  /** The convolutions of the backbone. */
  @Builder.Default BackboneLayer backbone = BackboneLayer.V2;
}
