package io.github.dcn4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ObjectInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;

/**
 * Training on a cluster is what parameter averaging says, computed here on one machine. Driver and
 * executors are processes of their own, which get the deformable ops from the submitted jars.
 */
class ClusterTrainingTest {
  private static final Set<String> OPS =
      Set.of(
          "dcn4j_conv2d_bp",
          "dcnv3_bp",
          "deformable_conv2d_bp",
          "deformable_psroi_pooling_bp",
          "multi_scale_deformable_attention_bp");

  /** Kept if a test fails: it holds what the executors wrote. */
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path home;

  @Test
  void aNetworkSubmittedWithItsLibrariesBesideIt() throws Exception {
    String libraries;
    try (Stream<Path> jars = Files.list(Path.of(System.getProperty("applicationLibraries")))) {
      libraries = jars.map(Path::toString).collect(Collectors.joining(","));
    }
    Report report = train("images", "--jars", libraries, System.getProperty("applicationJar"));

    MultiLayerNetwork network = new MultiLayerNetwork(Networks.ofImages());
    network.init();
    assertAveraged(
        network.toComputationGraph(),
        seed -> Networks.imagesMinibatch(seed).toMultiDataSet(),
        report);
  }

  @Test
  void aGraphSubmittedInOneJar() throws Exception {
    Report report = train("regions", System.getProperty("applicationInOneJar"));

    ComputationGraph graph = new ComputationGraph(Networks.ofRegions());
    graph.init();
    assertAveraged(graph, Networks::regionsMinibatch, report);
  }

  private Report train(String network, String... jars) throws Exception {
    Path result = home.resolve("report");
    List<String> arguments = new ArrayList<>();
    arguments.addAll(List.of("--class", TrainOnCluster.class.getName()));
    arguments.addAll(List.of(jars));
    arguments.addAll(List.of(network, result.toString()));
    SparkSubmit.run(home, arguments.toArray(String[]::new));
    try (ObjectInputStream in = new ObjectInputStream(Files.newInputStream(result))) {
      return (Report) in.readObject();
    }
  }

  private static void assertAveraged(
      ComputationGraph graph, LongFunction<MultiDataSet> minibatch, Report report) {
    assertTwoExecutors(report);
    List<List<MultiDataSet>> workers = new ArrayList<>();
    for (int i = 0; i < TrainOnCluster.WORKERS; i++) {
      List<MultiDataSet> minibatches = new ArrayList<>();
      for (int j = 0; j < TrainOnCluster.FREQUENCY; j++) {
        minibatches.add(minibatch.apply((long) i * TrainOnCluster.FREQUENCY + j));
      }
      workers.add(minibatches);
    }
    INDArray start = graph.params().dup();
    for (int i = 0; i < TrainOnCluster.ROUNDS; i++) {
      Averaging.round(graph, workers);
    }
    double moved = graph.params().sub(start).amaxNumber().doubleValue();
    assertTrue(moved > 0.01, "no parameter moved by more than " + moved);
    assertArrayEquals(graph.params().toDoubleVector(), report.getParameters(), 1e-12);
  }

  /** Two processes beside the driver had the ops, and these trained, no other. */
  private static void assertTwoExecutors(Report report) {
    Set<Long> executors = report.getOpsOfExecutors().keySet();
    assertEquals(TrainOnCluster.WORKERS, executors.size(), "executors: " + executors);
    assertFalse(executors.contains(report.getDriver()), "the driver is an executor");
    report
        .getOpsOfExecutors()
        .forEach((pid, ops) -> assertTrue(ops.containsAll(OPS), "ops of " + pid + ": " + ops));
    assertEquals(executors, new HashSet<>(report.getTrainers()));
    assertEquals(
        TrainOnCluster.ROUNDS * TrainOnCluster.WORKERS * TrainOnCluster.FREQUENCY,
        report.getTrainers().size());
  }
}
