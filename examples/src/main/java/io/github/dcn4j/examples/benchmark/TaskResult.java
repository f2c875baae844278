package io.github.dcn4j.examples.benchmark;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import lombok.Value;

/** The timings of a task. */
@Value
class TaskResult implements Serializable {
  Task task;
  List<Case> cases;

  /** The timings of one shape; a contender that cannot do the work is missing. */
  @Value
  static class Case implements Serializable {
    String shape;

    /** Floating-point operations of a forward pass's product. */
    double operations;

    Map<Contender, Timing> timings;
  }
}
