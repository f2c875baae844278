package io.github.dcn4j.examples.benchmark;

import java.io.Serializable;
import java.util.List;
import lombok.Builder;
import lombok.Value;

/** What one child process measures: everything that is fixed once a process has started. */
@Value
@Builder(toBuilder = true)
class Task implements Serializable {
  /** What the cases of a task are. */
  enum Kind {
    CONVOLUTION,
    TRAINING
  }

  Kind kind;

  /** The instruction set, as the environment variable DCN4J_KERNEL names it. */
  String kernel;

  int threads;
  boolean doublePrecision;
  List<ConvolutionShape> shapes;

  /** Measured rounds of a case, in each of which every contender runs once. */
  int rounds;

  /** Where the rounds would take longer than this, there are fewer, but no less than five. */
  double secondsPerCase;
}
