package io.github.dcn4j.spark;

import lombok.RequiredArgsConstructor;
import org.apache.spark.util.CollectionAccumulator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.spark.api.TrainingHook;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/** Notes after each minibatch which process trained on it. */
@RequiredArgsConstructor
class Trainers implements TrainingHook {
  private final CollectionAccumulator<Long> processes;

  @Override
  public void preUpdate(DataSet minibatch, Model model) {}

  @Override
  public void preUpdate(MultiDataSet minibatch, Model model) {}

  @Override
  public void postUpdate(DataSet minibatch, Model model) {
    processes.add(ProcessHandle.current().pid());
  }

  @Override
  public void postUpdate(MultiDataSet minibatch, Model model) {
    processes.add(ProcessHandle.current().pid());
  }
}
