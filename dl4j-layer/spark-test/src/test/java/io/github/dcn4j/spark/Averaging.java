package io.github.dcn4j.spark;

import java.util.ArrayList;
import java.util.List;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/** Parameter averaging by its definition, on one machine, one worker after the other. */
final class Averaging {
  private Averaging() {}

  /**
   * A round: each worker starts from the graph as it is and trains on its minibatches in order;
   * parameters and updater state of the graph become the means of theirs.
   */
  static void round(ComputationGraph graph, List<List<MultiDataSet>> workers) {
    List<INDArray> parameters = new ArrayList<>();
    List<INDArray> states = new ArrayList<>();
    for (List<MultiDataSet> minibatches : workers) {
      ComputationGraph worker = graph.clone();
      minibatches.forEach(worker::fit);
      parameters.add(worker.params());
      states.add(worker.getUpdater().getStateViewArray());
    }
    graph.setParams(mean(parameters));
    graph.getUpdater().setStateViewArray(mean(states));
  }

  private static INDArray mean(List<INDArray> arrays) {
    INDArray sum = arrays.get(0).dup();
    arrays.stream().skip(1).forEach(sum::addi);
    return sum.divi(arrays.size());
  }
}
