package io.github.dcn4j.spark;

import java.io.IOException;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongFunction;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.CollectionAccumulator;
import org.deeplearning4j.spark.api.RDDTrainingApproach;
import org.deeplearning4j.spark.api.Repartition;
import org.deeplearning4j.spark.impl.graph.SparkComputationGraph;
import org.deeplearning4j.spark.impl.multilayer.SparkDl4jMultiLayer;
import org.deeplearning4j.spark.impl.paramavg.ParameterAveragingTrainingMaster;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import scala.Tuple2;

/**
 * The program that the tests submit: trains one of the {@link Networks} by parameter averaging on
 * two workers, and writes a {@link Report}.
 *
 * <p>Arguments: {@code images} or {@code regions}, and the file to write.
 */
public final class TrainOnCluster {
  static final int WORKERS = 2;

  /** Times that the workers train and are averaged. */
  static final int ROUNDS = 3;

  /** Minibatches of a worker between two averagings. */
  static final int FREQUENCY = 2;

  private TrainOnCluster() {}

  public static void main(String[] args) throws IOException {
    try (JavaSparkContext spark = new JavaSparkContext(new SparkConf().setAppName("DCN4J"))) {
      // Before there is anything of ND4J that could be sent to the executors
      Map<Long, Set<String>> ops = opsOfExecutors(spark);
      CollectionAccumulator<Long> trainers = spark.sc().collectionAccumulator("trainers");
      INDArray parameters =
          args[0].equals("images")
              ? trainOnImages(spark, trainers)
              : trainOnRegions(spark, trainers);
      Report report =
          new Report(
              ProcessHandle.current().pid(),
              ops,
              new ArrayList<>(trainers.value()),
              parameters.toDoubleVector());
      try (ObjectOutputStream out =
          new ObjectOutputStream(Files.newOutputStream(Path.of(args[1])))) {
        out.writeObject(report);
      }
    }
  }

  private static Map<Long, Set<String>> opsOfExecutors(JavaSparkContext spark) {
    return spark
        .parallelize(List.of(1, 2), WORKERS)
        .mapPartitions(nothing -> List.of(opsOfThisProcess()).iterator())
        .mapToPair(pair -> pair)
        .collectAsMap();
  }

  private static Tuple2<Long, Set<String>> opsOfThisProcess() {
    Set<String> ops = Nd4j.getExecutioner().getCustomOperations().keySet();
    return new Tuple2<>(ProcessHandle.current().pid(), new TreeSet<>(ops));
  }

  private static INDArray trainOnImages(
      JavaSparkContext spark, CollectionAccumulator<Long> trainers) {
    SparkDl4jMultiLayer network =
        new SparkDl4jMultiLayer(spark, Networks.ofImages(), averaging(trainers));
    JavaRDD<DataSet> data = spark.parallelize(minibatches(Networks::imagesMinibatch), WORKERS);
    for (int i = 0; i < ROUNDS; i++) {
      network.fit(data);
    }
    return network.getNetwork().params();
  }

  private static INDArray trainOnRegions(
      JavaSparkContext spark, CollectionAccumulator<Long> trainers) {
    SparkComputationGraph graph =
        new SparkComputationGraph(spark, Networks.ofRegions(), averaging(trainers));
    JavaRDD<MultiDataSet> data =
        spark.parallelize(minibatches(Networks::regionsMinibatch), WORKERS);
    for (int i = 0; i < ROUNDS; i++) {
      graph.fitMultiDataSet(data);
    }
    return graph.getNetwork().params();
  }

  private static <T> List<T> minibatches(LongFunction<T> minibatch) {
    return LongStream.range(0, WORKERS * FREQUENCY)
        .mapToObj(minibatch)
        .collect(Collectors.toList());
  }

  /** Each worker takes the minibatches of one partition in order: the result is determined. */
  private static ParameterAveragingTrainingMaster averaging(CollectionAccumulator<Long> trainers) {
    return new ParameterAveragingTrainingMaster.Builder(WORKERS, Networks.BATCH)
        .batchSizePerWorker(Networks.BATCH)
        .averagingFrequency(FREQUENCY)
        .saveUpdater(true)
        .rddTrainingApproach(RDDTrainingApproach.Direct)
        .repartionData(Repartition.Never)
        .trainingHooks(new Trainers(trainers))
        .build();
  }
}
