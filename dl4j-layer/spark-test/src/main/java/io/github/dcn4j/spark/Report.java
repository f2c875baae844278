package io.github.dcn4j.spark;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.Set;
import lombok.Value;

/** What a training on a cluster leaves for the test to judge. Processes are told by their ids. */
@Value
class Report implements Serializable {
  long driver;

  /** The names of the ops that each executor's ND4J knew before any network was there. */
  Map<Long, Set<String>> opsOfExecutors;

  /** Who trained: one entry for each minibatch. */
  List<Long> trainers;

  /** The network's parameters in the end. */
  double[] parameters;
}
