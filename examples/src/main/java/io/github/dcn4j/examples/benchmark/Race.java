package io.github.dcn4j.examples.benchmark;

import java.util.EnumMap;
import java.util.Map;
import org.apache.commons.math3.util.ResizableDoubleArray;

/**
 * Contenders that run in turn, round after round, so that whatever else the machine does meets all
 * of them alike.
 */
final class Race {
  private static final int WARM_UP_ROUNDS = 2;
  private static final int LEAST_ROUNDS = 5;

  private final Map<Contender, Run> contenders = new EnumMap<>(Contender.class);

  /** Work that says how many milliseconds it took. */
  @FunctionalInterface
  interface Run {
    double milliseconds() throws Exception;
  }

  /** Work to time. */
  @FunctionalInterface
  interface Work {
    void run() throws Exception;
  }

  void add(Contender contender, Work work) {
    addTimed(
        contender,
        () -> {
          long start = System.nanoTime();
          work.run();
          return (System.nanoTime() - start) / 1e6;
        });
  }

  void addTimed(Contender contender, Run run) {
    contenders.put(contender, run);
  }

  /** Runs the task's number of rounds, or as many as its time allows. */
  Map<Contender, Timing> run(Task task) throws Exception {
    Map<Contender, ResizableDoubleArray> times = new EnumMap<>(Contender.class);
    long start = System.nanoTime();
    for (int round = -WARM_UP_ROUNDS; round < task.getRounds(); round++) {
      double seconds = (System.nanoTime() - start) / 1e9;
      if (round >= LEAST_ROUNDS && seconds > task.getSecondsPerCase()) {
        break;
      }
      for (Map.Entry<Contender, Run> contender : contenders.entrySet()) {
        double time = contender.getValue().milliseconds();
        if (round >= 0) {
          times
              .computeIfAbsent(contender.getKey(), key -> new ResizableDoubleArray())
              .addElement(time);
        }
      }
    }
    Map<Contender, Timing> timings = new EnumMap<>(Contender.class);
    times.forEach((contender, all) -> timings.put(contender, Timing.of(all.getElements())));
    return timings;
  }
}
