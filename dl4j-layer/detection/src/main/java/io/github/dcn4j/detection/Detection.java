package io.github.dcn4j.detection;

import lombok.Value;

/** An object that a detector claims to see. */
@Value
public class Detection {
  /** Where, in pixels, and of which class. */
  Box box;

  /** How sure the detector is, 0 to 1: its confidence times the probability of the class. */
  double score;
}
