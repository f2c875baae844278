package io.github.dcn4j.detection;

import lombok.Value;

/** An object that a detector claims to see. */
@Value
public class Detection {
  /** Where, in pixels, and of which class. */
  Box box;

  /**
   * How sure the detector is. Decoders give 0 to 1 (confidence times the probability of the class);
   * suppression and average precision take any number, as only the order counts.
   */
  double score;

  /**
   * A detection.
   *
   * @throws IllegalArgumentException if the score is NaN or infinite
   */
  public Detection(Box box, double score) {
    if (!Double.isFinite(score)) {
      throw new IllegalArgumentException("score: expected a finite number, got " + score);
    }
    this.box = box;
    this.score = score;
  }
}
