package io.github.dcn4j.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.deeplearning4j.datasets.iterator.utilty.ListDataSetIterator;
import org.deeplearning4j.earlystopping.EarlyStoppingConfiguration;
import org.deeplearning4j.earlystopping.EarlyStoppingResult;
import org.deeplearning4j.earlystopping.saver.LocalFileModelSaver;
import org.deeplearning4j.earlystopping.scorecalc.DataSetLossCalculator;
import org.deeplearning4j.earlystopping.termination.MaxEpochsTerminationCondition;
import org.deeplearning4j.earlystopping.trainer.EarlyStoppingTrainer;
import org.deeplearning4j.nn.api.OptimizationAlgorithm;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.PoolingType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.transferlearning.TransferLearning;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** What DL4J does with whole networks, done with networks of these layers. */
class ToolsOfDl4jTest {
  private static final int CLASSES = 3;

  private static MultiLayerNetwork network(OptimizationAlgorithm algorithm) {
    MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(3)
                .dataType(DataType.DOUBLE)
                .optimizationAlgo(algorithm)
                .updater(new Sgd(0.1))
                .activation(Activation.TANH)
                .list()
                .layer(new DeformableConvolution2D.Builder(3).nOut(4).padding(1).build())
                .layer(new Convolution2D.Builder(3).nOut(4).build())
                .layer(new GlobalPoolingLayer(PoolingType.AVG))
                .layer(
                    new OutputLayer.Builder(LossFunction.MCXENT)
                        .nOut(CLASSES)
                        .activation(Activation.SOFTMAX)
                        .build())
                .setInputType(InputType.convolutional(9, 9, 2))
                .build());
    network.init();
    INDArray offsetWeights = network.getLayer(0).getParam("offsetW");
    offsetWeights.assign(Nd4j.randn(DataType.DOUBLE, offsetWeights.shape()).muli(0.1));
    return network;
  }

  private static DataSet data() {
    INDArray labels = Nd4j.zeros(DataType.DOUBLE, 6, CLASSES);
    for (int i = 0; i < 6; i++) {
      labels.putScalar(i, i % CLASSES, 1);
    }
    return new DataSet(Nd4j.randn(DataType.DOUBLE, 6, 2, 9, 9), labels);
  }

  private static ListDataSetIterator<DataSet> once(DataSet data) {
    return new ListDataSetIterator<>(List.of(data), data.numExamples());
  }

  /** The step of a line search is along the gradient, and the loss falls. */
  @ParameterizedTest
  @EnumSource(
      value = OptimizationAlgorithm.class,
      names = {"LINE_GRADIENT_DESCENT", "CONJUGATE_GRADIENT", "LBFGS"})
  void lineSearchesGoDownTheGradient(OptimizationAlgorithm algorithm) {
    MultiLayerNetwork network = network(algorithm);
    DataSet data = data();
    network.setInput(data.getFeatures());
    network.setLabels(data.getLabels());
    network.computeGradientAndScore();
    double before = network.score(data);
    INDArray gradient = network.gradient().gradient().dup();
    INDArray parameters = network.params().dup();
    network.fit(data);
    INDArray step = network.params().sub(parameters).reshape(gradient.shape());
    double cosine =
        step.mul(gradient).sumNumber().doubleValue()
            / step.norm2Number().doubleValue()
            / gradient.norm2Number().doubleValue();
    assertEquals(-1, cosine, 1e-9);
    assertTrue(network.score(data) < before);
  }

  @Test
  void aNetworkMadeAGraphComputesTheSameFrozenOrNot() {
    MultiLayerNetwork network = network(OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT);
    DataSet data = data();
    network.fit(data);
    MultiLayerNetwork frozen =
        new TransferLearning.Builder(network.clone()).setFeatureExtractor(0).build();
    for (MultiLayerNetwork of : new MultiLayerNetwork[] {network, frozen}) {
      ComputationGraph graph = of.toComputationGraph();
      assertEquals(of.output(data.getFeatures()), graph.outputSingle(data.getFeatures()));
      INDArray first = of.getLayer(0).params().dup();
      of.fit(data);
      graph.fit(data);
      assertEquals(of.params(), graph.params());
      assertEquals(of == frozen, first.equals(of.getLayer(0).params()));
    }
  }

  @Test
  void earlyStoppingKeepsTheBestModel(@TempDir Path folder) {
    DataSet data = data();
    MultiLayerNetwork network = network(OptimizationAlgorithm.STOCHASTIC_GRADIENT_DESCENT);
    double untrained = network.score(data);
    EarlyStoppingConfiguration<MultiLayerNetwork> configuration =
        new EarlyStoppingConfiguration.Builder<MultiLayerNetwork>()
            .epochTerminationConditions(new MaxEpochsTerminationCondition(3))
            .evaluateEveryNEpochs(1)
            .scoreCalculator(new DataSetLossCalculator(once(data), true))
            .modelSaver(new LocalFileModelSaver(folder.toString()))
            .build();
    EarlyStoppingResult<MultiLayerNetwork> result =
        new EarlyStoppingTrainer(configuration, network, once(data)).fit();
    assertEquals(
        EarlyStoppingResult.TerminationReason.EpochTerminationCondition,
        result.getTerminationReason());
    assertTrue(result.getBestModel().score(data) < untrained);
  }
}
